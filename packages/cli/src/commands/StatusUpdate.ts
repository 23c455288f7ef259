/**
 * `sartor status update`
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import * as Agents from "../legacy/Agents.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const statusUpdate = Command.make(
  "update",
  {
    agent: Argument.String("agent").pipe(Argument.withDescription("The id of a legacy agent")),
    key: Argument.String("key").pipe(Argument.withDescription("Such as status, currentTask or findings")),
    value: Argument.String("value").pipe(Argument.withDescription("What it is set to; a finding is added"))
  },
  Effect.fnUntraced(function* ({ agent, key, value }) {
    const output = yield* Output
    yield* output.note(`sartor: ${Agents.deprecation}`)
    yield* output.raw(`${yield* Transport.onFiles(Agents.updateStatus(agent, key, value))}\n`)
  })
).pipe(
  Command.withDescription("Set a key of an agent's status file, as status-update.sh does"),
  Command.withExamples([{ command: "sartor status update impl-001 status blocked" }])
)
