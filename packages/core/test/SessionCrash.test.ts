import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as Branch from "../src/Branch.ts"
import * as Deletion from "../src/Deletion.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Resumption from "../src/Resumption.ts"
import * as Sessions from "../src/Sessions.ts"
import type * as Transport from "../src/Transport.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Processes from "./support/Processes.ts"

type Services = Transport.Transport | Sessions.Sessions | Wakes.Wakes

const acknowledge = (wakeId: string) => Wakes.Wakes.use((wakes) => wakes.acknowledge(wakeId))

/** One session of a function that has ended and one outside that is blocked, each with a fork. */
const prepare = Effect.gen(function* () {
  const sessions = yield* Sessions.Sessions
  for (const id of ["ended-1", "local-1", "asks-1"]) {
    const runner = id === "local-1" ? { type: "function" as const, name: "f" } : undefined
    yield* sessions.create({ id, role: "auditor", taskType: "x", prompt: id, runner })
    yield* sessions.checkpoint(id, { phase: "testing", milestone: "axe", details: "the token" })
  }
  yield* acknowledge((yield* Outbox.send({ sessionId: "ended-1", status: "complete", summary: "Done" })).wake_id)
  yield* Outbox.send({ sessionId: "local-1", status: "blocked", summary: "Which one?" })
  yield* Outbox.send({ sessionId: "asks-1", status: "finding", summary: "Odd" })
  yield* Branch.fork("asks-1", { id: "fork-1", at: "testing/axe" })
  const { session_id } = yield* sessions.get("ended-1")
  yield* sessions.log(session_id, 1, "a word")
})

/** What everybody sees: sessions with what they know, and the ledger. */
const seen = Effect.gen(function* () {
  const sessions = yield* (yield* Sessions.Sessions).list()
  const known = yield* Effect.forEach(sessions, ({ session_id, status, version }) =>
    Effect.map(Sessions.recall(session_id), (entries) => ({
      session_id,
      status,
      version,
      entries: entries.map(({ kind, version }) => `${kind} ${version}`)
    }))
  )
  const { balanced, committed, missing, unknown } = yield* (yield* Wakes.Wakes).audit()
  assert.deepStrictEqual({ balanced, missing, unknown }, { balanced: true, missing: [], unknown: [] })
  return { known, committed }
})

interface Operation {
  readonly name: string
  readonly run: Effect.Effect<unknown, { readonly _tag: string }, Services>
  /** The session that it is about, whose state is the old or the new one. */
  readonly of: string
}

const operations: ReadonlyArray<Operation> = [
  { name: "cancel", of: "local-1", run: Outbox.cancel("local-1", "enough") },
  { name: "resume", of: "local-1", run: Resumption.resume("local-1", { prompt: "The second" }) },
  { name: "resume from", of: "local-1", run: Resumption.resume("local-1", { prompt: "The second", from: "2" }) },
  { name: "rollback", of: "ended-1", run: Branch.rollback("ended-1", "testing/axe") },
  { name: "fork", of: "made-1", run: Branch.fork("ended-1", { id: "made-1" }) },
  { name: "delete", of: "ended-1", run: Deletion.remove("ended-1") },
  { name: "prune", of: "ended-1", run: Deletion.prune({ before: 1 }) }
]

const quiet = Logger.layer([])

/** Dead or not, and said to be done or not. */
const living = (process: Processes.Process, operation: Operation) =>
  operation.run.pipe(Effect.result, Effect.provide(Layer.merge(process.layer, quiet)))

const stateOf = (of: string, { known }: Effect.Success<typeof seen>) =>
  known.find(({ session_id }) => session_id === of)

const prepared = Effect.gen(function* () {
  const store = yield* Processes.makeStore
  const first = yield* Processes.start(store)
  yield* Effect.provide(prepare, Layer.merge(first.layer, quiet))
  return store
})

const look = Effect.fnUntraced(function* (store: Processes.Store) {
  const process = yield* Processes.start(store)
  return yield* Effect.provide(seen, Layer.merge(process.layer, quiet))
})

/** Kills an operation at each of its writes; answers what was seen afterwards, and after doing it again. */
const sweep = Effect.fnUntraced(function* (operation: Operation, when: "before" | "after") {
  let writes = 0
  const whole = yield* prepared
  const old = yield* look(whole)
  const counting = yield* Processes.start(whole, (call) => {
    if (Processes.isWrite(call)) writes += 1
    return undefined
  })
  assert.strictEqual((yield* living(counting, operation))._tag, "Success")
  const done = yield* look(whole)
  assert.isAbove(writes, 0)
  for (let n = 1; n <= writes; n++) {
    const what = `${operation.name}, killed ${when} write ${n} of ${writes}`
    const store = yield* prepared
    yield* living(yield* Processes.start(store, Processes.killAt(n, when)), operation)
    const between = yield* look(store)
    assert.deepInclude([stateOf(operation.of, old), stateOf(operation.of, done)], stateOf(operation.of, between), what)
    const again = yield* living(yield* Processes.start(store), operation)
    const fine = ["SessionNotFound", "IllegalTransition"]
    if (again._tag === "Failure") assert.include(fine, again.failure._tag, what)
    const after = yield* look(store)
    assert.deepStrictEqual(stateOf(operation.of, after), stateOf(operation.of, done), what)
    assert.strictEqual(after.committed, done.committed, what)
  }
  return writes
})

describe("an operation on a session whose process is killed", () => {
  for (const operation of operations) {
    for (const when of ["before", "after"] as const) {
      it.effect(`${operation.name}, ${when} any of its writes, leaves the old state or the new one`, () =>
        sweep(operation, when)
      )
    }
  }

  for (const when of ["before", "after"] as const) {
    it.effect(`delete by force, ${when} any of its writes, loses no wake and no fork, and can be done again`, () =>
      Effect.gen(function* () {
        const operation: Operation = {
          name: "delete by force",
          of: "asks-1",
          run: Deletion.remove("asks-1", { force: true })
        }
        for (let n = 1; n <= 40; n++) {
          const what = `killed ${when} write ${n}`
          const store = yield* prepared
          const shared = ["created 1", "checkpoint 2", "created 1"]
          const process = yield* Processes.start(store, Processes.killAt(n, when))
          yield* living(process, operation)
          assert.deepStrictEqual(stateOf("fork-1", yield* look(store))?.entries, shared, what)
          const again = yield* living(yield* Processes.start(store), operation)
          if (again._tag === "Failure") assert.strictEqual(again.failure._tag, "SessionNotFound", what)
          const after = yield* look(store)
          assert.isUndefined(stateOf("asks-1", after), what)
          assert.deepStrictEqual(stateOf("fork-1", after)?.entries, shared, what)
          assert.strictEqual(after.committed, 4, what)
          if (!process.isDead()) return assert.isAbove(n, 8)
        }
        return assert.fail("it was killed every time")
      })
    )
  }
})
