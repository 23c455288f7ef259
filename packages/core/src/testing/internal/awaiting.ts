import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as Queue from "../../Queue.ts"
import { type Case, eventually, soon } from "../Driver.ts"
import { completed, hold, nothing, untilItWaits } from "./queueing.ts"

type Elsewhere<Storage> = <A, E>(body: Effect.Effect<A, E, Queue.Queue>) => Effect.Effect<A, unknown, Storage>

/** The cases about those who have waited for a while before there is a message. `elsewhere` opens the queue a second time. */
export const awaiting = <Storage>(elsewhere: Elsewhere<Storage>): ReadonlyArray<Case<Queue.Queue | Storage>> => [
  {
    name: "hands a message to who waits for a while already, each to one, as its first attempt",
    durable: true,
    run: Effect.gen(function* () {
      const queue = yield* used("resting")
      const holding = (prefetch: number) =>
        Effect.gen(function* () {
          const ready = yield* Deferred.make<string>()
          const take = Effect.scoped(
            Effect.gen(function* () {
              const port = yield* Queue.Queue
              const { attempt, id } = yield* port.take("resting", { prefetch })
              yield* Deferred.succeed(ready, `${id} ${attempt}`)
              yield* Deferred.await(over)
            })
          )
          return { ready, take }
        })
      const over = yield* Deferred.make<void>()
      const [here, ahead, there] = [yield* holding(1), yield* holding(3), yield* holding(1)]
      yield* Effect.forkScoped(here.take)
      yield* Effect.forkScoped(elsewhere(ahead.take))
      yield* Effect.forkScoped(elsewhere(there.take))
      yield* untilItWaits
      for (const id of ["a", "b", "c"]) yield* queue.offer("resting", { id, payload: null })
      const held = yield* Effect.forEach([here, ahead, there], ({ ready }) => soon(Deferred.await(ready)))
      assert.sameMembers(held, ["a 1", "b 1", "c 1"])
      yield* nothing("resting")
      yield* Deferred.succeed(over, undefined)
      yield* eventually(queue.statistics("resting"), ({ completed }) => completed === 4)
    })
  },
  {
    name: "hands what is offered to who waits for longest",
    durable: true,
    run: Effect.gen(function* () {
      const queue = yield* used("patient")
      const first = yield* Effect.forkScoped(completed("patient"), { startImmediately: true })
      yield* untilItWaits
      const second = yield* Effect.forkScoped(elsewhere(completed("patient")), { startImmediately: true })
      yield* Effect.andThen(untilItWaits, untilItWaits)
      yield* queue.offer("patient", { id: "a", payload: null })
      yield* queue.offer("patient", { id: "b", payload: null })
      assert.strictEqual((yield* soon(Fiber.join(first))).id, "a")
      assert.strictEqual((yield* soon(Fiber.join(second))).id, "b")
    })
  },
  {
    name: "hands what has become due to who waits, and what comes then to others",
    run: Effect.gen(function* () {
      const queue = yield* used("due")
      yield* queue.offer("due", { id: "later", payload: null, delay: 100 })
      const held = yield* hold("due")
      assert.deepStrictEqual([held.delivery.id, held.delivery.attempt], ["later", 1])
      yield* queue.offer("due", { id: "next", payload: null })
      assert.strictEqual(yield* queue.stateOf("due", "next"), "ready")
      assert.strictEqual((yield* completed("due")).id, "next")
      yield* held.close(Exit.void)
    })
  },
  {
    name: "leaves nothing to a take that was interrupted after it had waited for a while",
    run: Effect.gen(function* () {
      const queue = yield* used("left")
      // A message in the same turn, and one afterwards.
      for (const id of ["a", "b", "c"]) {
        const waiting = yield* Effect.forkChild(completed("left"), { startImmediately: true })
        yield* untilItWaits
        yield* Effect.all([queue.offer("left", { id, payload: null }), Fiber.interrupt(waiting)], {
          concurrency: "unbounded"
        })
        const taken = yield* Effect.exit(Fiber.join(waiting))
        if (Exit.isSuccess(taken)) continue
        const again = yield* completed("left")
        assert.deepStrictEqual([again.id, again.attempt], [id, 1])
      }
      const waiting = yield* Effect.forkChild(completed("left"), { startImmediately: true })
      yield* untilItWaits
      yield* soon(Fiber.interrupt(waiting))
      yield* queue.offer("left", { id: "d", payload: null })
      assert.strictEqual(yield* queue.stateOf("left", "d"), "ready")
      const held = yield* hold("left")
      assert.deepStrictEqual([held.delivery.id, held.delivery.attempt], ["d", 1])
      yield* held.close(Exit.void)
    })
  }
]

/** A queue through which something went already: nobody waits for long at one that never was. */
const used = Effect.fnUntraced(function* (name: string) {
  const queue = yield* Queue.Queue
  yield* queue.offer(name, { id: "before", payload: null })
  yield* completed(name)
  return queue
})
