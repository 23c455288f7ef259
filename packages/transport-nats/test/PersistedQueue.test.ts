import { PersistedQueueStore } from "@sartor/core"
import { PersistedQueueSuite } from "@sartor/core/testing"
import { Effect, Layer } from "effect"
import { NatsTransport } from "../src/index.ts"
import { NatsServer } from "./support/NatsServer.ts"

PersistedQueueSuite.register({
  name: "NATS",
  storage: NatsServer.layer(),
  layer: Layer.unwrap(
    Effect.map(NatsServer, ({ url }) => Layer.provide(PersistedQueueStore.layer, NatsTransport.layer({ url })))
  ),
  durable: true
})
