/** A nats-server, and what may stand before it, for tests that are no effects. */
import { Effect, Exit, Scope } from "effect"
import { join } from "node:path"
import * as NatsServer from "../../packages/transport-nats/test/support/NatsServer.ts"
import * as Proxy from "../../packages/transport-nats/test/support/Proxy.ts"

const acquire = <A>(cleanups: Array<() => void>, effect: Effect.Effect<A, never, Scope.Scope>): Promise<A> => {
  const scope = Effect.runSync(Scope.make())
  cleanups.push(() => void Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.runPromise(Scope.provide(effect, scope))
}

export const natsServer = (cleanups: Array<() => void>, options?: NatsServer.Options): Promise<NatsServer.Server> =>
  acquire(cleanups, NatsServer.make(options))

/** The flags that lead a command to a server of its own, with its outbox in a folder. */
export const natsTransport = async (cleanups: Array<() => void>, folder: string): Promise<ReadonlyArray<string>> => {
  const { url } = await natsServer(cleanups)
  return ["--transport", "nats", "--nats-url", url, "--data-dir", join(folder, "data")]
}

export const proxy = (cleanups: Array<() => void>, port: number): Promise<Proxy.Proxy> =>
  acquire(cleanups, Proxy.make(port))

export const restart = async (server: NatsServer.Server): Promise<void> => {
  await Effect.runPromise(server.stop)
  await Effect.runPromise(server.start)
}
