import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { natsTransport } from "../support/nats.ts"
import { json, run, start, temporaryFolder, within } from "../support/sartor.ts"

const script = (folder: string, name: string, ...args: ReadonlyArray<string>) =>
  spawnSync(join(import.meta.dirname, "scripts", name), args, {
    env: { ...process.env, DATA_DIR: join(folder, "data") }
  })

const node = process.execPath
const command = join(import.meta.dirname, "../../packages/cli/bin/sartor.mjs")

describe("the legacy files beside NATS", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it("lie in the data folder of the machine, and go both ways", async () => {
    const folder = temporaryFolder(cleanups)
    const transport = await natsTransport(cleanups, folder)
    const create = ["session", "create", "--role", "auditor", "--task-type", "x", "--id", "impl-001"]
    assert.strictEqual((await run([...create, ...transport])).code, 0)
    const send = ["wake", "send", "--session", "impl-001", "--status", "complete", "--summary", "done"]
    const { wake_id } = await json([...send, ...transport])
    const wakes = readdirSync(join(folder, "data/wake"))
    assert.lengthOf(wakes, 1)
    assert.strictEqual(script(folder, "wake-ack.sh", wake_id).status, 0)
    assert.strictEqual(script(folder, "checkpoint.sh", "impl-001", "cleanup", "swept").status, 0)
    assert.deepStrictEqual(await json(["wake", "list", ...transport]), [])
    assert.deepInclude(await json(["wake", "audit", ...transport]), { acknowledged: 1, balanced: true })
    const { checkpoints } = await json(["session", "show", "impl-001", ...transport])
    assert.deepInclude(checkpoints[0], { phase: "cleanup", milestone: "swept" })
    const status = JSON.parse(readFileSync(join(folder, "data/agent-status/impl-001.json"), "utf8"))
    assert.deepInclude(status, { status: "completed", wakeMessageSent: false, milestone: "swept" })
    assert.strictEqual((await run(["verify", ...transport])).code, 0)
  })

  it("lie where the orchestrator is, also of agents that a worker elsewhere executes", async () => {
    const folder = temporaryFolder(cleanups)
    const elsewhere = temporaryFolder(cleanups)
    const transport = await natsTransport(cleanups, folder)
    const worker = start(["worker", ...transport.slice(0, 4), "--data-dir", join(elsewhere, "data")])
    cleanups.push(() => worker.child.kill("SIGKILL"))
    const steps = "sartor checkpoint $SARTOR_SESSION_ID testing crawled; sleep 2; echo done"
    const agent = {
      name: "one",
      role: "AUDITOR",
      task_type: "x",
      retries: 0,
      command: ["bash", "-c", `sartor() { ${node} ${command} "$@"; }; ${steps}`]
    }
    writeFileSync(join(folder, "w.json"), JSON.stringify({ name: "w", agents: [agent] }))
    const running = start(["run", join(folder, "w.json"), "--elsewhere", "--quiet", "--json", ...transport])
    const statusOf = () => {
      const statuses = join(folder, "data/agent-status")
      const name = existsSync(statuses) ? readdirSync(statuses).find((one) => one.endsWith(".json")) : undefined
      return name === undefined ? {} : JSON.parse(readFileSync(join(statuses, name), "utf8"))
    }
    assert.isTrue(
      await within(15_000, async () => statusOf().milestone === "crawled" && statusOf().status === "active")
    )
    const { code, stderr } = await running.ended
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(statusOf().status, "completed")
    assert.isFalse(existsSync(join(elsewhere, "data/agent-status")))
  }, 60_000)
})
