import { afterAll } from "@effect/vitest"
import { Journal, Queue } from "@sartor/core"
import { Context, Effect, Layer, type Scope, Stream } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as process from "node:process"
import { fileURLToPath } from "node:url"
import { build } from "rolldown"
import { FileTransport } from "../src/index.ts"

/** A directory of its own that goes with the scope. */
export const temporaryIn = (parent: string) =>
  Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(parent, "sartor-file-"))),
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
  )

export const temporary = temporaryIn(os.tmpdir())

export class Directory extends Context.Service<Directory, string>()("Directory") {
  static readonly layer = Layer.effect(this, temporary)
}

export type Ports = Journal.Journal | Queue.Queue

/** Opens the transport on a directory for a body, and closes it again. */
export const open = <A, E>(directory: string, body: Effect.Effect<A, E, Ports | Scope.Scope>) =>
  Effect.scoped(Effect.provide(body, Layer.fresh(FileTransport.layer({ directory }))))

export const append = (key: string, expected: number, ...records: ReadonlyArray<string>) =>
  Effect.flatMap(Journal.Journal, (journal) => journal.append(key, expected, records))

export const records = (key: string, after?: number) =>
  Effect.flatMap(Journal.Journal, (journal) =>
    Effect.map(Stream.runCollect(journal.read(key, after)), (entries) =>
      entries.map(({ record, version }) => `${version} ${String(record)}`)
    )
  )

export const offer = (queue: string, id: string) =>
  Effect.flatMap(Queue.Queue, (service) => service.offer(queue, { id, payload: id }))

export const journalFile = (directory: string, key: string) =>
  path.join(directory, "sartor/default/journals", `${key}.log`)
export const queueFile = (directory: string, queue: string) =>
  path.join(directory, "sartor/default/queues", `${queue}.log`)

/** The lines of a log that are not empty, with the place of their first byte. */
export const lines = (file: string) => {
  const bytes = fs.readFileSync(file)
  const found: Array<{ readonly start: number; readonly end: number }> = []
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(10, start)
    if (end < 0) break
    if (end > start) found.push({ start, end })
    start = end + 1
  }
  return found
}

export interface Child {
  readonly process: childProcess.ChildProcess
  /** What it has reported so far, whole lines only. */
  readonly reports: () => ReadonlyArray<string>
  /** Completes with its exit code, or with the signal that killed it. */
  readonly ended: Effect.Effect<number | string>
}

/** One file, because a process that reads all of its modules by itself takes five times as long to start. */
const bundled = async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sartor-child-"))
  // Others than root may have to run it.
  fs.chmodSync(folder, 0o755)
  const file = path.join(folder, "child.mjs")
  const input = fileURLToPath(new URL("fixtures/child.ts", import.meta.url))
  await build({ input, platform: "node", logLevel: "warn", output: { file, format: "esm" } })
  return file
}
let bundle: Promise<string> | undefined
afterAll(async () => {
  if (bundle !== undefined) fs.rmSync(path.dirname(await bundle), { recursive: true, force: true })
})

/** Starts a process of its own, which the scope kills. `prefix` is a command that starts it. */
export const childUnder = Effect.fnUntraced(function* (prefix: ReadonlyArray<string>, ...args: ReadonlyArray<string>) {
  // A file, because a pipe may be full just when the process reports.
  const output = path.join(yield* temporary, "output")
  const fixture = yield* Effect.promise(() => (bundle ??= bundled()))
  const [command = "", ...rest] = [
    ...prefix,
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    fixture,
    ...args
  ]
  return yield* Effect.acquireRelease(
    Effect.sync((): Child => {
      const descriptor = fs.openSync(output, "a")
      const started = childProcess.spawn(command, rest, { stdio: ["ignore", descriptor, "inherit"] })
      fs.closeSync(descriptor)
      const ended = new Promise<number | string>((resolve) =>
        started.on("close", (code, signal) => resolve(code ?? signal ?? "unknown"))
      )
      return {
        process: started,
        reports: () => fs.readFileSync(output, "utf8").split("\n").slice(0, -1),
        ended: Effect.promise(() => ended)
      }
    }),
    (child) =>
      Effect.andThen(
        Effect.sync(() => child.process.kill("SIGKILL")),
        child.ended
      )
  )
})

export const child = (...args: ReadonlyArray<string>) => childUnder([], ...args)

export const isRoot = process.getuid?.() === 0

export const canTrace = childProcess.spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0

/** Skips a case, and says why in the output. */
export const skip = (context: { readonly skip: (note: string) => void }, note: string) => {
  process.stdout.write(`SKIPPED: ${note}\n`)
  context.skip(note)
}
