/**
 * `pnpm bench`: every figure beside its baseline, measured in the same run. Ratios carry over to other machines, the raw
 * figures do not. Writes `data/bench.json`.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { savedByParallel } from "./savedByParallel.ts"

export interface Row {
  readonly id: string
  readonly what: string
  readonly goal: string
  readonly value: string
  readonly met: boolean
  /** The figures that the value was made of. */
  readonly raw: { readonly [name: string]: number }
}

const rows: ReadonlyArray<Row> = [await savedByParallel()]

const width = Math.max(...rows.map((row) => row.what.length))
console.log(`node ${process.version}, ${cpus().length} processors`)
for (const { goal, id, met, raw, value, what } of rows) {
  const figures = Object.entries(raw).map(([name, figure]) => `${name} ${figure}`)
  console.log(
    `${id}  ${what.padEnd(width)}  ${value}  (goal ${goal}: ${met ? "met" : "MISSED"})  ${figures.join(", ")}`
  )
}
const folder = join(import.meta.dirname, "..", "..", "data")
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, "bench.json"), `${JSON.stringify({ node: process.version, rows }, undefined, 2)}\n`)
process.exitCode = rows.every((row) => row.met) ? 0 : 6
