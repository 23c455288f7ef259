import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as child from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { build, node } from "./internal/bundle.ts"
import { type Ended, place } from "./internal/sartor.ts"

beforeAll(build)

const scripts = path.resolve(import.meta.dirname, "../scripts")
const manifest = JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../package.json"), "utf8"))

/** A data folder, with what runs a script that ships with the command as a user's shell would. */
const here = Effect.map(place, ({ folder }) => {
  const run = (name: string, ...args: ReadonlyArray<string>) =>
    Effect.callback<Ended>((resume) => {
      const started = child.spawn(path.join(scripts, name), args, {
        cwd: folder,
        env: { PATH: `${path.dirname(node)}:${process.env["PATH"]}`, HOME: folder },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let stdout = ""
      let stderr = ""
      started.stdout.on("data", (text) => (stdout += text))
      started.stderr.on("data", (text) => (stderr += text))
      started.on("close", (code) => resume(Effect.succeed({ code: code ?? -1, stdout, stderr })))
    })
  const file = (name: string) => path.join(folder, "data", name)
  const files = (name: string) =>
    fs.existsSync(file(name))
      ? fs.readdirSync(file(name)).filter((one) => one.endsWith(".json") && !one.startsWith("."))
      : []
  return { folder, run, file, files, read: (name: string) => fs.readFileSync(file(name), "utf8") }
})

const json = ({ stdout }: Ended) => JSON.parse(stdout)
const code = ({ code }: Ended) => code

describe.concurrent("the scripts of the legacy system", () => {
  it("are all there, can be run, and are installed under their names", () => {
    const there = fs.readdirSync(scripts)
    assert.lengthOf(there, 18)
    for (const name of there) {
      assert.strictEqual(fs.statSync(path.join(scripts, name)).mode & 0o111, 0o111, name)
      assert.strictEqual(manifest.bin[name], `./scripts/${name}`)
    }
    assert.include(manifest.files, "scripts")
  })

  it.live("status-update.sh makes a file in the order of the scripts, and says on stderr that it is deprecated", () =>
    Effect.gen(function* () {
      const { read, run } = yield* here
      const made = yield* run("status-update.sh", "agent.One_2", "currentTask", 'it\'s "new" } & /')
      assert.deepStrictEqual([made.code, made.stdout], [0, '{"updated":"currentTask","agent":"agent.One_2"}\n'])
      assert.match(made.stderr, /^status-update\.sh: status files are deprecated[^\n]*\n$/)
      const text = read("agent-status/agent.One_2.json")
      assert.match(
        text,
        /^\{\n {2}"agentId": "agent\.One_2",\n {2}"currentTask": "it's \\u0022new\\u0022 \\u007d & \/",\n {2}"lastUpdate": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",\n {2}"status": "active",\n {2}"findings": \[\]\n\}\n$/
      )
      yield* run("status-update.sh", "agent.One_2", "findings", "one")
      yield* run("status-update.sh", "agent.One_2", "findings", "two")
      yield* run("status-update.sh", "agent.One_2", "wakeMessageSent", "true")
      yield* run("status-update.sh", "agent.One_2", "status", "blocked")
      const { findings, status, wakeMessageSent } = JSON.parse(read("agent-status/agent.One_2.json"))
      assert.deepStrictEqual([findings, status, wakeMessageSent], [["two", "one"], "blocked", true])
    })
  )

  it.live("status-read.sh lists what there is, and status-cleanup.sh deletes what is an hour old", () =>
    Effect.gen(function* () {
      const { file, run } = yield* here
      assert.deepStrictEqual((yield* run("status-read.sh")).stdout, "=== AGENT STATUS ===\n")
      yield* run("status-update.sh", "b", "currentTask", "builds")
      yield* run("status-update.sh", "a", "status", "idle")
      const read = yield* run("status-read.sh")
      assert.deepStrictEqual(
        [read.code, read.stdout, read.stderr],
        [0, "=== AGENT STATUS ===\n[idle] a: idle\n[active] b: builds\n", ""]
      )
      const old = Date.now() / 1000 - 3700
      fs.utimesSync(file("agent-status/a.json"), old, old)
      const cleaned = yield* run("status-cleanup.sh")
      assert.deepStrictEqual([cleaned.code, cleaned.stdout, cleaned.stderr], [0, "Cleanup complete\n", ""])
      assert.deepStrictEqual(fs.readdirSync(file("agent-status")).toSorted(), ["a.json.lock", "b.json", "b.json.lock"])
    })
  )

  it.live("checkpoint.sh writes a line and what it says to the status file, and names the phases that there are", () =>
    Effect.gen(function* () {
      const { read, run } = yield* here
      const made = yield* run("checkpoint.sh", "a", "cleanup", 'half/"way"', "one|two\nthree")
      const said = '{"checkpoint":"half/\\"way\\"","phase":"cleanup","progress":1.0,"agent":"a"}\n'
      assert.deepStrictEqual([made.code, made.stdout, made.stderr], [0, said, ""])
      assert.match(read("checkpoints/a.log"), /^[^|]+Z\|cleanup\|half\/\\"way\\"\|one\|two\\nthree\n$/)
      const status = JSON.parse(read("agent-status/a.json"))
      assert.deepStrictEqual(
        [status.phase, status.milestone, status.progress, status.checkpointDetails, status.milestoneHistory],
        ["cleanup", "half__way_", "1.0", "one|two\nthree", ["half__way_"]]
      )
      const wrong = yield* run("checkpoint.sh", "a", "coding", "x")
      assert.deepStrictEqual([wrong.code, wrong.stdout], [1, ""])
      assert.include(wrong.stderr, "research, planning, implementation, testing, cleanup")
    })
  )

  it.live("wake.sh, wake-check.sh and wake-ack.sh pass a message on, once it is dealt with to nobody", () =>
    Effect.gen(function* () {
      const { files, read, run } = yield* here
      const none = yield* run("wake-check.sh")
      assert.deepStrictEqual([none.code, none.stdout], [1, "[]\n"])
      yield* run("status-update.sh", "a", "status", "active")
      const sent = yield* run("wake.sh", "a", "BLOCKED", "--no access--", "critical")
      const { agentId, priority, status, type, wakeId } = json(sent)
      assert.deepStrictEqual([code(sent), agentId, priority, status, type], [0, "a", "critical", "sent", "BLOCKED"])
      assert.match(wakeId, /^wake-\d+-[0-9a-f]{6}$/)
      assert.strictEqual(JSON.parse(read("agent-status/a.json")).wakeMessageSent, true)
      yield* run("wake.sh", "a", "FINDING", "seen")
      assert.lengthOf(files("wake"), 2)
      assert.deepStrictEqual(files("wake/URGENT").length, 1)

      const all = yield* run("wake-check.sh")
      assert.deepStrictEqual([code(all), json(all).length], [0, 2])
      assert.include(all.stdout, `"wakeId": "${wakeId}"`)
      const urgent = yield* run("wake-check.sh", "--urgent-only")
      assert.deepStrictEqual(
        json(urgent).map((wake: { message: string }) => wake.message),
        ["--no access--"]
      )
      const later = yield* run("wake-check.sh", "--since", "2999-01-01T00:00:00Z")
      assert.deepStrictEqual([code(later), later.stdout], [1, "[]\n"])

      const done = yield* run("wake-ack.sh", wakeId)
      assert.deepStrictEqual([done.code, done.stdout], [0, `{"status": "acknowledged", "wakeId": "${wakeId}"}\n`])
      assert.strictEqual(JSON.parse(read(`wake/URGENT/${files("wake/URGENT")[0]}`)).acknowledged, true)
      assert.strictEqual(JSON.parse(read("agent-status/a.json")).wakeMessageSent, true)
      for (const { wakeId } of json(yield* run("wake-check.sh"))) yield* run("wake-ack.sh", wakeId)
      assert.strictEqual(JSON.parse(read("agent-status/a.json")).wakeMessageSent, false)

      const unknown = yield* run("wake-ack.sh", "wake-1-ffffff")
      assert.deepStrictEqual(
        [unknown.code, unknown.stdout, unknown.stderr],
        [1, "", '{"error":"Wake message not found","wakeId":"wake-1-ffffff"}\n']
      )
    })
  )

  it.live("handoff-signal.sh signals a handoff, and copies its file", () =>
    Effect.gen(function* () {
      const { folder, read, run } = yield* here
      fs.writeFileSync(path.join(folder, "handoff.json"), '{"handoff": {"handoffId": "handoff_1_0a1b2c3d"}}')
      const args = ["a", "ready_for_audit", "handoff_1_0a1b2c3d", "AUDITOR", "handoff.json"]
      const done = yield* run("handoff-signal.sh", ...args)
      const lines = ["status", "handoffId", "nextRole"].map((key) => `{"updated":"${key}","agent":"a"}\n`)
      assert.deepStrictEqual(
        [done.code, done.stdout],
        [0, `${lines.join("")}Handoff signaled: handoff_1_0a1b2c3d → AUDITOR\n`]
      )
      assert.strictEqual(
        read("handoffs/handoff_1_0a1b2c3d.json"),
        fs.readFileSync(path.join(folder, "handoff.json"), "utf8")
      )
      const { handoffId, nextRole, status } = JSON.parse(read("agent-status/a.json"))
      assert.deepStrictEqual([handoffId, nextRole, status], ["handoff_1_0a1b2c3d", "AUDITOR", "ready_for_audit"])
      assert.strictEqual((yield* run("handoff-signal.sh", "a", "done", "h", "AUDITOR")).code, 1)
      assert.strictEqual((yield* run("handoff-signal.sh", "a", "complete", "h", "PLANNER")).code, 1)
    })
  )

  it.live("finding-write.sh numbers findings, and finding-search.sh finds them by topic", () =>
    Effect.gen(function* () {
      const { read, run } = yield* here
      const first = yield* run("finding-write.sh", "a", "auth", "weak } token", "0.8")
      assert.deepStrictEqual(
        [first.code, first.stdout],
        [0, '{"findingId":"finding-a-001","topic":"auth","importance":0.8,"file":"data/findings/a/finding-001.json"}\n']
      )
      // At once: the numbers are given under a lock.
      const more = yield* Effect.all(
        [1, 2, 3].map((n) => run("finding-write.sh", "a", "auth", `finding ${n}`)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(more.map((one) => json(one).findingId).toSorted(), [
        "finding-a-002",
        "finding-a-003",
        "finding-a-004"
      ])
      yield* run("finding-write.sh", "b", "auth", "other", "0.9")
      const gathered = JSON.parse(read("findings/_aggregated/topic-auth.json"))
      assert.deepStrictEqual([gathered.topic, gathered.count, gathered.findings.length], ["auth", 5, 5])
      const found = json(yield* run("finding-search.sh", "auth", "--agent", "a", "--min-importance", "0.6"))
      assert.deepStrictEqual(
        [found.topic, found.filters, found.count, found.findings[0].content],
        ["auth", { agent: "a", minImportance: 0.6 }, 1, "weak } token"]
      )
      assert.strictEqual(json(yield* run("finding-search.sh", "nothing")).count, 0)
      assert.strictEqual((yield* run("finding-write.sh", "a", "auth", "x", "1.5")).code, 1)
    })
  )

  it.live("feedback.sh, feedback-check.sh and feedback-ack.sh tell an agent, until it has read it", () =>
    Effect.gen(function* () {
      const { read, run } = yield* here
      yield* run("status-update.sh", "a", "status", "active")
      const none = yield* run("feedback-check.sh", "a")
      assert.deepStrictEqual([none.code, none.stdout], [1, "[]\n"])
      const given = yield* run("feedback.sh", "a", "correction", "not so", "warning")
      const { feedbackId, ...rest } = json(given)
      assert.deepStrictEqual(rest, { targetAgent: "a", type: "correction", severity: "warning", status: "delivered" })
      assert.strictEqual(JSON.parse(read("agent-status/a.json")).pendingFeedback, true)
      const pending = yield* run("feedback-check.sh", "a")
      assert.deepStrictEqual([code(pending), json(pending)[0].message], [0, "not so"])
      assert.strictEqual((yield* run("feedback-ack.sh", "a", "fb-0-000000")).code, 1)
      assert.strictEqual((yield* run("feedback-ack.sh", "a", feedbackId, "seen")).code, 0)
      assert.strictEqual(JSON.parse(read("agent-status/a.json")).pendingFeedback, false)
      assert.strictEqual((yield* run("feedback-check.sh", "a")).code, 1)
    })
  )

  it.live("a wrong argument prints the usage on stderr, nothing on stdout, and ends with 1", () =>
    Effect.gen(function* () {
      const { folder, run } = yield* here
      const mistakes: ReadonlyArray<readonly [string, ...Array<string>]> = [
        ["status-update.sh", "a", "status"],
        ["status-update.sh", "../a", "status", "idle"],
        ["checkpoint.sh", "a", "testing"],
        ["wake.sh", "a", "NOTHING", "text"],
        ["wake.sh", "a", "ERROR", "text", "low"],
        ["wake-check.sh", "--what"],
        ["wake-check.sh", "--since"],
        ["wake-ack.sh"],
        ["handoff-signal.sh", "a", "ready_for_audit", "../h", "AUDITOR", "/dev/null"],
        ["handoff-signal.sh", "a", "ready_for_audit", "h", "AUDITOR", "missing.json"],
        ["finding-write.sh", "a", "topic"],
        ["finding-search.sh"],
        ["feedback.sh", "a", "praise", "text"],
        ["feedback-check.sh"],
        ["feedback-ack.sh", "a"]
      ]
      for (const [name, ...args] of mistakes) {
        const { code, stderr, stdout } = yield* run(name, ...args)
        assert.deepStrictEqual([code, stdout], [1, ""], `${name} ${args.join(" ")}`)
        assert.include(stderr, `Usage: ${name}`)
      }
      assert.isFalse(fs.existsSync(path.join(folder, "data")))
    })
  )

  it.live("the scripts that the plan adds are the commands", () =>
    Effect.gen(function* () {
      const { run } = yield* here
      const id = (yield* run("session-manager.sh", "create", "--role", "auditor", "--task-type", "x")).stdout.trim()
      assert.include((yield* run("session-manager.sh", "list")).stdout, id)
      assert.include((yield* run("monitor-background-agents.sh")).stdout, id)
      assert.strictEqual((yield* run("session-handoff.sh", "list", "--json")).stdout, "[]\n")
      assert.strictEqual((yield* run("verify-agent-status-files.sh")).code, 0)
      assert.include((yield* run("rollback-session-to-files.sh", "--help")).stdout, "rollback")
    })
  )
})
