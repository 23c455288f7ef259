/**
 * Rows of text in columns, made safe to show and cut to the width that there is.
 *
 * @since 0.1.0
 */
import { DateTime, Option } from "effect"
import type { Look } from "./Output.ts"
import * as Format from "./report/Format.ts"
import * as Text from "./report/Text.ts"

/**
 * Sets rows under headings. Columns are as wide as they need to be; on a terminal the last one gets what is left.
 *
 * @category rendering
 * @since 0.1.0
 */
export const rows = (
  { color, terminal, unicode, width }: Look,
  headings: ReadonlyArray<string>,
  body: ReadonlyArray<ReadonlyArray<string>>
): string => {
  const clean = body.map((row) => row.map((cell) => Text.line(cell, 400)))
  const widths = headings.map((heading, column) =>
    clean.reduce((most, row) => Math.max(most, Text.cells(row[column] ?? "")), Text.cells(heading))
  )
  const lineOf = (row: ReadonlyArray<string>) => {
    let left = width
    return row
      .map((cell, column) => {
        const last = column === row.length - 1
        const room = last ? Math.max(left, 20) : (widths[column] ?? 0)
        left -= room + 2
        if (!last) return Text.pad(cell, room)
        return terminal ? Text.fit(cell, room, unicode ? "…" : "...") : cell
      })
      .join("  ")
      .trimEnd()
  }
  const head = lineOf(headings)
  return [color ? `\u001b[1m${head}\u001b[0m` : head, ...clean.map(lineOf)].map((line) => `${line}\n`).join("")
}

/**
 * Names beside their values; those without one are left out.
 *
 * @category rendering
 * @since 0.1.0
 */
export const pairs = (list: ReadonlyArray<readonly [name: string, value: string | undefined]>): string => {
  const there = list.filter((pair): pair is readonly [string, string] => pair[1] !== undefined && pair[1] !== "")
  const width = there.reduce((most, [name]) => Math.max(most, name.length), 0)
  return there
    .map(([name, value]) => {
      const [first = "", ...rest] = Text.block(value, 20_000).split("\n")
      return [`${name.padEnd(width)}  ${first}\n`, ...rest.map((line) => `${" ".repeat(width)}  ${line}\n`)].join("")
    })
    .join("")
}

/**
 * How long ago a time was.
 *
 * @category rendering
 * @since 0.1.0
 */
export const ago = (now: number, at: string): string =>
  Option.match(DateTime.make(at), {
    onNone: () => at,
    onSome: (moment) => {
      const millis = Math.max(0, now - DateTime.toEpochMillis(moment))
      const days = Math.floor(millis / 86_400_000)
      return millis < 1000 ? "now" : days > 1 ? `${days} days ago` : `${Format.duration(millis)} ago`
    }
  })
