import { assert, it } from "@effect/vitest"
import { Journal, Queue, TransportError } from "@sartor/core"
import { Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { NatsClient, NatsFailure } from "../src/index.ts"
import { killsUnderLoad } from "./support/load.ts"
import * as NatsServer from "./support/NatsServer.ts"
import * as Proxy from "./support/Proxy.ts"
import { append, offer, open, records, statistics, take } from "./support/ports.ts"

const causeOf = (error: unknown) => (error instanceof TransportError.TransportError ? error.cause : undefined)

it.live("N01 loses nothing that it acknowledged when the server is killed under load, and goes on by itself", () =>
  killsUnderLoad({ kills: 1, seed: 1 })
)

it.live("N05 notices a consumer that was deleted, and goes on", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        const { manager } = yield* NatsClient.NatsClient
        yield* offer("q", "a")
        yield* take("q")
        const waiting = yield* Effect.forkChild(take("q"))
        const stream = "SARTOR_default_QUEUE"
        for (const { name } of yield* Effect.promise(() => manager.consumers.list(stream).next())) {
          yield* Effect.promise(() => manager.consumers.delete(stream, name))
        }
        yield* offer("q", "b")
        assert.strictEqual((yield* Effect.timeout(Fiber.join(waiting), "4 seconds")).id, "b")
      })
    )
  })
)

it.live("N05 says that a stream was deleted, within 2 seconds, to those who wait and to those who call", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        const { manager } = yield* NatsClient.NatsClient
        yield* offer("q", "a")
        yield* take("q")
        yield* append("k", 0, "one")
        const waiting = yield* Effect.forkChild(Effect.flip(take("q")))
        yield* Effect.promise(() => manager.streams.delete("SARTOR_default_QUEUE"))
        yield* Effect.promise(() => manager.streams.delete("SARTOR_default_JOURNAL"))
        const error = yield* Effect.timeout(Fiber.join(waiting), "4 seconds")
        assert.instanceOf(causeOf(error), NatsFailure.StreamMissing)
        assert.instanceOf(causeOf(yield* Effect.flip(append("k", 1, "two"))), NatsFailure.StreamMissing)
      })
    )
  })
)

it.live("N12 stores one copy of what was sent when its answer is lost and the connection is cut", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const proxy = yield* Proxy.make(server.port)
    yield* open(
      { url: proxy.url, pingInterval: "500 millis" },
      Effect.gen(function* () {
        yield* offer("q", "a")
        yield* append("k", 0, "one")
        for (let version = 1; version <= 2; version++) {
          proxy.muteServer()
          const offered = yield* Effect.forkChild(offer("q", `b${version}`))
          const appended = yield* Effect.forkChild(append("k", version, `record ${version}`))
          yield* Effect.sleep("300 millis")
          proxy.heal()
          assert.strictEqual(yield* Fiber.join(offered), "added")
          assert.strictEqual(yield* Fiber.join(appended), version + 1)
        }
      })
    )
    yield* open(
      server,
      Effect.gen(function* () {
        assert.strictEqual((yield* statistics("q")).ready, 3)
        assert.deepStrictEqual(yield* records("k"), ["one", "record 1", "record 2"])
      })
    )
  })
)

it.live("N17 watches and takes across a restart of the server without a gap, with a reader that is slow", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const seen: Array<number> = []
        yield* append("watched/a", 0, "0")
        yield* Effect.forkScoped(
          Stream.runForEach(journal.watch("watched/"), ({ version }) =>
            Effect.delay(
              Effect.sync(() => seen.push(version)),
              "5 millis"
            )
          )
        )
        yield* Effect.sleep("200 millis")
        for (let version = 1; version < 100; version++) {
          if (version === 50) {
            yield* server.stop
            yield* server.start
          }
          yield* Effect.retry(append("watched/a", version, "x"), {
            while: (error) => error._tag === "TransportError",
            times: 20
          })
        }
        yield* Effect.repeat(
          Effect.sync(() => seen.at(-1)),
          { until: (version) => version === 100, schedule: Schedule.spaced("20 millis") }
        ).pipe(Effect.timeout("8 seconds"))
        assert.deepStrictEqual(
          seen,
          Array.from({ length: 99 }, (_, index) => index + 2)
        )
      }).pipe(Effect.scoped)
    )
  })
)

it.live("N07 lets an owner that was cut off for longer than its lease settle nothing", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const proxy = yield* Proxy.make(server.port)
    yield* open(
      { url: proxy.url, pingInterval: "500 millis" },
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* offer("q", "a")
        const scope = yield* Scope.make()
        const stale = yield* Scope.provide(queue.take("q", { lease: "1 second" }), scope)
        assert.strictEqual(stale.attempt, 1)
        proxy.mute()
        yield* open(
          server,
          Effect.gen(function* () {
            const queue = yield* Queue.Queue
            const next = yield* Effect.timeout(queue.take("q", { lease: "1 minute" }), "8 seconds")
            assert.deepStrictEqual([next.id, next.attempt], ["a", 2])
            proxy.heal()
            yield* Effect.timeout(stale.lost, "8 seconds")
            yield* Scope.close(scope, Exit.succeed(null))
            assert.strictEqual(yield* queue.stateOf("q", "a"), "in_flight")
          }).pipe(Effect.scoped)
        )
      })
    )
  })
)

it.live("N07 hands on after its lease what came for a taker that was cut off while it waited", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const proxy = yield* Proxy.make(server.port)
    yield* open(
      { url: proxy.url, pingInterval: "500 millis" },
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* offer("q", "before")
        yield* take("q")
        const waiting = yield* Effect.forkChild(queue.take("q", { lease: "1 second" }), { startImmediately: true })
        yield* Effect.sleep("100 millis")
        proxy.mute()
        yield* open(
          server,
          Effect.gen(function* () {
            const queue = yield* Queue.Queue
            yield* offer("q", "a")
            // It is for who is cut off.
            assert.strictEqual(yield* queue.stateOf("q", "a"), "in_flight")
            const next = yield* Effect.timeout(queue.take("q", { lease: "1 minute" }), "8 seconds")
            assert.deepStrictEqual([next.id, next.attempt], ["a", 2])
            proxy.heal()
            yield* offer("q", "b")
            const delivery = yield* Effect.timeout(Fiber.join(waiting), "8 seconds")
            assert.deepStrictEqual([delivery.id, delivery.attempt], ["b", 1])
          }).pipe(Effect.scoped)
        )
      }).pipe(Effect.scoped)
    )
  })
)
