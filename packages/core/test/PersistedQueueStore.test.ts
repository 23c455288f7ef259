import { assert, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import * as fc from "fast-check"
import { isKey } from "../src/Key.ts"
import * as PersistedQueueStore from "../src/PersistedQueueStore.ts"
import * as Queue from "../src/Queue.ts"
import { PersistedQueueSuite } from "../src/testing/index.ts"

// Effect's own store keeps to the same cases: they ask for no more than Effect promises.
PersistedQueueSuite.register({
  name: "Effect's memory",
  storage: Layer.empty,
  layer: PersistedQueue.layerStoreMemory,
  durable: false
})

PersistedQueueSuite.register({
  name: "memory",
  storage: Layer.empty,
  layer: Layer.provide(PersistedQueueStore.layer, Queue.layerMemory),
  durable: false
})

it("gives every name a valid queue of its own", () => {
  const name = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("a", "A", "-", "/", " ", "\ud800") })
  )
  fc.assert(
    fc.property(name, name, (one, other) => {
      assert.isTrue(isKey(PersistedQueueStore.keyOf(one)), JSON.stringify(one))
      assert.strictEqual(PersistedQueueStore.keyOf(one) === PersistedQueueStore.keyOf(other), one === other)
    }),
    { numRuns: 1000 }
  )
  assert.strictEqual(PersistedQueueStore.keyOf("outgoing-mail"), "persisted/outgoing-mail")
  assert.match(PersistedQueueStore.keyOf("Outgoing Mail!"), /^persisted\/outgoing-mail\/[0-9a-f]{64}$/)
  assert.isTrue(isKey(PersistedQueueStore.keyOf("x".repeat(129))) && isKey(PersistedQueueStore.keyOf("!".repeat(5000))))
})

const layer = Layer.provideMerge(PersistedQueue.layer, Layer.provideMerge(PersistedQueueStore.layer, Queue.layerMemory))
const make = PersistedQueue.make({ name: "Mail", schema: Schema.String, maxAttempts: 2 })
const key = PersistedQueueStore.keyOf("Mail")

it.layer(layer)("PersistedQueueStore", (it) => {
  it.effect("leaves what failed for good among the dead letters, with reason and original", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.offer("by hand", { id: "rejected" })
      yield* Effect.flip(queue.take(() => Effect.fail(new Queue.Rejected({ reason: "no such address" }))))
      yield* queue.offer("a text", { id: "undecodable" })
      const numbers = yield* PersistedQueue.make({ name: "Mail", schema: Schema.Number })
      yield* numbers.offer(7, { id: "number" })
      yield* numbers.take(Effect.succeed)
      const dead = yield* Effect.flatMap(Queue.Queue, (port) => port.inspect(key))
      assert.deepStrictEqual(
        dead.map(({ id, payload, state }) => [id, state, payload]),
        [
          ["rejected", "dead", "by hand"],
          ["undecodable", "dead", "a text"]
        ]
      )
      assert.strictEqual(dead[0]?.reason, "no such address")
      assert.match(dead[1]?.reason ?? "", /^it cannot be decoded: Expected/)
    })
  )

  it.effect("hands nothing out whose last attempt ended with its process", () =>
    Effect.gen(function* () {
      const port = yield* Queue.Queue
      const queue = yield* PersistedQueue.make({ name: "crashes", schema: Schema.String, maxAttempts: 2 })
      yield* queue.offer("poison", { id: "a" })
      yield* queue.offer("fine", { id: "b" })
      for (const _ of [1, 2]) {
        const crash = Effect.scoped(
          Effect.andThen(port.take("persisted/crashes", { retryDelay: () => 0 }), Effect.fail(""))
        )
        yield* Effect.exit(crash)
      }
      assert.strictEqual(yield* queue.take(Effect.succeed), "fine")
      assert.strictEqual(yield* port.stateOf("persisted/crashes", "a"), "dead")
    })
  )

  it.effect("settles even if the schedule of the retries dies", () =>
    Effect.gen(function* () {
      const store = yield* PersistedQueue.PersistedQueueStore
      yield* store.offer({ name: "schedule", id: "a", element: null, isCustomId: true })
      const take = store.take({ name: "schedule", maxAttempts: 5, retryDelay: () => Effect.die("a defect") })
      const exit = yield* Effect.exit(Effect.scoped(Effect.andThen(take, Effect.fail("no"))))
      assert.isTrue(Exit.isFailure(exit))
      const port = yield* Queue.Queue
      assert.strictEqual(yield* port.stateOf("persisted/schedule", "a"), "delayed")
    })
  )

  it.effect("fails as Effect's stores do, and says why", () =>
    Effect.gen(function* () {
      const queue = yield* make
      const error = yield* Effect.flip(queue.offer("x", { id: "x".repeat(Queue.maxIdLength + 1) }))
      assert.strictEqual(error._tag, "PersistedQueueError")
      assert.include(error.message, "the id has 513 characters")
    })
  )
})
