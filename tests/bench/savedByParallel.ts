import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Row } from "./Row.ts"

const root = join(import.meta.dirname, "..", "..")
const sartor = join(root, "packages", "cli", "bin", "sartor.mjs")

/** Runs a workflow with its agents at once, and really one by one. */
const bothWays = (folder: string, workflow: string, vars: ReadonlyArray<string> = []) => {
  const run = (...more: ReadonlyArray<string>) => {
    const began = performance.now()
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [sartor, "run", workflow, "--data-dir", join(folder, "data"), "--json", "--fresh", ...vars, ...more],
      { encoding: "utf8" }
    )
    const whole = performance.now() - began
    if (status !== 0) throw new Error(`the run ended with ${status}: ${stderr}`)
    const document = JSON.parse(stdout)
    return { whole, wall: Date.parse(document.finished_at) - Date.parse(document.started_at) }
  }
  const parallel = run()
  const sequential = run("--sequential")
  return {
    saved: 1 - parallel.wall / sequential.wall,
    raw: {
      parallel_ms: parallel.wall,
      sequential_ms: sequential.wall,
      parallel_process_ms: Math.round(parallel.whole),
      sequential_process_ms: Math.round(sequential.whole)
    }
  }
}

const inFolder = <A>(body: (folder: string) => A): A => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-bench-"))
  try {
    return body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The plan's three audits of 60, 45 and 30 minutes, a minute a tenth of a second. */
export const savedByParallel = async (): Promise<Row> => {
  const { raw, saved } = inFolder((folder) => {
    const workflow = join(folder, "audits.yaml")
    const agent = (name: string, seconds: number) =>
      `  - { name: ${name}, role: AUDITOR, task_type: ${name}, prompt: Audit, command: [sh, -c, "sleep ${seconds}; echo done with ${name}"] }`
    const agents = [agent("security", 6), agent("performance", 4.5), agent("accessibility", 3)]
    writeFileSync(workflow, ["name: audits", "agents:", ...agents, ""].join("\n"))
    return bothWays(folder, workflow)
  })
  return {
    id: "P1",
    what: "command agents of 6.0, 4.5 and 3.0 s: time saved against the sequential run",
    goal: ">= 55%",
    value: `${(saved * 100).toFixed(1)}%`,
    met: saved >= 0.55,
    raw
  }
}

/** The plan's whole workflow: planner, three implementers, auditor, cleaner, each of whom works for a second and a half. */
export const savedOverWorkflow = async (): Promise<Row> => {
  const { raw, saved } = inFolder((folder) =>
    bothWays(folder, join(root, "examples", "06-full-workflow", "workflow.yaml"), [
      "--var",
      "work=1500",
      "--var",
      `out=${join(folder, "out")}`
    ])
  )
  return {
    id: "P2",
    what: "the full workflow, six agents of which three may work at once: time saved against the sequential run",
    goal: ">= 25%",
    value: `${(saved * 100).toFixed(1)}%`,
    met: saved >= 0.25,
    raw
  }
}
