/**
 * `sartor runs follow`
 *
 * @since 0.1.0
 */
import { WorkflowRuns } from "@sartor/core"
import { Clock, DateTime, Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Progress from "../Progress.ts"
import { exitOf } from "../RunReport.ts"
import * as RunEvents from "../RunEvents.ts"
import * as Transport from "../Transport.ts"
import * as RunsShow from "./RunsShow.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const runsFollow = Command.make(
  "follow",
  { run: Arguments.runId },
  Effect.fnUntraced(function* ({ run: given }) {
    const output = yield* Output
    const run = yield* Arguments.readRunId(given)
    const document = yield* Transport.following(
      Effect.gen(function* () {
        const { agents, started_at } = yield* WorkflowRuns.document(run)
        const lines = Progress.lines({
          since: DateTime.toEpochMillis(DateTime.makeUnsafe(started_at)),
          names: agents.map(({ name }) => name)
        })
        yield* RunEvents.follow(run, (event, at) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const text = lines(event, at ?? now)
            return text === undefined && !output.json ? Effect.void : output.line(Documents.event(event), text ?? "")
          })
        )
        return yield* WorkflowRuns.document(run)
      })
    )
    yield* output.print(document, (look) => `\n${RunsShow.text(look, document)}`)
    if (document.status === "interrupted") {
      yield* output.note(`Nobody runs it: "sartor run" with its workflow file goes on where it was.`)
    }
    const exit = exitOf(document.status)
    if (exit !== 0) return yield* new Failure.Ended({ exit })
  })
).pipe(
  Command.withDescription("Print what has happened in a run and what happens, until it ends; exits as the run does"),
  Command.withExamples([
    { command: "sartor runs follow site-audit-0k3f9d2m" },
    { command: "sartor runs follow site-audit-0k3f9d2m --json | jq -c 'select(.type == \"checkpoint\")'" }
  ])
)
