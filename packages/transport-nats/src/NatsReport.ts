/**
 * What a server is and what it promises, for an operator.
 *
 * @since 0.1.0
 */
import type { TransportError } from "@sartor/core"
import { Effect, Option, Schema } from "effect"
import * as Calls from "./internal/Calls.ts"
import * as Streams from "./internal/Streams.ts"
import { NatsClient } from "./NatsClient.ts"

/**
 * What an acknowledgement of the server survives. `crash`: its own end by force. `power_loss`: that of its machine, too. `unknown`: the
 * server does not tell how often it syncs.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Durability = Schema.Struct({
  level: Schema.Literals(["crash", "power_loss", "unknown"]),
  detail: Schema.String
})

/**
 * @category schemas
 * @since 0.1.0
 */
export const NatsReport = Schema.Struct({
  server: Schema.Struct({
    address: Schema.String,
    name: Schema.String,
    version: Schema.String,
    /** The level of the JetStream interface; 0 before 2.11. */
    api_level: Schema.Natural,
    max_payload: Schema.Natural,
    cluster: Schema.optionalKey(Schema.String)
  }),
  /** Those of the namespace that are there. */
  streams: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      messages: Schema.Natural,
      bytes: Schema.Natural,
      last_sequence: Schema.Natural,
      replicas: Schema.Natural
    })
  ),
  /** Those that will be made by the first who uses the namespace. */
  missing: Schema.Array(Schema.String),
  /** How streams that are there differ from what they have to be: nothing works until that is mended. */
  differences: Schema.Array(Schema.String),
  /** By the level of the JetStream interface that the server says it has. None is needed for anything durable. */
  features: Schema.Struct({
    message_ttl: Schema.Boolean,
    atomic_batch: Schema.Boolean,
    message_counter: Schema.Boolean,
    message_schedules: Schema.Boolean
  }),
  durability: Durability
})

/**
 * @category models
 * @since 0.1.0
 */
export type NatsReport = typeof NatsReport.Type

/**
 * Asks the server that the client is connected to, and changes nothing there. `monitor` is the address of its monitoring port, such as `http://127.0.0.1:8222`: how
 * often it syncs can be learned only there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fn("NatsReport.make")(function* (
  options: { readonly monitor?: string | undefined } = {}
): Effect.fn.Return<NatsReport, TransportError.TransportError, NatsClient> {
  const client = yield* NatsClient
  const { connection, manager, names, replicas } = client
  const { cluster, max_payload, server_name, version } = yield* Effect.fromNullishOr(connection.info).pipe(
    Effect.mapError(() => Calls.unavailable("doctor", "the connection to the server is closed"))
  )
  const apiLevel = connection.info?.api_lvl ?? 0
  const stream = (name: string) =>
    Effect.map(
      Calls.ask(client, "doctor", name, () => manager.streams.info(name)),
      ({ config, state }) => ({
        name,
        messages: state.messages,
        bytes: state.bytes,
        last_sequence: state.last_seq,
        replicas: config.num_replicas
      })
    )
  const found = (name: string) =>
    Effect.catchIf(
      Effect.asSome(stream(name)),
      ({ cause }) => Calls.isMissing(cause),
      () => Effect.succeedNone
    )
  const needed = [names.journalStream, names.queueStream]
  const streams = (yield* Effect.forEach([...needed, names.bucketStream], found)).flatMap(Option.toArray)
  return {
    server: {
      address: connection.getServer(),
      name: server_name,
      version,
      api_level: apiLevel,
      max_payload,
      ...(cluster === undefined ? {} : { cluster })
    },
    streams,
    missing: needed.filter((wanted) => streams.every(({ name }) => name !== wanted)),
    differences: yield* Streams.differing(manager, names, replicas),
    // Of releases 2.11, 2.12 and on; what a server does not know it drops in silence, before 2.12 even where it is asked for it.
    features: {
      message_ttl: apiLevel >= 1,
      atomic_batch: apiLevel >= 2,
      message_counter: apiLevel >= 2,
      message_schedules: apiLevel >= 2
    },
    durability: yield* durability(version, options.monitor)
  }
})

const Jsz = Schema.fromJsonString(
  Schema.Struct({
    config: Schema.Struct({
      sync_interval: Schema.optionalKey(Schema.Number),
      sync_always: Schema.optionalKey(Schema.Boolean)
    })
  })
)
const decodeJsz = Schema.decodeUnknownEffect(Jsz)

const durability = Effect.fnUntraced(function* (version: string, monitor: string | undefined) {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major < 2 || (major === 2 && minor < 10)) {
    return {
      level: "crash" as const,
      detail: `nats-server ${version} syncs every two minutes: use 2.10 or later with sync_interval: always`
    }
  }
  if (monitor === undefined) {
    return {
      level: "unknown" as const,
      detail: "give the address of the server's monitoring port: how often it syncs is told only there"
    }
  }
  return yield* Effect.tryPromise({
    try: (signal) => fetch(new URL("/jsz?config=true", monitor), { signal }).then((response) => response.text()),
    catch: (cause) => cause
  }).pipe(
    Effect.timeout("3 seconds"),
    Effect.flatMap(decodeJsz),
    Effect.map(({ config }) =>
      config.sync_always === true
        ? { level: "power_loss" as const, detail: "the server syncs before it acknowledges" }
        : {
            level: "crash" as const,
            detail: `the server syncs every ${Math.round((config.sync_interval ?? 120e9) / 1e9)} seconds: set sync_interval: always in its jetstream block`
          }
    ),
    Effect.catch(() => Effect.succeed({ level: "unknown" as const, detail: `nothing answers at ${monitor}/jsz` }))
  )
})
