import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const text = readFileSync(join(root, "docs", "claude.md"), "utf8")
const blocks = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = ""]) => block)
/** Ignored by git, and inside the workspace, so that package names resolve as they do for a user. */
const folder = join(root, "tests", "dist", "claude")

describe("docs/claude.md", () => {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), "sartor-claude-"))
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
    rmSync(work, { recursive: true, force: true })
  })

  it("has a program and a server for it that type-check, and do together what they say", async () => {
    const [program = "", server = ""] = blocks
    writeFileSync(join(folder, "program.ts"), program)
    writeFileSync(join(folder, "server.ts"), server)
    const config = join(folder, "tsconfig.json")
    const extended = "../../../tsconfig.base.json"
    const files = ["program.ts", "server.ts"]
    writeFileSync(config, JSON.stringify({ extends: extended, compilerOptions: { types: ["node"] }, files }))
    const checked = spawnSync(join(root, "node_modules", ".bin", "tsc"), ["-p", config], { encoding: "utf8" })
    assert.strictEqual(checked.stdout + checked.stderr, "")

    const serving = spawn(process.execPath, [join(folder, "server.ts")], {
      cwd: work,
      stdio: ["ignore", "pipe", "inherit"]
    })
    try {
      const url = await new Promise<string>((resolve) =>
        serving.stdout.once("data", (data) => resolve(String(data).trim()))
      )
      const env = { ...process.env, ANTHROPIC_API_KEY: "any", ANTHROPIC_BASE_URL: url }
      const ran = spawnSync(process.execPath, [join(folder, "program.ts")], {
        cwd: work,
        env,
        encoding: "utf8",
        timeout: 30_000
      })
      assert.strictEqual(ran.status, 0, ran.stderr)
      assert.strictEqual(ran.stdout, "It is sunny: walk\n")
    } finally {
      serving.kill()
    }
  }, 60_000)
})
