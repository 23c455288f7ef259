/**
 * `sartor status cleanup`
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Agents from "../legacy/Agents.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const statusCleanup = Command.make(
  "cleanup",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    yield* output.note(`sartor: ${Agents.deprecation}`)
    const deleted = yield* Transport.onFiles(Agents.cleanUp)
    yield* output.print({ deleted }, () => "Cleanup complete")
  })
).pipe(
  Command.withDescription("Delete the status files that nobody has written to for an hour, as status-cleanup.sh does"),
  Command.withExamples([{ command: "sartor status cleanup" }])
)
