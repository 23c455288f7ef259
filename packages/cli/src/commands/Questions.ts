/**
 * `sartor questions`
 *
 * @since 0.1.0
 */
import { Questions, Resumption, Sessions, WorkflowRuns } from "@sartor/core"
import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import { Output } from "../Output.ts"
import * as Format from "../report/Format.ts"
import * as Text from "../report/Text.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const questions = Command.make(
  "questions",
  {
    run: Argument.String("run").pipe(
      Argument.withMetavar("id"),
      Argument.withDescription("Only of this run, whether it waits or not"),
      Argument.optional
    )
  },
  Effect.fnUntraced(function* ({ run }) {
    const output = yield* Output
    const only = Option.isNone(run) ? undefined : yield* Arguments.readRunId(run.value)
    const waiting = yield* Transport.working(
      Effect.gen(function* () {
        const runs =
          only === undefined
            ? (yield* WorkflowRuns.list()).filter(({ status }) => status === "blocked").map(({ run_id }) => run_id)
            : [only]
        const conflicts = yield* Effect.forEach(runs, Questions.list)
        const blocked = yield* (yield* Sessions.Sessions).list({ status: "blocked" })
        const sessions = blocked
          .filter((session) => only === undefined || session.orchestrator === only)
          .map((session) => ({
            session_id: session.session_id,
            ...(Resumption.isOfWorkflow(session) ? { run_id: session.orchestrator } : {}),
            question: session.error?.message ?? ""
          }))
        return [...conflicts.flat(), ...sessions]
      })
    )
    if (waiting.length === 0 && !output.json) return yield* output.note("Nothing waits for an answer.")
    yield* output.print(waiting, () =>
      waiting.map((each) => ("choices" in each ? ofConflict(each) : ofSession(each))).join("\n")
    )
  })
).pipe(
  Command.withDescription("Show what waits for a human: conflicts that block, and agents that are blocked"),
  Command.withExamples([
    { command: "sartor questions" },
    { command: "sartor questions site-audit-0k3f9d2m", description: "Every conflict of a run that blocks" }
  ])
)

const ofConflict = ({ choices, conflict, question, run_id }: Questions.Question) =>
  [
    Text.line(question, 400),
    ...choices.flatMap(({ agents, claim, evidence, number, stance }) => [
      `  ${number}. ${Text.line(`${Format.listed(agents)} ${stances[stance]}: ${claim}`, 400)}`,
      ...(evidence.length === 0 ? [] : [`     ${Text.line(evidence.join(", "), 300)}`])
    ]),
    `  answer it: sartor answer ${run_id} ${conflict} --choice 1 --say "why"`,
    ""
  ].join("\n")

const ofSession = ({ question, session_id }: { readonly session_id: string; readonly question: string }) =>
  [
    `${session_id} is blocked: ${Text.line(question, 400)}`,
    `  answer it: sartor session resume ${session_id} --prompt "answer"`,
    ""
  ].join("\n")

const stances = { support: "hold it true", oppose: "hold it false", uncertain: "cannot tell" }
