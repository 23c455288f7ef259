/**
 * `sartor wake watch`
 *
 * @since 0.1.0
 */
import { Journal, Wakes } from "@sartor/core"
import { Effect, Stream } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Agents from "../legacy/Agents.ts"
import { Output } from "../Output.ts"
import * as Text from "../report/Text.ts"
import * as Transport from "../Transport.ts"
import { whenChanged } from "../Watching.ts"
import { acknowledge } from "./WakeAck.ts"
import { documents } from "./WakeList.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const wakeWatch = Command.make(
  "watch",
  {
    orchestrator: Arguments.orchestrator,
    ack: Arguments.toggle("ack", "Acknowledge each once it is printed; only where no orchestrator does")
  },
  Effect.fnUntraced(function* ({ ack, orchestrator }) {
    const output = yield* Output
    const only = yield* Arguments.readOrchestrator(orchestrator)
    const printed = new Set<string>()
    const step = Effect.gen(function* () {
      const wakes = yield* Wakes.Wakes
      yield* wakes.reconcile(only)
      const waiting = documents(yield* wakes.pending(only), yield* Agents.waiting(only))
      for (const wake of waiting) {
        const { orchestrator, status, summary, timestamp, wake_id } = wake
        if (printed.has(wake_id)) continue
        yield* output.line(
          wake,
          `${timestamp}  ${wake_id}  ${status}  to ${orchestrator}  ${Text.line(summary ?? "", 300)}`
        )
        printed.add(wake_id)
        // Somebody else may have been faster.
        if (ack) yield* Effect.catchTag(acknowledge(wake_id), "WakeNotFound", () => Effect.void)
      }
      return false
    })
    const journal = Journal.Journal
    yield* Transport.following(
      Effect.flatMap(journal, (journal) =>
        whenChanged(Stream.merge(journal.watch("session/"), journal.watch("inbox/")), step)
      )
    )
  })
).pipe(
  Command.withDescription("Print each wake that waits to be acknowledged, as it comes, until it is stopped"),
  Command.withExamples([
    { command: "sartor wake watch" },
    { command: 'sartor wake watch --orchestrator main --ack --json | while read -r wake; do handle "$wake"; done' }
  ])
)
