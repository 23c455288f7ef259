/**
 * A length of time as people write it: `500ms`, `10s`, `10m` or `2h`. One whole number, one unit, no space.
 *
 * @since 0.1.0
 */
import { Effect, Option, Schema, SchemaIssue, SchemaTransformation } from "effect"

/**
 * Reads a timespan as milliseconds; none when it is anything else, or more than a number can hold.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Option.Option<number> => {
  const [, digits, unit] = grammar.exec(text) ?? []
  const factor = units.find(([name]) => name === unit)?.[1]
  const milliseconds = Number.parseInt(digits ?? "", 10) * (factor ?? Number.NaN)
  return Number.isSafeInteger(milliseconds) ? Option.some(milliseconds) : Option.none()
}

/**
 * Writes milliseconds in the largest unit that divides them: `90000` is `90s`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const format = (milliseconds: number): string => {
  const [unit, factor] = units.find(([, size]) => milliseconds > 0 && milliseconds % size === 0) ?? milli
  return `${milliseconds / factor}${unit}`
}

/**
 * Milliseconds, written as a timespan.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString = Schema.String.annotate({ message: "must be a time such as 500ms, 10s, 10m or 2h" }).pipe(
  Schema.decodeTo(
    Schema.Natural,
    SchemaTransformation.transformEffect({
      decode: (text) =>
        Option.match(parse(text), {
          onNone: () =>
            Effect.fail(new SchemaIssue.InvalidValue({ message: "must be a time such as 500ms, 10s, 10m or 2h" })),
          onSome: Effect.succeed
        }),
      encode: (milliseconds) => Effect.succeed(format(milliseconds))
    })
  )
)

const milli = ["ms", 1] as const
const units = [["h", 3_600_000], ["m", 60_000], ["s", 1000], milli] as const
const grammar = /^(\d{1,16})(ms|s|m|h)$/
