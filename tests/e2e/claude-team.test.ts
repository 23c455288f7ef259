import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { audit, auditors, environment, rehearse, serve, setUp, testsPass } from "../support/claudeTeam.ts"
import { json, run } from "../support/sartor.ts"

describe("a team of Claude", () => {
  const cleanups: Array<() => void> = []
  afterAll(() => {
    for (const cleanup of cleanups) cleanup()
  })

  it("mends a repository: planner, three implementers at once, auditor, cleaner", async () => {
    const fake = await serve(cleanups)
    const { args, data, target } = setUp(cleanups)
    const ended = await run(args, environment(fake))
    assert.strictEqual(ended.code, 0, ended.stderr + ended.stdout)
    const document = JSON.parse(ended.stdout)
    assert.strictEqual(document.status, "complete")
    assert.isTrue(testsPass(target))
    assert.isTrue(existsSync(join(target, "CHANGELOG.md")))
    assert.deepStrictEqual(
      fake.refused().map(({ refusal }) => refusal),
      []
    )
    const implementers = fake.requests.filter(({ conversation }) => ["csv", "money", "dates"].includes(conversation))
    assert.lengthOf(new Set(implementers.slice(0, 3).map(({ conversation }) => conversation)), 3)
    const audit = await json(["wake", "audit", ...data])
    assert.deepStrictEqual([audit.balanced, audit.pending], [true, 0])
    const { usage } = await json(["session", "show", document.agents[1].session_id, ...data])
    assert.strictEqual(usage.calls, 3)
    assert.isAbove(usage.cost_usd, 0)
    // Everybody's key and words stay where they belong.
    assert.notInclude(ended.stdout + ended.stderr, "sk-ant-team-canary")
  }, 60_000)

  it("killed at a request goes on: no committed turn is asked for again, no finished agent runs again", async () => {
    await rehearse(7, cleanups)
  }, 60_000)

  it("audits a website as the demo has it, and keeps what its members disagree on", async () => {
    const fake = await serve(cleanups, { conversations: auditors })
    const { data } = setUp(cleanups)
    const ended = await run(["run", audit, ...data, "--json"], environment(fake))
    assert.strictEqual(ended.code, 0, ended.stderr + ended.stdout)
    const { status, synthesis } = JSON.parse(ended.stdout)
    assert.strictEqual(status, "complete")
    assert.deepStrictEqual(
      synthesis.report.conflicts.map(({ type }: { type: string }) => type),
      ["contradiction"]
    )
    assert.deepStrictEqual(fake.refused(), [])
    assert.include(JSON.stringify(fake.requests.at(-1)?.body.messages[0]), "minority")
  }, 60_000)

  it("needs a key, and says so before anything is started", async () => {
    const { args, folder } = setUp(cleanups)
    const ended = await run(args, { ANTHROPIC_API_KEY: "" })
    assert.strictEqual(ended.code, 2)
    const { error } = JSON.parse(ended.stdout)
    assert.deepStrictEqual([error.code, error.field], ["bad_input", "ANTHROPIC_API_KEY"])
    assert.deepStrictEqual(readdirSync(folder), [])
  })

  it("is what loads the SDK: the core does not, unless it is asked for Claude", () => {
    const loaded = (what: string) => {
      const program = `
        import { registerHooks } from "node:module"
        let count = 0
        registerHooks({ resolve: (name, context, next) => { if (name.startsWith("@anthropic-ai/")) count += 1; return next(name, context) } })
        await import("@sartor/${what}")
        console.log(count)`
      const cwd = join(import.meta.dirname, "..")
      return Number(
        spawnSync(process.execPath, ["--input-type=module", "-e", program], { cwd, encoding: "utf8" }).stdout
      )
    }
    assert.strictEqual(loaded("core"), 0)
    assert.isAbove(loaded("core/claude"), 0)
  })

  it("is what loads the SDK: no other command does", () => {
    const dist = join(import.meta.dirname, "..", "..", "packages", "cli", "dist")
    const main = readFileSync(join(dist, "bin.mjs"), "utf8")
    const chunk = readdirSync(dist).find((file) => file.startsWith("claude-")) ?? ""
    assert.include(readFileSync(join(dist, chunk), "utf8"), "anthropic-version")
    assert.notInclude(main, "anthropic-version")
    assert.match(main, new RegExp(`import\\([^)]*${chunk.replace(".", "\\.")}`))
    assert.notMatch(main, new RegExp(`from\\s*["'\`]\\./${chunk.replace(".", "\\.")}`))
  })
})
