import { Context, Effect, Layer } from "effect"
import * as Journal from "../Journal.ts"
import * as Queue from "../Queue.ts"

/** What the names of journals and queues begin with that live in the memory of this process, and die with it. */
export const prefix = "here/"

const isHere = (name: string) => name.startsWith(prefix)

/** A transport, with what is named so kept in memory beside it. */
export const layer: Layer.Layer<Journal.Journal | Queue.Queue, never, Journal.Journal | Queue.Queue> = Layer.merge(
  Layer.effect(
    Journal.Journal,
    Effect.gen(function* () {
      const durable = yield* Journal.Journal
      const memory = yield* Effect.map(Layer.build(Layer.fresh(Journal.layerMemory)), (built) =>
        Context.get(built, Journal.Journal)
      )
      const home = (name = "") => (isHere(name) ? memory : durable)
      return Journal.Journal.of({
        append: (key, expected, records, options) => home(key).append(key, expected, records, options),
        read: (key, after) => home(key).read(key, after),
        heads: (prefix) => home(prefix).heads(prefix),
        watch: (prefix) => home(prefix).watch(prefix),
        delete: (key) => home(key).delete(key),
        // What is in memory need not be noted.
        note: (heads) => durable.note(heads)
      })
    })
  ),
  Layer.effect(
    Queue.Queue,
    Effect.gen(function* () {
      const durable = yield* Queue.Queue
      const memory = yield* Effect.map(Layer.build(Layer.fresh(Queue.layerMemory)), (built) =>
        Context.get(built, Queue.Queue)
      )
      const home = (name = "") => (isHere(name) ? memory : durable)
      return Queue.Queue.of({
        offer: (queue, message, options) => home(queue).offer(queue, message, options),
        take: (queue, options) => home(queue).take(queue, options),
        settle: (queue, id, settlement) => home(queue).settle(queue, id, settlement),
        requeue: (queue, id) => home(queue).requeue(queue, id),
        inspect: (queue) => home(queue).inspect(queue),
        stateOf: (queue, id) => home(queue).stateOf(queue, id),
        prune: (queue, until) => home(queue).prune(queue, until),
        delete: (queue) => home(queue).delete(queue),
        statistics: (queue) => home(queue).statistics(queue),
        names: (prefix) => home(prefix).names(prefix)
      })
    })
  )
)
