import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Row } from "./Row.ts"

const sartor = join(import.meta.dirname, "..", "..", "packages", "cli", "bin", "sartor.mjs")

/** The plan's three audits of 60, 45 and 30 minutes, a minute a tenth of a second: at once, and really one by one. */
export const savedByParallel = async (): Promise<Row> => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-bench-"))
  const workflow = join(folder, "audits.yaml")
  const agent = (name: string, seconds: number) =>
    `  - { name: ${name}, role: AUDITOR, task_type: ${name}, prompt: Audit, command: [sh, -c, "sleep ${seconds}; echo done with ${name}"] }`
  writeFileSync(
    workflow,
    ["name: audits", "agents:", agent("security", 6), agent("performance", 4.5), agent("accessibility", 3), ""].join(
      "\n"
    )
  )
  const run = (...more: ReadonlyArray<string>) => {
    const began = performance.now()
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [sartor, "run", workflow, "--data-dir", join(folder, "data"), "--json", ...more],
      { encoding: "utf8" }
    )
    const whole = performance.now() - began
    if (status !== 0) throw new Error(`the run ended with ${status}: ${stderr}`)
    const document = JSON.parse(stdout)
    return { whole, wall: Date.parse(document.finished_at) - Date.parse(document.started_at) }
  }
  const parallel = run()
  const sequential = run("--sequential")
  rmSync(folder, { recursive: true, force: true })
  const saved = 1 - parallel.wall / sequential.wall
  return {
    id: "P1",
    what: "command agents of 6.0, 4.5 and 3.0 s: time saved against the sequential run",
    goal: ">= 55%",
    value: `${(saved * 100).toFixed(1)}%`,
    met: saved >= 0.55,
    raw: {
      parallel_ms: parallel.wall,
      sequential_ms: sequential.wall,
      parallel_process_ms: Math.round(parallel.whole),
      sequential_process_ms: Math.round(sequential.whole)
    }
  }
}
