/**
 * Picks the transport, and bounds the time that a command spends on it. Nothing else here knows which one it is.
 *
 * @since 0.1.0
 */
import {
  type Flags,
  type Journal,
  type LegacyFiles,
  type Queue,
  Role,
  type Sessions,
  Transport,
  TransportError,
  type Wakes
} from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { LegacyDirectory, LegacyMirror } from "@sartor/transport-file/legacy"
import type { NatsReport } from "@sartor/transport-nats"
import { Duration, Effect, Layer } from "effect"
import { Settings } from "./Settings.ts"

/**
 * What commands work with.
 *
 * @category models
 * @since 0.1.0
 */
export type Services =
  | Flags.Flags
  | Journal.Journal
  | LegacyFiles.LegacyFiles
  | LegacyMirror.LegacyMirror
  | Queue.Queue
  | Sessions.Sessions
  | Wakes.Wakes

/** Only who uses NATS loads its client. */
const natsPackage = Effect.promise(() => import("@sartor/transport-nats"))

/** Where NATS is, and who we are there. */
const natsOptions = Effect.gen(function* () {
  const { connectTimeout, namespace, natsUrl } = yield* Settings
  const { NatsClient } = yield* natsPackage
  const options = yield* Effect.mapError(NatsClient.config, ({ message }) => unavailable(message))
  return { ...options, url: natsUrl, namespace, connectTimeout }
})

const nats = Layer.unwrap(
  Effect.gen(function* () {
    const { NatsTransport } = yield* natsPackage
    const { dataDir: directory, namespace } = yield* Settings
    const outbox = FileTransport.layer({ directory, namespace })
    return NatsTransport.layer({ ...(yield* natsOptions), outbox })
  })
)

/**
 * What the NATS server is and promises, without making anything there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inspectingNats = (options: {
  readonly monitor: string | undefined
}): Effect.Effect<NatsReport.NatsReport, TransportError.TransportError, Settings> =>
  Effect.gen(function* () {
    const { NatsClient, NatsReport } = yield* natsPackage
    return yield* Effect.provide(NatsReport.make(options), NatsClient.layerLooking(yield* natsOptions))
  }).pipe(
    Effect.timeoutOrElse({
      duration: "15 seconds",
      orElse: () => Effect.fail(unavailable("it took longer than 15 seconds"))
    })
  )

const transport = Layer.unwrap(
  Effect.map(Settings, ({ dataDir, namespace, transport }) =>
    transport === "file" ? FileTransport.layer({ directory: dataDir, namespace }) : nats
  )
)

/** Both ports, or a failure once the first connection has taken too long. */
const connected: Layer.Layer<Transport.Transport, TransportError.TransportError, Settings> = Layer.effectContext(
  Effect.gen(function* () {
    const { connectTimeout } = yield* Settings
    return yield* Effect.timeoutOrElse(Layer.build(transport), {
      duration: connectTimeout,
      orElse: () => Effect.fail(unavailable(`no answer within ${Duration.format(Duration.millis(connectTimeout))}`))
    })
  })
)

const legacy = Layer.unwrap(Effect.map(Settings, ({ dataDir: directory }) => LegacyDirectory.layer({ directory })))

/**
 * Gives an effect the legacy files alone, which need no transport.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onFiles = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, LegacyFiles.LegacyFiles> | Settings> => Effect.provide(effect, legacy)

const servicesOf = (options: { readonly manual: boolean }) =>
  Layer.unwrap(
    Effect.map(Settings, ({ dataDir: directory, legacyMirror, namespace, transport }) =>
      legacyMirror
        ? LegacyMirror.services(connected, { directory, namespace, others: transport === "nats", ...options })
        : LegacyMirror.servicesUnmirrored(connected, { directory })
    )
  )

const services = servicesOf({ manual: false })
const quietServices = servicesOf({ manual: true })

/**
 * Gives an effect the services, without anything being written to the legacy files that it does not ask for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inspecting = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Flags.InvalidFlag | TransportError.TransportError, Exclude<R, Services> | Settings> =>
  Effect.provide(effect, quietServices)

/**
 * Gives an effect the services, for as long as it takes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const following = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Flags.InvalidFlag | TransportError.TransportError, Exclude<R, Services> | Settings> =>
  Effect.gen(function* () {
    const { roles } = yield* Settings
    return yield* effect.pipe(Effect.provide(services), Effect.provideService(Role.Additional, roles))
  })

/**
 * Gives an effect the services, for 15 seconds at most.
 *
 * @category constructors
 * @since 0.1.0
 */
export const working = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Flags.InvalidFlag | TransportError.TransportError, Exclude<R, Services> | Settings> =>
  Effect.timeoutOrElse(following(effect), {
    duration: "15 seconds",
    orElse: () => Effect.fail(unavailable("it took longer than 15 seconds"))
  })

const unavailable = (detail: string) =>
  new TransportError.TransportError({ operation: "connect", reason: "unavailable", detail })
