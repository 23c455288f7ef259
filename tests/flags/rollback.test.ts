import { execFileSync } from "node:child_process"
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { natsTransport } from "../support/nats.ts"
import { json, run, start, temporaryFolder, within } from "../support/sartor.ts"

const script = (data: string, name: string, ...args: ReadonlyArray<string>) =>
  execFileSync(join(import.meta.dirname, "..", "legacy", "scripts", name), args, {
    env: { ...process.env, DATA_DIR: data },
    encoding: "utf8"
  })

describe("rollback", { timeout: 120_000 }, () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  /** Live sessions, checkpoints, a wake that waits, a handoff that is open. */
  const seed = async (transport: ReadonlyArray<string>) => {
    const on = (...args: ReadonlyArray<string>) => json([...args, ...transport])
    await on("session", "create", "--id", "impl-001", "--role", "implementer", "--task-type", "feature-x")
    await on("session", "create", "--id", "audit-001", "--role", "auditor", "--task-type", "review")
    await on("checkpoint", "impl-001", "implementation", "half", "the parser is done")
    const finding = ["wake", "send", "--session", "impl-001", "--role", "implementer", "--status"]
    const first = await on(...finding, "finding", "--summary", "the first")
    const second = await on(...finding, "complete", "--summary", "the second")
    const content = ["--from", "implementer", "--to", "auditor", "--type", "ready_for_audit", "--session", "impl-001"]
    await on("handoff", "create", ...content)
    return [first.wake_id, second.wake_id]
  }
  const history = async (id: string, transport: ReadonlyArray<string>) =>
    (await json(["session", "history", id, ...transport])).map((entry: object) => JSON.stringify(entry))

  it("goes to files and back without loss, and takes over what scripts did meanwhile", async () => {
    const data = join(temporaryFolder(cleanups), "data")
    const transport = ["--data-dir", data]
    const [first = "", second = ""] = await seed(transport)
    const before = await history("impl-001", transport)

    const plan = await json(["rollback", "--to", "files", "--dry-run", ...transport])
    assert.deepStrictEqual(plan.inventory, {
      sessions: 2,
      live: ["audit-001"],
      checkpoints: 1,
      pending_wakes: [first, second],
      open_handoffs: plan.inventory.open_handoffs
    })
    assert.lengthOf(plan.inventory.open_handoffs, 1)
    assert.strictEqual(Object.keys(plan.flags).length, 4)
    assert.isTrue((await json(["flags", ...transport])).ENABLE_WAKE_MESSAGING.value)

    // What is gone is made again.
    rmSync(join(data, "agent-status", "audit-001.json"))
    rmSync(join(data, "wake"), { recursive: true })
    const back = await json(["rollback", "--to", "files", ...transport])
    assert.deepStrictEqual([back.ok, back.problems, back.smoke.status], [true, [], "complete"])
    assert.lengthOf(
      readdirSync(join(data, "wake")).filter((name) => name.endsWith(".json")),
      2
    )

    // The scripts go on.
    script(data, "checkpoint.sh", "audit-001", "testing", "axe", "by a script")
    script(data, "status-update.sh", "audit-001", "customKey", "theirs")
    script(data, "wake-ack.sh", first)

    const forward = await json(["rollback", "--to", "sessions", ...transport])
    assert.deepStrictEqual([forward.ok, forward.problems], [true, []])
    assert.deepStrictEqual((await history("impl-001", transport)).slice(0, before.length), before)
    assert.deepStrictEqual(
      (await json(["wake", "list", ...transport])).map(({ wake_id }: { wake_id: string }) => wake_id),
      [second]
    )
    const audit = await json(["session", "show", "audit-001", ...transport])
    assert.deepStrictEqual(
      audit.checkpoints.map(({ milestone }: { milestone: string }) => milestone),
      ["axe"]
    )
    assert.include(readFileSync(join(data, "agent-status", "audit-001.json"), "utf8"), '"customKey": "theirs"')
    const handoffs = await json(["handoff", "list", "--status", "pending", ...transport])
    assert.lengthOf(handoffs, 1)
    assert.isTrue((await json(["wake", "audit", ...transport])).balanced)
    assert.isTrue((await json(["flags", ...transport])).ENABLE_SESSION_PERSISTENCE.value)
  })

  it("says so with exit 6 if a file cannot be converted, and leaves that file as it is", async () => {
    const data = join(temporaryFolder(cleanups), "data")
    const transport = ["--data-dir", data]
    await seed(transport)
    const file = join(data, "agent-status", "audit-001.json")
    writeFileSync(file, "{ broken")
    const done = await run(["rollback", "--to", "files", "--no-smoke", "--json", ...transport])
    assert.strictEqual(done.code, 6)
    const { ok, problems, smoke } = JSON.parse(done.stdout)
    assert.deepStrictEqual([ok, smoke], [false, undefined])
    assert.match(problems.join("\n"), /audit-001\.json, line 1/)
    assert.strictEqual(readFileSync(file, "utf8"), "{ broken")
  })

  it("says what the environment keeps off on the way forward", async () => {
    const transport = ["--data-dir", join(temporaryFolder(cleanups), "data")]
    const env = { ENABLE_PARALLEL_EXECUTION: "false" }
    const { code, stdout } = await run(["rollback", "--to", "sessions", "--no-smoke", "--json", ...transport], env)
    const expected = ["ENABLE_PARALLEL_EXECUTION stays off: the environment of this process says so"]
    assert.deepStrictEqual([code, JSON.parse(stdout).problems], [6, expected])
  })

  it("lets a run in flight end the way it began, while it is mirrored", async () => {
    const folder = temporaryFolder(cleanups)
    const data = join(folder, "data")
    const transport = ["--data-dir", data]
    const gate = join(folder, "gate")
    const agent = (name: string, more = "") =>
      `  - { name: ${name}, role: AUDITOR, task_type: wait${more}, prompt: P, command: [/bin/sh, -c, "cat > /dev/null; while [ ! -e ${gate} ]; do sleep 0.1; done; echo done"] }\n`
    writeFileSync(
      join(folder, "w.yaml"),
      `name: waiting\nagents:\n${agent("a")}${agent("b")}${agent("c", ", needs: [a]")}`
    )
    const running = start(["run", join(folder, "w.yaml"), "--json", ...transport])
    const isRunning = async () => (await json(["session", "list", "--status", "running", ...transport])).length === 2
    assert.isTrue(await within(10_000, isRunning))
    const back = await json(["rollback", "--to", "files", ...transport])
    assert.deepStrictEqual([back.ok, back.before.live.length], [true, 2])
    appendFileSync(gate, "")
    const ended = await running.ended
    const document = JSON.parse(ended.stdout)
    assert.strictEqual(document.status, "complete", ended.stderr)
    const [a, b, c] = document.agents
    const kept = await json(["session", "list", ...transport])
    const ids = kept.map(({ session_id }: { session_id: string }) => session_id)
    assert.includeMembers(ids, [a.session_id, b.session_id])
    // Spawned after the rollback: what is left of it are the files.
    for (const { session_id } of [a, b, c]) {
      assert.match(readFileSync(join(data, "agent-status", `${session_id}.json`), "utf8"), /"status": "completed"/)
    }
    assert.isTrue((await json(["wake", "audit", ...transport])).balanced)
  })

  it("is done by a run itself where there is reason to, if the policy is to act", async () => {
    const folder = temporaryFolder(cleanups)
    const data = join(folder, "data")
    const transport = ["--data-dir", data]
    await seed(transport)
    writeFileSync(join(data, "agent-status", "theirs.json"), "{ cut sh")
    const gate = join(folder, "gate")
    const wait = `cat > /dev/null; while [ ! -e ${gate} ]; do sleep 0.1; done; echo done`
    const agent = `{ name: a, role: AUDITOR, task_type: wait, prompt: P, command: [/bin/sh, -c, "${wait}"] }`
    writeFileSync(join(folder, "w.yaml"), `name: waiting\nagents:\n  - ${agent}\n`)
    const running = start(["run", join(folder, "w.yaml"), "--json", ...transport], { SARTOR_ROLLBACK_POLICY: "act" })
    const isBack = async () => !(await json(["flags", ...transport])).ENABLE_WAKE_MESSAGING.value
    assert.isTrue(await within(20_000, isBack))
    appendFileSync(gate, "")
    const { code, stderr } = await running.ended
    assert.strictEqual(code, 0, stderr)
    assert.match(stderr, /Rolled back to files because legacy_breakage is 1 files, more than 0 files: .*theirs\.json/)
    assert.strictEqual((await run(["triggers", ...transport])).code, 6)
  })

  it("keeps on NATS what a legacy file cannot hold beside the data", async () => {
    const folder = temporaryFolder(cleanups)
    const transport = await natsTransport(cleanups, folder)
    await seed(transport)
    const before = await history("impl-001", transport)
    const back = await json(["rollback", "--to", "files", ...transport])
    assert.deepStrictEqual([back.ok, back.problems], [true, []])
    const lines = readFileSync(back.exported, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    const records = lines.filter(({ key }) => key === "session/impl-001")
    assert.lengthOf(records, before.length)
    const forward = await json(["rollback", "--to", "sessions", ...transport])
    assert.deepStrictEqual([forward.ok, forward.exported], [true, undefined])
    assert.deepStrictEqual(await history("impl-001", transport), before)
  })
})
