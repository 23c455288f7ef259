import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const text = readFileSync(join(root, "docs", "embedding-queues.md"), "utf8")
const [, program = ""] = /```ts\n([\s\S]*?)```/.exec(text) ?? []
/** Ignored by git, and inside the workspace, so that package names resolve as they do for a user. */
const folder = join(root, "tests", "dist", "queues")

describe("docs/embedding-queues.md", () => {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), "sartor-queues-"))
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    rmSync(work, { recursive: true, force: true })
  })

  it("has a program that type-checks and runs as it stands", () => {
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
    const ran = spawnSync(process.execPath, [file], { cwd: work, encoding: "utf8", timeout: 20_000 })
    assert.strictEqual(ran.status, 0, ran.stderr)
    assert.strictEqual(ran.stdout, 'attempt 1: "Welcome" to ada@example.org\n')
    const logs = readdirSync(join(work, "data/sartor/default/queues/persisted/outgoing-mail"))
    assert.match(logs.join(), /^[0-9a-f]{64}\.log$/)
  })
})
