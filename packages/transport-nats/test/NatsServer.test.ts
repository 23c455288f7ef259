import { assert, it } from "@effect/vitest"
import { Objm } from "@nats-io/obj"
import { Journal, Queue, TransportError } from "@sartor/core"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { NatsClient, NatsFailure, NatsReport } from "../src/index.ts"
import * as NatsServer from "./support/NatsServer.ts"
import { append, offer, open, records, refused, statistics, take } from "./support/ports.ts"

const causeOf = (error: unknown) => (error instanceof TransportError.TransportError ? error.cause : undefined)
const reasonOf = (error: unknown) => (error instanceof TransportError.TransportError ? error.reason : error)

it.live("N04 tells a missing stream, JetStream that is off, and a subject that is not permitted apart", () =>
  Effect.gen(function* () {
    const without = yield* NatsServer.make({ jetstream: false })
    assert.instanceOf(causeOf(yield* refused(without)), NatsFailure.JetStreamOff)
    const strict = yield* NatsServer.make({
      config: `authorization { users: [
        { user: all, password: hushhush }
        { user: some, password: hushhush, permissions: { publish: { deny: "sartor.*.queue.>" } } }
      ] }`
    })
    const as = (user: string): NatsClient.Options => ({
      url: strict.url,
      credentials: { type: "user", user, password: Redacted.make("hushhush") }
    })
    yield* open(as("all"), offer("q", "a"))
    const error = yield* open(as("some"), Effect.flip(offer("q", "b")))
    assert.instanceOf(causeOf(error), NatsFailure.NotPermitted)
    assert.include(error.message, "sartor.default.queue.q")
    yield* open(
      as("all"),
      Effect.gen(function* () {
        const { manager } = yield* NatsClient.NatsClient
        yield* Effect.promise(() => manager.streams.delete("SARTOR_default_JOURNAL"))
        assert.instanceOf(causeOf(yield* Effect.flip(append("k", 0, "a"))), NatsFailure.StreamMissing)
      })
    )
  })
)

it.live("N06 carries what is larger than a message, refuses what is too large, and keeps the connection", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        const client = yield* NatsClient.NatsClient
        const before = client.epoch()
        for (const length of [1024 * 1024 + 1, 1024 * 1024 - 5, 256 * 1024 - 20]) {
          const text = "x".repeat(length)
          yield* append(`k/${length}`, 0, text)
          assert.deepStrictEqual(yield* records(`k/${length}`), [text])
          yield* offer("q", `m${length}`, text)
          assert.strictEqual((yield* take("q")).payload, text)
        }
        const journal = yield* Journal.Journal
        yield* journal.delete(`k/${1024 * 1024 + 1}`)
        const store = yield* Effect.promise(() => new Objm(client.jetstream).open("SARTOR_default_LARGE"))
        const left = yield* Effect.promise(() => store.list())
        assert.deepStrictEqual(
          left.filter(({ name }) => name.startsWith(`journal/k/${1024 * 1024 + 1}/`)),
          []
        )
        assert.strictEqual(client.epoch(), before)
      })
    )
  })
)

it.live(
  "N08 keeps a dead letter of its own after the last attempt, whether or not anybody listens for advisories",
  () =>
    Effect.gen(function* () {
      const server = yield* NatsServer.make()
      for (const listens of [true, false]) {
        yield* open(
          server,
          Effect.gen(function* () {
            const client = yield* NatsClient.NatsClient
            if (listens) client.connection.subscribe("$JS.EVENT.ADVISORY.>", { callback: () => undefined })
            const queue = yield* Queue.Queue
            const name = `listens-${listens}`
            yield* offer(name, "poison")
            for (let attempt = 1; attempt <= 3; attempt++) {
              const handled = Effect.andThen(
                queue.take(name, { maxAttempts: 3, retryDelay: () => 0 }),
                Effect.fail(new Error(`no ${attempt}`))
              )
              yield* Effect.exit(Effect.scoped(handled))
            }
            const [dead] = yield* queue.inspect(name)
            assert.deepStrictEqual([dead?.id, dead?.state, dead?.reason], ["poison", "dead", "no 3"])
            const { dead: count, inFlight, ready } = yield* statistics(name)
            assert.deepStrictEqual([ready, inFlight, count], [0, 0, 1])
          })
        )
      }
    })
)

it.live("N09 makes what another program published a dead letter on first sight, and goes on", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        const { jetstream } = yield* NatsClient.NatsClient
        const queue = yield* Queue.Queue
        yield* offer("q", "first")
        const junk = [
          "not json",
          '{"format":1,"at":1}',
          `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`.slice(0, 900_000),
          `{"format":1,"at":1,"writer":"w","seen":0,"appends":[[{"type":"unheard-of"}]]}`,
          new Uint8Array([0xff, 0xfe, 0x00, 0x80])
        ]
        for (const payload of junk) yield* Effect.promise(() => jetstream.publish("sartor.default.queue.q", payload))
        yield* offer("q", "last")
        assert.strictEqual((yield* take("q")).id, "first")
        assert.strictEqual((yield* take("q")).id, "last")
        const dead = yield* queue.inspect("q")
        assert.deepStrictEqual(
          dead.map(({ state }) => state),
          junk.map(() => "dead")
        )
        assert.strictEqual(dead[0]?.payload, "not json")
        assert.match(dead[0]?.reason ?? "", /malformed/)
        yield* Effect.promise(() => jetstream.publish("sartor.default.journal.k", "not ours"))
        assert.strictEqual(reasonOf(yield* Effect.flip(append("k", 0, "a"))), "corrupt")
        yield* Effect.promise(() => jetstream.publish("sartor.default.queue.n", '{"format":2}'))
        assert.strictEqual(reasonOf(yield* Effect.flip(take("n"))), "unsupported_format")
      })
    )
  })
)

it.live("N10 tells which features the server has, and how much an acknowledgement survives", () =>
  Effect.gen(function* () {
    const monitored = yield* NatsServer.make({ config: "http: 127.0.0.1:-1" })
    const report = (server: NatsServer.Server) => open(server, NatsReport.make({ monitor: server.monitor() }))
    const { durability, features, server, streams } = yield* report(monitored)
    const [major = 0, minor = 0] = server.version.split(".").map(Number)
    const isAtLeast = (wanted: number) => major > 2 || minor >= wanted
    assert.deepStrictEqual(features, {
      message_ttl: isAtLeast(11),
      atomic_batch: isAtLeast(12),
      message_counter: isAtLeast(12),
      message_schedules: isAtLeast(12)
    })
    assert.strictEqual(durability.level, "crash")
    assert.deepStrictEqual(
      streams.map(({ name }) => name),
      ["SARTOR_default_JOURNAL", "SARTOR_default_QUEUE"]
    )
    // Releases before 2.10 do not know the setting, and do not start with it.
    if (!isAtLeast(10)) return
    const careful = yield* NatsServer.make({ config: "http: 127.0.0.1:-1", jetstreamConfig: "sync_interval: always" })
    assert.strictEqual((yield* report(careful)).durability.level, "power_loss")
    assert.strictEqual((yield* open(careful, NatsReport.make())).durability.level, "unknown")
  })
)

it.live("looks at a server without making anything there, and tells what is missing or different", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const names = ["SARTOR_default_JOURNAL", "SARTOR_default_QUEUE"]
    const looking = <A, E>(body: Effect.Effect<A, E, NatsClient.NatsClient>) =>
      Effect.provide(body, Layer.fresh(NatsClient.layerLooking({ url: server.url })))
    const account = NatsClient.NatsClient.use(({ manager }) => Effect.promise(() => manager.getAccountInfo()))
    const before = yield* looking(NatsReport.make())
    assert.deepStrictEqual([before.streams, before.missing, before.differences], [[], names, []])
    assert.strictEqual((yield* looking(account)).streams, 0)
    yield* open(server, append("k", 0, "one"))
    const used = yield* looking(NatsReport.make())
    assert.deepStrictEqual([used.streams.map(({ name }) => name), used.missing], [names, []])
    assert.strictEqual((yield* looking(account)).streams, 2)
    const change = NatsClient.NatsClient.use(({ manager }) =>
      Effect.promise(() => manager.streams.update("SARTOR_default_QUEUE", { max_msgs: 7 }))
    )
    yield* looking(change)
    assert.match((yield* looking(NatsReport.make())).differences.join(), /max_msgs is 7, not -1/)
  })
)

it.live("N11 shows how a stream that is there differs from what it needs, and changes nothing", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        const { manager } = yield* NatsClient.NatsClient
        const name = "SARTOR_default_QUEUE"
        yield* Effect.promise(() => manager.streams.update(name, { max_msgs: 7, subjects: ["sartor.default.queue.>"] }))
        const error = yield* refused(server)
        const cause = causeOf(error)
        assert.instanceOf(cause, NatsFailure.StreamDiffers)
        assert.match(error.message, /max_msgs is 7, not -1/)
        assert.match(error.message, /subjects is \["sartor.default.queue.>"\], not/)
        const { config } = yield* Effect.promise(() => manager.streams.info(name))
        assert.strictEqual(config.max_msgs, 7)
      })
    )
  })
)

it.live("N13 lets one of 100 writers win each version, and tells the others which is the newest", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const writers = Array.from({ length: 25 }, (_, index) => index)
    for (let version = 0; version < 3; version++) {
      const writing = Effect.forEach(writers, (writer) => Effect.result(append("k", version, `${writer}`)), {
        concurrency: "unbounded"
      })
      const openings = Array.from({ length: 4 }, () => open(server, writing))
      const results = (yield* Effect.all(openings, { concurrency: "unbounded" })).flat()
      assert.strictEqual(results.filter(({ _tag }) => _tag === "Success").length, 1)
      for (const result of results) {
        if (result._tag === "Success") continue
        const { failure } = result
        assert.strictEqual(failure._tag === "VersionConflict" ? failure.actual : failure._tag, version + 1)
      }
    }
    assert.strictEqual((yield* open(server, records("k"))).length, 3)
  })
)

it.live("N16 refuses what would break a subject before it is sent: the shared connection lives on", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        const { epoch } = yield* NatsClient.NatsClient
        const before = epoch()
        for (const name of ["a b", "a.b", "a.*", "*", ">", "a\r\nb", "x".repeat(5_000), "a\0b", ".a", "a..b", "é"]) {
          assert.strictEqual((yield* Effect.flip(offer(name, "id")))._tag, "InvalidKey")
          assert.strictEqual((yield* Effect.flip(append(name, 0, "a")))._tag, "InvalidKey")
        }
        // An id is no part of a subject.
        for (const id of ["a b", "*", ">", "a\r\nb", "\0", "é"]) {
          yield* offer("q", id)
          assert.strictEqual((yield* take("q")).id, id)
        }
        assert.strictEqual(epoch(), before)
      })
    )
  })
)

it.live("N19 takes a large record of which a part is missing or changed for damaged, never for read", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const large = "x".repeat(1024 * 1024)
    const bucket = "OBJ_SARTOR_default_LARGE"
    yield* open(server, Effect.andThen(append("k", 0, large), offer("q", "large", large)))
    yield* open(
      server,
      Effect.gen(function* () {
        const { jetstream, manager } = yield* NatsClient.NatsClient
        const store = yield* Effect.promise(() => new Objm(jetstream).open("SARTOR_default_LARGE"))
        for (const { name, nuid } of yield* Effect.promise(() => store.list())) {
          const chunks = `$O.SARTOR_default_LARGE.C.${nuid}`
          const last = yield* Effect.promise(() => manager.streams.getMessage(bucket, { last_by_subj: chunks }))
          yield* Effect.promise(() => manager.streams.deleteMessage(bucket, last?.seq ?? 0))
          if (name.startsWith("journal/")) yield* Effect.promise(() => jetstream.publish(chunks, "other bytes"))
        }
        const error = yield* Effect.flip(records("k"))
        assert.strictEqual(reasonOf(error), "corrupt")
        assert.match(error.message, /damaged/)
        const queue = yield* Queue.Queue
        const [dead] = yield* Effect.repeat(queue.inspect("q"), {
          until: (found) => found.length > 0,
          schedule: Schedule.spaced("20 millis")
        })
        assert.deepStrictEqual([dead?.id, dead?.state], ["large", "dead"])
        assert.match(dead?.reason ?? "", /incomplete/)
        assert.strictEqual((yield* statistics("q")).completed, 0)
        yield* offer("q", "next")
        assert.strictEqual((yield* take("q")).id, "next")
      })
    )
  })
)

it.live("keeps namespaces apart, and settles nothing in another one", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const inside = <A, E>(namespace: string, body: Effect.Effect<A, E, Journal.Journal | Queue.Queue>) =>
      open({ url: server.url, namespace }, body)
    yield* inside("one", Effect.andThen(append("k", 0, "one"), offer("q", "a")))
    assert.deepStrictEqual(yield* inside("two", records("k")), [])
    assert.strictEqual((yield* inside("two", statistics("q"))).ready, 0)
    for (const namespace of ["", "..", "a/b", "A", "*", ">"]) {
      assert.strictEqual((yield* refused({ url: server.url, namespace })).reason, "unavailable")
    }
  })
)

it.live("closes within two seconds, whether or not the server is there", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    for (const present of [true, false]) {
      const began = yield* open(
        server,
        Effect.gen(function* () {
          yield* offer("q", `${present}`)
          if (!present) yield* server.stop
          return performance.now()
        })
      )
      assert.isBelow(performance.now() - began, 3_000)
    }
  })
)
