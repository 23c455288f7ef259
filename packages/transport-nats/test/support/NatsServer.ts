/** Servers that the tests start, pause, kill and start again. */
import { Context, Effect, Layer, Option, Schedule, Schema, type Scope } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as process from "node:process"

/** What the tests start; the matrix names others. */
export const binary = process.env["SARTOR_NATS_SERVER"] ?? "nats-server"

export interface Server {
  readonly url: string
  readonly port: number
  readonly pid: () => number
  /** Its store, which outlives it. */
  readonly directory: string
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Kills it with SIGKILL and waits for its end. */
  readonly stop: Effect.Effect<void>
  /** Starts it again, on the same store and port. */
  readonly start: Effect.Effect<void>
  readonly log: () => string
  /** Where its monitoring port is, if its configuration has one. */
  readonly monitor: () => string
}

export interface Options {
  /** Further lines of its configuration. */
  readonly config?: string | undefined
  readonly jetstream?: boolean | undefined
  /** Further lines of its jetstream block. */
  readonly jetstreamConfig?: string | undefined
  /** Where its store is to lie, instead of in a directory of its own. */
  readonly store?: string | undefined
}

const Ports = Schema.fromJsonString(
  Schema.Struct({ nats: Schema.Array(Schema.String), monitoring: Schema.optionalKey(Schema.Array(Schema.String)) })
)

/** A server on a port of its own, with a store of its own: killed and wiped by the scope. */
export const make = (options: Options = {}): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "sartor-nats-"))),
      (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
    )
    const file = path.join(directory, "server.conf")
    const log = path.join(directory, "server.log")
    const write = (port: number) =>
      fs.writeFileSync(
        file,
        [
          `host: 127.0.0.1`,
          `port: ${port}`,
          `ports_file_dir: "${directory}"`,
          options.jetstream === false
            ? ""
            : `jetstream { store_dir: "${options.store ?? path.join(directory, "store")}"\n${options.jetstreamConfig ?? ""} }`,
          options.config ?? ""
        ].join("\n")
      )
    let running: childProcess.ChildProcess | undefined
    let ended: Promise<void> = Promise.resolve()
    let port = -1
    let monitor = ""

    const start = Effect.gen(function* () {
      write(port)
      const output = fs.openSync(log, "a")
      const child = childProcess.spawn(binary, ["-c", file], { stdio: ["ignore", output, output] })
      fs.closeSync(output)
      running = child
      let problem: Error | undefined
      ended = new Promise((resolve) => {
        child.on("exit", () => resolve())
        child.on("error", (error) => {
          problem = error
          resolve()
        })
      })
      const find = Effect.suspend(() => {
        if (problem !== undefined) return Effect.die(new Error(missing))
        if (child.exitCode !== null) return Effect.die(new Error(`${binary} ended: ${fs.readFileSync(log, "utf8")}`))
        const found = path.join(directory, `${path.basename(binary)}_${child.pid}.ports`)
        if (!fs.existsSync(found)) return Effect.succeed(Option.none<number>())
        const ports = Schema.decodeUnknownOption(Ports)(fs.readFileSync(found, "utf8"))
        return Effect.succeed(
          Option.map(ports, ({ monitoring, nats }) => {
            monitor = monitoring?.[0] ?? ""
            return Number(new URL(nats[0] ?? "").port)
          })
        )
      })
      const known = yield* Effect.repeat(find, { until: Option.isSome, schedule: Schedule.spaced("5 millis") }).pipe(
        Effect.timeoutOrElse({
          duration: "15 seconds",
          orElse: () => Effect.die(new Error(`${binary} does not start`))
        })
      )
      if (Option.isSome(known)) port = known.value
    })
    const stop = Effect.suspend(() => {
      running?.kill("SIGKILL")
      return Effect.promise(() => ended)
    })
    yield* Effect.acquireRelease(start, () => stop)
    return {
      get url() {
        return `nats://127.0.0.1:${port}`
      },
      get port() {
        return port
      },
      pid: () => running?.pid ?? 0,
      directory,
      kill: (signal) => Effect.sync(() => running?.kill(signal)),
      stop,
      start,
      monitor: () => monitor,
      log: () => fs.readFileSync(log, "utf8")
    }
  })

const missing = `There is no ${binary}: install Debian's package with "apt-get install nats-server", or set SARTOR_NATS_SERVER to a binary`

export class NatsServer extends Context.Service<NatsServer, Server>()("NatsServer") {
  static readonly layer = (options?: Options) => Layer.effect(this, make(options))
}
