/**
 * `sartor session cancel`
 *
 * @since 0.1.0
 */
import { Outbox } from "@sartor/core"
import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionCancel = Command.make(
  "cancel",
  { id: Arguments.sessionId, reason: Arguments.text("reason", "text", "Why; told to its orchestrator") },
  Effect.fnUntraced(function* ({ id: given, reason }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    const why = Option.getOrElse(reason, () => "it was cancelled with sartor session cancel")
    const session = yield* Transport.working(Outbox.cancel(id, why))
    yield* output.print(Documents.session(session), () => `${id} is cancelled`)
  })
).pipe(
  Command.withDescription(
    "End a session and the agents that it spawned for good; whoever executes them stops, and their orchestrator is woken"
  ),
  Command.withExamples([
    { command: "sartor session cancel impl-001" },
    { command: 'sartor session cancel impl-001 --reason "The ticket was withdrawn"' }
  ])
)
