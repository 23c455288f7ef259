/**
 * Keeps append-only logs, one per key. A stale writer is told, never obeyed.
 *
 * @since 0.1.0
 */
import { Clock, Context, Effect, Layer, Queue, Schema, Stream } from "effect"
import { bytesOf } from "./internal/jsonBytes.ts"
import { InvalidKey, isKey } from "./Key.ts"
import { TransportError } from "./TransportError.ts"

/**
 * One committed record. Versions of a key start at 1 and have no gaps, but where a key was deleted and used again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly version: number
  /** When it was appended, in milliseconds since the epoch, by the writer's clock. */
  readonly at: number
  readonly record: Schema.Json
}

/**
 * The newest version of a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Head {
  readonly key: string
  readonly version: number
  /** When it was last appended to, in milliseconds since the epoch. */
  readonly at: number
  /** What somebody has noted of the journal up to this version, if that is still known. */
  readonly note?: Schema.Json
}

/**
 * Someone else appended first. Read again and decide.
 *
 * @category errors
 * @since 0.1.0
 */
export class VersionConflict extends Schema.TaggedError<VersionConflict>("@sartor/core/Journal/VersionConflict")(
  "VersionConflict",
  { key: Schema.String, expected: Schema.Natural, actual: Schema.Natural }
) {
  override get message() {
    return `Journal "${this.key}" is at version ${this.actual}, not ${this.expected}`
  }
}

/**
 * The largest append in bytes of JSON, on every transport. A larger one fails as `too_large` and writes nothing.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxAppendBytes = 32 * 1024 * 1024

/**
 * Whether a watch of this key or prefix tells of a key; for transports.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isWatched = (keyOrPrefix: string, key: string): boolean =>
  keyOrPrefix === "" || keyOrPrefix.endsWith("/") ? key.startsWith(keyOrPrefix) : key === keyOrPrefix

/**
 * @category models
 * @since 0.1.0
 */
export interface AppendOptions {
  /**
   * Whether to wait until the records survive a power cut; yes by default. Otherwise they survive this process, and a power cut once
   * somebody reads them or anything is appended behind them.
   */
  readonly durable?: boolean | undefined
}

/**
 * Port that every transport package implements.
 *
 * @category services
 * @since 0.1.0
 */
export class Journal extends Context.Service<
  Journal,
  {
    /**
     * Appends all records or none, and returns the new version once they survive a crash. Its cost does not depend on the
     * length of the log. A stale `expected` fails and writes nothing that a reader can see: with no records, that asks
     * whether it is stale.
     */
    readonly append: (
      key: string,
      expected: number,
      records: ReadonlyArray<Schema.Json>,
      options?: AppendOptions
    ) => Effect.Effect<number, VersionConflict | InvalidKey | TransportError>
    /** Streams the durable entries after a version, oldest first; nothing for an unknown or deleted key. */
    readonly read: (key: string, after?: number) => Stream.Stream<Entry, InvalidKey | TransportError>
    /** Lists the keys that start with a prefix, sorted; deleted ones are left out. */
    readonly heads: (prefix?: string) => Effect.Effect<ReadonlyArray<Head>, TransportError>
    /**
     * Streams a head each time that a key has grown, written here or by another process, from now on: this key, or with `/`
     * at its end every key that begins so, or all of them. A reader that is slow sees the newest head of a key, not each
     * one between.
     */
    readonly watch: (keyOrPrefix?: string) => Stream.Stream<Head, TransportError>
    /**
     * Empties a key and leaves a tombstone: reads find nothing, and versions go on from where they were, so that a stale
     * owner can never write into a key that was created again. Deleting an unknown key does nothing.
     */
    readonly delete: (key: string) => Effect.Effect<void, InvalidKey | TransportError>
    /**
     * Notes what a reader has made of journals, so that others need not read them: from now on `heads` tells it together with that very
     * version, or not at all. It is for what can be made again: a transport may forget it at any time, or keep none of it.
     */
    readonly note: (heads: ReadonlyArray<Head>) => Effect.Effect<void>
  }
>()("@sartor/core/Journal") {}

interface Log {
  version: number
  at: number
  note?: Schema.Json | undefined
  readonly entries: Array<Entry>
}

/**
 * Keeps journals in memory, as JSON text so that nothing passes which a real transport would lose.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Journal> = Layer.sync(Journal, () => {
  const logs = new Map<string, Log>()
  const watchers = new Map<Queue.Enqueue<Head>, string>()

  const checked = (key: string) => (isKey(key) ? Effect.void : Effect.fail(new InvalidKey({ key })))
  const head = (key: string, { at, note, version }: Log): Head => ({
    key,
    version,
    at,
    ...(note === undefined ? {} : { note })
  })
  const tell = (key: string, log: Log) => {
    for (const [watcher, watched] of watchers) if (isWatched(watched, key)) Queue.offerUnsafe(watcher, head(key, log))
  }

  return Journal.of({
    append: Effect.fnUntraced(function* (key, expected, records) {
      yield* checked(key)
      const text = yield* encodeRecords(records)
      const at = yield* Clock.currentTimeMillis
      const log = logs.get(key) ?? { version: 0, at, entries: [] }
      if (log.version !== expected) {
        return yield* new VersionConflict({ key, expected, actual: log.version })
      }
      if (records.length === 0) return expected
      for (const record of yield* decodeRecords(text)) log.entries.push({ version: ++log.version, at, record })
      log.at = at
      log.note = undefined
      logs.set(key, log)
      tell(key, log)
      return log.version
    }),
    read: (key, after = 0) =>
      Stream.unwrap(
        Effect.as(
          checked(key),
          Stream.suspend(() => {
            const { entries, version } = logs.get(key) ?? { entries: [], version: 0 }
            return Stream.fromArray(entries.slice(Math.max(after - (version - entries.length), 0)))
          })
        )
      ),
    heads: (prefix = "") =>
      Effect.sync(() =>
        [...logs]
          .filter(([key, log]) => key.startsWith(prefix) && log.entries.length > 0)
          .map(([key, log]) => head(key, log))
          .sort((a, b) => (a.key < b.key ? -1 : 1))
      ),
    watch: (prefix = "") =>
      Stream.unwrap(
        Effect.map(
          Effect.acquireRelease(
            Effect.tap(Queue.sliding<Head>(4096), (watcher) => Effect.sync(() => watchers.set(watcher, prefix))),
            (watcher) => Effect.sync(() => watchers.delete(watcher))
          ),
          Stream.fromQueue
        )
      ),
    delete: Effect.fnUntraced(function* (key) {
      yield* checked(key)
      const log = logs.get(key)
      if (log === undefined || log.entries.length === 0) return
      log.entries.length = 0
      log.note = undefined
      log.version += 1
      log.at = yield* Clock.currentTimeMillis
      tell(key, log)
    }),
    note: (heads) =>
      Effect.sync(() => {
        for (const { key, note, version } of heads) {
          const log = logs.get(key)
          if (log?.version === version && log.entries.length > 0) log.note = structuredClone(note)
        }
      })
  })
})

const Records = Schema.fromJsonString(Schema.Array(Schema.Json))
const decodeRecords = (text: string) => Effect.orDie(Schema.decodeEffect(Records)(text))

const encodeRecords = (records: ReadonlyArray<Schema.Json>) => {
  const text = JSON.stringify(records)
  const bytes = text.length * 3 > maxAppendBytes ? bytesOf(text) : 0
  return bytes > maxAppendBytes
    ? Effect.fail(
        new TransportError({
          operation: "Journal.append",
          reason: "too_large",
          detail: `${bytes} bytes are more than ${maxAppendBytes}`
        })
      )
    : Effect.succeed(text)
}
