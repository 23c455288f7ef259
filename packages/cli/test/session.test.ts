import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Sessions } from "@sartor/core"
import { Effect } from "effect"
import { build } from "./internal/bundle.ts"
import { errorOf, place } from "./internal/sartor.ts"

beforeAll(build)

interface Document {
  readonly session_id: string
  readonly [key: string]: unknown
}

describe.concurrent("sartor session", () => {
  it.live("creates a session and prints its id, or its document", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* place
      const plain = yield* sartor(["session", "create", "--role", "auditor", "--task-type", "Security Check"])
      assert.match(plain.stdout, /^auditor-security-check-[0-9a-z]{8}\n$/)
      const args = ["--id", "impl-001", "--prompt", "Do it", "--meta", "ticket=42", "--meta", "url=a=b"]
      const { code, document } = yield* json<Document>([
        "session",
        "create",
        "--role",
        "Implementer",
        "--task-type",
        "feature",
        ...args,
        "--parent",
        plain.stdout.trim(),
        "--orchestrator",
        "night-shift"
      ])
      const { created_at, updated_at, ...rest } = document
      assert.strictEqual(code, 0)
      assert.match(String(created_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.strictEqual(updated_at, created_at)
      assert.deepStrictEqual(rest, {
        session_id: "impl-001",
        role: "IMPLEMENTER",
        task_type: "feature",
        status: "created",
        version: 1,
        run: 0,
        orchestrator: "night-shift",
        parent_id: plain.stdout.trim(),
        runner: "external",
        origin: "sartor",
        metadata: { ticket: "42", url: "a=b" }
      })
    })
  )

  it.live("refuses what cannot be a session, naming the flag", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const create = (...args: ReadonlyArray<string>) =>
        sartor(["session", "create", "--json", "--role", "auditor", "--task-type", "x", ...args])
      for (const id of [
        "../x",
        "/etc/passwd",
        "a/b",
        "Impl-001",
        "a--b",
        "-x",
        "ab",
        "a".repeat(129),
        "a%2eb",
        "a\nb"
      ]) {
        const ended = yield* create(`--id=${id}`)
        assert.deepStrictEqual([ended.code, errorOf(ended)["field"]], [2, "id"], id)
      }
      const meta = yield* create("--meta", "novalue")
      assert.deepStrictEqual([meta.code, errorOf(meta)["field"]], [2, "meta"])
      const parent = yield* create("--parent", "no-such-parent")
      assert.deepStrictEqual([parent.code, errorOf(parent).code], [3, "not_found"])
      const role = yield* sartor(["session", "create", "--role", "judge", "--task-type", "x"])
      assert.strictEqual(role.code, 2)
      assert.match(role.stderr, /^sartor: Unknown role "judge"\n +use one of PLANNER, .*SARTOR_ROLES\n$/)
      const added = yield* sartor(["session", "create", "--role", "judge", "--task-type", "x"], {
        env: { SARTOR_ROLES: "critic, Judge" }
      })
      assert.strictEqual(added.code, 0)
    })
  )

  it.live("refuses an id that is taken, with 4", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const create = ["session", "create", "--role", "auditor", "--task-type", "x", "--id", "impl-001", "--json"]
      assert.strictEqual((yield* sartor(create)).code, 0)
      const again = yield* sartor(create)
      assert.deepStrictEqual([again.code, errorOf(again).code], [4, "conflict"])
    })
  )

  it.live("lists by status and role, for people and for programs", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* place
      const none = yield* sartor(["session", "list"])
      assert.deepStrictEqual([none.code, none.stdout], [0, ""])
      yield* sartor([
        "session",
        "create",
        "--role",
        "auditor",
        "--task-type",
        "x",
        "--id",
        "one-1",
        "--prompt",
        "\u001b[31mred"
      ])
      yield* sartor(["session", "create", "--role", "planner", "--task-type", "x", "--id", "two-2"])
      yield* sartor(["wake", "send", "--session", "two-2", "--status", "complete"])
      const all = yield* sartor(["session", "list"])
      assert.match(
        all.stdout,
        /^SESSION +ROLE +STATUS +RUN +UPDATED +TASK\ntwo-2 +PLANNER +complete .*\none-1 +AUDITOR +created .*x: red\n$/
      )
      const ids = (...args: ReadonlyArray<string>) =>
        Effect.map(json<ReadonlyArray<Document>>(["session", "list", ...args]), ({ document }) =>
          document.map(({ session_id }) => session_id)
        )
      assert.deepStrictEqual(yield* ids("--status", "complete"), ["two-2"])
      assert.deepStrictEqual(yield* ids("--role", "auditor"), ["one-1"])
      assert.deepStrictEqual(yield* ids("--status", "running"), [])
    })
  )

  it.live("shows a session with its checkpoints and waiting wakes", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* place
      yield* sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", "one-1"])
      const point = yield* json<object>(["checkpoint", "one-1", "testing", "axe", "7 pages"])
      const made = { session_id: "one-1", version: 2, phase: "testing", milestone: "axe", details: "7 pages" }
      assert.deepStrictEqual(point.document, made)
      yield* sartor(["wake", "send", "--session", "one-1", "--status", "complete", "--summary", "All is well"])
      const { document } = yield* json<Record<string, ReadonlyArray<Record<string, unknown>>>>([
        "session",
        "show",
        "one-1"
      ])
      const { at, ...checkpoint } = document["checkpoints"]?.[0] ?? {}
      assert.isString(at)
      assert.deepStrictEqual(checkpoint, { version: 2, phase: "testing", milestone: "axe", details: "7 pages" })
      assert.strictEqual(document["pending_wakes"]?.[0]?.["summary"], "All is well")
      const { stdout } = yield* sartor(["session", "show", "one-1"])
      assert.match(stdout, /^status +complete$/m)
      assert.match(stdout, /^result +All is well$/m)
      assert.match(stdout, /^2 +testing\/axe .*7 pages$/m)
    })
  )

  it.live("lists every record of a session's journal", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* place
      yield* sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", "one-1"])
      yield* sartor(["wake", "send", "--session", "one-1", "--status", "finding", "--summary", "Look here"])
      const { document } = yield* json<ReadonlyArray<Record<string, unknown>>>(["session", "history", "one-1"])
      assert.deepStrictEqual(
        document.map(({ kind, version }) => [version, kind]),
        [
          [1, "created"],
          [2, "started"],
          [3, "finding"]
        ]
      )
      assert.isTrue(document.every(({ at }) => typeof at === "string"))
      const { stdout } = yield* sartor(["session", "history", "one-1"])
      assert.match(stdout, /^3 .* finding +run=1 +wake=finding normal Look here$/m)
    })
  )

  it.live("ends with 3 for a session that is not there, with 2 for what cannot be one", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const commands = [
        ["session", "show"],
        ["session", "history"],
        ["session", "logs"],
        ["session", "logs", "--follow"],
        ["checkpoint", "ID", "a", "b"],
        ["wake", "send", "--status", "complete", "--session"]
      ]
      for (const command of commands) {
        const to = (id: string) =>
          sartor(command.includes("ID") ? command.map((word) => (word === "ID" ? id : word)) : [...command, id])
        assert.strictEqual((yield* to("no-such")).code, 3, command.join(" "))
        assert.strictEqual((yield* to("../../etc")).code, 2, command.join(" "))
      }
    })
  )

  it.live("prints a checkpoint's name beside an agent's result, not into it", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      yield* sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", "one-1"])
      const named = yield* sartor(["checkpoint", "one-1", "testing", "axe"])
      assert.deepStrictEqual([named.code, named.stdout], [0, ""])
      assert.include(named.stderr, "testing/axe is version 2 of one-1")
      assert.strictEqual((yield* sartor(["checkpoint", "one-1", " ", "axe"])).code, 2)
      const env = { SARTOR_SESSION_ID: "one-1", SARTOR_RUN: "first" }
      const odd = yield* sartor(["checkpoint", "one-1", "testing", "axe"], { env })
      assert.strictEqual(odd.code, 2)
      assert.include(odd.stderr, "SARTOR_RUN")
    })
  )

  it.live("lists 300 sessions whole, and to a reader that leaves without a word", () =>
    Effect.gen(function* () {
      const { json, seed, shell } = yield* place
      yield* seed(
        Effect.gen(function* () {
          const sessions = yield* Sessions.Sessions
          yield* Effect.forEach(
            Array.from({ length: 300 }, (_, index) => index),
            (index) =>
              sessions.create({ id: `bulk-${index}`, role: "AUDITOR", taskType: "bulk", prompt: "x".repeat(1000) }),
            { concurrency: 16 }
          )
        })
      )
      const { document } = yield* json<ReadonlyArray<unknown>>(["session", "list"])
      assert.strictEqual(document.length, 300)
      const left = yield* shell('sartor session list --json | head -c 100; echo " ${PIPESTATUS[0]}"')
      assert.strictEqual(left.stderr, "")
      assert.match(left.stdout, /^\[\{"session_id".{80,} (0|141)\n$/)
      const slow = yield* shell("sartor session list --json | (sleep 0.5; wc -c)")
      assert.isAbove(Number(slow.stdout), 70_000)
    })
  )

  it.live("shows everything on one screen, or as one document", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* place
      const empty = yield* json<object>(["monitor", "--once"])
      const { at, ...nothing } = { at: "", ...empty.document }
      assert.match(at, /Z$/)
      assert.deepStrictEqual(nothing, { sessions: [], runs: [], queues: [], wakes: [], alerts: [] })
      yield* sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", "one-1"])
      yield* sartor(["wake", "send", "--session", "one-1", "--status", "blocked", "--summary", "Which one?"])
      const { document } = yield* json<Record<string, ReadonlyArray<Record<string, unknown>>>>(["monitor", "--once"])
      assert.strictEqual(document["sessions"]?.[0]?.["status"], "blocked")
      assert.strictEqual(document["wakes"]?.[0]?.["priority"], "high")
      assert.deepInclude(document["queues"] ?? [], {
        name: "wake/main",
        ready: 1,
        in_flight: 0,
        delayed: 0,
        dead: 0,
        oldest_age_ms: document["queues"]?.[0]?.["oldest_age_ms"]
      })
      const { stdout } = yield* sartor(["monitor", "--once"])
      assert.match(stdout, /^RUNS: none$/m)
      assert.match(stdout, /^one-1 .* blocked /m)
      assert.match(stdout, /Which one\?$/m)
    })
  )
})
