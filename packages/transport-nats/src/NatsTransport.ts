/**
 * Journals and queues on NATS JetStream: many machines, one server or cluster.
 *
 * @since 0.1.0
 */
import { Journal, Queue, type TransportError } from "@sartor/core"
import { type Config, Context, Effect, Layer } from "effect"
import * as Blobs from "./internal/Blobs.ts"
import * as NatsClient from "./NatsClient.ts"
import * as NatsJournal from "./NatsJournal.ts"
import * as NatsOutbox from "./NatsOutbox.ts"
import * as NatsQueue from "./NatsQueue.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type Services = Journal.Journal | Queue.Queue | NatsClient.NatsClient

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends NatsClient.Options {
  /**
   * Queues of this machine, for what the server might lose: terminal records and wakes stand in it until their orchestrator has
   * acknowledged them, and are sent again if the server has lost them. Without it, that is up to the server.
   */
  readonly outbox?: Layer.Layer<Queue.Queue, TransportError.TransportError> | undefined
}

/**
 * Keeps journals and queues in streams of a namespace, which are made if they are missing. The connection stays visible beside them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Services, TransportError.TransportError> =>
  Layer.provideMerge(ports(options.outbox), NatsClient.layer(options))

/**
 * Reads its options as `NatsClient.config` tells.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Services, TransportError.TransportError | Config.ConfigError> = Layer.unwrap(
  Effect.map(NatsClient.config, layer)
)

const ports = (
  outbox: Options["outbox"]
): Layer.Layer<Journal.Journal | Queue.Queue, TransportError.TransportError, NatsClient.NatsClient> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const client = yield* NatsClient.NatsClient
      const blobs = Blobs.make(client)
      const journal = yield* NatsJournal.make(client, blobs)
      const { service: queue } = yield* NatsQueue.make(client, blobs)
      const kept = outbox === undefined ? undefined : Context.get(yield* Layer.build(outbox), Queue.Queue)
      const safe = kept === undefined ? journal : yield* NatsOutbox.make(client, journal, kept)
      return Context.make(Journal.Journal, safe).pipe(Context.add(Queue.Queue, queue))
    })
  )
