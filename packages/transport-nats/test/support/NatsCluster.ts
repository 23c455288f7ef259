/** Three servers that are one cluster: each is one of `NatsServer`, with a place among the others. */
import { Context, Effect, Exit, Layer, Random, Schedule, Schema, Scope } from "effect"
import * as net from "node:net"
import { NatsClient } from "../../src/index.ts"
import * as NatsServer from "./NatsServer.ts"

export interface Cluster {
  /** All of them, as a client is told. */
  readonly url: string
  readonly servers: ReadonlyArray<NatsServer.Server>
  /** The one that leads a stream now. */
  readonly leaderOf: (stream: string) => Effect.Effect<NatsServer.Server, never, NatsClient.NatsClient>
  /** Returns when they have a leader whom all of them follow. */
  readonly formed: Effect.Effect<void>
}

const names = ["one", "two", "three"]

/** Three servers on ports and stores of their own: killed and wiped by the scope. */
export const make = (options: NatsServer.Options = {}): Effect.Effect<Cluster, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Scope.Scope)
    const apart = Effect.fnUntraced(function* (why: "apart") {
      yield* Scope.close(scope, Exit.void)
      return yield* Effect.fail(why)
    })
    return yield* Effect.catch(Scope.provide(started(options), scope), apart)
    // Servers of 2.10 that start together may count one too few, and never take in the third.
  }).pipe(Effect.retry({ times: 4 }), Effect.orDie)

const started = (options: NatsServer.Options): Effect.Effect<Cluster, "apart", Scope.Scope> =>
  Effect.gen(function* () {
    const ports = yield* Effect.forEach(names, () => freePort)
    const routes = (own: number | undefined) =>
      ports.flatMap((port) => (port === own ? [] : [`nats://127.0.0.1:${port}`])).join(", ")
    const servers = yield* Effect.forEach(
      names.map((name, index) => ({ name, port: ports[index] })),
      ({ name, port }) =>
        NatsServer.make({
          ...options,
          config: [
            `server_name: ${name}`,
            `http: 127.0.0.1:-1`,
            `cluster { name: sartor, listen: 127.0.0.1:${port}, routes: [${routes(port)}] }`,
            options.config ?? ""
          ].join("\n")
        })
    )
    const formed = Effect.forEach(servers, leads, { concurrency: "unbounded" }).pipe(
      Effect.repeat({ until: (each) => each.includes(true), schedule: Schedule.spaced("50 millis") }),
      Effect.asVoid
    )
    yield* Effect.timeoutOrElse(formed, { duration: "8 seconds", orElse: () => Effect.fail("apart" as const) })
    return {
      get url() {
        return servers.map(({ url }) => url).join(",")
      },
      servers,
      leaderOf: (stream) =>
        NatsClient.NatsClient.use(({ manager }) =>
          Effect.promise(() => manager.streams.info(stream)).pipe(
            Effect.map(({ cluster }) => servers[names.indexOf(cluster?.leader ?? "")]),
            Effect.flatMap(Effect.fromNullishOr),
            Effect.orDie
          )
        ),
      formed: Effect.timeoutOrElse(formed, {
        duration: "30 seconds",
        orElse: () => Effect.die(new Error("the servers do not become a cluster again"))
      })
    }
  })

/**
 * A port that nobody listens on, below those that the system hands out by itself: the server comes back to it after it was killed, and
 * the others dial it meanwhile.
 */
const freePort: Effect.Effect<number> = Effect.flatMap(Random.nextIntBetween(15_000, 32_000), (port) =>
  Effect.callback<number, "taken">((resume) => {
    const probe = net.createServer()
    probe.once("error", () => resume(Effect.fail("taken")))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resume(Effect.succeed(port))))
  })
).pipe(Effect.eventually)

const Jsz = Schema.fromJsonString(
  Schema.Struct({
    meta_cluster: Schema.Struct({
      leader: Schema.String,
      replicas: Schema.Array(Schema.Struct({ current: Schema.Boolean, offline: Schema.optionalKey(Schema.Boolean) }))
    })
  })
)

/** Whether it leads the others, and all of them have followed. Only the leader knows of its followers. */
const leads = ({ monitor }: NatsServer.Server): Effect.Effect<boolean> =>
  Effect.tryPromise((signal) => fetch(new URL("/jsz", monitor()), { signal }).then((response) => response.text())).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Jsz)),
    Effect.map(
      ({ meta_cluster: { replicas } }) =>
        replicas.length === names.length - 1 && replicas.every(({ current, offline }) => current && offline !== true)
    ),
    Effect.catch(() => Effect.succeed(false))
  )

export class NatsCluster extends Context.Service<NatsCluster, Cluster>()("NatsCluster") {
  static readonly layer = (options?: NatsServer.Options) => Layer.effect(this, make(options))
}
