import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Sessions } from "@sartor/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { build } from "./internal/bundle.ts"
import { errorOf, place, until } from "./internal/sartor.ts"

beforeAll(build)

const scripts = path.resolve(import.meta.dirname, "../../../tests/legacy/scripts")

const shipped = path.resolve(import.meta.dirname, "../scripts")

type Json = Record<string, unknown>

const words = (line: string) => line.split(" ")

/** A data folder on which the command works, and the scripts of the system before, at the same time. */
const hybrid = Effect.map(place, (here) => {
  const file = (name: string) => path.join(here.folder, "data", name)
  const list = (name: string) =>
    fs.existsSync(file(name)) ? fs.readdirSync(file(name)).filter((one) => one.endsWith(".json")) : []
  return {
    ...here,
    file,
    list,
    text: (name: string) => fs.readFileSync(file(name), "utf8"),
    parse: (name: string): Json => JSON.parse(fs.readFileSync(file(name), "utf8")),
    /** One of the old scripts, with words that hold no single quote. */
    script: (name: string, ...args: ReadonlyArray<string>) =>
      here.shell(`DATA_DIR=data ${scripts}/${name} ${args.map((arg) => `'${arg}'`).join(" ")}`),
    create: (id: string, ...more: ReadonlyArray<string>) =>
      here.sartor(["session", "create", "--role", "implementer", "--task-type", "x", "--id", id, ...more]),
    documents: <A = Json>(...args: ReadonlyArray<string>) =>
      Effect.map(here.json<ReadonlyArray<A>>(args), ({ document }) => document),
    put: (name: string, value: unknown) => {
      fs.mkdirSync(path.dirname(file(name)), { recursive: true })
      fs.writeFileSync(file(name), JSON.stringify(value, undefined, 2))
    }
  }
})

describe.concurrent("the legacy files beside a fleet", () => {
  it.live(
    "a session has a status file and a log from its creation on, which go when it is deleted; the lock stays",
    () =>
      Effect.gen(function* () {
        const { create, file, parse, sartor, text } = yield* hybrid
        yield* create("impl-001", "--prompt", 'Write a "parser" for }')
        const { sartorVersion, status, ...first } = parse("agent-status/impl-001.json")
        assert.deepStrictEqual([sartorVersion, status, first["currentTask"]], ["1", "idle", 'Write a "parser" for }'])
        assert.notMatch(text("agent-status/impl-001.json").slice(0, -2), /\}|\\"/)
        yield* sartor(["checkpoint", "impl-001", "testing", "unit/tests", 'all "green" | yes'])
        assert.match(text("checkpoints/impl-001.log"), /^[^|]+Z\|testing\|unit_tests\|all \\"green\\" \| yes\n$/)
        const after = parse("agent-status/impl-001.json")
        assert.deepStrictEqual(
          [after["phase"], after["milestone"], after["progress"], after["milestoneHistory"], after["sartorVersion"]],
          ["testing", "unit_tests", "0.8", ["unit_tests"], "2"]
        )
        yield* sartor(["session", "delete", "impl-001"])
        assert.isFalse(fs.existsSync(file("agent-status/impl-001.json")))
        assert.isFalse(fs.existsSync(file("checkpoints/impl-001.log")))
        assert.isTrue(fs.existsSync(file("agent-status/impl-001.json.lock")))
      })
  )

  it.live("a wake has a file, critical ones in URGENT too; an old script acknowledges it for good", () =>
    Effect.gen(function* () {
      const { create, documents, json, list, parse, sartor, script } = yield* hybrid
      yield* create("impl-001")
      const sent = yield* json<{ wake_id: string }>(
        words("wake send --session impl-001 --status blocked --summary Stuck --priority critical")
      )
      const { wake_id } = sent.document
      const [name = ""] = list("wake")
      assert.match(name, /^\d+-impl-001-[0-9a-f]{6}\.json$/)
      assert.deepStrictEqual(list("wake/URGENT"), [name])
      const { timestamp: _, ...wake } = parse(`wake/${name}`)
      assert.deepStrictEqual(wake, {
        wakeId: wake_id,
        agentId: "impl-001",
        type: "BLOCKED",
        message: "Stuck",
        priority: "critical",
        acknowledged: false
      })
      assert.strictEqual(parse("agent-status/impl-001.json")["wakeMessageSent"], true)
      assert.strictEqual((yield* script("wake-ack.sh", wake_id)).code, 0)
      assert.deepStrictEqual(yield* documents("wake", "list"), [])
      const { acknowledged, balanced, committed } = (yield* json<Json>(["wake", "audit"])).document
      assert.deepStrictEqual([acknowledged, balanced, committed], [1, true, 1])
      yield* sartor(["session", "list"])
      assert.strictEqual(parse("agent-status/impl-001.json")["wakeMessageSent"], false)
    })
  )

  it.live("our acknowledgement is written into both files of a wake, and into the status of its session", () =>
    Effect.gen(function* () {
      const { create, json, list, parse, sartor } = yield* hybrid
      yield* create("impl-001")
      const { document } = yield* json<{ wake_id: string }>(
        words("wake send --session impl-001 --status complete --priority critical")
      )
      yield* sartor(["wake", "ack", document.wake_id])
      for (const folder of ["wake", "wake/URGENT"]) {
        const { acknowledged, acknowledgedAt } = parse(`${folder}/${list(folder)[0]}`)
        assert.strictEqual(acknowledged, true)
        assert.match(String(acknowledgedAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      }
      const { status, wakeMessageSent } = parse("agent-status/impl-001.json")
      assert.deepStrictEqual([status, wakeMessageSent], ["completed", false])
    })
  )

  it.live("an agent of the old scripts shows as a legacy session, and its wakes can be acknowledged here", () =>
    Effect.gen(function* () {
      const { create, documents, list, parse, sartor, script } = yield* hybrid
      yield* create("impl-001")
      yield* script("status-update.sh", "Old.Agent_1", "currentTask", "indexes")
      yield* script("status-update.sh", "Old.Agent_1", "role", "auditor")
      yield* script("status-update.sh", "Old.Agent_1", "status", "ready_for_audit")
      yield* script("wake.sh", "Old.Agent_1", "ERROR", "it broke", "critical")
      const sessions = yield* documents("session", "list")
      assert.deepStrictEqual(
        sessions.map(({ origin, role, session_id, status }) => [session_id, origin, role, status]),
        [
          ["impl-001", "sartor", "IMPLEMENTER", "created"],
          ["Old.Agent_1", "legacy", "AUDITOR", "complete"]
        ]
      )
      assert.deepStrictEqual(yield* documents("session", "list", "--status", "failed"), [])
      assert.include((yield* sartor(["monitor", "--once"])).stdout, "Old.Agent_1")
      const [wake, ...others] = yield* documents("wake", "list")
      assert.deepStrictEqual(others, [])
      assert.deepInclude(wake, { session_id: "Old.Agent_1", status: "failed", summary: "it broke", origin: "legacy" })
      assert.strictEqual((yield* sartor(["wake", "ack", String(wake?.["wake_id"])])).code, 0)
      assert.deepStrictEqual(yield* documents("wake", "list"), [])
      for (const folder of ["wake", "wake/URGENT"]) {
        assert.strictEqual(parse(`${folder}/${list(folder)[0]}`)["acknowledged"], true)
      }
      assert.strictEqual(parse("agent-status/Old.Agent_1.json")["wakeMessageSent"], false)
      assert.strictEqual((yield* sartor(["wake", "ack", "wake-1-000000"])).code, 3)
    })
  )

  it.live("what old scripts write about a session of ours is kept and shown, and moves it nowhere", () =>
    Effect.gen(function* () {
      const { create, json, parse, sartor, script, text } = yield* hybrid
      yield* create("impl-001")
      yield* sartor(["wake", "send", "--session", "impl-001", "--status", "finding", "--summary", "ours"])
      yield* script("checkpoint.sh", "impl-001", "cleanup", "swept", "by a script")
      yield* script("status-update.sh", "impl-001", "ticket", "T-17")
      yield* script("status-update.sh", "impl-001", "findings", "theirs")
      yield* script("status-update.sh", "impl-001", "status", "completed")
      const shown = (yield* json<Json>(["session", "show", "impl-001"])).document
      assert.strictEqual(shown["status"], "running")
      assert.deepStrictEqual(shown["legacy"], { ticket: "T-17", findings: ["theirs"], status: "completed" })
      const checkpoints = shown["checkpoints"]
      assert.isTrue(Array.isArray(checkpoints) && checkpoints.length === 1)
      assert.deepInclude(Array.isArray(checkpoints) && checkpoints[0], {
        phase: "cleanup",
        milestone: "swept",
        details: "by a script"
      })
      const status = parse("agent-status/impl-001.json")
      assert.deepInclude(status, { ticket: "T-17", findings: ["theirs", "ours"], status: "active", phase: "cleanup" })
      // Once: nothing of it comes back as something new.
      const { version } = shown
      yield* sartor(["session", "list"])
      assert.strictEqual((yield* json<Json>(["session", "show", "impl-001"])).document["version"], version)
      assert.lengthOf(text("checkpoints/impl-001.log").trimEnd().split("\n"), 1)
    })
  )

  it.live("checkpoints of two scripts and of two processes of ours at once are each there once", () =>
    Effect.gen(function* () {
      const { create, json, shell, text } = yield* hybrid
      yield* create("impl-001")
      const old = (who: string) =>
        shell(`for i in $(seq 20); do DATA_DIR=data ${scripts}/checkpoint.sh impl-001 testing ${who}-$i; done`)
      const ours = (who: string) => shell(`for i in $(seq 5); do sartor checkpoint impl-001 cleanup ${who}-$i; done`)
      const ended = yield* Effect.all([old("a"), old("b"), ours("c"), ours("d")], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        ended.map(({ code }) => code),
        [0, 0, 0, 0]
      )
      const milestones = ["a", "b"].flatMap((who) => Array.from({ length: 20 }, (_, i) => `${who}-${i + 1}`))
      const own = ["c", "d"].flatMap((who) => Array.from({ length: 5 }, (_, i) => `${who}-${i + 1}`))
      const expected = [...milestones, ...own].toSorted()
      const shown = yield* json<{ checkpoints: ReadonlyArray<{ milestone: string }> }>(["session", "show", "impl-001"])
      assert.deepStrictEqual(shown.document.checkpoints.map(({ milestone }) => milestone).toSorted(), expected)
      const lines = text("checkpoints/impl-001.log").trimEnd().split("\n")
      assert.deepStrictEqual(lines.map((line) => line.split("|")[2]).toSorted(), expected)
      assert.strictEqual((yield* json<Json>(["verify"])).document["ok"], true)
    })
  )

  it.live("a mirror that was deleted is written again, with what scripts had added", () =>
    Effect.gen(function* () {
      const { create, file, parse, sartor, script } = yield* hybrid
      yield* create("impl-001")
      yield* script("status-update.sh", "impl-001", "ticket", "T-17")
      yield* sartor(["session", "list"])
      fs.rmSync(file("agent-status/impl-001.json"))
      yield* sartor(["checkpoint", "impl-001", "testing", "m"])
      assert.deepInclude(parse("agent-status/impl-001.json"), { ticket: "T-17", milestone: "m" })
    })
  )

  it.live(
    "findings of a running session become wakes, and feedback is told to it and acknowledged once it is read",
    () =>
      Effect.gen(function* () {
        const { create, documents, parse, put, sartor, seed } = yield* hybrid
        yield* create("impl-001")
        yield* sartor(["session", "resume", "impl-001"])
        const finding = { findingId: "finding-impl-001-001", agentId: "impl-001", topic: "auth", content: "weak" }
        put("findings/impl-001/finding-001.json", { ...finding, importance: 0.8, timestamp: "2026-01-31T12:00:00Z" })
        const other = { findingId: "finding-old-001", agentId: "old", topic: "speed", content: "slow" }
        put("findings/old/finding-001.json", { ...other, importance: 0.5, timestamp: "2026-01-31T12:00:00Z" })
        const feedback = { feedbackId: "fb-1", targetAgent: "impl-001", type: "correction", severity: "critical" }
        put("feedback/impl-001-1-000001.json", {
          ...feedback,
          message: "Not the cache",
          timestamp: "2026-01-31T12:00:00Z",
          acknowledged: false
        })
        const wakes = yield* documents("wake", "list")
        assert.deepStrictEqual(
          wakes.map(({ origin, status, summary }) => [origin, status, summary]),
          [
            ["legacy", "finding", "speed: slow"],
            ["sartor", "finding", "auth: weak"]
          ]
        )
        // No echo: what came from a file has no second one.
        assert.deepStrictEqual(parse("agent-status/impl-001.json")["findings"], [])
        yield* sartor(["wake", "ack", "finding-old-001"])
        assert.lengthOf(yield* documents("wake", "list"), 1)
        const told = (yield* documents("session", "history", "impl-001")).filter(({ kind }) => kind === "told")
        assert.lengthOf(told, 1)
        assert.deepInclude(told[0], { priority: "critical" })
        assert.include(String(told[0]?.["text"]), "Not the cache")
        assert.strictEqual(parse("agent-status/impl-001.json")["pendingFeedback"], true)
        assert.strictEqual(parse("feedback/impl-001-1-000001.json")["acknowledged"], false)
        // As a worker does that gives it to its agent.
        yield* seed(
          Sessions.Sessions.use((sessions) =>
            Effect.flatMap(sessions.open("impl-001"), ({ update }) =>
              update(({ run, unread }, at) =>
                Effect.succeed([{ type: "heard", at, run, versions: unread.map(({ version }) => version) }])
              )
            )
          )
        )
        yield* sartor(["session", "list"])
        assert.strictEqual(parse("feedback/impl-001-1-000001.json")["acknowledged"], true)
        assert.strictEqual(parse("agent-status/impl-001.json")["pendingFeedback"], false)
      })
  )

  it.live("feedback that an agent of ours has acknowledged with a script is told to it no more", () =>
    Effect.gen(function* () {
      const { create, documents, json, parse, sartor, shell } = yield* hybrid
      const run = (line: string) => shell(`PATH="$(dirname "$NODE"):$PATH"; ${shipped}/${line}`)
      yield* create("impl-001")
      yield* sartor(["session", "resume", "impl-001"])
      const { stdout } = yield* run("feedback.sh impl-001 blocker stop critical")
      yield* sartor(["session", "list"])
      assert.strictEqual(parse("agent-status/impl-001.json")["pendingFeedback"], true)
      assert.strictEqual((yield* run(`feedback-ack.sh impl-001 ${JSON.parse(stdout).feedbackId}`)).code, 0)
      yield* sartor(["session", "list"])
      assert.strictEqual(parse("agent-status/impl-001.json")["pendingFeedback"], false)
      const kinds = (yield* documents("session", "history", "impl-001")).map(({ kind }) => kind)
      assert.deepStrictEqual(kinds.slice(-2), ["told", "heard"])
      assert.strictEqual((yield* json<Json>(["verify"])).document["ok"], true)
    })
  )

  it.live("handoffs go both ways: ours have files that jq may move on, theirs can be accepted here", () =>
    Effect.gen(function* () {
      const { documents, file, json, parse, put, sartor, shell, text, write } = yield* hybrid
      write(
        "content.json",
        JSON.stringify({
          context: { taskId: "T1" },
          deliverable: { summary: "done", location: "src" },
          nextSteps: { instructions: ["audit"] }
        })
      )
      const created = yield* json<{ handoff_id: string; handoff: { timestamp: string } }>(
        words("handoff create --from implementer --to auditor --type ready_for_audit --file content.json")
      )
      const { handoff, handoff_id } = created.document
      const ours = `handoffs/${handoff.timestamp.slice(0, 10)}/${handoff_id}.json`
      assert.deepInclude(parse(ours), { context: { taskId: "T1" } })
      yield* shell(
        `jq '.handoff.status = "accepted"' ${file(ours)} > ${file(ours)}.tmp && mv ${file(ours)}.tmp ${file(ours)}`
      )
      assert.strictEqual((yield* json<Json>(["handoff", "show", handoff_id])).document["status"], "accepted")
      yield* sartor(["handoff", "complete", handoff_id])
      assert.include(text(ours), '"status": "completed"')
      const chain = parse(`${path.dirname(ours)}/chain_T1.json`)
      assert.deepInclude(chain, { chainId: "chain_T1", taskId: "T1", outcome: "completed" })
      put(`${path.dirname(ours)}/chain_T1.json`, { ...chain, metrics: { kept: true } })

      const theirs = "handoffs/2026-01-31/handoff_1769860800000_0a1b2c3d.json"
      put(theirs, {
        handoff: {
          from: "PLANNER",
          to: "IMPLEMENTER",
          timestamp: "2026-01-31T12:00:00Z",
          type: "ready_for_implementation",
          status: "pending",
          handoffId: "handoff_1769860800000_0a1b2c3d"
        },
        context: { taskId: "T2" },
        custom: { kept: 1 }
      })
      const listed = yield* documents("handoff", "list", "--status", "pending")
      assert.deepStrictEqual(
        listed.map((one) => one["handoff_id"]),
        ["handoff_1769860800000_0a1b2c3d"]
      )
      const rejected = ["handoff", "reject", "handoff_1769860800000_0a1b2c3d", "--reason", 'No "plan"']
      assert.strictEqual((yield* sartor(rejected)).code, 0)
      assert.deepInclude(parse(theirs), {
        custom: { kept: 1 },
        issues: [{ severity: "critical", description: 'No "plan"' }]
      })
      assert.include(text(theirs), '"status": "rejected"')
      assert.deepInclude(parse("handoffs/index.json"), {
        total_handoffs: 2,
        total_chains: 2,
        by_type: { ready_for_audit: 1, ready_for_implementation: 1 }
      })
      assert.deepInclude(parse(`${path.dirname(ours)}/chain_T1.json`), { metrics: { kept: true } })
    })
  )

  it.live("while a run goes on, what an old script acknowledges reaches it within a second or so", () =>
    Effect.gen(function* () {
      const { create, json, list, parse, script, start, write } = yield* hybrid
      yield* create("impl-001")
      const { document } = yield* json<{ wake_id: string }>(
        words("wake send --session impl-001 --status finding --summary seen")
      )
      const agents = [
        { name: "one", role: "AUDITOR", task_type: "wait", retries: 0, command: ["sh", "-c", "sleep 4; echo done"] }
      ]
      write("w.json", JSON.stringify({ name: "w", agents }))
      const run = yield* start(["run", "w.json", "--quiet"])
      // The status of its agent is there while it works.
      yield* until(() => list("agent-status").some((name) => name.startsWith("auditor-wait-")))
      yield* script("wake-ack.sh", document.wake_id)
      yield* until(() => parse("agent-status/impl-001.json")["wakeMessageSent"] === false)
      const { code } = yield* run.ended
      assert.strictEqual(code, 0)
      const agent = list("agent-status").find((name) => name.startsWith("auditor-wait-"))
      assert.strictEqual(parse(`agent-status/${agent}`)["status"], "completed")
    })
  )

  it.live("what cannot be mirrored is a warning that names the file, and fails nothing", () =>
    Effect.gen(function* () {
      const { create, file, json, sartor } = yield* hybrid
      yield* create("impl-001")
      const status = file("agent-status/impl-001.json")
      fs.renameSync(status, `${status}.moved`)
      fs.symlinkSync(`${status}.moved`, status)
      const sent = yield* json<Json>(words("wake send --session impl-001 --status complete"))
      assert.strictEqual(sent.code, 0)
      assert.match(sent.stderr, /warn: The legacy files: .*impl-001\.json was left as it is: it is a symbolic link/)
      assert.isTrue(fs.lstatSync(status).isSymbolicLink())
      fs.rmSync(file("agent-status"), { recursive: true })
      fs.writeFileSync(file("agent-status"), "in the way")
      const second = yield* create("impl-002")
      assert.strictEqual(second.code, 0)
      assert.match(second.stderr, /warn: The legacy files: .*agent-status/)
      assert.strictEqual((yield* sartor(["session", "show", "impl-002"])).code, 0)
    })
  )

  it.live("without a mirror there are no legacy files", () =>
    Effect.gen(function* () {
      const { file, sartor } = yield* hybrid
      const env = { SARTOR_LEGACY_MIRROR: "false" }
      yield* sartor(["session", "create", "--role", "auditor", "--task-type", "x"], { env })
      assert.isFalse(fs.existsSync(file("agent-status")))
      assert.strictEqual((yield* sartor(["session", "list"], { env: { SARTOR_LEGACY_MIRROR: "maybe" } })).code, 2)
    })
  )

  it.live("a checkpoint and a wake of a legacy agent go into its files", () =>
    Effect.gen(function* () {
      const { documents, json, parse, sartor, text } = yield* hybrid
      const made = yield* json<Json>(["checkpoint", "Old_1", "planning", "drafted", "twice"])
      assert.deepInclude(made.document, { session_id: "Old_1", origin: "legacy", phase: "planning" })
      assert.match(text("checkpoints/Old_1.log"), /\|planning\|drafted\|twice\n$/)
      const { document } = yield* json<{ wake_id: string }>(["wake", "send", "--agent", "Old_1", "--status", "failed"])
      assert.deepStrictEqual(
        (yield* documents("wake", "list")).map(({ priority, session_id, wake_id }) => [wake_id, session_id, priority]),
        [[document.wake_id, "Old_1", "high"]]
      )
      assert.strictEqual(parse("agent-status/Old_1.json")["wakeMessageSent"], true)
      assert.strictEqual((yield* sartor(["checkpoint", "Old_1", "coding", "x"])).code, 2)
      assert.strictEqual((yield* sartor(["checkpoint", "nobody-here", "testing", "x"])).code, 3)
      assert.strictEqual((yield* sartor(["wake", "send", "--agent", "Old_1"])).code, 2)
      assert.strictEqual((yield* sartor(["wake", "send", "--agent", "a/b", "--status", "failed"])).code, 2)
    })
  )

  it.live("sartor status does what the scripts do, and says that it is deprecated", () =>
    Effect.gen(function* () {
      const { json, sartor, shell } = yield* hybrid
      const updated = yield* sartor(["status", "update", "a", "status", "blocked"])
      assert.deepStrictEqual([updated.code, updated.stdout], [0, '{"updated":"status","agent":"a"}\n'])
      assert.include(updated.stderr, "deprecated")
      assert.strictEqual((yield* sartor(["status", "read"])).stdout, "=== AGENT STATUS ===\n[blocked] a: idle\n")
      assert.deepInclude((yield* json<ReadonlyArray<Json>>(["status", "read"])).document[0], { agentId: "a" })
      assert.strictEqual((yield* sartor(["status", "cleanup"])).stdout, "Cleanup complete\n")
      yield* shell(`exec 9>data/agent-status/a.json.lock; flock -x 9; (sleep 20; true) >/dev/null 2>&1 & true`)
      const locked = yield* sartor(["status", "update", "a", "status", "idle", "--json"])
      assert.deepStrictEqual([locked.code, errorOf(locked).code], [5, "lock_timeout"])
    })
  )
})

describe.concurrent("sartor verify", () => {
  it.live("finds nothing wrong with a fleet that was never damaged", () =>
    Effect.gen(function* () {
      const { create, json, sartor } = yield* hybrid
      yield* create("impl-001")
      yield* sartor(["wake", "send", "--session", "impl-001", "--status", "complete"])
      const { code, document } = yield* json<Json>(["verify"])
      assert.deepStrictEqual([code, document["ok"], document["problems"]], [0, true, []])
    })
  )

  it.live("names each damaged file with path and line, repairs what mirrors, and leaves what is not ours", () =>
    Effect.gen(function* () {
      const { create, file, json, list, parse, sartor, script, text } = yield* hybrid
      yield* create("impl-001")
      yield* create("impl-002")
      yield* sartor(["wake", "send", "--session", "impl-001", "--status", "blocked", "--priority", "critical"])
      yield* script("status-update.sh", "old", "status", "active")
      const damaged = '{\n  "agentId": "impl-001",\n  "ro'
      fs.writeFileSync(file("agent-status/impl-001.json"), damaged)
      fs.writeFileSync(file("agent-status/old.json"), '{\n  "a": 1,\n}\n')
      fs.rmSync(file(`wake/${list("wake")[0]}`))
      fs.rmSync(file("agent-status/impl-002.json"))
      fs.writeFileSync(file("agent-status/.impl-002.json.sartor-draft"), "half")
      fs.mkdirSync(file("checkpoints"), { recursive: true })
      fs.writeFileSync(file("checkpoints/old.log"), "2026-01-31T12:00:00Z|testing|m|\nnonsense\n")
      const before = yield* json<{ problems: ReadonlyArray<Json> }>(["verify"])
      assert.strictEqual(before.code, 6)
      const found = before.document.problems.map(({ file, kind, line }) => [kind, path.basename(String(file)), line])
      assert.includeDeepMembers(found, [
        ["file", "impl-001.json", 3],
        ["file", "old.json", 3],
        ["file", "old.log", 2],
        ["file", ".impl-002.json.sartor-draft", undefined],
        ["mirror", "impl-002.json", undefined]
      ])
      assert.isTrue(found.some(([kind, name]) => kind === "mirror" && /^\d+-impl-001-/.test(String(name))))
      assert.strictEqual(text("agent-status/impl-001.json"), damaged)

      const after = yield* json<{ problems: ReadonlyArray<Json> }>(["verify", "--repair"])
      assert.deepStrictEqual(
        after.document.problems.map(({ file, line }) => [path.basename(String(file)), line]),
        [
          ["old.json", 3],
          ["old.log", 2]
        ]
      )
      assert.strictEqual(after.code, 6)
      assert.deepInclude(parse("agent-status/impl-001.json"), { agentId: "impl-001", status: "blocked" })
      const kept = fs.readdirSync(file("agent-status")).filter((name) => name.includes("damaged"))
      assert.deepStrictEqual(
        kept.map((name) => text(`agent-status/${name}`)),
        [damaged]
      )
      assert.strictEqual(text("agent-status/old.json"), '{\n  "a": 1,\n}\n')
    })
  )

  it.live("says which key of a mirror is not as it should be, and changes nothing by itself", () =>
    Effect.gen(function* () {
      const { create, file, json, sartor, script, text } = yield* hybrid
      yield* create("impl-001")
      yield* script("status-update.sh", "impl-001", "status", "completed")
      yield* script("status-update.sh", "impl-001", "custom", "theirs")
      const tampered = text("agent-status/impl-001.json")
      const { code, document } = yield* json<{ problems: ReadonlyArray<Json> }>(["verify"])
      assert.strictEqual(code, 6)
      assert.deepStrictEqual(document.problems, [
        {
          kind: "mirror",
          file: file("agent-status/impl-001.json"),
          line: 4,
          message: '"status" is "completed", and should be "idle"'
        }
      ])
      assert.strictEqual(text("agent-status/impl-001.json"), tampered)
      const repaired = yield* sartor(["verify", "--repair"])
      assert.deepStrictEqual([repaired.code, repaired.stderr], [0, ""])
      const shown = (yield* json<Json>(["session", "show", "impl-001"])).document
      assert.deepStrictEqual([shown["status"], shown["legacy"]], ["created", { status: "completed", custom: "theirs" }])
    })
  )

  it.live("finds damage in a journal, and a ledger that does not balance", () =>
    Effect.gen(function* () {
      const { create, file, json, sartor } = yield* hybrid
      yield* create("impl-001")
      yield* create("impl-002")
      yield* sartor(["wake", "send", "--session", "impl-001", "--status", "complete"])
      fs.appendFileSync(file("sartor/default/journals/session/impl-002.log"), "torn{")
      fs.appendFileSync(file("sartor/default/journals/session/impl-002.log"), "\n")
      fs.rmSync(file("sartor/default/journals/session/impl-001.log"))
      const { code, document } = yield* json<{ problems: ReadonlyArray<Json> }>(["verify"])
      assert.strictEqual(code, 6)
      const kinds = document.problems.map(({ file, kind }) => `${String(kind)} ${path.basename(String(file))}`)
      assert.include(kinds, "journal impl-002.log")
      assert.isTrue(kinds.some((one) => one.startsWith("ledger ")))
    })
  )
})
