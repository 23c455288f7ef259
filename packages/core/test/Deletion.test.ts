import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as Branch from "../src/Branch.ts"
import * as Deletion from "../src/Deletion.ts"
import { Journal } from "../src/Journal.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Flags from "../src/Flags.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Transport from "../src/Transport.ts"
import * as Wakes from "../src/Wakes.ts"

const inMemory = <A, E>(
  effect: Effect.Effect<A, E, Transport.Transport | Sessions.Sessions | Wakes.Wakes>
): Effect.Effect<A, E> =>
  Effect.provide(
    effect,
    Layer.merge(Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed({}))), Logger.layer([]))
  )

const create = (id: string) =>
  Sessions.Sessions.use((sessions) => sessions.create({ id, role: "auditor", taskType: "x", prompt: id }))
const send = (sessionId: string, status: "complete" | "finding" | "blocked", summary = "So it is") =>
  Outbox.send({ sessionId, status, summary })
const acknowledge = (wakeId: string) => Wakes.Wakes.use((wakes) => wakes.acknowledge(wakeId))
const ledger = Effect.map(
  Wakes.Wakes.use((wakes) => wakes.audit()),
  ({ acknowledged, balanced, committed, dead, pending }) => ({ committed, acknowledged, pending, dead, balanced })
)

/** A session that has ended, its wakes acknowledged. */
const ended = Effect.fnUntraced(function* (id: string) {
  yield* create(id)
  yield* acknowledge((yield* send(id, "finding")).wake_id)
  yield* acknowledge((yield* send(id, "complete")).wake_id)
})

const keys = Effect.map(
  Journal.use((journal) => journal.heads()),
  (heads) => heads.map(({ key }) => key)
)

describe("deleting a session", () => {
  it.effect("removes it with its log, and the ledger still knows what its wakes came to", () =>
    inMemory(
      Effect.gen(function* () {
        yield* ended("one-1")
        const sessions = yield* Sessions.Sessions
        yield* sessions.log((yield* sessions.get("one-1")).session_id, 1, "a word")
        const before = yield* ledger
        assert.deepStrictEqual(before, { committed: 2, acknowledged: 2, pending: 0, dead: 0, balanced: true })
        yield* Deletion.remove("one-1")
        assert.deepStrictEqual(yield* keys, ["inbox/main"])
        assert.deepStrictEqual(yield* ledger, before)
        assert.strictEqual((yield* Effect.flip(sessions.get("one-1")))._tag, "SessionNotFound")
        assert.strictEqual((yield* Effect.flip(Deletion.remove("one-1")))._tag, "SessionNotFound")
        yield* ended("one-1")
        assert.deepStrictEqual(yield* ledger, { ...before, committed: 4, acknowledged: 4 })
      })
    )
  )

  it.effect("is refused while a run lives, a wake is pending or a fork points at it, and says which", () =>
    inMemory(
      Effect.gen(function* () {
        yield* create("one-1")
        const finding = yield* send("one-1", "finding")
        const refused = (id: string) => Effect.map(Effect.flip(Deletion.remove(id)), (error) => ({ ...error }))
        assert.deepInclude(yield* refused("one-1"), { _tag: "SessionInUse", by: "run", names: ["1"] })
        const wake = yield* send("one-1", "complete")
        const names = [finding.wake_id, wake.wake_id]
        assert.deepInclude(yield* refused("one-1"), { by: "wake", names })
        yield* Effect.forEach(names, acknowledge)
        yield* Branch.fork("one-1", { id: "fork-1" })
        assert.deepInclude(yield* refused("one-1"), { by: "fork", names: ["fork-1"] })
        assert.strictEqual((yield* Sessions.Sessions.use((sessions) => sessions.get("one-1"))).version, 4)
        yield* Deletion.remove("fork-1")
        yield* Deletion.remove("one-1")
      })
    )
  )

  it.effect("by force cancels it, gives up its wakes, and leaves its forks what they knew", () =>
    inMemory(
      Effect.gen(function* () {
        yield* create("one-1")
        yield* Sessions.Sessions.use((sessions) =>
          sessions.checkpoint("one-1", { phase: "testing", milestone: "axe", details: "the token" })
        )
        yield* send("one-1", "finding")
        yield* Branch.fork("one-1", { id: "fork-1" })
        yield* Branch.fork("fork-1", { id: "fork-2" })
        const known = yield* Sessions.recall("fork-2")
        yield* Deletion.remove("one-1", { force: true })
        assert.deepStrictEqual(yield* ledger, { committed: 2, acknowledged: 0, pending: 0, dead: 2, balanced: true })
        assert.deepStrictEqual(yield* Sessions.recall("fork-2"), known)
        yield* Deletion.remove("fork-1", { force: true })
        assert.deepStrictEqual(yield* Sessions.recall("fork-2", { grep: "token" }), known.slice(1, 2))
        assert.isTrue((yield* ledger).balanced)
      })
    )
  )
})

describe("pruning", () => {
  it.effect("deletes what ended long ago and is settled, and keeps the ledger", () =>
    inMemory(
      Effect.gen(function* () {
        yield* ended("old-1")
        yield* ended("old-2")
        yield* Branch.fork("old-1", { id: "fork-1" })
        yield* create("due-1")
        yield* create("open-1")
        yield* send("open-1", "complete")
        yield* TestClock.adjust("2 days")
        yield* ended("new-1")
        const before = (yield* Clock.currentTimeMillis) - 86_400_000
        const counts = yield* ledger
        const dry = yield* Deletion.prune({ before, dryRun: true })
        assert.deepStrictEqual(dry, { sessions: ["old-2"], runs: [] })
        assert.strictEqual((yield* Sessions.Sessions.use((sessions) => sessions.list())).length, 6)
        assert.deepStrictEqual(yield* Deletion.prune({ before }), dry)
        assert.deepStrictEqual(yield* ledger, counts)
        assert.deepStrictEqual(yield* Deletion.prune({ before }), { sessions: [], runs: [] })
      })
    )
  )
})
