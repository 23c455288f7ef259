/**
 * `sartor flags`
 *
 * @since 0.1.0
 */
import { Flags } from "@sartor/core"
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

const print = Effect.fnUntraced(function* (report: Flags.Report) {
  const output = yield* Output
  yield* output.print(report, () => Table.pairs(Flags.names.map((name) => [name, sentence(report[name])])))
})

const sentence = ({ environment, stored, value }: typeof Flags.State.Type) =>
  value
    ? "on"
    : `off, by ${[...(environment ? [] : ["the environment"]), ...(stored ? [] : ["flags set"])].join(" and ")}`

const set = Command.make(
  "set",
  {
    name: Argument.Literals("name", Flags.names).pipe(Argument.withDescription("One of the four flags")),
    value: Argument.Literals("value", ["true", "false"]).pipe(Argument.withDescription("true or false"))
  },
  Effect.fnUntraced(function* ({ name, value }) {
    const stored = Flags.Flags.use((flags) => flags.set({ [name]: value === "true" }, "sartor flags set"))
    yield* print(yield* Transport.working(stored))
  })
).pipe(
  Command.withDescription("Switch a flag for all processes; what runs ends the way it began"),
  Command.withExamples([{ command: "sartor flags set ENABLE_PARALLEL_EXECUTION false" }])
)

/**
 * @category commands
 * @since 0.1.0
 */
export const flags = Command.make("flags", {}, () =>
  Effect.flatMap(Transport.working(Flags.Flags.use((flags) => flags.report)), print)
).pipe(
  Command.withDescription("Show the flags that lead back to the legacy way of working, or switch one"),
  Command.withExamples([
    { command: "sartor flags" },
    { command: "sartor flags set ENABLE_WAKE_MESSAGING false" },
    { command: "sartor flags --json | jq .ENABLE_WAKE_MESSAGING.value" }
  ]),
  Command.withSubcommands([set])
)
