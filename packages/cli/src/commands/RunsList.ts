/**
 * `sartor runs list`
 *
 * @since 0.1.0
 */
import { WorkflowRuns } from "@sartor/core"
import { Clock, Effect } from "effect"
import { Command } from "effect/cli"
import { type Look, Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const runsList = Command.make(
  "list",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    const runs = yield* Transport.working(WorkflowRuns.list())
    const now = yield* Clock.currentTimeMillis
    if (runs.length === 0 && !output.json) {
      return yield* output.note('There are no runs yet: "sartor run --help" tells how to start one.')
    }
    yield* output.print(runs, (look) => table(look, now, runs))
  })
).pipe(
  Command.withDescription("List the runs of workflows, the newest first"),
  Command.withExamples([
    { command: "sartor runs list" },
    { command: "sartor runs list --json | jq -r '.[] | select(.status == \"interrupted\") | .run_id'" }
  ])
)

/**
 * Runs as people read them.
 *
 * @category rendering
 * @since 0.1.0
 */
export const table = (look: Look, now: number, runs: ReadonlyArray<WorkflowRuns.Summary>): string =>
  Table.rows(
    look,
    ["RUN", "STATUS", "AGENTS", "STARTED", "WORKFLOW"],
    runs.map((run) => [
      run.run_id,
      run.status,
      `${run.agents.ended}/${run.agents.total}`,
      Table.ago(now, run.started_at),
      run.workflow
    ])
  )
