/**
 * What every queue promises, as cases that a transport package runs on its own port.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Layer, type Schema } from "effect"
import * as Queue from "../Queue.ts"
import { type Case, type Driver, eventually, opened, registerCases, soon, stalled } from "./Driver.ts"
import { awaiting } from "./internal/awaiting.ts"
import { invalidKeys } from "./internal/journaling.ts"
import { keeping } from "./internal/keeping.ts"
import { prefetching } from "./internal/prefetching.ts"
import { completed, failed, hold, nothing, rejected, untilItWaits } from "./internal/queueing.ts"

/**
 * The cases, as data: each owns its keys and uses no other's.
 *
 * @category testing
 * @since 0.1.0
 */
export const cases = <Storage = never>(
  driver: Driver<Queue.Queue, Storage>
): ReadonlyArray<Case<Queue.Queue | Storage>> => {
  const elsewhere = opened(driver)
  return [
    {
      name: "answers an offer with what it knows of the id",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const offer = (id: string, payload = "again") => queue.offer("answers", { id, payload })
        assert.strictEqual(yield* offer("a", "first"), "added")
        assert.strictEqual(yield* offer("a"), "ready")
        const held = yield* hold("answers")
        assert.strictEqual(held.delivery.payload, "first")
        assert.strictEqual(yield* offer("a"), "in_flight")
        yield* held.close(Exit.succeed(null))
        assert.strictEqual(yield* offer("a"), "completed")
        yield* offer("b")
        yield* rejected("answers", "no good")
        assert.strictEqual(yield* offer("b"), "dead")
        yield* queue.offer("answers", { id: "c", payload: null, delay: "1 hour" })
        assert.strictEqual(yield* offer("c"), "delayed")
      })
    },
    {
      name: "adds an id once, however many offer it",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const offers = Array.from({ length: 8 }, (_, index) => queue.offer("once", { id: "x", payload: index }))
        const answers = yield* Effect.all(offers, { concurrency: "unbounded" })
        assert.strictEqual(answers.filter((answer) => answer === "added").length, 1)
        assert.strictEqual((yield* queue.statistics("once")).ready, 1)
      })
    },
    {
      name: "hands out by priority, then first in, first out",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const offers = { a: 0, b: 5, c: 0, d: 5, e: -1 }
        for (const [id, priority] of Object.entries(offers)) {
          yield* queue.offer("order", { id, payload: null, priority })
        }
        yield* queue.offer("order", { id: "f", payload: null })
        const order = yield* Effect.forEach(Array.from({ length: 6 }), () => completed("order"))
        assert.deepStrictEqual(
          order.map(({ id }) => id),
          ["b", "d", "a", "c", "f", "e"]
        )
        assert.deepStrictEqual(
          order.map(({ priority }) => priority),
          [5, 5, 0, 0, 0, -1]
        )
      })
    },
    {
      name: "gives a payload back as it was",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const payload: Schema.Json = {
          nested: [{ text: "line\nbreak 🏛 \ud800", number: 2 ** 53 - 1, none: null }],
          proto: JSON.parse('{"__proto__":{"polluted":true}}'),
          large: "é".repeat(100_000)
        }
        yield* queue.offer("payload", { id: "x/y z é", payload })
        const delivery = yield* completed("payload")
        assert.strictEqual(JSON.stringify(delivery.payload), JSON.stringify(payload))
        assert.strictEqual(delivery.id, "x/y z é")
        assert.strictEqual(Reflect.get({}, "polluted"), undefined)
      })
    },
    {
      name: "never hands a message to two takers",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const ids = Array.from({ length: 20 }, (_, index) => `m${index}`)
        for (const id of ids) yield* queue.offer("shared", { id, payload: null })
        const held = yield* Effect.forEach(ids, () => hold("shared"), { concurrency: "unbounded" })
        assert.deepStrictEqual(held.map(({ delivery }) => delivery.id).sort(), ids.sort())
        yield* nothing("shared")
        assert.strictEqual((yield* queue.statistics("shared")).inFlight, 20)
      })
    },
    {
      name: "hands a message to who waits for it alone, past those before it, and those to the others",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const wanted = yield* Effect.forkChild(completed("only", { only: "b" }), { startImmediately: true })
        yield* queue.offer("only", { id: "a", payload: null, priority: 9 })
        yield* untilItWaits
        assert.strictEqual(yield* queue.stateOf("only", "a"), "ready")
        assert.strictEqual((yield* completed("only")).id, "a")
        yield* queue.offer("only", { id: "c", payload: null, priority: 9 })
        yield* queue.offer("only", { id: "b", payload: null })
        assert.strictEqual((yield* soon(Fiber.join(wanted))).id, "b")
        assert.strictEqual((yield* completed("only")).id, "c")
      })
    },
    {
      name: "completes what succeeds",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* queue.offer("success", { id: "a", payload: 1 })
        const delivery = yield* completed("success")
        assert.strictEqual(delivery.attempt, 1)
        assert.strictEqual(yield* queue.stateOf("success", "a"), "completed")
        assert.deepStrictEqual(yield* queue.inspect("success"), [])
        yield* nothing("success")
      })
    },
    {
      name: "retries what fails, after the delay and with the next attempt",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* queue.offer("failure", { id: "a", payload: "kept" })
        const options = { retryDelay: (attempt: number) => attempt * 60 }
        const failedAt = yield* Clock.currentTimeMillis
        yield* failed("failure", "first", options)
        assert.strictEqual(yield* queue.stateOf("failure", "a"), "delayed")
        assert.strictEqual((yield* queue.inspect("failure"))[0]?.reason, "first")
        const held = yield* hold("failure", options)
        assert.isAtLeast((yield* Clock.currentTimeMillis) - failedAt, 60)
        assert.deepStrictEqual([held.delivery.attempt, held.delivery.payload], [2, "kept"])
      })
    },
    {
      name: "makes a rejected message a dead letter at once, with the reason and the original payload",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const payload = { original: ["bytes"] }
        yield* queue.offer("rejected", { id: "a", payload })
        yield* rejected("rejected", "malformed")
        const [dead] = yield* queue.inspect("rejected")
        assert.deepStrictEqual(
          [dead?.id, dead?.state, dead?.reason, dead?.payload, dead?.attempt],
          ["a", "dead", "malformed", payload, 1]
        )
        yield* nothing("rejected")
      })
    },
    {
      name: "makes a message a dead letter after its last attempt, with the last reason",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* queue.offer("attempts", { id: "a", payload: null })
        for (const reason of ["first", "second", "third"]) {
          yield* failed("attempts", reason, { maxAttempts: 3, retryDelay: () => 0 })
        }
        const [dead] = yield* queue.inspect("attempts")
        assert.deepStrictEqual([dead?.state, dead?.reason, dead?.attempt], ["dead", "third", 3])
      })
    },
    {
      name: "gives an interrupted delivery back, uncounted",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* queue.offer("interrupted", { id: "a", payload: null })
        const taken = yield* Deferred.make<Queue.Delivery>()
        const handler = yield* Effect.forkChild(
          Effect.scoped(
            Effect.andThen(
              Effect.flatMap(queue.take("interrupted"), (delivery) => Deferred.succeed(taken, delivery)),
              Effect.never
            )
          )
        )
        assert.strictEqual((yield* soon(Deferred.await(taken))).attempt, 1)
        yield* Fiber.interrupt(handler)
        assert.strictEqual(yield* queue.stateOf("interrupted", "a"), "ready")
        assert.strictEqual((yield* completed("interrupted")).attempt, 1)
      })
    },
    {
      name: "lets a waiting take be interrupted, and then holds nothing",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const waiting = yield* Effect.forkChild(Effect.scoped(queue.take("waiting")), { startImmediately: true })
        yield* nothing("waiting")
        yield* soon(Fiber.interrupt(waiting))
        yield* queue.offer("waiting", { id: "a", payload: null })
        assert.strictEqual(yield* queue.stateOf("waiting", "a"), "ready")
        assert.strictEqual((yield* completed("waiting")).attempt, 1)
      })
    },
    {
      name: "wakes a take that waits",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const waiting = yield* Effect.forkChild(completed("wakes"), { startImmediately: true })
        yield* untilItWaits
        yield* queue.offer("wakes", { id: "a", payload: null })
        assert.strictEqual((yield* soon(Fiber.join(waiting))).id, "a")
      })
    },
    {
      name: "passes a silent taker's message on after its lease, tells it, and lets it settle nothing",
      durable: true,
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* queue.offer("lease", { id: "a", payload: "p" })
        const body = Effect.gen(function* () {
          const silent = yield* hold("lease", { lease: 50 })
          const next = yield* Effect.provideService(hold("lease", { lease: "1 minute" }), Queue.Queue, queue)
          assert.deepStrictEqual([next.delivery.id, next.delivery.payload, next.delivery.attempt], ["a", "p", 2])
          yield* soon(silent.delivery.lost)
          yield* silent.close(Exit.succeed(null))
          assert.strictEqual(yield* queue.stateOf("lease", "a"), "in_flight")
          yield* next.close(Exit.fail(new Queue.Rejected({ reason: "by the new holder" })))
          assert.strictEqual((yield* queue.inspect("lease"))[0]?.reason, "by the new holder")
        })
        yield* opened({ ...driver, layer: Layer.effectContext(stalled(Layer.build(Layer.fresh(driver.layer)))) })(body)
      })
    },
    {
      name: "renews the lease of a taker that works on for long",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* queue.offer("renewal", { id: "a", payload: null })
        const held = yield* hold("renewal", { lease: 400 })
        yield* nothing("renewal", "1 second")
        yield* held.close(Exit.succeed(null))
        assert.strictEqual(yield* queue.stateOf("renewal", "a"), "completed")
      })
    },
    {
      name: "keeps a delayed message back until its time",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const offeredAt = yield* Clock.currentTimeMillis
        yield* queue.offer("delay", { id: "later", payload: null, delay: 500, priority: 9 })
        yield* queue.offer("delay", { id: "now", payload: null })
        assert.strictEqual((yield* queue.statistics("delay")).delayed, 1)
        assert.strictEqual((yield* completed("delay")).id, "now")
        assert.strictEqual((yield* completed("delay")).id, "later")
        assert.isAtLeast((yield* Clock.currentTimeMillis) - offeredAt, 500)
      })
    },
    ...keeping,
    {
      name: "knows capacities and leases without end, and no priority that is no whole number",
      durable: true,
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        for (const priority of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
          const refused = yield* Effect.exit(queue.offer("endless", { id: "odd", payload: null, priority }))
          assert.isTrue(Exit.hasDies(refused))
        }
        const endless = Number.POSITIVE_INFINITY
        assert.strictEqual(yield* queue.offer("endless", { id: "a", payload: 1 }, { capacity: endless }), "added")
        assert.strictEqual(yield* queue.offer("endless", { id: "b", payload: 2 }, { capacity: endless }), "added")
        yield* hold("endless", { lease: endless })
        const [a, b, ...more] = yield* elsewhere(Queue.Queue.use((queue) => queue.inspect("endless")))
        assert.deepStrictEqual([a?.id, a?.state, b?.id, b?.state, more], ["a", "in_flight", "b", "ready", []])
      })
    },
    ...prefetching(elsewhere),
    ...awaiting(elsewhere),
    {
      name: "refuses names that break the grammar, and creates nothing",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const before = yield* queue.names()
        for (const name of invalidKeys) {
          const failures = yield* Effect.all([
            Effect.flip(queue.offer(name, { id: "a", payload: null })),
            Effect.flip(Effect.scoped(queue.take(name))),
            Effect.flip(queue.settle(name, "a", { type: "completed" })),
            Effect.flip(queue.inspect(name))
          ])
          for (const { _tag } of failures) assert.strictEqual(_tag, "InvalidKey", JSON.stringify(name))
        }
        assert.deepStrictEqual(yield* queue.names(), before)
      })
    },
    {
      name: "delivers 200 messages of 5 producers to 3 takers, each exactly once when nothing fails",
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const delivered: Array<string> = []
        const take = Effect.scoped(
          Effect.map(queue.take("flow"), ({ attempt, id }) => delivered.push(`${id} ${attempt}`))
        )
        yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(Effect.forever(take)))
        const produce = (producer: number) =>
          Effect.forEach(Array.from({ length: 40 }), (_, index) =>
            queue.offer("flow", { id: `${producer}-${index}`, payload: index })
          )
        yield* soon(Effect.forEach([0, 1, 2, 3, 4], produce, { concurrency: "unbounded" }))
        yield* eventually(queue.statistics("flow"), ({ completed }) => completed === 200)
        assert.strictEqual(delivered.length, 200)
        assert.strictEqual(new Set(delivered).size, 200)
        for (let producer = 0; producer < 5; producer++) {
          const own = delivered.filter((entry) => entry.startsWith(`${producer}-`)).length
          assert.strictEqual(own, 40)
        }
      })
    },
    {
      name: "delivers across openings, and settles and revives there",
      durable: true,
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const waiting = yield* Effect.forkChild(elsewhere(completed("abroad")), { startImmediately: true })
        yield* untilItWaits
        yield* queue.offer("abroad", { id: "a", payload: "p" })
        assert.strictEqual((yield* soon(Fiber.join(waiting))).payload, "p")
        yield* eventually(queue.stateOf("abroad", "a"), (state) => state === "completed")
        const held = yield* Effect.andThen(queue.offer("abroad", { id: "b", payload: null }), hold("abroad"))
        const lost = yield* Effect.forkChild(held.delivery.lost, { startImmediately: true })
        yield* elsewhere(Effect.flatMap(Queue.Queue, (other) => other.settle("abroad", "b", { type: "completed" })))
        yield* soon(Fiber.join(lost))
        // The first thing that an opening does: it has not seen the id before.
        const again = { id: "a", payload: "again" }
        const revived = elsewhere(
          Effect.flatMap(Queue.Queue, (other) => other.offer("abroad", again, { revive: true }))
        )
        assert.strictEqual(yield* revived, "added")
        assert.strictEqual((yield* soon(completed("abroad"))).payload, "again")
      })
    },
    {
      name: "deletes a queue for every opening, and for good",
      durable: true,
      run: Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const inAnother = <A, E>(body: (other: Queue.Queue["Service"]) => Effect.Effect<A, E>) =>
          elsewhere(Effect.flatMap(Queue.Queue, body))
        yield* queue.offer("gone", { id: "a", payload: "old" })
        const held = yield* hold("gone")
        yield* inAnother((other) => other.delete("gone"))
        yield* soon(held.delivery.lost)
        assert.isUndefined(yield* queue.stateOf("gone", "a"))
        assert.isUndefined(yield* inAnother((other) => other.stateOf("gone", "a")))
        assert.notInclude(yield* queue.names(), "gone")
        assert.strictEqual(yield* queue.offer("gone", { id: "a", payload: "new" }), "added")
        const [found] = yield* inAnother((other) => other.inspect("gone"))
        assert.deepStrictEqual([found?.id, found?.payload], ["a", "new"])
      })
    },
    {
      name: "has everything that it acknowledged when it is opened again",
      durable: true,
      run: Effect.gen(function* () {
        yield* elsewhere(
          Effect.gen(function* () {
            const queue = yield* Queue.Queue
            for (const id of ["a", "b", "c", "d"]) yield* queue.offer("again", { id, payload: { id } })
            yield* queue.offer("again", { id: "later", payload: null, delay: "1 hour" })
            yield* completed("again")
            yield* rejected("again", "no good")
            yield* failed("again", "flaky", { retryDelay: () => 0 })
          })
        )
        yield* elsewhere(
          Effect.gen(function* () {
            const queue = yield* Queue.Queue
            const { oldestAge: _, ...counts } = yield* queue.statistics("again")
            assert.deepStrictEqual(counts, { ready: 2, inFlight: 0, delayed: 1, dead: 1, completed: 1 })
            assert.strictEqual((yield* queue.inspect("again"))[0]?.reason, "no good")
            const c = yield* completed("again")
            assert.deepStrictEqual([c.id, c.attempt, c.payload], ["c", 2, { id: "c" }])
            assert.strictEqual((yield* completed("again")).id, "d")
            assert.strictEqual(yield* queue.offer("again", { id: "a", payload: null }), "completed")
          })
        )
      })
    }
  ]
}

/**
 * Registers the cases for a driver.
 *
 * @category testing
 * @since 0.1.0
 */
export const register = <Storage = never>(driver: Driver<Queue.Queue, Storage>): void =>
  registerCases("Queue", driver, cases(driver))
