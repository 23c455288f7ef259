/**
 * `sartor triggers`
 *
 * @since 0.1.0
 */
import { Timespan, Triggers } from "@sartor/core"
import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const triggers = Command.make(
  "triggers",
  { last: Arguments.text("last", "time", "How far back to look, such as 30m; ten minutes by default") },
  Effect.fnUntraced(function* ({ last }) {
    const output = yield* Output
    const window = yield* windowOf(last)
    const readings = yield* Transport.working(Triggers.measure({ window }))
    yield* output.print(readings, (look) =>
      Table.rows(
        look,
        ["trigger", "value", "limit", "samples", "tripped", "which"],
        readings.map((reading) => [
          reading.name,
          shown(reading, reading.value),
          shown(reading, reading.limit),
          String(reading.samples),
          reading.tripped ? "YES" : "no",
          reading.details.join(", ")
        ])
      )
    )
    if (readings.some(({ tripped }) => tripped)) return yield* new Failure.Ended({ exit: Failure.exits.check_failed })
  })
).pipe(
  Command.withDescription("Measure the five reasons to roll back; exit 6 if there is one"),
  Command.withExamples([{ command: "sartor triggers" }, { command: "sartor triggers --last 1h --json" }])
)

const windowOf = Effect.fnUntraced(function* (last: Option.Option<string>) {
  if (Option.isNone(last)) return Triggers.defaultWindow
  const millis = Timespan.parse(last.value)
  if (Option.isSome(millis)) return millis.value
  return yield* Failure.badInput(`--last cannot be ${JSON.stringify(last.value)}: use a time such as 30m or 24h`, {
    field: "last"
  })
})

const shown = ({ unit }: Triggers.Reading, figure: number) =>
  unit === "ratio" ? `${(figure * 100).toFixed(1)} %` : unit === "milliseconds" ? `${figure} ms` : String(figure)
