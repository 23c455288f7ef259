/**
 * One queue's log: every process folds the same records in file order, its own ones too.
 */
import { Effect, Option, Result, Schema } from "effect"
import { Journal, Queue, QueueLog, TransportError } from "@sartor/core"
import * as Frame from "./Frame.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as OpenLog from "./OpenLog.ts"
import type { Store } from "./Store.ts"

export interface QueueFile {
  readonly queue: Queue.Log
  /** Folds what is new; throws a TransportError. */
  readonly look: () => void
  /** Nobody waits for it or is in the middle of something: it may be forgotten and opened again. */
  readonly isIdle: () => boolean
  readonly close: () => void
}

/** An append on its way. */
interface Appending {
  readonly frame: string
  readonly writer: string
  readonly at: number
  readonly records: ReadonlyArray<QueueLog.Record>
  /** Which of its records had an effect, once they are written. */
  applied: ReadonlyArray<boolean>
}

export const make = (store: Store, path: string): QueueFile => {
  let state = QueueLog.make()
  let cursor: Lines.Cursor = { position: 0, skipping: undefined }
  let seen = 0
  let generation = 0
  let waiting = 0
  let appending: ReadonlyMap<string, Appending> = new Map()
  const signal = Queue.makeSignal()

  const log = OpenLog.make<Appending>(store, path, {
    sizeOf: ({ frame }) => frame.length,
    written: () => seen,
    write: (batch) => {
      const size = log.size("write") ?? 0
      const bytes = Buffer.from(batch.length === 1 ? (batch[0]?.frame ?? "") : batch.map(({ frame }) => frame).join(""))
      LogFile.append(log.file(), bytes)
      const end = LogFile.size(log.file())
      if (end === size + bytes.length && cursor.position === size && generation === log.generation()) {
        // Nobody came between: what would be read back is known.
        for (const append of batch) append.applied = apply(append.records, append.at)
        cursor.position = seen = end
      } else {
        appending = new Map(batch.map((append) => [append.writer, append]))
        catchUp(Number.POSITIVE_INFINITY)
        appending = new Map()
      }
    },
    announce: () => signal.notify()
  })

  const apply = (records: ReadonlyArray<QueueLog.Record>, at: number) => {
    const heard = store.monotonicMillis()
    return records.map((record) => state.apply(record, at, heard))
  }

  const read: Lines.Read = (into, length, position) => LogFile.read(log.file(), into, length, position)
  const damaged = (position: number) =>
    store.warn(path, `the line at byte ${position} is damaged and was stepped over; leave it as it is`)
  const onLine: Lines.OnLine = (buffer, start, end, position) => {
    const frame = Frame.decode(buffer, start, end)
    if (frame === "newer") throw newer(path)
    const records = frame === "damaged" ? Option.none() : decodeRecords(frame.records)
    if (frame === "damaged" || Option.isNone(records)) return damaged(position)
    const applied = apply(records.value, frame.at)
    const own = appending.get(frame.writer)
    if (own !== undefined) own.applied = applied
  }

  /** Folds what is new; answers whether there may be more than the budget allowed. */
  const catchUp = (budget: number): boolean => {
    const size = log.size("read")
    if (size === undefined && cursor.position === 0) return false
    if (size === undefined || generation !== log.generation() || size < cursor.position) {
      if (cursor.position > 0) store.warn(path, "was deleted, replaced or cut; starting over from what is there now")
      state = QueueLog.make()
      cursor = { position: 0, skipping: undefined }
      seen = 0
      generation = log.generation()
    }
    if (size === undefined || size === seen) return false
    const more = Lines.forwards(read, cursor, size, budget, onLine, damaged)
    if (!more) seen = size
    return more
  }

  const look = () => {
    const before = cursor.position
    const more = catchUp(pace)
    if (cursor.position !== before) signal.notify()
    return more
  }
  const refresh: Queue.Log["refresh"] = Effect.flatMap(LogFile.attempt("Queue.refresh", look), (more) =>
    more ? Effect.andThen(Effect.yieldNow, refresh) : Effect.void
  )

  const submit = (records: ReadonlyArray<QueueLog.Record>): ReturnType<Queue.Log["append"]> =>
    Effect.callback((resume) => {
      const encoded = encodeRecords(records)
      if (Result.isFailure(encoded)) return resume(Effect.die(encoded.failure))
      const text = JSON.stringify(encoded.success)
      const at = store.clock.currentTimeMillisUnsafe()
      const writer = store.writer()
      const frame = Frame.encode({ at, writer }, text)
      if (frame.length * 3 > Lines.longest && Buffer.byteLength(frame) > Lines.longest) return resume(tooLarge)
      const item = { frame, writer, at, records: isolated(records, text), applied: [] }
      const done: LogFile.Done = (error) =>
        resume(error === undefined ? Effect.succeed(item.applied) : Effect.fail(LogFile.relabel("Queue.append", error)))
      const started = LogFile.caught(() => log.commit().append(item, done))
      if (Result.isFailure(started)) done(started.failure)
    })
  const created = Effect.flatMap(
    LogFile.attempt("Queue.append", () => log.size("create")),
    (size) => (size === 0 ? store.directories.publish("Queue.append", path) : Effect.void)
  )

  return {
    queue: {
      get state() {
        return state
      },
      refresh,
      durable: Effect.suspend(() =>
        seen === 0 ? Effect.void : OpenLog.durable("Queue.refresh", log, cursor.position)
      ),
      append: (records) =>
        Effect.suspend(() => (seen > 0 ? submit(records) : Effect.andThen(created, submit(records)))),
      revision: signal.revision,
      changed: (revision) =>
        Effect.suspend(() => {
          waiting += 1
          return Effect.ensuring(
            signal.changed(revision),
            Effect.sync(() => (waiting -= 1))
          )
        })
    },
    look: () => {
      look()
    },
    isIdle: () => waiting === 0 && log.isIdle(),
    close: log.close
  }
}

/** How much is folded before others get their turn. */
const pace = 1024 * 1024

const Records = Schema.Array(QueueLog.Record)
const decodeRecords = Schema.decodeUnknownOption(Records)
const encodeRecords = Schema.encodeResult(Records)

/** What the log now says, whatever the caller does to a payload afterwards. */
const isolated = (records: ReadonlyArray<QueueLog.Record>, text: string): ReadonlyArray<QueueLog.Record> =>
  records.some(({ type }) => type === "offered") ? JSON.parse(text) : records

const newer = (path: string) =>
  LogFile.failure(
    "unsupported_format",
    path,
    `holds a frame of a newer format than ${Frame.format}; use the release that wrote it`
  )

const tooLarge = Effect.fail(
  new TransportError.TransportError({
    operation: "Queue.append",
    reason: "too_large",
    detail: `a message may have up to ${Journal.maxAppendBytes} bytes`
  })
)
