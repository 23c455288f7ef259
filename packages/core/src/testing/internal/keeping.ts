import { assert } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import * as Queue from "../../Queue.ts"
import { type Case, eventually, soon } from "../Driver.ts"
import { completed, hold, rejected, untilItWaits } from "./queueing.ts"

/** The cases about what a queue holds, and what becomes of it without a taker. */
export const keeping: ReadonlyArray<Case<Queue.Queue>> = [
  {
    name: "refuses an offer over its capacity and adds nothing; what is settled does not count",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const offer = (id: string) => queue.offer("capacity", { id, payload: null }, { capacity: 2 })
      yield* offer("a")
      yield* offer("b")
      const full = yield* Effect.flip(offer("c"))
      assert.strictEqual(full._tag === "QueueFull" ? full.capacity : full._tag, 2)
      assert.strictEqual(yield* queue.stateOf("capacity", "c"), undefined)
      assert.strictEqual(yield* offer("a"), "ready")
      yield* completed("capacity")
      assert.strictEqual(yield* offer("c"), "added")
      yield* rejected("capacity", "no")
      assert.strictEqual(yield* offer("d"), "added")
      assert.strictEqual((yield* Effect.flip(offer("e")))._tag, "QueueFull")
    })
  },
  {
    name: "keeps to its capacity when offers race",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const offers = Array.from({ length: 20 }, (_, index) =>
        Effect.result(queue.offer("crowd", { id: `m${index}`, payload: null }, { capacity: 7 }))
      )
      const answers = yield* Effect.all(offers, { concurrency: "unbounded" })
      const tags = answers.map((answer) => (answer._tag === "Success" ? answer.success : answer.failure._tag))
      assert.strictEqual(tags.filter((tag) => tag === "added").length, 7)
      assert.strictEqual(tags.filter((tag) => tag === "QueueFull").length, 13)
      assert.strictEqual((yield* queue.statistics("crowd")).ready, 7)
    })
  },
  {
    name: "settles by id, whoever holds the message",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      for (const id of ["a", "b", "c"]) yield* queue.offer("settle", { id, payload: id })
      const held = yield* hold("settle")
      assert.strictEqual(yield* queue.settle("settle", "a", { type: "completed" }), "completed")
      yield* soon(held.delivery.lost)
      yield* held.close(Exit.fail(new Error("too late")))
      assert.strictEqual(yield* queue.stateOf("settle", "a"), "completed")
      assert.strictEqual(yield* queue.settle("settle", "b", { type: "dead", reason: "by hand" }), "dead")
      const b = (yield* queue.inspect("settle")).find(({ id }) => id === "b")
      assert.deepStrictEqual([b?.state, b?.reason, b?.payload], ["dead", "by hand", "b"])
      assert.strictEqual(yield* queue.settle("settle", "a", { type: "dead", reason: "no" }), "completed")
      assert.strictEqual(yield* queue.settle("settle", "b", { type: "completed" }), "completed")
      assert.strictEqual(yield* queue.settle("settle", "unknown", { type: "completed" }), undefined)
      assert.strictEqual((yield* completed("settle")).id, "c")
    })
  },
  {
    name: "makes a dead letter ready again, its attempts forgotten",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      yield* queue.offer("requeue", { id: "a", payload: "p" })
      assert.isFalse(yield* queue.requeue("requeue", "a"))
      yield* rejected("requeue", "no")
      assert.isTrue(yield* queue.requeue("requeue", "a"))
      assert.isFalse(yield* queue.requeue("requeue", "a"))
      assert.isFalse(yield* queue.requeue("requeue", "unknown"))
      const delivery = yield* completed("requeue")
      assert.deepStrictEqual([delivery.attempt, delivery.payload], [1, "p"])
    })
  },
  {
    name: "starts a settled id again for an offer that revives",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const offer = (id: string, revive: boolean) => queue.offer("revive", { id, payload: "new" }, { revive })
      yield* queue.offer("revive", { id: "a", payload: "old" })
      assert.strictEqual(yield* offer("a", true), "ready")
      assert.strictEqual((yield* completed("revive")).payload, "old")
      assert.strictEqual(yield* offer("a", false), "completed")
      assert.strictEqual(yield* offer("a", true), "added")
      const delivery = yield* completed("revive")
      assert.deepStrictEqual([delivery.attempt, delivery.payload], [1, "new"])
    })
  },
  {
    name: "inspects what is not completed, oldest first, with the owner of what is in flight",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      for (const id of ["d", "c", "b", "a"]) yield* queue.offer("inspect", { id, payload: id, priority: 1 })
      yield* completed("inspect")
      yield* queue.offer("inspect", { id: "d", payload: "d" }, { revive: true })
      yield* hold("inspect")
      const found = yield* queue.inspect("inspect")
      assert.deepStrictEqual(
        found.map(({ attempt, id, payload, priority, state }) => [id, state, attempt, priority, payload]),
        [
          ["c", "in_flight", 1, 1, "c"],
          ["b", "ready", 0, 1, "b"],
          ["a", "ready", 0, 1, "a"],
          ["d", "ready", 0, 0, "d"]
        ]
      )
      assert.isString(found[0]?.owner?.host)
      assert.isUndefined(found[1]?.owner)
    })
  },
  {
    name: "counts its messages by state, and tells the age of the oldest that is ready",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      for (const id of ["a", "b", "c", "d"]) yield* queue.offer("statistics", { id, payload: null })
      const offeredAt = yield* Clock.currentTimeMillis
      yield* queue.offer("statistics", { id: "e", payload: null, delay: "1 hour" })
      yield* completed("statistics")
      yield* rejected("statistics", "no")
      yield* hold("statistics")
      yield* eventually(Clock.currentTimeMillis, (now) => now > offeredAt + 20)
      yield* queue.offer("statistics", { id: "urgent", payload: null, priority: 9 })
      const { oldestAge, ...counts } = yield* queue.statistics("statistics")
      assert.deepStrictEqual(counts, { ready: 2, inFlight: 1, delayed: 1, dead: 1, completed: 1 })
      assert.isAtLeast(oldestAge, 10)
      assert.strictEqual((yield* queue.statistics("empty")).oldestAge, 0)
    })
  },
  {
    name: "lists the names of the queues that were offered to, by prefix, sorted",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      for (const name of ["names/b", "names/a", "names/a/c", "namesake"]) {
        yield* queue.offer(name, { id: "a", payload: null })
      }
      yield* queue.inspect("names/looked-at")
      assert.deepStrictEqual(yield* queue.names("names/"), ["names/a", "names/a/c", "names/b"])
      assert.include(yield* queue.names(), "namesake")
    })
  },
  {
    name: "refuses an id or a payload that is too large, and adds nothing; the largest come through",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const id = "\u0007".repeat(Queue.maxIdLength)
      const payload = "x".repeat(Queue.maxPayloadBytes - 2)
      const wide = "é".repeat(Queue.maxPayloadBytes / 2)
      for (const message of [
        { id: `${id}.`, payload: null },
        { id, payload: `${payload}.` },
        { id, payload: [wide] }
      ]) {
        const error = yield* Effect.flip(queue.offer("limits", message))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "too_large")
      }
      assert.deepStrictEqual(yield* queue.inspect("limits"), [])
      assert.strictEqual(yield* queue.offer("limits", { id, payload }), "added")
      const delivery = yield* completed("limits")
      assert.isTrue(delivery.id === id && delivery.payload === payload)
    })
  },
  {
    name: "forgets what was settled up to a time, and then takes its ids for new",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const offer = (id: string) => queue.offer("prune", { id, payload: null })
      const states = Effect.forEach(["a", "b", "c"], (id) => queue.stateOf("prune", id))
      yield* offer("a")
      yield* completed("prune")
      yield* offer("b")
      yield* rejected("prune", "no")
      yield* offer("c")
      const before = yield* Clock.currentTimeMillis
      yield* queue.prune("prune", { completed: before - 60_000, dead: before - 60_000 })
      yield* queue.prune("prune", {})
      assert.deepStrictEqual(yield* states, ["completed", "dead", "ready"])
      const now = yield* Clock.currentTimeMillis
      yield* queue.prune("prune", { completed: now })
      assert.deepStrictEqual(yield* states, [undefined, "dead", "ready"])
      assert.strictEqual((yield* queue.statistics("prune")).completed, 0)
      yield* queue.prune("prune", { completed: now, dead: now })
      assert.deepStrictEqual(yield* states, [undefined, undefined, "ready"])
      assert.strictEqual(yield* offer("a"), "added")
      const order = [yield* completed("prune"), yield* completed("prune")]
      assert.deepStrictEqual(
        order.map(({ attempt, id }) => [id, attempt]),
        [
          ["c", 1],
          ["a", 1]
        ]
      )
      yield* queue.prune("prune/unknown", { completed: now })
      assert.deepStrictEqual(yield* queue.names("prune/"), [])
    })
  },
  {
    name: "deletes a queue with all that is in it, tells holders, and then takes its ids for new",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const offer = (id: string) => queue.offer("delete/a", { id, payload: id })
      const ids = ["held", "done", "dead", "ready", "later"]
      yield* offer("held")
      const held = yield* hold("delete/a")
      yield* offer("done")
      yield* completed("delete/a")
      yield* offer("dead")
      yield* rejected("delete/a", "no")
      yield* offer("ready")
      yield* queue.offer("delete/a", { id: "later", payload: null, delay: "1 hour" })
      yield* queue.offer("delete/b", { id: "other", payload: null })
      yield* queue.delete("delete/a")
      yield* soon(held.delivery.lost)
      yield* held.close(Exit.fail(new Error("too late")))
      assert.deepStrictEqual(yield* queue.names("delete/"), ["delete/b"])
      assert.deepStrictEqual(yield* queue.inspect("delete/a"), [])
      for (const id of ids) assert.isUndefined(yield* queue.stateOf("delete/a", id), id)
      for (const id of ids) assert.strictEqual(yield* offer(id), "added", id)
      const delivery = yield* completed("delete/a")
      assert.deepStrictEqual([delivery.id, delivery.attempt], ["held", 1])
      assert.deepStrictEqual(yield* queue.names("delete/"), ["delete/a", "delete/b"])
      yield* queue.delete("delete/unknown")
      assert.deepStrictEqual(yield* queue.names("delete/"), ["delete/a", "delete/b"])
      assert.strictEqual(yield* queue.stateOf("delete/b", "other"), "ready")
    })
  },
  {
    name: "hands what is offered after a deletion to a take that waited before it",
    run: Effect.gen(function* () {
      const queue = yield* Queue.Queue
      yield* queue.offer("waited", { id: "a", payload: null })
      yield* completed("waited")
      const waiting = yield* Effect.forkChild(completed("waited"), { startImmediately: true })
      yield* untilItWaits
      yield* queue.delete("waited")
      yield* untilItWaits
      assert.notInclude(yield* queue.names(), "waited")
      yield* queue.offer("waited", { id: "a", payload: "again" })
      assert.strictEqual((yield* soon(Fiber.join(waiting))).payload, "again")
    })
  }
]
