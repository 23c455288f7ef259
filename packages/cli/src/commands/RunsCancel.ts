/**
 * `sartor runs cancel`
 *
 * @since 0.1.0
 */
import { WorkflowRuns } from "@sartor/core"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const runsCancel = Command.make(
  "cancel",
  { run: Arguments.runId },
  Effect.fnUntraced(function* ({ run: given }) {
    const output = yield* Output
    const run = yield* Arguments.readRunId(given)
    const document = yield* Transport.working(
      Effect.gen(function* () {
        const { status } = yield* WorkflowRuns.document(run)
        if (status === "complete" || status === "degraded" || status === "failed") {
          return yield* new Failure.Failure({ code: "conflict", message: `run ${run} has ended: it is ${status}` })
        }
        return yield* WorkflowRuns.cancel(run, "it was cancelled with sartor runs cancel")
      })
    )
    yield* output.print(document, () =>
      document.status === "cancelled"
        ? `${run} is cancelled`
        : `${run} is being cancelled: "sartor runs follow ${run}" shows it end`
    )
  })
).pipe(
  Command.withDescription("End a run with all its agents, whoever executes it"),
  Command.withExamples([{ command: "sartor runs cancel site-audit-0k3f9d2m" }])
)
