import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Wakes } from "@sartor/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { build } from "./internal/bundle.ts"
import { errorOf, type Place, place, until } from "./internal/sartor.ts"

beforeAll(build)

type Json = Record<string, unknown>

const withSession = Effect.tap(place, ({ sartor }) =>
  sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", "one-1"])
)

const send = ({ json }: Place, ...args: ReadonlyArray<string>) =>
  Effect.map(
    json<{ wake_id: string }>(["wake", "send", "--session", "one-1", ...args]),
    ({ document }) => document.wake_id
  )

const message = (fields: object = {}) =>
  JSON.stringify({
    session_id: "one-1",
    agent_role: "AUDITOR",
    status: "finding",
    timestamp: "2026-01-31T12:00:00Z",
    ...fields
  })

describe.concurrent("sartor wake", () => {
  it.live("gives up on a message that does not end", () =>
    Effect.gen(function* () {
      const { start } = yield* place
      const { ended } = yield* start(["wake", "send", "--message", "-"], { open: true })
      const { code, stderr } = yield* ended
      assert.deepStrictEqual([code, stderr], [2, "sartor: no message came on stdin within 10 seconds\n"])
    })
  )

  it.live("watch prints each wake once, as it comes, and acknowledges it if it is told to", () =>
    Effect.gen(function* () {
      const it = yield* withSession
      const { json, start } = it
      const before = yield* send(it, "--status", "finding", "--summary", "First")
      const looking = yield* start(["wake", "watch", "--json"])
      const told = (text: string) =>
        text
          .split("\n")
          .slice(0, -1)
          .map((line): Json => JSON.parse(line))
      yield* until(() => told(looking.stdout()).length === 1)
      const after = yield* send(it, "--status", "complete", "--summary", "Second")
      yield* until(() => told(looking.stdout()).length === 2)
      assert.deepStrictEqual(
        told(looking.stdout()).map(({ wake_id }) => wake_id),
        [before, after]
      )
      assert.lengthOf((yield* json<ReadonlyArray<Json>>(["wake", "list"])).document, 2)
      const acking = yield* start(["wake", "watch", "--ack"])
      yield* until(() => acking.stdout().split("\n").length === 3)
      assert.match(acking.stdout(), /finding {2}to main {2}First\n.*complete {2}to main {2}Second\n$/)
      const waiting = Effect.map(json<ReadonlyArray<Json>>(["wake", "list"]), ({ document }) => document.length)
      yield* Effect.repeat(waiting, { until: (count) => count === 0 })
      looking.child.kill("SIGTERM")
      acking.child.kill("SIGTERM")
      assert.deepStrictEqual([(yield* looking.ended).code, (yield* acking.ended).code], [143, 143])
      const audit = yield* json<Json>(["wake", "audit"])
      assert.deepInclude(audit.document, { committed: 2, acknowledged: 2, balanced: true })
    })
  )

  it.live("sends a wake, lists it, acknowledges it, and accounts for it", () =>
    Effect.gen(function* () {
      const it = yield* withSession
      const { json, sartor } = it
      const id = yield* send(
        it,
        "--status",
        "complete",
        "--role",
        "auditor",
        "--summary",
        "Done",
        "--file",
        "a.ts",
        "--file",
        "b.ts",
        "--handoff",
        "handoff_1_0a1b2c3d",
        "--next-role",
        "planner",
        "--priority",
        "critical"
      )
      assert.match(id, /^one-1\/1\/[0-9A-Z]{26}$/)
      const { document } = yield* json<ReadonlyArray<Json>>(["wake", "list"])
      const { timestamp, ...wake } = document[0] ?? {}
      assert.match(String(timestamp), /Z$/)
      assert.deepStrictEqual(wake, {
        wake_id: id,
        session_id: "one-1",
        agent_role: "AUDITOR",
        status: "complete",
        summary: "Done",
        deliverables: { files: ["a.ts", "b.ts"], handoff_id: "handoff_1_0a1b2c3d" },
        next_role: "PLANNER",
        run: 1,
        priority: "critical",
        attempt: 0,
        orchestrator: "main",
        origin: "sartor",
        state: "ready"
      })
      assert.match((yield* sartor(["wake", "list"])).stdout, /^one-1\/1\/\w+ +main +complete +critical +ready .*Done$/m)
      assert.deepStrictEqual((yield* json<unknown>(["wake", "list", "--orchestrator", "other"])).document, [])

      const acknowledged = yield* json<Json>(["wake", "ack", id])
      assert.deepStrictEqual(acknowledged.document, { wake_id: id, acknowledged: true })
      assert.strictEqual((yield* sartor(["wake", "ack", id])).code, 0)
      const unknown = yield* sartor(["wake", "ack", "one-1/1/nope", "--json"])
      assert.deepStrictEqual([unknown.code, errorOf(unknown).code], [3, "not_found"])
      const audit = yield* json<Json>(["wake", "audit"])
      assert.deepStrictEqual(
        [audit.code, audit.document],
        [
          0,
          {
            committed: 1,
            acknowledged: 1,
            pending: 0,
            dead: 0,
            balanced: true,
            missing: [],
            unknown: [],
            repeated: []
          }
        ]
      )
    })
  )

  it.live("refuses what cannot be sent", () =>
    Effect.gen(function* () {
      const { sartor } = yield* withSession
      const to = ["wake", "send", "--json", "--session", "one-1"]
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, number, string]> = [
        [["wake", "send", "--json"], 2, "session"],
        [to, 2, "status"],
        [[...to, "--status", "done"], 2, "status"],
        [[...to, "--status", "complete", "--role", "planner"], 2, "role"],
        [[...to, "--status", "complete", "--role", "judge"], 2, "role"],
        [[...to, "--status", "complete", "--next-role", "judge"], 2, "next-role"],
        [[...to, "--status", "complete", "--priority", "urgent"], 2, "priority"],
        [[...to, "--message", "-"], 2, "session"],
        [["wake", "send", "--json", "--message", "wake.json"], 2, "message"]
      ]
      for (const [args, code, field] of wrong) {
        const ended = yield* sartor(args)
        assert.deepStrictEqual([ended.code, errorOf(ended)["field"]], [code, field], args.join(" "))
      }
    })
  )

  it.live("takes one ending of a run, and refuses the next with 4", () =>
    Effect.gen(function* () {
      const it = yield* withSession
      yield* send(it, "--status", "finding", "--summary", "first")
      yield* send(it, "--status", "complete")
      const again = yield* it.sartor(["wake", "send", "--session", "one-1", "--status", "failed", "--json"])
      assert.deepStrictEqual([again.code, errorOf(again).code], [4, "conflict"])
    })
  )

  it.live("reads the wire format, keeps what it does not know, and sends the same wake once", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* withSession
      const wake_id = "one-1/1/01M81GVR3EX6287CRQMXKATAYY"
      const input = message({
        wake_id,
        agent_role: "auditor",
        summary: "grüß 漢字",
        deliverables: { files: ["a"], handoff_id: null },
        mood: { is: ["good"] }
      })
      const first = yield* json<Json>(["wake", "send", "--message", "-"], { input })
      const second = yield* json<Json>(["wake", "send", "--message", "-"], { input })
      assert.deepStrictEqual([first.document, second.document], [{ wake_id }, { wake_id }])
      const other = yield* sartor(["wake", "send", "--message", "-", "--json"], {
        input: message({ wake_id, summary: "x" })
      })
      assert.deepStrictEqual([other.code, errorOf(other).code], [4, "conflict"])
      const { document } = yield* json<ReadonlyArray<Json>>(["wake", "list"])
      assert.strictEqual(document.length, 1)
      assert.deepInclude(document[0], {
        wake_id,
        agent_role: "AUDITOR",
        summary: "grüß 漢字",
        mood: { is: ["good"] },
        timestamp: "2026-01-31T12:00:00Z"
      })
    })
  )

  it.live("names by its JSON pointer what is wrong in a message", () =>
    Effect.gen(function* () {
      const { sartor } = yield* withSession
      const wrong: ReadonlyArray<readonly [string, string]> = [
        ["", "message"],
        ["{", "message"],
        ["7", "/"],
        ["[]", "/"],
        [message({ status: "done" }), "/status"],
        [message({ timestamp: "yesterday" }), "/timestamp"],
        [message({ session_id: "../x" }), "/session_id"],
        [message({ agent_role: "judge" }), "/agent_role"],
        [message({ agent_role: undefined }), "/agent_role"],
        [message({ deliverables: { files: ["a", 7] } }), "/deliverables/files/1"],
        [message({ usage: { input_tokens: -1, output_tokens: 0, cost_usd: 0 } }), "/usage/input_tokens"],
        [message({ priority: "urgent" }), "/priority"],
        [message({ wake_id: "../../x" }), "/wake_id"],
        [message({ summary: "x".repeat(300_000) }), "message"],
        [message({ summary: "é".repeat(131_000) }), "wake"]
      ]
      for (const [input, field] of wrong) {
        const ended = yield* sartor(["wake", "send", "--message", "-", "--json"], { input })
        assert.deepStrictEqual([ended.code, errorOf(ended)["field"]], [2, field], input.slice(0, 200))
      }
      const gone = yield* sartor(["wake", "send", "--message", "-"], { input: message({ session_id: "no-such" }) })
      assert.strictEqual(gone.code, 3)
    })
  )

  it.live("lists dead letters and gives one another round", () =>
    Effect.gen(function* () {
      const it = yield* withSession
      const { json, sartor, seed } = it
      const id = yield* send(it, "--status", "complete")
      yield* seed(Wakes.Wakes.use((wakes) => wakes.handle("main", () => Effect.fail("no"), { maxAttempts: 1 })))
      const { document } = yield* json<ReadonlyArray<Json>>(["wake", "dead"])
      assert.deepInclude(document[0], { wake_id: id, orchestrator: "main" })
      assert.match((yield* sartor(["wake", "dead"])).stdout, /its handler failed/)
      assert.include((yield* json<Json>(["wake", "audit"])).document, { dead: 1, balanced: true })
      assert.deepStrictEqual((yield* json<Json>(["wake", "dead", "--requeue", id])).document, {
        wake_id: id,
        requeued: true
      })
      assert.strictEqual((yield* sartor(["wake", "dead", "--requeue", id])).code, 3)
      assert.deepStrictEqual((yield* json<unknown>(["wake", "dead"])).document, [])
      assert.strictEqual((yield* json<ReadonlyArray<Json>>(["wake", "list"])).document.length, 1)
    })
  )

  it.live("offers what was committed and never offered, before it lists", () =>
    Effect.gen(function* () {
      const it = yield* withSession
      const { folder, json } = it
      yield* send(it, "--status", "complete")
      fs.rmSync(path.join(folder, "data/sartor/default/queues"), { recursive: true })
      const { document } = yield* json<ReadonlyArray<Json>>(["wake", "list"])
      assert.deepStrictEqual(
        document.map(({ state }) => state),
        ["ready"]
      )
    })
  )

  it.live("ends with 6 when the ledger does not balance", () =>
    Effect.gen(function* () {
      const it = yield* withSession
      const { folder, json, sartor } = it
      const id = yield* send(it, "--status", "complete")
      yield* sartor(["wake", "ack", id])
      fs.rmSync(path.join(folder, "data/sartor/default/journals/session"), { recursive: true })
      const { code, document } = yield* json<Json>(["wake", "audit"])
      assert.deepStrictEqual([code, document["balanced"], document["unknown"]], [6, false, [id]])
      assert.match((yield* sartor(["wake", "audit"])).stdout, /^balanced +NO$/m)
    })
  )
})
