import { assert, it } from "@effect/vitest"
import { Journal, Sessions, Transport } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, Layer, Stream } from "effect"
import * as path from "node:path"
import { NatsTransport } from "../src/index.ts"
import * as NatsServer from "./support/NatsServer.ts"
import * as Proxy from "./support/Proxy.ts"

/** A fleet on a server, with its outbox in a folder. */
const fleet = (url: string, folder: string) =>
  Layer.fresh(Transport.services(NatsTransport.layer({ url, outbox: FileTransport.layer({ directory: folder }) })))

const session = (id: string) =>
  Sessions.Sessions.use((sessions) => sessions.create({ id, role: "auditor", taskType: "a11y", orchestrator: "main" }))

it.live("keeps a wake that could not be sent, says so with its id, and sends it from the next process", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    const proxy = yield* Proxy.make(server.port)
    const folder = path.join(server.directory, "data")
    const failure = yield* Effect.provide(
      Effect.gen(function* () {
        yield* session("impl-a")
        proxy.mute()
        return yield* Effect.flip(
          Effect.flatMap(Journal.Journal, (journal) =>
            journal.append("session/impl-a", 1, [{ type: "ended", wake: { wake_id: "impl-a/1/x" } }])
          )
        )
      }),
      fleet(proxy.url, folder)
    )
    assert.strictEqual(failure._tag, "TransportError")
    assert.include(failure.message, "impl-a/1/x")
    const records = yield* Effect.provide(
      Effect.flatMap(Journal.Journal, (journal) => Stream.runCollect(journal.read("session/impl-a"))),
      fleet(server.url, folder)
    )
    assert.strictEqual(records.length, 2)
  })
)
