import { assert } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as Queue from "../../Queue.ts"
import { type Case, eventually } from "../Driver.ts"
import { completed, hold } from "./queueing.ts"

type Elsewhere<Storage> = <A, E>(body: Effect.Effect<A, E, Queue.Queue>) => Effect.Effect<A, unknown, Storage>

/** The cases about what is claimed ahead of those who take it. `elsewhere` opens the queue a second time. */
export const prefetching = <Storage>(elsewhere: Elsewhere<Storage>): ReadonlyArray<Case<Queue.Queue | Storage>> => [
  {
    name: "claims as many messages ahead as a taker asks for, and hands them out in order",
    run: Effect.gen(function* () {
      const queue = yield* offered("ahead", ["a", "b", "c", "d", "e"])
      const held = yield* hold("ahead", { prefetch: 3 })
      assert.strictEqual(held.delivery.id, "a")
      const { inFlight, ready } = yield* queue.statistics("ahead")
      assert.deepStrictEqual({ inFlight, ready }, { inFlight: 3, ready: 2 })
      yield* held.close(Exit.void)
      const order = yield* Effect.forEach([0, 1, 2, 3], () => completed("ahead", { prefetch: 3 }))
      assert.deepStrictEqual(
        order.map(({ attempt, id }) => `${id} ${attempt}`),
        ["b 1", "c 1", "d 1", "e 1"]
      )
      assert.strictEqual((yield* queue.statistics("ahead")).completed, 5)
      yield* queue.offer("ahead", { id: "f", payload: null })
      assert.strictEqual((yield* completed("ahead", { prefetch: 0 })).id, "f")
    })
  },
  {
    name: "hands out what is more urgent before what was claimed ahead",
    run: Effect.gen(function* () {
      const queue = yield* offered("urgent", ["a", "b", "c"])
      const held = yield* hold("urgent", { prefetch: 3 })
      yield* queue.offer("urgent", { id: "now", payload: null, priority: 9 })
      assert.strictEqual((yield* completed("urgent", { prefetch: 3 })).id, "now")
      assert.strictEqual((yield* completed("urgent", { prefetch: 3 })).id, "b")
      yield* held.close(Exit.void)
    })
  },
  {
    name: "gives back, uncounted, what was claimed ahead and nobody came for",
    run: Effect.gen(function* () {
      const queue = yield* offered("rest", ["a", "b", "c"])
      const held = yield* hold("rest", { prefetch: 3 })
      yield* eventually(queue.statistics("rest"), ({ inFlight, ready }) => inFlight === 1 && ready === 2)
      const { attempt, id } = yield* completed("rest")
      assert.deepStrictEqual([id, attempt], ["b", 1])
      yield* held.close(Exit.void)
    })
  },
  {
    name: "gives back what was claimed ahead when an opening is closed",
    durable: true,
    run: Effect.gen(function* () {
      yield* offered("closed", ["a", "b", "c"])
      assert.strictEqual((yield* elsewhere(completed("closed", { prefetch: 3 }))).id, "a")
      const { attempt, id } = yield* completed("closed")
      assert.deepStrictEqual([id, attempt], ["b", 1])
    })
  }
]

const offered = Effect.fnUntraced(function* (name: string, ids: ReadonlyArray<string>) {
  const queue = yield* Queue.Queue
  for (const id of ids) yield* queue.offer(name, { id, payload: null })
  return queue
})
