import { Sessions, Transport, type Wakes } from "@sartor/core"
import { Effect, Layer } from "effect"
import { FileTransport } from "../src/index.ts"

export type Services = Transport.Transport | Sessions.Sessions | Wakes.Wakes

/** Opens sessions on a directory for a body, and closes them again. */
export const inside = <A, E>(directory: string, body: Effect.Effect<A, E, Services>) =>
  Effect.provide(body, Layer.fresh(Transport.services(FileTransport.layer({ directory }))))

export const create = (id: string, more: Partial<Sessions.CreateOptions> = {}) =>
  Sessions.Sessions.use((sessions) => sessions.create({ id, role: "auditor", taskType: "x", prompt: "Look", ...more }))
