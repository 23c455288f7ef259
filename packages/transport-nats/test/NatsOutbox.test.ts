import { assert, it } from "@effect/vitest"
import { Outbox, Queue, Sessions, Transport, Wakes } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, Layer, Schedule } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { NatsTransport } from "../src/index.ts"
import * as NatsServer from "./support/NatsServer.ts"
import { refused } from "./support/ports.ts"

/** A fleet on a server, with its outbox in a folder. */
const fleet = (url: string, folder: string) =>
  Layer.fresh(Transport.services(NatsTransport.layer({ url, outbox: FileTransport.layer({ directory: folder }) })))

const session = (id: string) =>
  Sessions.Sessions.use((sessions) => sessions.create({ id, role: "auditor", taskType: "a11y", orchestrator: "main" }))
const send = (sessionId: string) => Outbox.send({ sessionId, status: "complete", summary: "done" })
const pending = Wakes.Wakes.use((wakes) =>
  Effect.andThen(
    wakes.reconcile("main"),
    Effect.map(wakes.pending("main"), (list) => list.map(({ wake }) => wake.wake_id))
  )
)
/** How many sends are kept in a folder, and how many are done. */
const outboxOf = (folder: string) =>
  Effect.provide(
    Queue.Queue.use((queue) => queue.statistics("outbox/default")),
    Layer.fresh(FileTransport.layer({ directory: folder }))
  ).pipe(
    // One message says whose they are.
    Effect.map(({ completed, ready }) => ({ kept: ready - 1, done: completed }))
  )

it.live("sends again what the server has lost with an older copy of its store, until it is acknowledged", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const store = path.join(server.directory, "store")
    const copy = path.join(server.directory, "copy")
    const folder = path.join(server.directory, "data")
    yield* Effect.provide(Effect.all([session("impl-a"), session("impl-b")]), fleet(server.url, folder))
    // A copy of the time when both were there and none had ended.
    yield* server.stop
    fs.cpSync(store, copy, { recursive: true })
    yield* server.start
    const sent = yield* Effect.provide(Effect.all([send("impl-a"), send("impl-b")]), fleet(server.url, folder))
    yield* server.stop
    fs.rmSync(store, { recursive: true })
    fs.cpSync(copy, store, { recursive: true })
    yield* server.start
    const ids = sent.map(({ wake_id }) => wake_id).sort()
    const found = yield* Effect.provide(pending, fleet(server.url, folder))
    assert.deepStrictEqual([...found].sort(), ids)
    yield* Effect.provide(
      Wakes.Wakes.use((wakes) => Effect.forEach(ids, (id) => wakes.acknowledge(id))),
      fleet(server.url, folder)
    )
    yield* Effect.provide(Effect.void, fleet(server.url, folder))
    assert.deepStrictEqual(yield* outboxOf(folder), { kept: 0, done: 2 })
    const audit = yield* Effect.provide(
      Wakes.Wakes.use((wakes) => wakes.audit("main")),
      fleet(server.url, folder)
    )
    assert.deepStrictEqual([audit.committed, audit.acknowledged, audit.balanced], [2, 2, true])
  })
)

it.live("notices a store that went back while it is connected, and sends again by itself", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const store = path.join(server.directory, "store")
    const copy = path.join(server.directory, "copy")
    const folder = path.join(server.directory, "data")
    yield* Effect.provide(
      Effect.gen(function* () {
        yield* session("impl-a")
        yield* pending
        yield* server.stop
        fs.cpSync(store, copy, { recursive: true })
        yield* server.start
        const { wake_id } = yield* Effect.retry(send("impl-a"), { times: 20 })
        assert.deepStrictEqual(yield* pending, [wake_id])
        yield* server.stop
        fs.rmSync(store, { recursive: true })
        fs.cpSync(copy, store, { recursive: true })
        yield* server.start
        const found = yield* Effect.repeat(
          Effect.catch(pending, () => Effect.succeed([])),
          { until: (ids) => ids.length > 0, schedule: Schedule.spaced("200 millis") }
        ).pipe(Effect.timeout("15 seconds"))
        assert.deepStrictEqual(found, [wake_id])
      }),
      fleet(server.url, folder)
    )
  })
)

it.live(
  "does not grow with what was acknowledged",
  () =>
    Effect.gen(function* () {
      const server = yield* NatsServer.make()
      const folder = path.join(server.directory, "data")
      const bytes = () =>
        fs
          .readdirSync(folder, { recursive: true, encoding: "utf8" })
          .filter((name) => name.includes("outbox"))
          .reduce((sum, name) => sum + fs.statSync(path.join(folder, name)).size, 0)
      yield* Effect.provide(
        Effect.gen(function* () {
          const wakes = yield* Wakes.Wakes
          const ids = Array.from({ length: 16 }, (_, index) => `impl-${index}`)
          for (const sessionId of ids) {
            yield* session(sessionId)
            const { wake_id } = yield* Outbox.send({ sessionId, status: "complete", summary: "x".repeat(150_000) })
            yield* wakes.acknowledge(wake_id)
          }
          assert.isAbove(bytes(), 2_300_000)
          yield* Effect.repeat(Effect.sync(bytes), {
            // What is wasted below a mebibyte is left.
            until: (size) => size < 1_300_000,
            schedule: Schedule.spaced("100 millis")
          }).pipe(Effect.timeout("45 seconds"))
          assert.strictEqual((yield* outboxOf(folder)).kept, 0)
        }),
        fleet(server.url, folder)
      )
    }),
  60_000
)

it.live("sends nothing to the server of another fleet", () =>
  Effect.gen(function* () {
    const ours = yield* NatsServer.make()
    const other = yield* NatsServer.make()
    const folder = path.join(ours.directory, "data")
    yield* Effect.provide(session("impl-a"), fleet(ours.url, folder))
    yield* Effect.provide(session("impl-b"), fleet(other.url, path.join(other.directory, "data")))
    const outbox = FileTransport.layer({ directory: folder })
    const error = yield* Effect.flip(
      Effect.scoped(Layer.build(Layer.fresh(NatsTransport.layer({ url: other.url, outbox }))))
    )
    assert.strictEqual(error.reason, "unavailable")
    assert.match(error.message, /another fleet: nothing was sent/)
    assert.strictEqual((yield* refused({ url: "nats://127.0.0.1:1" })).reason, "unavailable")
    const fresh = yield* NatsServer.make()
    const empty = yield* Effect.flip(
      Effect.scoped(Layer.build(Layer.fresh(NatsTransport.layer({ url: fresh.url, outbox }))))
    )
    assert.match(empty.message, /holds nothing of it/)
  })
)
