import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Microseconds of a clock that all processes of a machine share. */
export const micros = () => Number(process.hrtime.bigint()) / 1000

export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

/** The median, over the rounds, of one figure divided by another of the same round. */
export const ratio = (over: ReadonlyArray<number>, under: ReadonlyArray<number>): number =>
  median(over.map((figure, round) => figure / (under[round] ?? Number.NaN)))

/** Three significant digits, and all digits of what is larger. */
export const round = (figure: number): number =>
  figure >= 100 ? Math.round(figure) : Number.parseFloat(figure.toPrecision(3))

export const rounded = (figures: { readonly [name: string]: number }): { readonly [name: string]: number } =>
  Object.fromEntries(Object.entries(figures).map(([name, figure]) => [name, round(figure)]))

export const times = <A>(count: number, make: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, index) => make(index))

/** Shows on stderr that the bench lives. */
export const progress = (text: string) => {
  process.stderr.write(`${text}\n`)
}

const folders: Array<string> = []
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes with this process. `TMPDIR` says on which device it lies. */
export const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-bench-"))
  folders.push(folder)
  return folder
}
