/**
 * `sartor wake dead`
 *
 * @since 0.1.0
 */
import { Wakes } from "@sartor/core"
import { Clock, Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const wakeDead = Command.make(
  "dead",
  {
    requeue: Arguments.text("requeue", "wake-id", "Give this one another round of attempts"),
    orchestrator: Arguments.orchestrator
  },
  Effect.fnUntraced(function* ({ orchestrator, requeue }) {
    const output = yield* Output
    const only = yield* Arguments.readOrchestrator(orchestrator)
    if (Option.isSome(requeue)) {
      const id = requeue.value
      yield* Transport.working(Wakes.Wakes.use((wakes) => wakes.requeue(id)))
      return yield* output.print({ wake_id: id, requeued: true }, () => `${id} is delivered again`)
    }
    const dead = yield* Transport.working(Wakes.Wakes.use((wakes) => wakes.dead(only)))
    const now = yield* Clock.currentTimeMillis
    if (dead.length === 0 && !output.json) return yield* output.note("There are no dead letters.")
    yield* output.print(dead, (look) =>
      Table.rows(
        look,
        ["WAKE", "TO", "DIED", "REASON"],
        dead.map(({ at, orchestrator, reason, wake_id }) => [wake_id, orchestrator, Table.ago(now, at), reason])
      )
    )
  })
).pipe(
  Command.withDescription("List the wakes that could not be handled, or give one another round of attempts"),
  Command.withExamples([
    { command: "sartor wake dead" },
    { command: "sartor wake dead --requeue impl-001/1/01KAN0Q9X4ZD7M2V5T8R3B6C1E" }
  ])
)
