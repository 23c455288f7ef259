import { assert, it } from "@effect/vitest"
import { JournalSuite, QueueSuite } from "@sartor/core/testing"
import { TransportError } from "@sartor/core"
import { Effect, Layer, Schedule } from "effect"
import { NatsClient, NatsTransport } from "../src/index.ts"
import { rivals } from "./support/compaction.ts"
import { assertAppends, competing, faultsUnderLoad } from "./support/load.ts"
import * as NatsCluster from "./support/NatsCluster.ts"
import { append, offer, open, records, refused, take } from "./support/ports.ts"

const large = "x".repeat(1024 * 1024)
const journals = "SARTOR_default_JOURNAL"
const queues = "SARTOR_default_QUEUE"
const objects = "OBJ_SARTOR_default_LARGE"
const streams = [journals, queues, objects]

const driver = {
  name: "a cluster of NATS servers",
  storage: NatsCluster.NatsCluster.layer(),
  layer: Layer.unwrap(Effect.map(NatsCluster.NatsCluster, ({ url }) => NatsTransport.layer({ url, replicas: 3 }))),
  durable: true
}

JournalSuite.register(driver)
QueueSuite.register(driver)

it.live("N20 goes on with three servers once all streams are told to, and with none of them left behind", () =>
  Effect.gen(function* () {
    const { url } = yield* NatsCluster.make()
    yield* open({ url, replicas: 1 }, Effect.andThen(append("k", 0, "one", large), offer("q", "a")))
    const update = (name: string) =>
      NatsClient.NatsClient.use(({ manager }) =>
        Effect.promise(() => manager.streams.update(name, { num_replicas: 3 }))
      )
    const looking = <A, E>(body: Effect.Effect<A, E, NatsClient.NatsClient>) =>
      Effect.provide(body, NatsClient.layerLooking({ url, replicas: 3 }))
    yield* looking(Effect.andThen(update(journals), update(queues)))
    assert.match((yield* refused({ url, replicas: 3 })).message, /OBJ_SARTOR_default_LARGE .* num_replicas is 1, not 3/)
    yield* looking(update(objects))
    yield* open(
      { url, replicas: 3 },
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* records("k"), ["one", large])
        assert.strictEqual((yield* take("q")).id, "a")
      })
    )
  })
)

for (const seed of [21, 22]) {
  it.live(
    `N21 loses and doubles nothing when the leaders of all streams are killed one after the other (seed ${seed})`,
    () =>
      Effect.gen(function* () {
        const cluster = yield* NatsCluster.make()
        const options = { url: cluster.url, replicas: 3 }
        yield* open(options, append("large/0", 0, large))
        let round = 0
        const fault = (goesOn: Effect.Effect<void>) =>
          Effect.gen(function* () {
            const stream = streams[round % streams.length] ?? journals
            const leader = yield* open(options, cluster.leaderOf(stream))
            round += 1
            yield* leader.stop
            yield* goesOn
            // What is large is written while one of three is away, and read.
            yield* open(options, Effect.retry(append(`large/${round}`, 0, large), { times: 3 }))
            assert.deepStrictEqual(yield* open(options, records(`large/${round - 1}`)), [large])
            yield* leader.start
            yield* cluster.formed
          })
        const load = faultsUnderLoad({ options, faults: 4, seed, fault })
        const appends = yield* competing(options, "raced", Effect.asVoid(load))
        yield* open(options, assertAppends("raced", appends))
      }),
    240_000
  )
}

it.live(
  "N24 comes to one state on a cluster when several processes keep it at once, while others go on",
  () => Effect.flatMap(NatsCluster.make(), ({ url }) => rivals({ url, replicas: 3 })),
  60_000
)

it.live(
  "N22 reads no less than there is from a server that has just come back, and takes nothing for damaged",
  () =>
    Effect.gen(function* () {
      const cluster = yield* NatsCluster.make()
      const options = { url: cluster.url, replicas: 3 }
      const write = (key: string, from: number, to: number, record: string) =>
        Effect.forEach(
          Array.from({ length: to - from }, (_, index) => from + index),
          (version) => append(key, version, record),
          { discard: true }
        )
      yield* open(
        options,
        Effect.gen(function* () {
          yield* write("history", 0, 10, "x")
          const leader = yield* cluster.leaderOf(journals)
          const behind = cluster.servers.find((server) => server !== leader) ?? leader
          yield* behind.stop
          // What it has to catch up with, before it has the rest.
          const keys = Array.from({ length: 50 }, (_, index) => `filling/${index}`)
          yield* Effect.forEach(keys, (key) => write(key, 0, 160, "x".repeat(20_000)), { concurrency: "unbounded" })
          yield* write("history", 10, 20, "x")
          yield* append("large", 0, large)
          yield* behind.start
          const began = performance.now()
          while (performance.now() - began < 8_000) {
            assert.strictEqual((yield* records("history")).length, 20)
            assert.deepStrictEqual(yield* records("large"), [large])
          }
        })
      )
    }),
  120_000
)

it.live(
  "N23 fails in time while two of three servers are away, keeps what it acknowledged, and goes on when they are back",
  () =>
    Effect.gen(function* () {
      const cluster = yield* NatsCluster.make()
      const options = { url: cluster.url, replicas: 3 }
      const [, second, third] = cluster.servers
      if (second === undefined || third === undefined) return assert.fail("there are three servers")
      yield* open(
        options,
        Effect.gen(function* () {
          yield* append("k", 0, "one")
          yield* append("large", 0, large)
          yield* offer("q", "a")
          yield* Effect.all([second.stop, third.stop], { concurrency: 2 })
          // At first the one that is left waits for the others, then it says that it has no leader.
          for (const round of [1, 2]) {
            const began = performance.now()
            const failures = yield* Effect.all(
              [
                Effect.flip(append("k", 1, `two, ${round}`)),
                Effect.flip(offer("q", `b${round}`)),
                Effect.flip(append(`large/${round}`, 0, large)),
                // Who led a stream may go on to answer for a while.
                Effect.catch(Effect.as(records("k"), undefined), Effect.succeed),
                Effect.catch(Effect.as(records("large"), undefined), Effect.succeed)
              ],
              { concurrency: "unbounded" }
            )
            assert.isBelow(performance.now() - began, 18_000)
            for (const error of failures) {
              if (error === undefined) continue
              assert.strictEqual(error instanceof TransportError.TransportError && error.reason, "unavailable")
            }
          }
          const error = yield* refused(options)
          assert.match(error.message, /the cluster has no leader: see that more than half of its servers run/)
          yield* Effect.all([second.start, third.start], { concurrency: 2 })
          yield* cluster.formed
          const began = performance.now()
          const version = yield* append("k", 1, "three").pipe(
            Effect.catchTag("VersionConflict", ({ actual }) => append("k", actual, "three")),
            Effect.retry({ schedule: Schedule.spaced("100 millis") })
          )
          yield* Effect.retry(offer("q", "c"), { schedule: Schedule.spaced("100 millis") })
          assert.isBelow(performance.now() - began, 15_000)
          const stored = yield* records("k")
          assert.strictEqual(stored.length, version)
          assert.deepStrictEqual([stored[0], stored.at(-1)], ["one", "three"])
          assert.strictEqual(new Set(stored).size, stored.length)
          assert.deepStrictEqual(yield* records("large"), [large])
          assert.strictEqual((yield* take("q")).id, "a")
        })
      )
    }),
  180_000
)

it.live(
  "N23 has everything that it acknowledged after all three servers were killed",
  () =>
    Effect.gen(function* () {
      const cluster = yield* NatsCluster.make()
      const options = { url: cluster.url, replicas: 3 }
      yield* open(
        options,
        Effect.gen(function* () {
          for (let version = 0; version < 50; version++) yield* append("k", version, `${version}`)
          yield* append("large", 0, large)
          for (let index = 0; index < 50; index++) yield* offer("q", `m${index}`)
          yield* Effect.forEach(cluster.servers, ({ stop }) => stop, { concurrency: "unbounded" })
          yield* Effect.forEach(cluster.servers, ({ start }) => start, { concurrency: "unbounded" })
          yield* cluster.formed
          yield* Effect.retry(append("k", 50, "50"), {
            schedule: Schedule.spaced("100 millis"),
            while: ({ _tag }) => _tag === "TransportError"
          }).pipe(Effect.catchTag("VersionConflict", Effect.succeed))
          assert.deepStrictEqual(
            yield* records("k"),
            Array.from({ length: 51 }, (_, index) => `${index}`)
          )
          assert.deepStrictEqual(yield* records("large"), [large])
          for (let index = 0; index < 50; index++) assert.strictEqual((yield* take("q")).id, `m${index}`)
        })
      )
    }),
  120_000
)
