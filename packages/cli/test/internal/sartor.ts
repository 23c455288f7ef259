/**
 * Runs the built command as a user's shell would, in a folder of its own.
 */
import { type Journal, type Queue, type Sessions, Transport, type Wakes } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect } from "effect"
import * as child from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { bin, node } from "./bundle.ts"

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Options {
  readonly env?: { readonly [name: string]: string }
  readonly input?: string
  /** Whether stdin stays open. */
  readonly open?: boolean
}

/** A folder of the test, with what runs `sartor` in it. */
export interface Place {
  readonly folder: string
  readonly sartor: (args: ReadonlyArray<string>, options?: Options) => Effect.Effect<Ended>
  /** The one JSON document that a command prints on stdout. */
  readonly json: <A>(args: ReadonlyArray<string>, options?: Options) => Effect.Effect<Ended & { readonly document: A }>
  /** Starts it and answers the process, which is killed with the test. */
  readonly start: (args: ReadonlyArray<string>, options?: Options) => Effect.Effect<Started>
  /** Works on the data of the folder from inside the test's own process. */
  readonly seed: <A, E>(
    effect: Effect.Effect<A, E, Journal.Journal | Queue.Queue | Sessions.Sessions | Wakes.Wakes>
  ) => Effect.Effect<A>
  readonly write: (name: string, text: string) => void
  readonly read: (name: string) => string
  /** Runs a line of shell, in which `sartor` is the command, and `$NODE $SARTOR` too. */
  readonly shell: (line: string) => Effect.Effect<Ended>
}

export interface Started {
  readonly child: child.ChildProcess
  readonly ended: Effect.Effect<Ended>
  readonly stdout: () => string
  readonly stderr: () => string
}

export const place = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => ({
      folder: fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "sartor-cli-"))),
      running: new Set<child.ChildProcess>()
    })),
    ({ folder, running }) =>
      Effect.promise(async () => {
        for (const one of running) one.kill("SIGKILL")
        await fs.promises.rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
      })
  ),
  ({ folder, running }): Place => {
    const spawn = (
      program: string,
      args: ReadonlyArray<string>,
      { env = {}, input, open = false }: Options = {}
    ): Started => {
      const started = child.spawn(program, args, { cwd: folder, env: { ...environment, ...env } })
      running.add(started)
      let stdout = ""
      let stderr = ""
      started.stdout.setEncoding("utf8").on("data", (text) => (stdout += text))
      started.stderr.setEncoding("utf8").on("data", (text) => (stderr += text))
      started.stdin.on("error", () => {})
      if (!open) started.stdin.end(input ?? "")
      const ended = new Promise<Ended>((resolve) => {
        started.on("close", (code, signal) => {
          running.delete(started)
          resolve({ code: code ?? 128 + os.constants.signals[signal ?? "SIGTERM"], stdout, stderr })
        })
      })
      return { child: started, ended: Effect.promise(() => ended), stdout: () => stdout, stderr: () => stderr }
    }
    const sartor: Place["sartor"] = (args, options) => Effect.suspend(() => spawn(node, [bin, ...args], options).ended)
    return {
      folder,
      sartor,
      json: (args, options) =>
        Effect.map(sartor([...args, "--json"], options), (ended) => ({ ...ended, document: JSON.parse(ended.stdout) })),
      start: (args, options) => Effect.sync(() => spawn(node, [bin, ...args], options)),
      seed: (effect) =>
        Effect.orDie(
          Effect.provide(effect, Transport.services(FileTransport.layer({ directory: path.join(folder, "data") })))
        ),
      write: (name, text) => fs.writeFileSync(path.join(folder, name), text),
      read: (name) => fs.readFileSync(path.join(folder, name), "utf8"),
      shell: (line) =>
        Effect.suspend(
          () =>
            spawn("bash", ["-c", `sartor() { "$NODE" "$SARTOR" "$@"; }\n${line}`], {
              env: { NODE: node, SARTOR: bin }
            }).ended
        )
    }
  }
)

/** Nothing of whoever runs the tests may change what they find. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(SARTOR_|ENABLE_|NO_COLOR$|FORCE_COLOR$|LC_|LANG$|NODE_OPTIONS$)/.test(name)
  )
)

export const errorOf = (
  ended: Ended
): { readonly code: string; readonly message: string; readonly [key: string]: unknown } =>
  JSON.parse(ended.stdout).error

/** A workflow of agents that are commands. */
export const workflow = (name: string, agents: ReadonlyArray<object>, top: object = {}): string =>
  JSON.stringify({
    name,
    ...top,
    agents: agents.map((agent) => ({ role: "AUDITOR", task_type: "test", retries: 0, ...agent }))
  })

export const agent = path.resolve(import.meta.dirname, "../fixtures/agents/agent.mjs")

/** Waits until something holds; a test's own time limit ends it otherwise. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep("20 millis"), until(holds))))
