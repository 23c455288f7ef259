import { Effect, Layer } from "effect"
import { JournalSuite, QueueSuite } from "../src/testing/index.ts"
import * as Processes from "./support/Processes.ts"

// The store that the other tests kill processes on keeps what every transport promises.
const layer = Layer.unwrap(
  Effect.gen(function* () {
    const process = yield* Processes.start(yield* Processes.SharedStore)
    return process.layer
  })
)
const driver = {
  name: "processes on one store",
  storage: Layer.effect(Processes.SharedStore, Processes.makeStore),
  layer,
  durable: true
}

JournalSuite.register(driver)
QueueSuite.register(driver)
