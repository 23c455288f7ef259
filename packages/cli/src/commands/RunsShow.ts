/**
 * `sartor runs show`
 *
 * @since 0.1.0
 */
import { type WorkflowRun, WorkflowRuns } from "@sartor/core"
import { DateTime, Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import { type Look, Output } from "../Output.ts"
import * as Format from "../report/Format.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const runsShow = Command.make(
  "show",
  { run: Arguments.runId },
  Effect.fnUntraced(function* ({ run: given }) {
    const output = yield* Output
    const run = yield* Arguments.readRunId(given)
    const document = yield* Transport.working(WorkflowRuns.document(run))
    yield* output.print(document, (look) => text(look, document))
  })
).pipe(
  Command.withDescription("Show a run and its agents, ended or not"),
  Command.withExamples([
    { command: "sartor runs show site-audit-0k3f9d2m" },
    { command: "sartor runs show site-audit-0k3f9d2m --json | jq .status" }
  ])
)

/**
 * A run as people read it.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (look: Look, run: WorkflowRun.Document): string =>
  [
    Table.pairs([
      ["run", run.run_id],
      ["workflow", run.workflow],
      ["status", run.status],
      ["started", run.started_at],
      ["finished", run.finished_at],
      ["took", run.finished_at === undefined ? undefined : took(run.started_at, run.finished_at)]
    ]),
    "\n",
    Table.rows(
      look,
      ["AGENT", "STATUS", "TRIES", "TOOK", "SESSION", "SUMMARY"],
      run.agents.map(({ attempts, error, finished_at, name, result, session_id, started_at, status }) => [
        name,
        status,
        String(attempts),
        started_at === undefined || finished_at === undefined ? "" : took(started_at, finished_at),
        session_id ?? "",
        status === "complete" || error === undefined ? (result?.summary ?? "") : error.message
      ])
    )
  ].join("")

const took = (from: string, to: string) =>
  Format.duration(DateTime.toEpochMillis(DateTime.makeUnsafe(to)) - DateTime.toEpochMillis(DateTime.makeUnsafe(from)))
