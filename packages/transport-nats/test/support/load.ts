/** Producers and takers at work while the server is killed and started again. */
import { assert } from "@effect/vitest"
import { Queue } from "@sartor/core"
import { Effect, Fiber, Random, Schedule } from "effect"
import * as NatsServer from "./NatsServer.ts"
import { offer, open, statistics } from "./ports.ts"

/**
 * Whatever the moment of a kill: each id of which an offer was acknowledged is handled, and what is handled twice is so with the same id.
 */
export const killsUnderLoad = ({ kills, seed }: { readonly kills: number; readonly seed: number }) =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const acknowledged = new Set<string>()
    const handled = new Map<string, number>()
    const unwell = { offers: 0, takes: 0 }

    const produce = (producer: number) =>
      Effect.gen(function* () {
        for (let index = 0; ; index++) {
          const id = `${producer}-${index}`
          yield* offer("load", id, "x".repeat(500)).pipe(
            Effect.tapError(() => Effect.sync(() => (unwell.offers += 1))),
            Effect.retry({ schedule: Schedule.spaced("100 millis") })
          )
          acknowledged.add(id)
        }
      })
    const consume = Effect.flatMap(Queue.Queue, (queue) =>
      Effect.scoped(
        Effect.map(queue.take("load"), ({ id }) => {
          handled.set(id, (handled.get(id) ?? 0) + 1)
        })
      )
    ).pipe(
      Effect.catch(() =>
        Effect.delay(
          Effect.sync(() => (unwell.takes += 1)),
          "100 millis"
        )
      ),
      Effect.forever
    )
    yield* open(
      server,
      Effect.gen(function* () {
        const producers = yield* Effect.forkChild(Effect.forEach([0, 1, 2, 3], produce, { concurrency: "unbounded" }))
        const consumers = yield* Effect.forkChild(
          open(
            server,
            Effect.forEach([0, 1, 2, 3], () => consume, { concurrency: "unbounded" })
          )
        )
        for (let kill = 0; kill < kills; kill++) {
          const enough = acknowledged.size + 60
          yield* Effect.sleep(yield* Random.nextIntBetween(300, 1_200))
          yield* Effect.repeat(
            Effect.sync(() => acknowledged.size),
            { until: (size) => size > enough, schedule: Schedule.spaced("10 millis") }
          )
          const before = acknowledged.size
          yield* server.stop
          yield* server.start
          const why = `seed ${seed}, kill ${kill + 1}: nothing is acknowledged any more`
          yield* Effect.repeat(
            Effect.sync(() => acknowledged.size > before + 20),
            { until: (goesOn) => goesOn, schedule: Schedule.spaced("50 millis") }
          ).pipe(Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => Effect.die(new Error(why)) }))
        }
        yield* Fiber.interrupt(producers)
        yield* Effect.repeat(statistics("load"), {
          until: ({ delayed, inFlight, ready }) => ready + inFlight + delayed === 0,
          schedule: Schedule.spaced("100 millis")
        }).pipe(Effect.timeout("40 seconds"))
        yield* Fiber.interrupt(consumers)
        const { completed, dead } = yield* statistics("load")
        assert.isAbove(acknowledged.size, 60 * kills)
        const lost = [...acknowledged].filter((id) => !handled.has(id))
        assert.deepStrictEqual(lost, [], `seed ${seed}`)
        assert.strictEqual(dead, 0)
        assert.strictEqual(completed, handled.size)
      })
    )
    return { acknowledged: acknowledged.size, twice: [...handled.values()].filter((count) => count > 1).length }
  }).pipe(Random.withSeed(String(seed)))
