import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Queue } from "@sartor/core"
import { Effect } from "effect"
import { build } from "./internal/bundle.ts"
import { errorOf, type Place, place, until, workflow } from "./internal/sartor.ts"

beforeAll(build)

interface Document {
  readonly session_id: string
  readonly status: string
  readonly [key: string]: unknown
}

const create = ({ sartor }: Place, id: string) =>
  sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", id, "--prompt", "Look"])

/** Versions 1 to 4: created, a checkpoint, begun outside, blocked. */
const blocked = Effect.fnUntraced(function* (place: Place) {
  yield* create(place, "one-1")
  yield* place.sartor(["checkpoint", "one-1", "testing", "axe", "the token"])
  yield* place.sartor(["wake", "send", "--session", "one-1", "--status", "blocked", "--summary", "Which one?"])
})

/** An agent that asks, and goes on with the answer. */
const asks = `
let text = ""
for await (const chunk of process.stdin) text += chunk
const { told, prompt } = JSON.parse(text)
const answer = told.at(-1)?.text
if (answer === undefined) { console.log("Which one?"); process.exit(10) }
console.log(JSON.stringify({ type: "result", summary: prompt + ": " + answer }))
`

describe.concurrent("sartor session", () => {
  it.live("resume marks one that is executed outside as running, and prints what an agent gets", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* blocked(here)
      const { code, stdout } = yield* here.sartor(["session", "resume", "one-1", "--prompt", "The second"])
      assert.strictEqual(code, 0)
      const { checkpoints, told, ...document } = JSON.parse(stdout)
      assert.deepStrictEqual(document, {
        session_id: "one-1",
        run: 2,
        role: "AUDITOR",
        task_type: "x",
        prompt: "Look",
        attempt: 1,
        inputs: {}
      })
      assert.deepInclude(checkpoints[0], { phase: "testing", milestone: "axe" })
      assert.strictEqual(told[0].text, "The second")
      const { document: shown } = yield* here.json<Document>(["session", "show", "one-1"])
      assert.strictEqual(shown.status, "running")
    })
  )

  it.live("tell leaves it something to read when it goes on, the most urgent first", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* blocked(here)
      const tell = (...args: ReadonlyArray<string>) => here.sartor(["session", "tell", "one-1", ...args])
      assert.strictEqual((yield* tell("Be quick")).stdout, "one-1 reads it when it goes on\n")
      yield* tell("Soon over", "--ttl", "1ms")
      assert.strictEqual((yield* tell("Not that one", "--priority", "critical")).code, 0)
      const { document } = yield* here.json<ReadonlyArray<Document>>([
        "session",
        "show",
        "one-1",
        "--context",
        "--kind",
        "told"
      ])
      assert.deepStrictEqual(
        document.map(({ priority, text }) => [text, priority]),
        [
          ["Be quick", undefined],
          ["Soon over", undefined],
          ["Not that one", "critical"]
        ]
      )
      const bad = yield* tell("x", "--ttl", "soon")
      assert.deepStrictEqual([bad.code, bad.stderr.includes("--ttl")], [2, true])
      yield* here.sartor(["session", "cancel", "one-1"])
      assert.strictEqual((yield* tell("Too late")).code, 4)
    })
  )

  it.live("resume answers an agent of a workflow that is blocked, and running the workflow again ends it", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write("asks.mjs", asks)
      here.write(
        "ask.json",
        workflow("ask", [
          { name: "asks", command: ["node", "asks.mjs"], prompt: "Deploy" },
          { name: "after", command: ["echo", "done"], needs: ["asks"] }
        ])
      )
      const first = yield* here.json<{ agents: ReadonlyArray<Document> }>(["run", "ask.json"])
      assert.strictEqual(first.code, 7)
      const id = String(first.document.agents[0]?.session_id)
      const still = yield* here.sartor(["run", "ask.json"])
      assert.strictEqual(still.code, 7)
      const resumed = yield* here.sartor(["session", "resume", id, "--prompt", "to staging"])
      assert.strictEqual(resumed.code, 0)
      assert.match(resumed.stdout, /run its workflow again\n$/)
      const last = yield* here.json<{ status: string; agents: ReadonlyArray<Document> }>(["run", "ask.json"])
      assert.deepStrictEqual([last.code, last.document.status], [0, "complete"])
      assert.deepInclude(last.document.agents[0]?.["result"], { summary: "Deploy: to staging" })
      assert.strictEqual(last.document.agents[0]?.session_id, id)
      assert.strictEqual((yield* here.sartor(["wake", "audit"])).code, 0)
    })
  )

  it.live("S10: resume is refused while a live worker executes it, and names the worker", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write("slow.json", workflow("slow", [{ name: "slow", command: ["sh", "-c", "touch begun; sleep 60"] }]))
      const { child } = yield* here.start(["run", "slow.json"])
      const begun = here.shell("test -e begun")
      yield* until(() => false).pipe(
        Effect.raceFirst(Effect.repeat(begun, { until: ({ code }) => code === 0 })),
        Effect.timeout("20 seconds")
      )
      const { document } = yield* here.json<ReadonlyArray<Document>>(["session", "list"])
      const id = String(document[0]?.session_id)
      const refused = yield* here.sartor(["session", "resume", id, "--json"])
      assert.deepStrictEqual([refused.code, errorOf(refused).code], [4, "owned"])
      assert.include(errorOf(refused).message, `process ${child.pid} on `)
    })
  )

  it.live("rollback takes it back to a version or a checkpoint, and its journal keeps everything", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* blocked(here)
      const { code, document } = yield* here.json<Document>(["session", "rollback", "one-1", "--to", "testing/axe"])
      assert.deepStrictEqual([code, document.status, document["version"]], [0, "created", 5])
      const history = yield* here.json<ReadonlyArray<unknown>>(["session", "history", "one-1"])
      assert.strictEqual(history.document.length, 5)
      const unknown = yield* here.sartor(["session", "rollback", "one-1", "--to", "no/such", "--json"])
      assert.deepStrictEqual([unknown.code, errorOf(unknown).code], [3, "not_found"])
      assert.include(String(errorOf(unknown)["hint"]), "testing/axe")
      assert.strictEqual((yield* here.sartor(["wake", "audit"])).code, 0)
    })
  )

  it.live("fork begins another one from a version", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* blocked(here)
      const args = ["session", "fork", "one-1", "--at", "2", "--id", "fork-1", "--prompt", "Look again"]
      const { code, document } = yield* here.json<Document>(args)
      assert.deepStrictEqual([code, document.status], [0, "created"])
      assert.deepStrictEqual(document["forked_from"], { session_id: "one-1", version: 2 })
      const resumed = yield* here.sartor(["session", "resume", "fork-1"])
      const { checkpoints, prompt } = JSON.parse(resumed.stdout)
      assert.deepStrictEqual([prompt, checkpoints[0].milestone], ["Look again", "axe"])
      const made = yield* here.sartor(["session", "fork", "one-1"])
      assert.match(made.stdout, /^auditor-x-[0-9a-z]{8}\n$/)
    })
  )

  it.live("show --context tells what it knows, by text, kind, count and version", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* blocked(here)
      const ask = (...args: ReadonlyArray<string>) =>
        Effect.map(
          here.json<ReadonlyArray<Record<string, unknown>>>(["session", "show", "one-1", "--context", ...args]),
          ({ document }) => document.map(({ at, kind, version }) => [version, kind, typeof at])
        )
      assert.deepStrictEqual(yield* ask(), [
        [1, "created", "string"],
        [2, "checkpoint", "string"],
        [3, "started", "string"],
        [4, "ended", "string"]
      ])
      assert.deepStrictEqual(yield* ask("--grep", "TOKEN"), [[2, "checkpoint", "string"]])
      assert.deepStrictEqual(yield* ask("--kind", "ended"), [[4, "ended", "string"]])
      assert.deepStrictEqual(yield* ask("--last", "1"), [[4, "ended", "string"]])
      assert.deepStrictEqual(yield* ask("--from", "2", "--to", "2"), [[2, "checkpoint", "string"]])
      const { stdout } = yield* here.sartor(["session", "show", "one-1", "--context", "--grep", "which"])
      assert.match(stdout, /^4 .* ended .*Which one\?/m)
      const alone = yield* here.sartor(["session", "show", "one-1", "--grep", "x", "--json"])
      assert.deepStrictEqual([alone.code, errorOf(alone)["field"]], [2, "grep"])
    })
  )

  it.live("cancel ends it for good and wakes its orchestrator; again it is a conflict", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1")
      const { code, document } = yield* here.json<Document>(["session", "cancel", "one-1", "--reason", "Withdrawn"])
      assert.deepStrictEqual([code, document.status], [0, "cancelled"])
      const wakes = yield* here.json<ReadonlyArray<Record<string, unknown>>>(["wake", "list"])
      assert.deepStrictEqual([wakes.document[0]?.["status"], wakes.document[0]?.["summary"]], ["failed", "Withdrawn"])
      const again = yield* here.sartor(["session", "cancel", "one-1", "--json"])
      assert.deepStrictEqual([again.code, errorOf(again).code], [4, "conflict"])
    })
  )

  it.live("delete is refused while something needs it, and keeps the ledger's counts", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* blocked(here)
      const refused = yield* here.sartor(["session", "delete", "one-1", "--json"])
      assert.deepStrictEqual([refused.code, errorOf(refused).code], [4, "conflict"])
      assert.include(errorOf(refused).message, "wakes of it are pending: one-1/1/")
      assert.strictEqual((yield* here.sartor(["session", "delete", "one-1", "--force"])).code, 0)
      assert.strictEqual((yield* here.sartor(["session", "show", "one-1"])).code, 3)
      const audit = yield* here.json<Record<string, unknown>>(["wake", "audit"])
      assert.deepInclude(audit.document, { committed: 2, dead: 2, pending: 0, balanced: true })
      assert.strictEqual((yield* here.sartor(["session", "delete", "one-1"])).code, 3)
    })
  )

  it.live("prune deletes ended runs with their sessions and their queues, and the ledger still balances", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write("one.json", workflow("one", [{ name: "one", command: ["echo", "done"] }]))
      assert.strictEqual((yield* here.sartor(["run", "one.json"])).code, 0)
      const prune = (...args: ReadonlyArray<string>) =>
        here.json<{ dry_run: boolean; sessions: ReadonlyArray<string>; runs: ReadonlyArray<string> }>([
          "prune",
          ...args
        ])
      const recent = yield* prune("--older-than", "30d")
      assert.deepStrictEqual(recent.document, { dry_run: false, sessions: [], runs: [] })
      const dry = yield* prune("--older-than", "0s", "--dry-run")
      assert.deepStrictEqual([dry.document.sessions.length, dry.document.runs.length], [1, 1])
      const done = yield* prune("--older-than", "0s")
      assert.deepStrictEqual(done.document, { ...dry.document, dry_run: false })
      // The roster is nobody's own, and nobody is in it.
      const queues = yield* here.seed(
        Queue.Queue.use((queue) => Effect.all([queue.names(), queue.inspect("roster"), queue.statistics("roster")]))
      )
      assert.deepStrictEqual([queues[0], queues[1], queues[2].completed], [["roster"], [], 0])
      const audit = yield* here.json<Record<string, unknown>>(["wake", "audit"])
      assert.deepInclude(audit.document, { committed: 1, acknowledged: 1, balanced: true })
      const runs = yield* here.json<ReadonlyArray<unknown>>(["runs", "list"])
      assert.deepStrictEqual(runs.document, [])
      assert.strictEqual((yield* here.sartor(["run", "one.json"])).code, 0)
      assert.strictEqual((yield* here.sartor(["prune", "--older-than", "soon"])).code, 2)
    })
  )

  it.live("prune keeps what a run that waits for somebody still needs", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write("asks.mjs", asks)
      here.write(
        "ask.json",
        workflow("ask", [
          { name: "before", command: ["echo", "done"] },
          { name: "asks", command: ["node", "asks.mjs"], needs: ["before"], prompt: "Deploy" }
        ])
      )
      assert.strictEqual((yield* here.sartor(["run", "ask.json"])).code, 7)
      const { document } = yield* here.json<{ sessions: ReadonlyArray<string> }>(["prune", "--older-than", "0s"])
      assert.deepStrictEqual(document.sessions, [])
    })
  )
})
