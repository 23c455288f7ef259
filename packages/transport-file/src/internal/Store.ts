/**
 * What the journals and the queues of one data directory share in one process.
 */
import { Clock, DateTime, Duration, Effect, Random, type Scope } from "effect"
import { Key, type TransportError } from "@sartor/core"
import * as path from "node:path"
import * as Descriptors from "./Descriptors.ts"
import * as Directories from "./Directories.ts"
import * as Flushing from "./Flushing.ts"
import * as Hints from "./Hints.ts"
import * as LogFile from "./LogFile.ts"
import * as Payloads from "./Payloads.ts"
import * as Synced from "./Synced.ts"

export interface Store {
  /** The data directory: nothing below it is reached through a link. */
  readonly directory: string
  readonly journals: string
  readonly queues: string
  /** The file of what was noted of journals. */
  readonly notes: string
  readonly clock: Clock.Clock
  /** Milliseconds that never go back. */
  readonly monotonicMillis: () => number
  /** When the store was opened, RFC 3339. */
  readonly since: string
  readonly hints: Hints.Hints
  readonly descriptors: Descriptors.Descriptors
  /** Flushes that failed, by path: final until this process ends. */
  readonly failures: Map<string, TransportError.TransportError>
  readonly flushing: Flushing.Flushing
  readonly synced: Synced.Synced
  readonly directories: Directories.Directories
  readonly payloads: Payloads.Payloads
  /** Names the next frame: unlike any other of any process. */
  readonly writer: () => string
  /** Logs a warning, once a file. */
  readonly warn: (file: string, what: string) => void
  readonly hasWarned: (file: string) => boolean
}

export interface Options {
  readonly directory: string
  readonly namespace?: string | undefined
}

export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Store, TransportError.TransportError, Scope.Scope> {
  const operation = "FileTransport.layer"
  const directory = path.resolve(options.directory)
  const namespace = options.namespace ?? "default"
  if (!Key.isKey(namespace) || namespace.includes("/")) {
    const what = `${JSON.stringify(namespace)} is not a valid namespace: use lower-case letters, digits and single hyphens`
    return yield* LogFile.relabel(operation, LogFile.failure("unavailable", directory, what))
  }
  const root = path.join(directory, "sartor", namespace)
  const journals = path.join(root, "journals")
  const queues = path.join(root, "queues")
  const { isNew, topmost } = yield* LogFile.attempt(operation, () => {
    const made = LogFile.makeDirectories(directory)
    const missing = [journals, queues].flatMap((place) => LogFile.makeParents(directory, path.join(place, "log")))
    for (const place of [journals, queues]) LogFile.checkWritable(place)
    return { isNew: missing.length > 0, topmost: made ?? directory }
  })
  // Once, on the first use: after that the operator knows.
  if (isNew) yield* warnOfFileSystem(directory)

  const synced = Synced.make(path.join(root, "synced.table"))
  yield* Effect.addFinalizer(() => Effect.sync(synced.close))
  const descriptors = Descriptors.make()
  yield* Effect.addFinalizer(() => Effect.forEach([...descriptors.opened], close, { concurrency: "unbounded" }))
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const nonce = `${yield* random}${yield* random}`
  const warned = new Set<string>()
  let frames = 0
  const hints = yield* Hints.make

  const failures = new Map<string, TransportError.TransportError>()
  yield* scanning(
    500,
    Effect.sync(() => {
      hints.rearm()
      LogFile.caught(() => {
        for (const log of descriptors.opened) log.verify()
      })
    })
  )

  return {
    directory,
    journals,
    queues,
    notes: path.join(root, "notes.log"),
    clock,
    monotonicMillis: () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n),
    since: DateTime.formatIso(DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())),
    hints,
    descriptors,
    failures,
    flushing: Flushing.make(),
    synced,
    directories: Directories.make(directory, topmost, failures, descriptors),
    payloads: Payloads.make(),
    writer: () => `${nonce}.${(frames += 1)}`,
    warn: (file, what) => {
      if (warned.has(file)) return
      warned.add(file)
      Effect.runForkWith(context)(Effect.logWarning(`${file}: ${what}`))
    },
    hasWarned: (file) => warned.has(file)
  }
})

/**
 * Looks for changes in the background, for as long as the layer lives. A scan that takes long is repeated less often, so that
 * it costs a tenth of a processor at most. One that fails is no loss: who asks next meets the same failure.
 */
export const scanning = (interval: number, scan: Effect.Effect<void, TransportError.TransportError>) =>
  Effect.forkScoped(
    Effect.ignore(scan).pipe(
      Effect.timed,
      Effect.flatMap(([duration]) => Effect.sleep(Math.max(interval, 10 * Duration.toMillis(duration)))),
      Effect.forever
    )
  )

/** Closes a log once what it was asked to write is on the device. */
const close = (log: Descriptors.Closable) =>
  Effect.callback<void>((resume) => {
    log.tidy()
    log.whenIdle(() => {
      log.close()
      resume(Effect.void)
    })
  })

const random = Effect.map(Random.nextIntBetween(0, 2 ** 40), (number) => number.toString(36))

/** What is wrong with the file system of a directory, if something is. */
export const weakness = (directory: string) =>
  LogFile.attempt("FileTransport.layer", () => fileSystems[LogFile.fileSystem(directory)])

const warnOfFileSystem = (directory: string) =>
  Effect.flatMap(weakness(directory), (found) =>
    found === undefined ? Effect.void : Effect.logWarning(`${directory} is on ${found}`)
  )

const network = "a network file system: appends of several machines may overwrite each other; use a local one"
const volatile = "a file system that does not survive a power loss; use a local disk"
const fileSystems: Record<number, string> = {
  0x6969: network,
  0x517b: network,
  0xfe534d42: network,
  0xff534d42: network,
  0x01021994: volatile,
  0x858458f6: volatile,
  0x794c7630: "an overlay of a container, which ends with it; use a volume"
}
