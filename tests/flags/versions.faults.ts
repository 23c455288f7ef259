import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { run, start, temporaryFolder, within } from "../support/sartor.ts"

const root = join(import.meta.dirname, "..", "..")

/** The last version without flags, rollback and legacy files. */
const before = "637686c"
const hasHistory = spawnSync("git", ["-C", root, "cat-file", "-e", `${before}^{commit}`]).status === 0

const succeeds = (command: string, args: ReadonlyArray<string>, cwd: string) => {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  assert.strictEqual(status, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`)
}

describe("the version before, on live data", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it.skipIf(!hasHistory)("Z06: goes on with what this one has begun, and this one with what it left", async () => {
    const folder = temporaryFolder(cleanups)
    const old = join(folder, "old")
    succeeds("git", ["clone", "--quiet", root, old], folder)
    succeeds("git", ["checkout", "--quiet", before], old)
    succeeds(process.execPath, ["scripts/setup.mjs"], old)
    const previous = (...args: ReadonlyArray<string>) => {
      const command = [join(old, "packages/cli/bin/sartor.mjs"), ...args, ...data, "--json"]
      const { status, stderr, stdout } = spawnSync(process.execPath, command, { encoding: "utf8" })
      assert.strictEqual(status, 0, `${args.join(" ")}: ${stdout}${stderr}`)
      return JSON.parse(stdout)
    }
    const current = async (...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await run([...args, ...data, "--json"])
      assert.strictEqual(code, 0, `${args.join(" ")}: ${stdout}${stderr}`)
      return JSON.parse(stdout)
    }
    const data = ["--data-dir", join(folder, "data")]
    const gate = join(folder, "gate")
    const log = join(folder, "log")
    const wait = `cat > /dev/null; echo b >> ${log}; while [ ! -e ${gate} ]; do sleep 0.1; done; echo built`
    writeFileSync(
      join(folder, "w.yaml"),
      `name: versions
agents:
  - { name: a, role: PLANNER, task_type: t, prompt: P, command: [/bin/sh, -c, "cat > /dev/null; echo a >> ${log}; echo planned"] }
  - { name: b, role: IMPLEMENTER, task_type: t, prompt: P, needs: [a], command: [/bin/sh, -c, "${wait}"] }
`
    )
    const running = start(["run", join(folder, "w.yaml"), "--quiet", ...data])
    assert.isTrue(await within(20_000, () => existsSync(log) && readFileSync(log, "utf8") === "a\nb\n"))
    await current("session", "create", "--id", "impl-1", "--role", "implementer", "--task-type", "t")
    const { wake_id } = await current("wake", "send", "--session", "impl-1", "--status", "finding", "--summary", "seen")
    assert.isTrue((await current("rollback", "--to", "files", "--no-smoke")).ok)
    running.child.kill("SIGTERM")
    assert.strictEqual((await running.ended).code, 143)

    assert.deepStrictEqual(
      previous("wake", "list").map((wake: { wake_id: string }) => wake.wake_id),
      [wake_id]
    )
    writeFileSync(gate, "")
    const document = previous("run", join(folder, "w.yaml"))
    assert.strictEqual(document.status, "complete")
    // The planner had ended, and did not run again.
    assert.strictEqual(readFileSync(log, "utf8"), "a\nb\nb\n")
    previous("wake", "ack", wake_id)
    assert.isTrue(previous("wake", "audit").balanced)
    previous("session", "create", "--id", "impl-2", "--role", "auditor", "--task-type", "t")

    const forward = await current("rollback", "--to", "sessions")
    assert.deepStrictEqual([forward.ok, forward.problems], [true, []])
    const audit = await current("wake", "audit")
    assert.deepStrictEqual([audit.balanced, audit.pending], [true, 0])
    assert.strictEqual((await current("runs", "show", document.run_id)).status, "complete")
    assert.strictEqual((await current("session", "show", "impl-2")).status, "created")
    await current("verify")
  })
})
