/**
 * `sartor wake ack`
 *
 * @since 0.1.0
 */
import { Wakes } from "@sartor/core"
import { LegacyMirror } from "@sartor/transport-file/legacy"
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const wakeAck = Command.make(
  "ack",
  { id: Argument.String("wake-id").pipe(Argument.withDescription("The id of a wake")) },
  Effect.fnUntraced(function* ({ id }) {
    const output = yield* Output
    yield* Transport.working(acknowledge(id))
    yield* output.print({ wake_id: id, acknowledged: true }, () => `${id} is acknowledged`)
  })
).pipe(
  Command.withDescription("Say that a wake is dealt with; saying it again changes nothing"),
  Command.withExamples([{ command: "sartor wake ack impl-001/1/01KAN0Q9X4ZD7M2V5T8R3B6C1E" }])
)

/**
 * Acknowledges a wake of a session, or one that a legacy agent has sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledge = (id: string) =>
  Effect.catchTag(
    Wakes.Wakes.use((wakes) => wakes.acknowledge(id)),
    "WakeNotFound",
    (error) =>
      LegacyMirror.LegacyMirror.use((legacy) => legacy.acknowledge(id)).pipe(
        Effect.filterOrFail(
          (found) => found,
          () => error
        )
      )
  )
