import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { json, run, temporaryFolder } from "../support/sartor.ts"

const sartor = join(import.meta.dirname, "..", "..", "packages", "cli", "bin", "sartor.mjs")
const allOff = {
  ENABLE_BACKGROUND_AGENTS: "false",
  ENABLE_WAKE_MESSAGING: "false",
  ENABLE_SESSION_PERSISTENCE: "false",
  ENABLE_PARALLEL_EXECUTION: "false"
}
const statusFiles = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".json"))

describe("all flags off", { timeout: 120_000 }, () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it("is the legacy system: status files, logs and handoffs, one agent at a time, and nothing else of them", async () => {
    const folder = temporaryFolder(cleanups)
    const data = join(folder, "data")
    const log = join(folder, "order")
    const script = `cat > /dev/null
echo "+$1" >> ${log}
${process.execPath} ${sartor} wake send --session "$SARTOR_SESSION_ID" --status finding --summary seen || exit 1
echo '{"type":"checkpoint","phase":"testing","milestone":"half"}'
echo "-$1" >> ${log}
echo done
`
    writeFileSync(join(folder, "agent.sh"), script)
    const agent = (name: string) =>
      `  - { name: ${name}, role: AUDITOR, task_type: t, retries: 0, prompt: P, command: [/bin/sh, agent.sh, ${name}] }\n`
    writeFileSync(join(folder, "w.yaml"), `name: old\nagents:\n${agent("a")}${agent("b")}`)
    const document = await json(["run", join(folder, "w.yaml"), "--data-dir", data], allOff)
    assert.deepStrictEqual([document.status, document.max_parallel], ["complete", 1])
    assert.strictEqual(readFileSync(log, "utf8"), "+a\n-a\n+b\n-b\n")

    assert.lengthOf(statusFiles(join(data, "agent-status")), 2)
    for (const { session_id } of document.agents) {
      const status = JSON.parse(readFileSync(join(data, "agent-status", `${session_id}.json`), "utf8"))
      assert.deepInclude(status, { status: "completed", milestone: "half", findings: ["seen"] })
      assert.match(readFileSync(join(data, "checkpoints", `${session_id}.log`), "utf8"), /^[^|]+\|testing\|half\|\n$/)
    }
    assert.isFalse(existsSync(join(data, "wake")))
    const own = join(data, "sartor", "default")
    assert.isFalse(existsSync(join(own, "journals", "session")))
    assert.isFalse(existsSync(join(own, "queues", "wake")))
    assert.isFalse(existsSync(join(own, "queues", "dispatch")))
    assert.deepStrictEqual(await json(["wake", "list", "--data-dir", data]), [])
  })

  it("wake send says that nobody is woken, and the status file tells it", async () => {
    const data = join(temporaryFolder(cleanups), "data")
    const at = ["--data-dir", data]
    await json(["session", "create", "--id", "impl-1", "--role", "implementer", "--task-type", "t", ...at])
    const send = ["wake", "send", "--session", "impl-1", "--status", "complete", "--summary", "done"]
    const { code, stderr } = await run([...send, ...at], { ENABLE_WAKE_MESSAGING: "false" })
    assert.deepStrictEqual([code, /nobody is woken/.test(stderr)], [0, true], stderr)
    assert.match(readFileSync(join(data, "agent-status", "impl-1.json"), "utf8"), /"status": "completed"/)
    assert.isFalse(existsSync(join(data, "sartor", "default", "queues", "wake")))
    // It is not lost: it is there for whoever looks.
    const [wake] = await json(["wake", "list", ...at])
    assert.deepStrictEqual([wake.state, wake.summary], ["unrelayed", "done"])
    await json(["wake", "ack", wake.wake_id, ...at])
    assert.isTrue((await json(["wake", "audit", ...at])).balanced)
  })
})
