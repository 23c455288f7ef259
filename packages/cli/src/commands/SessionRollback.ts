/**
 * `sartor session rollback`
 *
 * @since 0.1.0
 */
import { Branch } from "@sartor/core"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionRollback = Command.make(
  "rollback",
  {
    id: Arguments.sessionId,
    to: Flag.String("to").pipe(
      Flag.withMetavar("<version>"),
      Flag.withDescription("A version, or the latest checkpoint of a name: phase/milestone")
    )
  },
  Effect.fnUntraced(function* ({ id: given, to }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    const session = yield* Transport.working(Branch.rollback(id, to))
    yield* output.print(Documents.session(session), () => `${id} is as it was at ${to}: ${session.status}`)
  })
).pipe(
  Command.withDescription("Take a session back to an earlier version; its journal keeps everything"),
  Command.withExamples([
    { command: "sartor session rollback impl-001 --to 12" },
    { command: "sartor session rollback impl-001 --to testing/axe" }
  ])
)
