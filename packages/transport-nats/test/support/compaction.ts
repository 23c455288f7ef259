/** Openings of queues whose state is kept when a test says so. */
import { assert } from "@effect/vitest"
import type { Queue } from "@sartor/core"
import { Effect, Layer, type Scope } from "effect"
import { NatsClient } from "../../src/index.ts"
import * as Blobs from "../../src/internal/Blobs.ts"
import * as NatsQueue from "../../src/NatsQueue.ts"

export type Service = Queue.Queue["Service"]

/** Opens the queues of a server as another process would, and lets a body say when their state is kept. */
export const opened = <A, E>(
  options: NatsClient.Options,
  body: (
    service: Service,
    opening: NatsQueue.NatsQueue,
    client: NatsClient.NatsClient["Service"]
  ) => Effect.Effect<A, E, Scope.Scope>,
  broken: (blobs: Blobs.Blobs) => Blobs.Blobs = (blobs) => blobs
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* NatsClient.NatsClient
      const opening = yield* NatsQueue.make(client, broken(Blobs.make(client)))
      return yield* body(opening.service, opening, client)
    })
  ).pipe(Effect.provide(Layer.fresh(NatsClient.layer({ pingInterval: "500 millis", ...options }))))

/** Two processes keep the state of a queue at once, again and again, while it is offered to. Nothing is lost by that. */
export const rivals = (options: NatsClient.Options) =>
  opened(options, (queue, opening) =>
    opened(options, (other, rival) =>
      Effect.gen(function* () {
        const ids = Array.from({ length: 200 }, (_, index) => `m${index}`)
        const offering = Effect.forEach(ids, (id) => queue.offer("q", { id, payload: id }), { concurrency: 8 })
        const keeping = Effect.forEach([1, 2, 3, 4, 5], () =>
          Effect.all([Effect.exit(opening.compact("q")), Effect.exit(rival.compact("q"))], { concurrency: 2 })
        )
        yield* Effect.all([offering, keeping], { concurrency: 2 })
        for (const each of [queue, other]) assert.strictEqual((yield* each.statistics("q")).ready, 200)
        const found = yield* opened(options, (third) => third.inspect("q"))
        assert.deepStrictEqual(found.map(({ id }) => id).sort(), ids.sort())
      })
    )
  )
