/**
 * `sartor session delete`
 *
 * @since 0.1.0
 */
import { Deletion } from "@sartor/core"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionDelete = Command.make(
  "delete",
  {
    id: Arguments.sessionId,
    force: Arguments.toggle("force", "Cancel its run, give up its pending wakes, and copy what its forks share with it")
  },
  Effect.fnUntraced(function* ({ force, id: given }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    yield* Transport.working(Deletion.remove(id, { force }))
    yield* output.print({ session_id: id, deleted: true }, () => `${id} is deleted`)
  })
).pipe(
  Command.withDescription("Delete a session with its log; what its wakes came to stays in the ledger"),
  Command.withExamples([
    { command: "sartor session delete impl-001" },
    { command: "sartor session delete impl-001 --force" }
  ])
)
