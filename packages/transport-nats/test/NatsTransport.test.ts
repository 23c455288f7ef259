import { JournalSuite, QueueSuite } from "@sartor/core/testing"
import { Effect, Layer } from "effect"
import { NatsTransport } from "../src/index.ts"
import { NatsServer } from "./support/NatsServer.ts"

const driver = {
  name: "NATS",
  storage: NatsServer.layer(),
  layer: Layer.unwrap(Effect.map(NatsServer, ({ url }) => NatsTransport.layer({ url }))),
  durable: true
}

JournalSuite.register(driver)
QueueSuite.register(driver)
