/** Producers, takers and writers at work while a server is killed and started again. */
import { assert } from "@effect/vitest"
import { Queue } from "@sartor/core"
import { Effect, Fiber, Random, Schedule } from "effect"
import type { NatsClient } from "../../src/index.ts"
import * as NatsServer from "./NatsServer.ts"
import { append, offer, open, records, statistics } from "./ports.ts"

/**
 * Whatever the moment of a kill: each id of which an offer was acknowledged is handled, and what is handled twice is so with the same id.
 */
export const killsUnderLoad = ({ kills, seed }: { readonly kills: number; readonly seed: number }) =>
  Effect.flatMap(NatsServer.make(), (server) =>
    faultsUnderLoad({ options: server, faults: kills, seed, fault: () => Effect.andThen(server.stop, server.start) })
  )

export interface Faults {
  /** Where the producers and the takers are. */
  readonly options: NatsClient.Options
  readonly faults: number
  readonly seed: number
  /** Does its worst. It may wait for more to be acknowledged meanwhile; afterwards that is waited for in any case. */
  readonly fault: (goesOn: Effect.Effect<void>) => Effect.Effect<void, unknown>
}

export const faultsUnderLoad = ({ fault, faults, options, seed }: Faults) =>
  Effect.gen(function* () {
    const acknowledged = new Set<string>()
    const handled = new Map<string, number>()
    const unwell = { offers: 0, takes: 0 }

    const produce = (producer: number) =>
      Effect.gen(function* () {
        for (let index = 0; ; index++) {
          yield* Effect.repeat(
            Effect.sync(() => acknowledged.size - handled.size),
            { until: (behind) => behind < 200, schedule: Schedule.spaced("10 millis") }
          )
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
      options,
      Effect.gen(function* () {
        const producers = yield* Effect.forkChild(Effect.forEach([0, 1, 2, 3], produce, { concurrency: "unbounded" }))
        const consumers = yield* Effect.forkChild(
          open(
            options,
            Effect.forEach([0, 1, 2, 3], () => consume, { concurrency: "unbounded" })
          )
        )
        for (let index = 0; index < faults; index++) {
          const enough = acknowledged.size + 60
          yield* Effect.sleep(yield* Random.nextIntBetween(300, 1_200))
          yield* Effect.repeat(
            Effect.sync(() => acknowledged.size),
            { until: (size) => size > enough, schedule: Schedule.spaced("10 millis") }
          )
          const why = `seed ${seed}, fault ${index + 1}: nothing is acknowledged any more`
          const goesOn = Effect.suspend(() => {
            const before = acknowledged.size
            return Effect.repeat(
              Effect.sync(() => acknowledged.size > before + 20),
              { until: (isMore) => isMore, schedule: Schedule.spaced("50 millis") }
            )
          }).pipe(
            Effect.timeoutOrElse({ duration: "30 seconds", orElse: () => Effect.die(new Error(why)) }),
            Effect.asVoid
          )
          yield* fault(goesOn)
          yield* goesOn
        }
        yield* Fiber.interrupt(producers)
        yield* Effect.repeat(statistics("load"), {
          until: ({ delayed, inFlight, ready }) => ready + inFlight + delayed === 0,
          schedule: Schedule.spaced("100 millis")
        }).pipe(Effect.timeout("40 seconds"))
        yield* Fiber.interrupt(consumers)
        const { completed, dead } = yield* statistics("load")
        assert.isAbove(acknowledged.size, 60 * faults)
        const lost = [...acknowledged].filter((id) => !handled.has(id))
        assert.deepStrictEqual(lost, [], `seed ${seed}`)
        assert.strictEqual(dead, 0)
        assert.strictEqual(completed, handled.size)
      })
    )
    return { acknowledged: acknowledged.size, twice: [...handled.values()].filter((count) => count > 1).length }
  }).pipe(Random.withSeed(String(seed)))

/** What has become of appends, as their writers were told. */
export interface Appends {
  /** The record at each version that was acknowledged. */
  readonly acknowledged: ReadonlyMap<number, string>
  /** Conflicts that named an older version than the writer knew of. */
  readonly backwards: ReadonlyArray<string>
}

/** Writers that compete for one journal while a body runs. None sends the same record twice, whatever it is told. */
export const competing = Effect.fnUntraced(function* <E, R>(
  options: NatsClient.Options,
  key: string,
  body: Effect.Effect<void, E, R>
) {
  const acknowledged = new Map<number, string>()
  const backwards: Array<string> = []
  const write = (writer: number) =>
    Effect.gen(function* () {
      let known = 0
      for (let index = 0; ; index++) {
        const record = `${writer}-${index}`
        const result = yield* Effect.result(append(key, known, record))
        if (result._tag === "Success") {
          known = result.success
          acknowledged.set(known, record)
        } else if (result.failure._tag === "VersionConflict") {
          const { actual } = result.failure
          if (actual < known) backwards.push(`${actual} after ${known}`)
          known = actual
        }
        yield* Effect.sleep("5 millis")
      }
    })
  const writers = yield* Effect.forkChild(open(options, Effect.forEach([0, 1, 2], write, { concurrency: "unbounded" })))
  yield* body
  yield* Fiber.interrupt(writers)
  return { acknowledged, backwards }
})

/** Every record that was acknowledged is at its version, and none is there twice. */
export const assertAppends = Effect.fnUntraced(function* (key: string, { acknowledged, backwards }: Appends) {
  const stored = yield* records(key)
  assert.isAbove(acknowledged.size, 20)
  const lost = [...acknowledged].filter(([version, record]) => stored[version - 1] !== record)
  assert.deepStrictEqual(lost, [])
  assert.strictEqual(new Set(stored).size, stored.length)
  assert.deepStrictEqual(backwards, [])
})
