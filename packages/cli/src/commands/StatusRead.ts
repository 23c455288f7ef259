/**
 * `sartor status read`
 *
 * @since 0.1.0
 */
import { LegacyFiles } from "@sartor/core"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Agents from "../legacy/Agents.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const statusRead = Command.make(
  "read",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output
    yield* output.note(`sartor: ${Agents.deprecation}`)
    const { damaged, found } = yield* Transport.onFiles(LegacyFiles.LegacyFiles.use(({ statuses }) => statuses))
    for (const { message } of damaged) yield* output.note(`sartor: ${message}`)
    yield* output.print(
      found.map(({ agent, fields }) => ({ agentId: agent, ...Object.fromEntries(fields) })),
      () => Agents.listing(found)
    )
  })
).pipe(
  Command.withDescription("List what the status files say, as status-read.sh does"),
  Command.withExamples([
    { command: "sartor status read" },
    { command: "sartor status read --json | jq -r '.[].status'" }
  ])
)
