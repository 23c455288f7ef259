/**
 * `sartor handoff accept`, `reject` and `complete`: where a handoff goes from where it is.
 *
 * @since 0.1.0
 */
import { Handoffs } from "@sartor/core"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"
import { handoffId } from "./HandoffShow.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const handoffAccept = Command.make(
  "accept",
  { id: handoffId },
  Effect.fnUntraced(function* ({ id }) {
    const output = yield* Output
    const { context, handoff, knows } = yield* Transport.working(Handoffs.accept(id))
    const { session_id, session_version } = handoff.document.handoff
    const told = {
      session: `the context is in session ${session_id}, up to version ${session_version}: "sartor session show ${session_id} --context"`,
      lost: `session ${session_id} cannot be read: start from the handoff's own fields and files`,
      none: "it was handed over without a session: start from its own fields and files"
    }
    if (context === "lost") yield* output.note(`sartor: ${told.lost}`)
    yield* output.print({ ...Documents.handoff(handoff), knows }, () => `${id} is accepted; ${told[context]}`)
  })
).pipe(
  Command.withDescription("Take work over, and learn what its sender knew"),
  Command.withExamples([{ command: "sartor handoff accept handoff_1765468800000_0a1b2c3d --json | jq .knows" }])
)

/**
 * @category commands
 * @since 0.1.0
 */
export const handoffReject = Command.make(
  "reject",
  {
    id: handoffId,
    reason: Flag.String("reason").pipe(
      Flag.withMetavar("<text>"),
      Flag.withDescription("Why; kept as a critical issue")
    )
  },
  Effect.fnUntraced(function* ({ id, reason }) {
    const output = yield* Output
    const handoff = yield* Transport.working(Handoffs.reject(id, reason))
    yield* output.print(Documents.handoff(handoff), () => `${id} is rejected`)
  })
).pipe(
  Command.withDescription("Give work back, with the reason"),
  Command.withExamples([
    { command: 'sartor handoff reject handoff_1765468800000_0a1b2c3d --reason "The tests are missing"' }
  ])
)

/**
 * @category commands
 * @since 0.1.0
 */
export const handoffComplete = Command.make(
  "complete",
  { id: handoffId },
  Effect.fnUntraced(function* ({ id }) {
    const output = yield* Output
    const handoff = yield* Transport.working(Handoffs.complete(id))
    yield* output.print(Documents.handoff(handoff), () => `${id} is completed`)
  })
).pipe(
  Command.withDescription("Say that the work that was handed over is done"),
  Command.withExamples([{ command: "sartor handoff complete handoff_1765468800000_0a1b2c3d" }])
)
