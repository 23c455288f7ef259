/**
 * `sartor session fork`
 *
 * @since 0.1.0
 */
import { Branch } from "@sartor/core"
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
export const sessionFork = Command.make(
  "fork",
  {
    id: Arguments.sessionId,
    at: Arguments.text("at", "version", "A version, or a checkpoint (phase/milestone); the newest by default"),
    as: Arguments.text("id", "id", "The id of the new session; made by default"),
    prompt: Arguments.text("prompt", "text", "What it has to do instead"),
    orchestrator: Arguments.text("orchestrator", "name", "Who is woken; the same by default")
  },
  Effect.fnUntraced(function* ({ as, at, id: given, orchestrator, prompt }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    const options = {
      at: Option.getOrUndefined(at),
      id: Option.isNone(as) ? undefined : yield* Arguments.readSessionId(as.value),
      prompt: Option.getOrUndefined(prompt),
      orchestrator: yield* Arguments.readOrchestrator(orchestrator)
    }
    const session = yield* Transport.working(Branch.fork(id, options))
    yield* output.print(Documents.session(session), () => session.session_id)
  })
).pipe(
  Command.withDescription("Begin a new session that knows what another one knew, and print its id"),
  Command.withExamples([
    { command: "sartor session fork impl-001" },
    { command: 'sartor session fork impl-001 --at testing/axe --prompt "Try it without the cache"' }
  ])
)
