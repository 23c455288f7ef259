/**
 * One queue's log: every process folds the same records in file order, its own ones too. It is a row of segments, of which the
 * last one counts; who has folded a segment up to its seal knows what the next one starts with, and goes on behind that.
 */
import { Effect, Option, Result, Schema } from "effect"
import { Journal, Queue, QueueLog, TransportError } from "@sartor/core"
import * as Compaction from "./Compaction.ts"
import * as Frame from "./Frame.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as OpenLog from "./OpenLog.ts"
import * as Segments from "./Segments.ts"
import type { Store } from "./Store.ts"

export interface QueueFile {
  readonly queue: Queue.Log
  /** Folds what is new; throws a TransportError. */
  readonly look: () => void
  /** Nobody waits for it or is in the middle of something: it may be forgotten and opened again. */
  readonly isIdle: () => boolean
  readonly close: () => void
  /** Whether most of it is superseded, or another process died while it compacted it. */
  readonly isWasteful: () => boolean
  /** Writes the next segment; a failure leaves everything as it was. */
  readonly compact: Effect.Effect<void, TransportError.TransportError>
  /** Removes what is left of earlier segments. */
  readonly clean: Effect.Effect<void, TransportError.TransportError>
  readonly isCluttered: () => boolean
}

/** An append on its way. */
interface Appending {
  readonly frame: string
  readonly writer: string
  readonly at: number
  readonly records: ReadonlyArray<QueueLog.Record>
  readonly seals: boolean
  /** Which of its records had an effect, once they are written; nothing if they lie behind a seal. */
  applied: ReadonlyArray<boolean> | undefined
}

/** @internal */
export interface Segment {
  readonly number: number
  readonly log: OpenLog.OpenLog<Appending>
  seen: number
  /** Whether its name is known to be on the device. */
  isPublished: boolean
  /** Where the state ends that it starts with. */
  snapshot: number
}

/** @internal What ends a segment: the place of its line, and the records in it. */
export interface Seal {
  readonly position: number
  readonly records: ReadonlyArray<QueueLog.Record>
  readonly since: number
}

export interface Options {
  /** A smaller segment is never worth the trouble, in bytes. */
  readonly compactAbove: number
}

export const make = (store: Store, path: string, options: Options): QueueFile => {
  let state = QueueLog.make()
  let cursor: Lines.Cursor = { position: 0, skipping: undefined }
  let generation = 0
  let waiting = 0
  let compacting = 0
  let seal: Seal | undefined
  let cluttered = false
  let lost = false
  let postponed = 0
  /** How many times more a state has needed than was estimated. */
  let correction: number | undefined
  const rivals = new Map<string, number>()
  const offers = { bytes: 0, count: 0 }
  let appending: ReadonlyMap<string, Appending> = new Map()
  const signal = Queue.makeSignal()

  const open = (number: number): Segment => {
    const log = OpenLog.make<Appending>(store, Segments.pathOf(path, number), {
      sizeOf: ({ frame }) => frame.length,
      written: () => opened.seen,
      write: (batch) => {
        // What is not written is not applied, and is tried again on the next segment.
        if (opened === segment && seal === undefined) write(opened, batch)
      },
      announce: () => signal.notify()
    })
    const opened: Segment = { number, log, seen: 0, isPublished: number === 0, snapshot: 0 }
    return opened
  }
  let segment = open(0)

  const write = (segment: Segment, batch: ReadonlyArray<Appending>) => {
    const { log } = segment
    const found = log.size("write")
    // Compacted meanwhile: it goes into the segment that counts.
    if (found === undefined && segment.number > 0) {
      while (catchUp(Number.POSITIVE_INFINITY));
      return
    }
    const size = found ?? 0
    const bytes = Buffer.from(batch.length === 1 ? (batch[0]?.frame ?? "") : batch.map(({ frame }) => frame).join(""))
    LogFile.append(log.file(), bytes)
    const end = LogFile.size(log.file())
    const isAlone = end === size + bytes.length && cursor.position === size && generation === log.generation()
    if (isAlone && !batch.some(({ seals }) => seals)) {
      // Nobody came between: what would be read back is known.
      for (const append of batch) append.applied = apply(append.records, append.at, append.frame.length)
      cursor.position = segment.seen = end
    } else {
      appending = new Map(batch.map((append) => [append.writer, append]))
      while (catchUp(Number.POSITIVE_INFINITY));
      appending = new Map()
    }
  }

  const apply = (records: ReadonlyArray<QueueLog.Record>, at: number, bytes: number) => {
    const heard = store.monotonicMillis()
    if (records[0]?.type === "offered") {
      offers.bytes += bytes
      offers.count += records.length
    }
    return records.map((record) => state.apply(record, at, heard))
  }

  const read: Lines.Read = (into, length, position) => LogFile.read(segment.log.file(), into, length, position)
  const damaged = (position: number) =>
    store.warn(segment.log.path, `the line at byte ${position} is damaged and was stepped over; leave it as it is`)
  const onLine: Lines.OnLine = (buffer, start, end, position) => {
    if (seal !== undefined) return
    const frame = Frame.decode(buffer, start, end)
    if (frame === "newer") throw newer(segment.log.path)
    const records = frame === "damaged" ? Option.none() : decodeRecords(frame.records)
    if (frame === "damaged" || Option.isNone(records)) return damaged(position)
    if (frame.snapshot !== undefined) segment.snapshot = frame.snapshot
    const applied = apply(records.value, frame.at, end - start)
    if (frame.sealed === true) seal = { position, records: records.value, since: store.monotonicMillis() }
    const own = appending.get(frame.writer)
    if (own !== undefined) own.applied = applied
  }

  const enter = (next: Segment, position: number) => {
    segment.log.close()
    segment = next
    generation = next.log.generation()
    cursor = { position, skipping: undefined }
    seal = undefined
    rivals.clear()
  }

  /** Starts over: nothing is known any more. */
  const restart = (next: Segment) => {
    next.log.size("read")
    enter(next, 0)
    next.seen = 0
    state = QueueLog.make()
  }

  /** Goes on to the segment behind a seal, if there is one yet. */
  const follow = (sealed: Seal): boolean => {
    const next = open(segment.number + 1)
    const isFirst = sealed.position <= 1
    if (!isFirst && next.log.size("read") !== undefined) {
      const snapshot = headOf(next.log)
      // As long as the sealed one has its name, nobody has taken away that of its successor.
      const isNamed = LogFile.look(segment.log.path)?.inode === segment.log.inode()
      if (snapshot !== undefined && isNamed && generation === segment.log.generation()) {
        next.snapshot = snapshot
        enter(next, snapshot)
        cluttered = true
        return true
      }
    }
    next.log.close()
    const { isCluttered, newest } = Segments.find(store, path)
    if (newest <= segment.number) return false
    const jump = open(newest)
    if (jump.log.size("read") === undefined || Segments.find(store, path).newest !== newest) {
      jump.log.close()
      return follow(sealed)
    }
    restart(jump)
    lost ||= !isFirst
    cluttered ||= isCluttered || !isFirst
    return true
  }

  /** Folds what is new; answers whether there may be more than the budget allowed. */
  const catchUp = (budget: number): boolean => {
    const size = segment.log.size("read")
    if (size === undefined && cursor.position === 0 && segment.number === 0) return false
    if (size === undefined || generation !== segment.log.generation() || size < cursor.position) {
      lost ||= cursor.position > 0
      restart(open(0))
      return catchUp(lost ? Number.POSITIVE_INFINITY : budget)
    }
    let more = false
    if (size !== segment.seen && seal === undefined) {
      more = Lines.forwards(read, cursor, size, budget, onLine, damaged)
      if (!more) segment.seen = size
    }
    // Nobody sees half of a state that was there before.
    if (seal !== undefined && follow(seal)) return catchUp(lost ? Number.POSITIVE_INFINITY : budget)
    if (lost && !more) {
      lost = false
      if (segment.number === 0) store.warn(path, "was deleted, replaced or cut; starting over from what is there now")
    }
    return more
  }

  const look = () => {
    const before = cursor
    const { position } = before
    const more = catchUp(pace)
    if (cursor !== before || cursor.position !== position) signal.notify()
    return more
  }
  const refresh: Queue.Log["refresh"] = Effect.flatMap(LogFile.attempt("Queue.refresh", look), (more) =>
    more ? Effect.andThen(Effect.yieldNow, refresh) : Effect.void
  )

  /** Answers nothing where the records came behind a seal. */
  const submit = (
    records: ReadonlyArray<QueueLog.Record>,
    seals: boolean
  ): Effect.Effect<ReadonlyArray<boolean> | undefined, TransportError.TransportError> =>
    Effect.callback((resume) => {
      const encoded = encodeRecords(records)
      if (Result.isFailure(encoded)) return resume(Effect.die(encoded.failure))
      const text = JSON.stringify(encoded.success)
      const at = store.clock.currentTimeMillisUnsafe()
      const writer = store.writer()
      const frame = seals ? Frame.encode({ at, writer, sealed: true }, text, 2) : Frame.encode({ at, writer }, text)
      if (frame.length * 3 > Lines.longest && Buffer.byteLength(frame) > Lines.longest) return resume(tooLarge)
      const item: Appending = { frame, writer, at, records: isolated(records, text), seals, applied: undefined }
      const into = segment
      const done: LogFile.Done = (error) =>
        resume(
          error === undefined
            ? Effect.succeed(item.applied ?? (into === segment && seal === undefined ? [] : undefined))
            : Effect.fail(LogFile.relabel("Queue.append", error))
        )
      const started = LogFile.caught(() => into.log.commit().append(item, done))
      if (Result.isFailure(started)) done(started.failure)
    })

  const published = (operation: string): Effect.Effect<void, TransportError.TransportError> =>
    Effect.suspend(() => {
      const { log } = segment
      if (segment.isPublished) return Effect.void
      return Effect.tap(store.directories.publish(operation, log.path), () =>
        Effect.sync(() => {
          if (segment.log === log) segment.isPublished = true
        })
      )
    })
  const created = Effect.flatMap(
    LogFile.attempt("Queue.append", () => segment.log.size("create")),
    (size) => (size === 0 ? store.directories.publish("Queue.append", path) : Effect.void)
  )
  const append: Queue.Log["append"] = (records) =>
    Effect.suspend(() => {
      if (seal !== undefined) return Effect.andThen(succeeded, append(records))
      const ready = segment.seen > 0 || segment.number > 0 ? published("Queue.append") : created
      const written =
        segment.seen > 0 && segment.isPublished ? submit(records, false) : Effect.andThen(ready, submit(records, false))
      return Effect.flatMap(written, (applied) => (applied === undefined ? append(records) : Effect.succeed(applied)))
    })

  /** Waits until somebody has written the segment behind the seal; does it if nobody does. */
  const succeeded: Effect.Effect<void, TransportError.TransportError> = Effect.suspend(() => {
    const revision = signal.revision()
    return Effect.flatMap(LogFile.attempt("Queue.append", look), () => {
      if (seal === undefined) return Effect.void
      if (compacting === 0 && isOrphaned()) return compact
      return Effect.andThen(Effect.timeoutOption(signal.changed(revision), "10 millis"), succeeded)
    })
  })
  const isOrphaned = () => seal !== undefined && store.monotonicMillis() - seal.since > patience

  const compact: QueueFile["compact"] = Effect.suspend(() => {
    compacting += 1
    return Compaction.run(store, path, {
      refresh,
      segment: () => segment,
      seal: () => seal,
      state: () => state,
      position: () => (cursor.skipping === undefined ? cursor.position : undefined),
      append: (records) => submit(records, true),
      estimate: () => {
        const estimate = needed()
        return (bytes) => (correction = Math.min(Math.max(bytes / Math.max(estimate, 1), 1), 100))
      }
    }).pipe(
      Effect.andThen(Effect.suspend(() => published("Queue.compact"))),
      Effect.tapError(() => Effect.sync(() => (postponed = store.monotonicMillis() + pause))),
      Effect.ensuring(Effect.sync(() => (compacting -= 1)))
    )
  })

  /** About what a log would need that holds nothing but the state. */
  const needed = () => {
    let completed = 0
    for (const item of state.items.values()) if (item.state === "completed") completed += 1
    const each = offers.count === 0 ? 0 : offers.bytes / offers.count
    return completed * bytesOfCompleted + (state.items.size - completed) * (each + bytesOfClaim)
  }

  /** Whether another process seems to compact it already. Only a courtesy: its draft may be one that a dead process left. */
  const isRivalled = () => {
    const now = store.monotonicMillis()
    const drafts = Segments.find(store, path).temporaries.filter(({ number }) => number > segment.number)
    for (const { file } of drafts) if (!rivals.has(file)) rivals.set(file, now)
    return drafts.some(({ file }) => now - (rivals.get(file) ?? 0) < courtesy)
  }

  return {
    queue: {
      get state() {
        return state
      },
      refresh,
      durable: Effect.suspend(() => {
        if (segment.seen === 0 && segment.number === 0) return Effect.void
        return Effect.andThen(published("Queue.refresh"), () =>
          OpenLog.durable("Queue.refresh", segment.log, cursor.position)
        )
      }),
      append,
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
    isIdle: () => waiting === 0 && compacting === 0 && segment.log.isIdle(),
    close: () => segment.log.close(),
    isWasteful: () => {
      if (compacting > 0 || store.monotonicMillis() < postponed) return false
      if (seal !== undefined) return isOrphaned()
      const { seen, snapshot } = segment
      // Where the estimate was never measured here, the log must have grown since it was compacted.
      const isDue = correction !== undefined || seen > snapshot + snapshot / 8
      return isDue && seen > options.compactAbove && seen > 2 * needed() * (correction ?? 1) && !isRivalled()
    },
    compact,
    isCluttered: () => cluttered && seal === undefined && segment.number > 0,
    clean: Effect.andThen(
      Effect.suspend(() => published("Queue.compact")),
      LogFile.attempt("Queue.compact", () => {
        cluttered = false
        Segments.clean(store, path, segment.number)
      })
    )
  }
}

/** Where the compacted state ends, as the first frame of a segment tells. */
const headOf = (log: OpenLog.OpenLog<Appending>): number | undefined => {
  const buffer = Buffer.alloc(1024)
  const count = LogFile.read(log.file(), buffer, buffer.length, 0)
  const end = buffer.subarray(0, count).indexOf(10, 1)
  const frame = end < 0 ? "damaged" : Frame.decode(buffer, 1, end)
  if (frame === "newer") throw newer(log.path)
  return frame === "damaged" ? undefined : frame.snapshot
}

/** How much is folded before others get their turn. */
const pace = 1024 * 1024

/** How long a sealed segment may have no successor, in milliseconds, until somebody else writes one. */
const patience = 300

/** How long after a compaction that failed another one is tried, in milliseconds. */
const pause = 30_000

/** How long the draft of another process is left alone, in milliseconds. */
const courtesy = 5_000

const bytesOfCompleted = 160
const bytesOfClaim = 300

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
