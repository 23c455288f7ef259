/**
 * Figures as people read them.
 *
 * @since 0.1.0
 */
import { DateTime, Option } from "effect"
import type { ReportMetric } from "./ReportInput.ts"
import * as Text from "./Text.ts"

/**
 * What stands where there is no figure.
 *
 * @category formatting
 * @since 0.1.0
 */
export const none = "n/a"

/**
 * Milliseconds as `840 ms`, `12.4 s`, `3 min 05 s` or `2 h 03 min`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const duration = (millis: number | undefined): string => {
  if (millis === undefined) {
    return none
  }
  if (Math.round(millis) < 1_000) {
    return `${Math.round(millis)} ms`
  }
  if (Math.round(millis / 100) < 600) {
    return `${(millis / 1_000).toFixed(1)} s`
  }
  const seconds = Math.round(millis / 1_000)
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`
    : `${count(Math.floor(minutes / 60))} h ${String(minutes % 60).padStart(2, "0")} min`
}

/**
 * A share with one decimal; one that is not whole is never rounded to 100 %.
 *
 * @category formatting
 * @since 0.1.0
 */
export const percent = (share: number | undefined): string =>
  share === undefined
    ? none
    : share < 1 && share > 0.9995
      ? ">99.9 %"
      : `${withoutMinusZero((share * 100).toFixed(1))} %`

/**
 * How a run compares with one that took longer, or shorter.
 *
 * @category formatting
 * @since 0.1.0
 */
export const saved = (saved: number | undefined): string =>
  saved === undefined
    ? "cannot be compared"
    : saved >= 0
      ? `time saved ${percent(saved)}`
      : `this run took ${percent(-saved)} longer`

/**
 * A probability with two decimals; less than certain is never rounded to certain.
 *
 * @category formatting
 * @since 0.1.0
 */
export const confidence = (probability: number | undefined): string =>
  probability === undefined
    ? none
    : probability < 1 && probability > 0.995
      ? ">0.99"
      : probability > 0 && probability < 0.005
        ? "<0.01"
        : probability.toFixed(2)

/**
 * @category formatting
 * @since 0.1.0
 */
export const count = (number: number): string => number.toLocaleString("en-US")

/**
 * A number with its noun: `1 claim`, `2,000 claims`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const counted = (number: number, one: string, many: string = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : many}`

/**
 * A time as `22 Nov 2025, 10:51:03 UTC`, or as it came if it is none.
 *
 * @category formatting
 * @since 0.1.0
 */
export const time = (iso: string): string =>
  Option.match(DateTime.make(iso), {
    onNone: () => Text.line(iso, 40),
    onSome: (moment) =>
      `${DateTime.formatUtc(moment, {
        locale: "en-GB",
        day: "numeric",
        month: "short",
        year: "numeric",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit"
      })} UTC`
  })

/**
 * A metric's value, target or threshold with its unit.
 *
 * @category formatting
 * @since 0.1.0
 */
export const measured = (value: ReportMetric["value"], unit: string | undefined): string => {
  if (value === undefined || value === null) {
    return none
  }
  if (unit === "ratio") {
    return percent(value)
  }
  const number = value.toLocaleString("en-US", { maximumFractionDigits: 3 })
  return unit === undefined || unit === "count" ? number : `${number} ${Text.line(unit, 20)}`
}

/**
 * Words as a list in a sentence, the rest beyond `limit` counted.
 *
 * @category formatting
 * @since 0.1.0
 */
export const listed = (words: ReadonlyArray<string>, limit: number = 6): string => {
  const shown = words.length > limit ? [...words.slice(0, limit), `${count(words.length - limit)} more`] : words
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`
}

/**
 * Round moments on a time axis of this length: from 0, at most seven.
 *
 * @category formatting
 * @since 0.1.0
 */
export const ticks = (span: number): ReadonlyArray<number> => {
  const step = steps.find((step) => span / step <= 6) ?? Math.ceil(span / 6 / hour) * hour
  return span <= 0 ? [] : Array.from({ length: Math.floor(span / step) + 1 }, (_, index) => index * step)
}

/**
 * A moment on the axis, shorter than a duration.
 *
 * @category formatting
 * @since 0.1.0
 */
export const tick = (at: number, span: number): string =>
  span < 1_000
    ? `${at} ms`
    : span < 120_000
      ? `${at / 1_000} s`
      : span < 2 * hour
        ? `${at / 60_000} min`
        : `${at / hour} h`

const hour = 3_600_000
const steps = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1_000,
  2_000,
  5_000,
  10_000,
  20_000,
  30_000,
  60_000,
  120_000,
  300_000,
  600_000,
  1_200_000,
  hour / 2,
  hour,
  2 * hour,
  4 * hour,
  6 * hour,
  12 * hour,
  24 * hour
]

const withoutMinusZero = (number: string): string => (number === "-0.0" ? "0.0" : number)
