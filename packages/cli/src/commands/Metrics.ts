/**
 * `sartor metrics`
 *
 * @since 0.1.0
 */
import { Measurement, Metrics, Timespan, type WorkflowRun } from "@sartor/core"
import { Clock, Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { type Look, Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const metrics = Command.make(
  "metrics",
  {
    check: Arguments.toggle("check", "End with 6 unless five of them hold, and the legacy files are among them"),
    last: Arguments.text("last", "time", "Only what was begun in that time, such as 30m or 24h; everything by default")
  },
  Effect.fnUntraced(function* ({ check, last }) {
    const output = yield* Output
    const since = yield* sinceOf(last)
    const metrics = yield* Transport.working(Measurement.ofFleet(since))
    const { held, measured, ok } = Metrics.check(metrics)
    yield* output.print(metrics, (look) => `${table(look, metrics)}${held} of ${measured} with data hold\n`)
    if (check && !ok) return yield* new Failure.Ended({ exit: Failure.exits.check_failed })
  })
).pipe(
  Command.withDescription(
    "Show what the journals of real runs say: time saved, waiting, context, wakes, handoffs, files"
  ),
  Command.withExamples([{ command: "sartor metrics" }, { command: "sartor metrics --check --last 24h" }])
)

const sinceOf = Effect.fnUntraced(function* (last: Option.Option<string>) {
  if (Option.isNone(last)) return 0
  const millis = Timespan.parse(last.value)
  if (Option.isSome(millis)) return (yield* Clock.currentTimeMillis) - millis.value
  return yield* Failure.badInput(`--last cannot be ${JSON.stringify(last.value)}: use a time such as 30m or 24h`, {
    field: "last"
  })
})

const table = (look: Look, metrics: ReadonlyArray<WorkflowRun.Metric>) =>
  Table.rows(
    look,
    ["metric", "value", "threshold", "target", "holds", "samples"],
    metrics.map(({ name, ok, samples, target, threshold, unit, value }) => {
      const shown = (figure: number | undefined) =>
        figure === undefined ? "" : unit === "ratio" ? `${(figure * 100).toFixed(1)} %` : `${figure} ${unit}`
      return [
        name,
        shown(value),
        shown(threshold),
        shown(target),
        ok === "n/a" ? "n/a" : ok ? "yes" : "NO",
        String(samples)
      ]
    })
  )
