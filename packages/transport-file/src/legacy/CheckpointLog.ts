/**
 * `checkpoints/<agentId>.log`: a line a checkpoint, `timestamp|phase|milestone|details`.
 *
 * @since 0.1.0
 */
import { Option, Schema } from "effect"
import { LegacyFiles } from "@sartor/core"

/**
 * One line. The phase is what stands there, which may be none of the five.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly timestamp: string
  readonly phase: string
  readonly milestone: string
  readonly details: string
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const isPhase: (phase: unknown) => phase is LegacyFiles.Phase = Schema.is(LegacyFiles.Phase)

/**
 * A line without its end. A `|` outside of the details would end its field, and is written as an escape.
 *
 * @category constructors
 * @since 0.1.0
 */
export const render = ({ details, milestone, phase, timestamp }: Line): string =>
  [timestamp, field(phase), field(milestone), escaped(details)].join("|")

/**
 * Reads a line: only its first three bars divide it. Answers nothing for what is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (line: string): Option.Option<Line> => {
  const [timestamp = "", phase, milestone, ...details] = line.replace(/\r$/, "").split("|")
  if (phase === undefined || milestone === undefined || !isTime(timestamp)) return Option.none()
  return Option.some({
    timestamp,
    phase: unescaped(phase),
    milestone: unescaped(milestone),
    details: unescaped(details.join("|"))
  })
}

/**
 * The whole lines of a log. What follows the last line end is still being written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lines = (text: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.trim() !== "")

/**
 * A milestone as scripts survive it: they use it as a pattern.
 *
 * @category constructors
 * @since 0.1.0
 */
export const milestone = (text: string): string => text.replace(/[^A-Za-z0-9 _.:-]/g, "_")

const isTime = (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(text)

const escaped = (text: string) => JSON.stringify(text).slice(1, -1)
const field = (text: string) => escaped(text).replaceAll("|", "\\u007c")

/** What is not escaped as it should be stands for itself. */
const unescaped = (text: string) =>
  text.includes("\\")
    ? Option.getOrElse(parseString(`"${text.replace(/(\\.)|"/gs, (_, pair?: string) => pair ?? '\\"')}"`), () => text)
    : text
const parseString = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.String))
