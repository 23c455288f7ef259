import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const text = readFileSync(join(root, "docs", "legacy.md"), "utf8")
const [, program = ""] = /```ts\n([\s\S]*?)```/.exec(text) ?? []
/** Ignored by git, and inside the workspace, so that package names resolve as they do for a user. */
const folder = join(root, "tests", "dist", "legacy")

describe("docs/legacy.md", () => {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), "sartor-legacy-"))
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    rmSync(work, { recursive: true, force: true })
  })

  it("has a program that type-checks and runs as it stands, beside an agent of the old scripts", () => {
    const file = join(folder, "program.ts")
    writeFileSync(file, program)
    const config = join(folder, "tsconfig.json")
    const extended = "../../../tsconfig.base.json"
    writeFileSync(
      config,
      JSON.stringify({ extends: extended, compilerOptions: { types: ["node"] }, files: ["program.ts"] })
    )
    const checked = spawnSync(join(root, "node_modules", ".bin", "tsc"), ["-p", config], { encoding: "utf8" })
    assert.strictEqual(checked.stdout + checked.stderr, "")
    const script = join(root, "tests/legacy/scripts/status-update.sh")
    assert.strictEqual(spawnSync(script, ["old", "status", "active"], { cwd: work }).status, 0)
    const ran = spawnSync(process.execPath, [file], { cwd: work, encoding: "utf8", timeout: 20_000 })
    assert.strictEqual(ran.status, 0, ran.stderr)
    assert.strictEqual(ran.stdout, "1 agents of the scripts are at work beside it\n")
    const statuses = readdirSync(join(work, "data/agent-status")).filter((name) => name.endsWith(".json"))
    assert.lengthOf(statuses, 2)
  })

  it("has an example that runs: an old agent and a session on one folder", () => {
    const data = join(work, "example")
    const path = `${join(root, "node_modules", ".bin")}:${process.env["PATH"]}`
    const ran = spawnSync(join(root, "examples/04-beside-scripts/run.sh"), {
      cwd: work,
      encoding: "utf8",
      env: { ...process.env, PATH: path, SARTOR_DATA_DIR: data }
    })
    assert.strictEqual(ran.status, 0, ran.stderr)
    assert.include(ran.stdout, "[blocked] auditor-links-1: Check every link\n[completed] indexer-001: index the site\n")
    assert.match(ran.stdout, /indexer-001 +IMPLEMENTER +complete +legacy/)
    assert.include(ran.stdout, "nothing waits")
    assert.match(ran.stdout, /balanced +yes\n.*the legacy files are as they should be\n$/)
  }, 60_000)

  it("names every script that ships with the command", () => {
    for (const name of readdirSync(join(root, "packages/cli/scripts"))) assert.include(text, name)
  })
})
