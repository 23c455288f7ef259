/**
 * One queue's log: every process folds the same records in file order, its own ones too.
 */
import { Effect, Result, type Schema } from "effect"
import { Journal, Queue, TransportError } from "@sartor/core"
import type * as GroupCommit from "./GroupCommit.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as OpenLog from "./OpenLog.ts"
import * as QueueFrame from "./QueueFrame.ts"
import * as QueueReader from "./QueueReader.ts"
import * as QueueUpkeep from "./QueueUpkeep.ts"
import * as Segments from "./Segments.ts"
import type { Store } from "./Store.ts"

export interface QueueFile extends QueueUpkeep.Upkeep {
  readonly queue: Queue.Log
  /** Folds what is new; throws a TransportError. */
  readonly look: () => void
  /** Folds what is new if somebody waits for it; else that is done when it is needed, in one go. */
  readonly hint: () => void
  /** Makes durable what was written and nobody waits for. */
  readonly tidy: () => void
  /** Nobody waits for it or is in the middle of something: it may be forgotten and opened again. */
  readonly isIdle: () => boolean
  readonly close: () => void
}

/** An append on its way. */
interface Appending {
  readonly records: ReadonlyArray<QueueFrame.Record>
  /** Their JSON, and about how many bytes they need. */
  readonly text: string
  readonly size: number
  readonly seals: boolean
  /** Which of its records had an effect, once they are written; nothing if they lie behind a seal. */
  applied: ReadonlyArray<boolean> | undefined
  /** Why it is not known what came of it. */
  failure: TransportError.TransportError | undefined
}

/** `watch` is called once, when somebody waits for the first time: who only offers need not hear of what others write. */
export const make = (store: Store, path: string, options: QueueUpkeep.Options, watch: () => void): QueueFile => {
  let waiting = 0
  let watched = false
  /** Whether there may be something new that nobody has looked at, because nobody waited. */
  let hinted = false
  const signal = Queue.makeSignal()

  const open = (number: number) => {
    const log = OpenLog.make<Appending>(store, Segments.pathOf(path, number), {
      sizeOf: ({ size }) => size,
      written: () => opened.seen,
      // What is not written is not applied, and is tried again on the next segment.
      write: (batch) =>
        opened === reader.segment() && reader.seal() === undefined ? write(opened, batch) : { end: opened.seen },
      announce: () => signal.notify()
    })
    const opened: QueueReader.Segment<Appending> = { number, log, seen: 0, isPublished: number === 0, snapshot: 0 }
    return opened
  }
  const reader = QueueReader.make<Appending>(store, path, open)
  const catchUp = () => {
    while (reader.catchUp(Number.POSITIVE_INFINITY));
  }

  const write = (segment: QueueReader.Segment<Appending>, batch: ReadonlyArray<Appending>): GroupCommit.Written => {
    const { log } = segment
    // Compacted or deleted meanwhile: it goes into the segment that counts.
    if (!log.isWritable() && log.size("write") === undefined && reader.position() !== 0) {
      catchUp()
      return { end: segment.seen }
    }
    const own = framed(batch)
    const bytes = joined(own.map(({ frame }) => frame))
    LogFile.append(log.file(), bytes)
    const size = LogFile.size(log.file())
    // All of them, before any is read back: one turn may write several batches.
    reader.wrote(own)
    return {
      end: size ?? segment.seen + bytes.length,
      afterwards: () => {
        const folded = LogFile.caught(() => reader.fold(segment, own, size))
        if (Result.isFailure(folded)) for (const append of batch) append.failure = folded.failure
      }
    }
  }

  /** One frame for all that was appended in one turn, but a seal ends its segment alone. */
  const framed = (batch: ReadonlyArray<Appending>): ReadonlyArray<QueueReader.Own> => {
    const frames: Array<QueueReader.Own> = []
    for (let start = 0; start < batch.length;) {
      const isSeal = (index: number) => batch[index]?.seals === true
      let end = start + 1
      if (!isSeal(start)) while (end < batch.length && !isSeal(end)) end += 1
      frames.push(framedAs(isSeal(start), batch.slice(start, end)))
      start = end
    }
    return frames
  }
  const framedAs = (seals: boolean, appends: ReadonlyArray<Appending>): QueueReader.Own => {
    const at = store.clock.currentTimeMillisUnsafe()
    const writer = store.writer()
    const records = appends.flatMap(({ records }) => records)
    const text = appends.map(({ text }) => text).join(",")
    return {
      at,
      writer,
      seals,
      frame: seals
        ? QueueFrame.encode({ at, writer, sealed: true }, records, text, reader.textOf, 2)
        : QueueFrame.encode({ at, writer }, records, text, reader.textOf, 1),
      records,
      applied: (applied) => {
        let start = 0
        for (const append of appends) append.applied = applied.slice(start, (start += append.records.length))
      }
    }
  }

  /** Folds what others have written. */
  const fold = () => {
    hinted = false
    const before = reader.segment()
    const position = reader.position()
    const more = reader.catchUp(pace)
    if (reader.segment() !== before || reader.position() !== position) signal.notify()
    return more
  }
  const look = () => {
    const { log } = reader.segment()
    if (log.isGathering()) log.commit().write()
    return fold()
  }
  const paced = (step: () => boolean): Effect.Effect<void, TransportError.TransportError> => {
    const all: Effect.Effect<void, TransportError.TransportError> = Effect.flatMap(
      LogFile.attempt("Queue.refresh", step),
      (more) => (more ? Effect.andThen(Effect.yieldNow, all) : Effect.void)
    )
    return all
  }
  const refresh = paced(look)

  /** Answers nothing where the records came behind a seal. */
  const submit = (
    records: ReadonlyArray<QueueFrame.Record>,
    { durable, seals }: { readonly durable: boolean; readonly seals: boolean }
  ): Effect.Effect<ReadonlyArray<boolean> | undefined, TransportError.TransportError> =>
    Effect.callback((resume) => {
      const text = QueueFrame.textOf(records)
      const payloads = QueueFrame.payloadBytes(records)
      if (text.length * 3 + payloads > limit && Buffer.byteLength(text) + payloads > limit) return resume(tooLarge)
      const size = text.length + payloads
      const item: Appending = { records, text, size, seals, applied: undefined, failure: undefined }
      const into = reader.segment()
      const done: LogFile.Done = (unwritten) => {
        const error = unwritten ?? item.failure
        return resume(
          error === undefined
            ? Effect.succeed(
                item.applied ?? (into === reader.segment() && reader.seal() === undefined ? [] : undefined)
              )
            : Effect.fail(LogFile.relabel("Queue.append", error))
        )
      }
      const started = LogFile.caught(() => into.log.commit().append(item, durable, done))
      if (Result.isSuccess(started)) return
      // Another process has deleted the queue: what counts now is found by looking, and it goes there.
      const gone = LogFile.caught(() => {
        if (into.log.size("read") !== undefined) return false
        catchUp()
        return true
      })
      if (Result.isFailure(gone)) return done(gone.failure)
      return gone.success ? resume(Effect.undefined) : done(started.failure)
    })

  const published = (operation: string): Effect.Effect<void, TransportError.TransportError> =>
    Effect.suspend(() => {
      const segment = reader.segment()
      if (segment.isPublished) return Effect.void
      return Effect.tap(store.directories.publish(operation, segment.log.path), () =>
        Effect.sync(() => {
          segment.isPublished = true
        })
      )
    })
  const created = Effect.flatMap(
    LogFile.attempt("Queue.append", () => reader.segment().log.size("create")),
    (size) => (size === 0 ? store.directories.publish("Queue.append", path) : Effect.void)
  )
  const append: Queue.Log["append"] = (records, { durable = true } = {}) =>
    Effect.suspend(() => {
      if (reader.seal() !== undefined) return Effect.andThen(upkeep.succeeded, append(records, { durable }))
      const written = Effect.flatMap(submit(records.map(QueueFrame.located), { durable, seals: false }), (applied) =>
        applied === undefined ? append(records, { durable }) : Effect.succeed(applied)
      )
      const { isPublished, number, seen } = reader.segment()
      if (seen > 0 && isPublished) return written
      return Effect.andThen(seen > 0 || number > 0 ? published("Queue.append") : created, written)
    })

  const durable: Queue.Log["durable"] = (item) =>
    Effect.suspend(() => {
      const { isPublished, log, number, seen } = reader.segment()
      if (seen === 0 && number === 0) return Effect.void
      const end = reader.unsynced(item)
      const synced = end === undefined ? Effect.void : OpenLog.durable("Queue.refresh", log, end)
      return isPublished ? synced : Effect.andThen(published("Queue.refresh"), synced)
    })

  const changed: Queue.Log["changed"] = (revision) =>
    Effect.suspend(() => {
      if (!watched) {
        watch()
        watched = true
        hinted = true
      }
      if (hinted) LogFile.caught(look)
      waiting += 1
      return Effect.ensuring(
        signal.changed(revision),
        Effect.sync(() => (waiting -= 1))
      )
    })

  const upkeep = QueueUpkeep.make(store, path, options, {
    reader,
    refresh,
    published,
    changed,
    revision: signal.revision,
    seal: (records) => submit(records, { durable: true, seals: true })
  })

  return {
    queue: {
      get state() {
        return reader.state()
      },
      payload: (id) =>
        LogFile.attempt("Queue.take", () => {
          const payload = reader.state().items.get(id)?.payload
          return payload === undefined ? null : parse(reader.textOf(payload))
        }),
      glance: paced(fold),
      refresh,
      durable,
      append,
      revision: signal.revision,
      changed
    },
    look: () => {
      look()
    },
    hint: () => {
      if (waiting > 0) look()
      else hinted = true
    },
    tidy: () => reader.segment().log.tidy(),
    isIdle: () => waiting === 0 && !upkeep.isBusy() && reader.segment().log.isIdle(),
    close: () => reader.segment().log.close(),
    ...upkeep
  }
}

/** One write for all of them; one alone is not copied. */
const joined = (frames: ReadonlyArray<Buffer>): Buffer => {
  const [first, ...more] = frames
  return first !== undefined && more.length === 0 ? first : Buffer.concat(frames)
}

/** How much is folded before others get their turn. */
const pace = 1024 * 1024

const parse = (text: string): Schema.Json => JSON.parse(text)

/** The most that one append may have, in bytes, to fit into a frame. */
const limit = Lines.longest - 512

const tooLarge = Effect.fail(
  new TransportError.TransportError({
    operation: "Queue.append",
    reason: "too_large",
    detail: `a message may have up to ${Journal.maxAppendBytes} bytes`
  })
)
