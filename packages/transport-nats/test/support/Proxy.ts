/** Stands between clients and a server, and can fall silent: connections stay, and what is said is lost or late. */
import { Effect, type Scope } from "effect"
import * as net from "node:net"

export interface Proxy {
  readonly url: string
  /** Loses what the server says from now on. */
  readonly muteServer: () => void
  /** Loses what either side says from now on. */
  readonly mute: () => void
  /** Ends all connections. New ones are let through if `answers`. */
  readonly cut: (options: { readonly answers: boolean }) => void
  /** Lets everything through again, on new connections. */
  readonly heal: () => void
}

export const make = (port: number): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pairs = new Set<readonly [net.Socket, net.Socket]>()
    let state: "open" | "server-muted" | "muted" | "closed" = "open"
    const server = net.createServer((client) => {
      if (state === "closed") return client.destroy()
      const upstream = net.connect(port, "127.0.0.1")
      const pair = [client, upstream] as const
      pairs.add(pair)
      const end = () => {
        pairs.delete(pair)
        client.destroy()
        upstream.destroy()
      }
      client.on("data", (data) => state !== "muted" && upstream.write(data))
      upstream.on("data", (data) => state === "open" && client.write(data))
      for (const socket of pair) socket.on("error", end).on("close", end)
      return undefined
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.sync(() => {
          for (const pair of pairs) for (const socket of pair) socket.destroy()
          server.close()
        })
    )
    const cut = () => {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
    }
    const address = server.address()
    return {
      url: `nats://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
      muteServer: () => (state = "server-muted"),
      mute: () => (state = "muted"),
      cut: ({ answers }) => {
        state = answers ? "open" : "closed"
        cut()
      },
      heal: () => {
        state = "open"
        cut()
      }
    }
  })
