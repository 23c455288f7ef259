import { PersistedQueueStore } from "@sartor/core"
import { PersistedQueueSuite } from "@sartor/core/testing"
import { Effect, Layer } from "effect"
import { FileTransport } from "../src/index.ts"
import { Directory } from "./support.ts"

PersistedQueueSuite.register({
  name: "files",
  storage: Directory.layer,
  layer: Layer.unwrap(
    Effect.map(Directory, (directory) => Layer.provide(PersistedQueueStore.layer, FileTransport.layer({ directory })))
  ),
  durable: true
})
