import { assert, it } from "@effect/vitest"
import { TransportError } from "@sartor/core"
import { Effect, Exit, Fiber, Schedule } from "effect"
import { NatsClient } from "../src/index.ts"
import * as Blobs from "../src/internal/Blobs.ts"
import * as NatsQueue from "../src/NatsQueue.ts"
import { opened, rivals, type Service } from "./support/compaction.ts"
import * as NatsServer from "./support/NatsServer.ts"
import * as Proxy from "./support/Proxy.ts"

const fill = Effect.fnUntraced(function* (queue: Service) {
  for (const id of ["done", "dead", "a", "b"])
    yield* queue.offer("q", { id, payload: { id }, priority: id === "b" ? 1 : 0 })
  yield* queue.offer("q", { id: "later", payload: null, delay: "1 hour" })
  yield* queue.settle("q", "done", { type: "completed" })
  yield* queue.settle("q", "dead", { type: "dead", reason: "no good" })
})
const stateOf = (queue: Service) =>
  Effect.map(queue.inspect("q"), (found) =>
    found.map(({ attempt, id, payload, priority, reason, state }) => [id, state, attempt, priority, payload, reason])
  )
const messages = ({ manager, names }: NatsClient.NatsClient["Service"]) =>
  Effect.map(
    Effect.promise(() => manager.streams.info(names.queueStream, { subjects_filter: names.queues })),
    ({ state }) => state.subjects?.["sartor.default.queue.q"] ?? 0
  )

it.live("keeps the state of a queue, purges what led to it, and means the same to all", () =>
  Effect.gen(function* () {
    const { url } = yield* NatsServer.make()
    yield* opened({ url }, (queue, opening, client) =>
      Effect.gen(function* () {
        yield* fill(queue)
        const held = yield* queue.take("q", { lease: "1 minute" })
        assert.strictEqual(held.id, "b")
        const before = yield* stateOf(queue)
        yield* opened({ url }, (other) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* stateOf(other), before)
            yield* opening.compact("q")
            assert.strictEqual(yield* messages(client), 1)
            assert.deepStrictEqual(yield* stateOf(other), before)
            assert.strictEqual(yield* other.offer("q", { id: "after", payload: null }), "added")
          })
        )
        const late = yield* opened({ url }, stateOf)
        assert.deepStrictEqual(late.slice(0, before.length), before)
        assert.deepStrictEqual(late.at(-1)?.slice(0, 2), ["after", "ready"])
        yield* opened({ url }, (third) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* third.offer("q", { id: "done", payload: null }), "completed")
            assert.strictEqual(yield* third.offer("q", { id: "dead", payload: null }), "dead")
            assert.isTrue(yield* third.requeue("q", "dead"))
          })
        )
        for (let round = 0; round < 3; round++) yield* opening.compact("q")
        assert.strictEqual(yield* messages(client), 1)
        assert.strictEqual(yield* queue.stateOf("q", "done"), "completed")
      })
    )
  })
)

it.live("knows in every process for whom the next message is, also of a state that was kept", () =>
  Effect.gen(function* () {
    const { url } = yield* NatsServer.make()
    yield* opened({ url }, (queue, opening, client) =>
      Effect.gen(function* () {
        yield* queue.offer("q", { id: "before", payload: null })
        yield* Effect.scoped(queue.take("q"))
        const waiting = yield* Effect.forkChild(queue.take("q"), { startImmediately: true })
        // Offered, claimed, completed, awaited.
        yield* Effect.repeat(messages(client), { until: (count) => count === 4 })
        yield* opening.compact("q")
        yield* opened({ url }, (late) =>
          Effect.gen(function* () {
            yield* late.offer("q", { id: "a", payload: null })
            assert.strictEqual(yield* late.stateOf("q", "a"), "in_flight")
            assert.strictEqual((yield* Fiber.join(waiting)).id, "a")
          })
        )
      })
    )
  })
)

it.live("starts a reader over that was cut off while the state was kept, without losing or inventing anything", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const proxy = yield* Proxy.make(server.port)
    yield* opened(proxy, (reader) =>
      Effect.gen(function* () {
        yield* fill(reader)
        proxy.mute()
        const expected = yield* opened(server, (queue, opening) =>
          Effect.gen(function* () {
            yield* queue.settle("q", "a", { type: "completed" })
            yield* queue.offer("q", { id: "new", payload: 1 })
            yield* opening.compact("q")
            yield* queue.offer("q", { id: "newest", payload: 2 })
            return yield* stateOf(queue)
          })
        )
        proxy.heal()
        const seen = yield* Effect.retry(stateOf(reader), { times: 20 })
        assert.deepStrictEqual(seen, expected)
        assert.deepStrictEqual(
          expected.map(([id]) => id),
          ["dead", "b", "later", "new", "newest"]
        )
      })
    )
  })
)

it.live("comes to one state when several processes keep it at once, while others go on", () =>
  Effect.flatMap(NatsServer.make(), ({ url }) => rivals({ url }))
)

it.live("leaves everything as it was when it dies before the state is kept", () =>
  Effect.gen(function* () {
    const { url } = yield* NatsServer.make()
    const before = yield* opened({ url }, (queue) => Effect.andThen(fill(queue), stateOf(queue)))
    const away = new TransportError.TransportError({ operation: "test", reason: "unavailable", detail: "gone" })
    // What is there is found, and nothing can be written.
    const dying = (blobs: Blobs.Blobs): Blobs.Blobs => ({ ...blobs, store: Effect.fail(away) })
    const exit = yield* opened({ url }, (_, opening) => Effect.exit(opening.compact("q")), dying)
    assert.isTrue(Exit.isFailure(exit))
    assert.deepStrictEqual(yield* opened({ url }, stateOf), before)
    yield* opened({ url }, (_, opening) => opening.compact("q"))
    assert.deepStrictEqual(yield* opened({ url }, stateOf), before)
  })
)

it.live("says that a kept state is missing, and never takes what is left for all", () =>
  Effect.gen(function* () {
    const { url } = yield* NatsServer.make()
    yield* opened({ url }, (queue, opening, { manager, names }) =>
      Effect.gen(function* () {
        yield* fill(queue)
        yield* opening.compact("q")
        yield* Effect.promise(() => manager.streams.delete(`OBJ_${names.bucket}`))
      })
    )
    const error = yield* opened({ url }, (queue) => Effect.flip(queue.inspect("q")))
    assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "corrupt")
    assert.include(error.message, "restore the object store")
  })
)

it.live("keeps the state by itself once enough has come, so that a long life does not grow", () =>
  Effect.gen(function* () {
    const { url } = yield* NatsServer.make()
    yield* Effect.scoped(
      Effect.gen(function* () {
        const client = yield* NatsClient.NatsClient
        const { service: queue } = yield* NatsQueue.make(client, Blobs.make(client), { compactAbove: 20_000 })
        const payload = "x".repeat(500)
        for (let index = 0; index < 200; index++) {
          yield* queue.offer("q", { id: `m${index}`, payload })
          yield* queue.settle("q", `m${index}`, { type: "completed" })
        }
        yield* Effect.repeat(messages(client), {
          until: (count) => count < 50,
          schedule: Schedule.spaced("100 millis")
        }).pipe(Effect.timeout("8 seconds"))
        assert.strictEqual((yield* queue.statistics("q")).completed, 200)
        assert.strictEqual(yield* queue.offer("q", { id: "m7", payload }), "completed")
      })
    ).pipe(Effect.provide(NatsClient.layer({ url })))
  })
)
