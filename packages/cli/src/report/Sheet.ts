/**
 * The page that a terminal report is set on: its width, signs, colours and columns.
 *
 * @since 0.1.0
 */
import * as Format from "./Format.ts"
import type { Severity, Tone } from "./Model.ts"
import * as Text from "./Text.ts"

/**
 * How a piece of text looks where there is colour.
 *
 * @category models
 * @since 0.1.0
 */
export type Style = Tone | Severity | "bold" | "dim"

/**
 * A line that is not painted yet.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plain {
  readonly line: string
  readonly style: Style | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Sheet {
  readonly width: number
  readonly ellipsis: string
  readonly bullet: string
  readonly signs: Readonly<Record<Tone, string>>
  readonly bars: Readonly<Record<Tone, string>>
  readonly paint: (style: Style, text: string) => string
  readonly title: (text: string) => string
  /** Wrapped and dimmed, for the width without a margin. */
  readonly muted: (text: string, margin?: number) => ReadonlyArray<string>
  readonly indent: (margin: number, lines: ReadonlyArray<string>) => ReadonlyArray<string>
  /** What was left out, if anything. */
  readonly more: (left: number, noun: string) => ReadonlyArray<string>
  /** Columns side by side where each gets at least 30 columns, else one under another. */
  readonly beside: (
    columns: ReadonlyArray<(width: number) => ReadonlyArray<Plain>>,
    margin: number
  ) => ReadonlyArray<string>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly color: boolean
  readonly width: number
  readonly unicode?: boolean | undefined
}): Sheet => {
  const width = Math.min(200, Math.max(40, Math.floor(options.width)))
  const { bars, bullet, ellipsis, rule, signs, wall } = (options.unicode ?? options.color) ? drawn : typed
  const paint = (style: Style, text: string): string =>
    options.color && text !== "" ? `\u001b[${codes[style]}m${text}\u001b[0m` : text
  const put = ({ line, style }: Plain) => (style === undefined ? line : paint(style, line))
  return {
    width,
    ellipsis,
    bullet,
    signs,
    bars,
    paint,
    title: (text) => {
      const fitted = Text.fit(text, width - 1, ellipsis)
      return `${paint("bold", fitted)} ${paint("dim", rule.repeat(width - 1 - Text.cells(fitted)))}`
    },
    muted: (text, margin = 0) => Text.wrap(text, width - margin).map((line) => paint("dim", line)),
    indent: (margin, lines) => lines.map((line) => " ".repeat(margin) + line),
    more: (left, noun) => (left > 0 ? [paint("dim", `and ${Format.counted(left, `more ${noun}`)}`)] : []),
    beside: (columns, margin) => {
      const each = Math.floor((width - margin - 3 * (columns.length - 1)) / columns.length)
      if (each < 30) {
        return columns.flatMap((column) => column(width - margin).map(put))
      }
      const cells = columns.map((column) => column(each))
      const height = cells.reduce((most, lines) => Math.max(most, lines.length), 0)
      return Array.from({ length: height }, (_, row) =>
        cells
          .map((lines) => {
            const cell = lines[row] ?? { line: "", style: undefined }
            return put(cell) + " ".repeat(Math.max(0, each - Text.cells(cell.line)))
          })
          .join(` ${paint("dim", wall)} `)
      )
    }
  }
}

const drawn = {
  ellipsis: "…",
  bullet: "•",
  rule: "─",
  wall: "│",
  signs: { good: "✓", bad: "✗", waiting: "!", idle: "·" },
  bars: { good: "█", bad: "▓", waiting: "▒", idle: "░" }
}

const typed = {
  ellipsis: "...",
  bullet: "-",
  rule: "-",
  wall: "|",
  signs: { good: "+", bad: "x", waiting: "!", idle: "." },
  bars: { good: "#", bad: "x", waiting: "!", idle: "." }
}

const codes: Readonly<Record<Style, string>> = {
  bold: "1",
  dim: "2",
  good: "32",
  bad: "31",
  waiting: "33",
  idle: "2",
  critical: "1;31",
  high: "31",
  medium: "33",
  low: "36",
  unrated: "2"
}
