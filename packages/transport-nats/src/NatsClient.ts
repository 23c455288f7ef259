/**
 * One connection to a NATS server with JetStream, for as long as its scope is open. It reconnects for ever.
 *
 * @since 0.1.0
 */
import { type JetStreamClient, jetstream, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream"
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  nkeyAuthenticator,
  type NodeConnectionOptions
} from "@nats-io/transport-node"
import { Key, type TransportError } from "@sartor/core"
import {
  Config,
  Context,
  Duration,
  Effect,
  Layer,
  Option,
  Redacted,
  Result,
  type Scope,
  Stream,
  SubscriptionRef
} from "effect"
import * as fs from "node:fs"
import * as Calls from "./internal/Calls.ts"
import * as Names from "./internal/Names.ts"
import * as Streams from "./internal/Streams.ts"
import * as NatsFailure from "./NatsFailure.ts"

/**
 * How this program proves who it is.
 *
 * @category configuration
 * @since 0.1.0
 */
export type Credentials =
  | { readonly type: "user"; readonly user: string; readonly password: Redacted.Redacted }
  | { readonly type: "token"; readonly token: Redacted.Redacted }
  | { readonly type: "nkey"; readonly seed: Redacted.Redacted }
  /** The content of a `.creds` file. */
  | { readonly type: "creds"; readonly creds: Redacted.Redacted }
  /** The path of a `.creds` file. */
  | { readonly type: "file"; readonly path: string }

/**
 * Where the server is, and what it is used as.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** `nats://127.0.0.1:4222` by default. A user and password, or a token, in it count as credentials. */
  readonly url?: string | ReadonlyArray<string> | undefined
  readonly credentials?: Credentials | undefined
  /** Paths of PEM files; giving any of them makes TLS a must. */
  readonly tls?:
    | { readonly ca?: string | undefined; readonly cert?: string | undefined; readonly key?: string | undefined }
    | undefined
  /** Keeps several fleets on one server apart: a lower-case name; `default` by default. */
  readonly namespace?: string | undefined
  /** How many servers of a cluster keep each stream; 1 by default. */
  readonly replicas?: number | undefined
  /** How long the first connection may take; 5 seconds by default. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How often the server is asked whether it is still there; 2 seconds by default. */
  readonly pingInterval?: Duration.Input | undefined
}

/**
 * How the connection is: `silent` is a server that has not answered two pings.
 *
 * @category models
 * @since 0.1.0
 */
export interface Health {
  readonly status: "connected" | "silent" | "disconnected"
  /** Host and port of the server that is, or was, connected. */
  readonly server: string
}

/**
 * The connection, what speaks JetStream over it, and its health.
 *
 * @category services
 * @since 0.1.0
 */
export class NatsClient extends Context.Service<
  NatsClient,
  {
    readonly connection: NatsConnection
    readonly jetstream: JetStreamClient
    readonly manager: JetStreamManager
    /** The health now, and each change of it. */
    readonly health: Stream.Stream<Health>
    /** Differs after each reconnection: what was known of the server's state may be of another one. */
    readonly epoch: () => string
    /** Calls back at each reconnection; answers how to stop that. */
    readonly onReconnect: (listener: () => void) => () => void
    readonly replicas: number
    /** @internal */
    readonly names: Names.Names
  }
>()("@sartor/transport-nats/NatsClient") {}

/**
 * Connects, and makes the streams of the namespace that are missing. Fails if the server cannot be reached in time, refuses the
 * credentials, has no JetStream, or has a stream with other settings.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<NatsClient, TransportError.TransportError> =>
  Layer.effect(NatsClient, make(options))

/**
 * Connects, looks, and makes nothing: for who wants to know what a server is before it is used.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerLooking = (options: Options = {}): Layer.Layer<NatsClient, TransportError.TransportError> =>
  Layer.effect(NatsClient, attach(options))

/**
 * Reads the options from `SARTOR_NATS_URL` (several separated by commas), `SARTOR_NAMESPACE`, `SARTOR_NATS_REPLICAS`; credentials from
 * `SARTOR_NATS_USER` and `SARTOR_NATS_PASSWORD`, `SARTOR_NATS_TOKEN`, `SARTOR_NATS_NKEY` (a seed) or `SARTOR_NATS_CREDS` (the path of a
 * file); and TLS from `SARTOR_NATS_CA`, `SARTOR_NATS_CERT` and `SARTOR_NATS_KEY` (paths).
 *
 * @category configuration
 * @since 0.1.0
 */
export const config: Config.Config<Options> = Config.all({
  url: Config.withDefault(Config.String("SARTOR_NATS_URL"), "nats://127.0.0.1:4222"),
  namespace: Config.withDefault(Config.String("SARTOR_NAMESPACE"), "default"),
  replicas: Config.withDefault(Config.Int("SARTOR_NATS_REPLICAS"), 1),
  user: Config.option(Config.String("SARTOR_NATS_USER")),
  password: Config.option(Config.Redacted("SARTOR_NATS_PASSWORD")),
  token: Config.option(Config.Redacted("SARTOR_NATS_TOKEN")),
  nkey: Config.option(Config.Redacted("SARTOR_NATS_NKEY")),
  creds: Config.option(Config.String("SARTOR_NATS_CREDS")),
  ca: Config.option(Config.String("SARTOR_NATS_CA")),
  cert: Config.option(Config.String("SARTOR_NATS_CERT")),
  key: Config.option(Config.String("SARTOR_NATS_KEY"))
}).pipe(
  Config.map(({ ca, cert, creds, key, namespace, nkey, password, replicas, token, url, user }) => {
    const tls = { ca: Option.getOrUndefined(ca), cert: Option.getOrUndefined(cert), key: Option.getOrUndefined(key) }
    const secured = Object.values(tls).some((path) => path !== undefined)
    return {
      url: url.split(","),
      namespace,
      replicas,
      credentials: Option.isSome(creds)
        ? { type: "file", path: creds.value }
        : Option.isSome(nkey)
          ? { type: "nkey", seed: nkey.value }
          : Option.isSome(token)
            ? { type: "token", token: token.value }
            : Option.isSome(user)
              ? { type: "user", user: user.value, password: Option.getOrElse(password, () => Redacted.make("")) }
              : undefined,
      tls: secured ? tls : undefined
    }
  })
)

const make = Effect.fnUntraced(function* (options: Options) {
  const client = yield* attach(options)
  yield* Calls.begin(client, Streams.ensure(client.manager, client.names, client.replicas))
  return client
})

const attach = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<NatsClient["Service"], TransportError.TransportError, Scope.Scope> {
  const { namespace = "default", replicas = 1 } = options
  const pingInterval = Duration.toMillis(options.pingInterval ?? "2 seconds")
  if (!Key.isKey(namespace) || namespace.includes("/")) {
    return yield* Calls.unavailable("connect", `the namespace ${JSON.stringify(namespace)} is not a lower-case name`)
  }
  const names = Names.make(namespace)
  const settings = yield* settled(options, pingInterval)
  const where = settings.servers.join(", ")
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => connect(settings), catch: (cause) => unreachable(cause, where) }),
    // What is on its way still leaves; a server that is away is not waited for.
    (connection) =>
      Effect.tryPromise(() => connection.drain()).pipe(
        Effect.timeoutOption("1 second"),
        Effect.andThen(Effect.tryPromise(() => connection.close())),
        Effect.ignore
      ),
    { interruptible: true }
  )
  const manager = yield* Calls.begin(
    { connection },
    Effect.tryPromise({
      try: () => jetstreamManager(connection, { timeout: requestTimeout }),
      catch: (cause) => withoutJetStream(cause, where)
    })
  )

  const server = () => connection.getServer()
  const health = yield* SubscriptionRef.make<Health>({ status: "connected", server: server() })
  const listeners = new Set<() => void>()
  let connected = 0
  let now: Health["status"] = "connected"
  const tell = (status: Health["status"]) => {
    if (status === now) return Effect.void
    now = status
    return SubscriptionRef.set(health, { status, server: server() })
  }
  yield* Effect.forkScoped(
    Stream.runForEach(
      Stream.fromAsyncIterable(connection.status(), (cause) => cause),
      (status) => {
        switch (status.type) {
          case "disconnect":
          case "staleConnection":
            return tell("disconnected")
          case "ping":
            return status.pendingPings >= silentPings ? tell("silent") : tell("connected")
          case "reconnect":
            connected += 1
            for (const listener of listeners) listener()
            return tell("connected")
          case "error":
            return Effect.logWarning(`The NATS server reports: ${status.error.message}`)
          default:
            return Effect.void
        }
      }
    )
  )
  yield* Effect.forkScoped(
    SubscriptionRef.changes(health).pipe(
      Stream.drop(1),
      Stream.runForEach(({ server, status }) =>
        status === "connected"
          ? Effect.logInfo(`The NATS server ${server} answers again`)
          : Effect.logWarning(`The NATS server ${server} is ${status}; trying again until it answers`)
      )
    )
  )

  return {
    connection,
    jetstream: jetstream(connection, { timeout: requestTimeout }),
    manager,
    health: SubscriptionRef.changes(health),
    epoch: () => `${connection.info?.server_id} ${connection.info?.client_id} ${connected}`,
    onReconnect: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    replicas,
    names
  }
})

/** How long one request may take, in milliseconds. */
const requestTimeout = 2_000

/** Unanswered pings, the one just sent included, that make a server silent. */
const silentPings = 2

const settled = Effect.fnUntraced(function* (options: Options, pingInterval: number) {
  const given = options.url ?? "nats://127.0.0.1:4222"
  const urls = (typeof given === "string" ? given.split(",") : given).map((url) => url.trim())
  const parsed = yield* Effect.forEach(urls, (url) => Effect.fromResult(parse(url)))
  const inUrl = parsed.find(({ credentials }) => credentials !== undefined)?.credentials
  const secured = options.tls ?? (parsed.some(({ tls }) => tls) ? {} : undefined)
  const { ca, cert, key } = secured ?? {}
  return {
    servers: parsed.map(({ server }) => server),
    name: "sartor",
    timeout: Duration.toMillis(options.connectTimeout ?? "5 seconds"),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    ignoreAuthErrorAbort: true,
    pingInterval,
    maxPingOut: 2,
    noAsyncTraces: true,
    ...(secured === undefined
      ? {}
      : {
          tls: {
            ...(ca === undefined ? {} : { caFile: ca }),
            ...(cert === undefined ? {} : { certFile: cert }),
            ...(key === undefined ? {} : { keyFile: key })
          }
        }),
    ...(yield* authentication(options.credentials ?? inUrl))
  } satisfies NodeConnectionOptions
})

interface Place {
  /** Without what is secret. */
  readonly server: string
  readonly tls: boolean
  readonly credentials: Credentials | undefined
}

/** The client ignores what a URL says before its `@`, and would show it in messages: it is taken out here. */
const parse = (url: string): Result.Result<Place, TransportError.TransportError> => {
  const match = /^(?:(nats|tls):\/\/)?(?:([^@/]*)@)?([^@/\s]+)\/?$/.exec(url)
  const server = match?.[3]
  if (server === undefined) {
    return Result.fail(
      Calls.unavailable("connect", "the NATS URL is not like nats://127.0.0.1:4222 or tls://host:4222")
    )
  }
  const [name = "", ...rest] = (match?.[2] ?? "").split(":").map(decoded)
  return Result.succeed({
    server,
    tls: match?.[1] === "tls",
    credentials:
      name === ""
        ? undefined
        : rest.length === 0
          ? { type: "token", token: Redacted.make(name) }
          : { type: "user", user: name, password: Redacted.make(rest.join(":")) }
  })
}

const decoded = (text: string) =>
  Result.getOrElse(
    Result.try(() => decodeURIComponent(text)),
    () => text
  )

const authentication = Effect.fnUntraced(function* (credentials: Credentials | undefined) {
  switch (credentials?.type) {
    case undefined:
      return {}
    case "user":
      return { user: credentials.user, pass: Redacted.value(credentials.password) }
    case "token":
      return { token: Redacted.value(credentials.token) }
    case "nkey":
      return { authenticator: nkeyAuthenticator(new TextEncoder().encode(Redacted.value(credentials.seed))) }
    case "creds":
      return { authenticator: credsAuthenticator(new TextEncoder().encode(Redacted.value(credentials.creds))) }
    case "file": {
      const { path } = credentials
      let known = yield* Effect.try({
        try: () => fs.readFileSync(path),
        catch: () => Calls.unavailable("connect", `the credentials file ${path} cannot be read`)
      })
      // Read anew at each connection: credentials that expire are followed by others in the same place.
      const authenticator: Authenticator = (nonce) => {
        known = Result.getOrElse(
          Result.try(() => fs.readFileSync(path)),
          () => known
        )
        return credsAuthenticator(known)(nonce)
      }
      return { authenticator }
    }
  }
})

const unreachable = (cause: unknown, server: string) => {
  if (cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError) {
    return Calls.failure("connect", new NatsFailure.NotAuthorized({ server, why: cause.message }))
  }
  const why = cause instanceof Error ? cause.message : String(cause)
  return Calls.unavailable("connect", `no NATS server at ${server} (${why}): check that it runs and --nats-url`)
}

const withoutJetStream = (cause: unknown, server: string) => {
  const known = Calls.failure("connect", cause)
  const permitted = known.cause instanceof NatsFailure.NotPermitted || Calls.isLeaderless(cause)
  return permitted ? known : Calls.failure("connect", new NatsFailure.JetStreamOff({ server }))
}
