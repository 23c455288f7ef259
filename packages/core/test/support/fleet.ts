/** Sessions that send wakes, on memory. */
import { Effect, Layer, Logger } from "effect"
import * as Outbox from "../../src/Outbox.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as Transport from "../../src/Transport.ts"
import type * as Wake from "../../src/Wake.ts"

/** Both ports, sessions and wakes, in memory, and nobody who reads the log. */
export const services = Layer.merge(Transport.services(Transport.layerMemory), Logger.layer([]))

/** A session of that id that somebody outside executes. */
export const external = (id: string, orchestrator = "main") =>
  Sessions.Sessions.use((sessions) => sessions.create({ id, role: "auditor", taskType: "a11y", orchestrator }))

/** Sends a wake, and answers its id. */
export const send = Effect.fnUntraced(function* (sessionId: string, status: Wake.Status, summary = "") {
  const wake = yield* Outbox.send({ sessionId, status, summary })
  return wake.wake_id
})
