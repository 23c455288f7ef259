/** The transports that the matrix runs on, each time a fresh one. */
import { Transport } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { NatsTransport } from "@sartor/transport-nats"
import { Effect, type Layer, type Scope } from "effect"
import { join } from "node:path"
import * as NatsServer from "../../packages/transport-nats/test/support/NatsServer.ts"
import { folder } from "../support/onFiles.ts"

export type MakeTransport = Effect.Effect<Layer.Layer<Transport.Transport, unknown>, unknown, Scope.Scope>

export const memory: MakeTransport = Effect.succeed(Transport.layerMemory)
export const files: MakeTransport = Effect.map(folder, (folder) =>
  FileTransport.layer({ directory: join(folder, "data") })
)
export const nats: MakeTransport = Effect.map(NatsServer.make(), ({ url }) => NatsTransport.layer({ url }))
