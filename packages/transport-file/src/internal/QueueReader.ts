/**
 * Reads one queue's log. It is a row of segments, of which the last one counts; who has folded a segment up to its seal knows
 * what the next one starts with, and goes on behind that. Synchronous; throws a TransportError.
 */
import { Option } from "effect"
import { QueueLog } from "@sartor/core"
import * as Frame from "./Frame.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import type * as OpenLog from "./OpenLog.ts"
import * as Payloads from "./Payloads.ts"
import * as QueueFrame from "./QueueFrame.ts"
import * as Segments from "./Segments.ts"
import type { Store } from "./Store.ts"

export interface Segment<Item> {
  readonly number: number
  readonly log: OpenLog.OpenLog<Item>
  seen: number
  /** Whether its name is known to be on the device. */
  isPublished: boolean
  /** Where the state ends that it starts with. */
  snapshot: number
}

/** What ends a segment: the place of its line, and the records in it. */
export interface Seal {
  readonly position: number
  readonly records: ReadonlyArray<QueueFrame.Record>
  readonly since: number
}

export interface QueueReader<Item> {
  readonly state: () => QueueLog.QueueLog<Payloads.Payload>
  readonly segment: () => Segment<Item>
  readonly seal: () => Seal | undefined
  /** How far it is folded; nothing within a line that is too long. */
  readonly position: () => number | undefined
  /** Folds what is new; answers whether there may be more than the budget allowed. */
  readonly catchUp: (budget: number) => boolean
  /** Whether a file of this size is what was folded and then so many bytes, which nobody came before. */
  readonly isNext: (size: number | undefined, bytes: number) => boolean
  /** Folds a frame of our own that lies there. */
  readonly fold: (own: Own) => void
  /** The JSON of a payload. */
  readonly textOf: (payload: Payloads.Payload) => string
  /** Up to where the segment must be synced for what was folded, or for the offer of one message only; nothing if it is. */
  readonly unsynced: (item?: QueueLog.Item<unknown>) => number | undefined
  /** Whether there are files of earlier segments, as far as is known. */
  readonly isCluttered: () => boolean
  readonly cleaned: () => void
}

export interface Options<Item> {
  readonly open: (number: number) => Segment<Item>
  /** The frame of our own that lies in a line: what it says is known, and need not be read. */
  readonly own: (buffer: Buffer, start: number, end: number) => Own | undefined
}

export interface Own {
  readonly frame: Buffer
  readonly at: number
  readonly records: ReadonlyArray<QueueFrame.Record>
  readonly seals: boolean
  /** Hears what became of the records. */
  readonly applied: (applied: ReadonlyArray<boolean>) => void
}

export const make = <Item>(store: Store, path: string, { open, own }: Options<Item>): QueueReader<Item> => {
  let state = QueueLog.make<Payloads.Payload>()
  let segment = open(0)
  let generation = 0
  let cursor: Lines.Cursor = { position: 0, skipping: undefined }
  let seal: Seal | undefined
  let cluttered = false
  let lost = false
  /** Where the file ended when reading on began. */
  let goal = 0
  /** Up to where the file must be synced for the offers up to a number, as far as it was not when they were folded. */
  let undurable: Array<{ readonly newest: number; readonly end: number }> = []
  let marked = 0

  const apply = (records: ReadonlyArray<QueueFrame.Record>, at: number) => {
    const heard = store.monotonicMillis()
    return records.map((record) => {
      const applied = state.apply(record, at, heard)
      if (applied && QueueFrame.hasPayload(record)) store.payloads.remember(record.payload)
      return applied
    })
  }

  /** Applies a frame of our own, which begins at a place of the segment. */
  const applyOwn = ({ at, frame, records }: Own, position: number) => {
    if (records.some(QueueFrame.hasPayload)) {
      QueueFrame.place(records, segment.number, position + Frame.bodyOf(frame))
    }
    return apply(records, at)
  }

  /** The offers folded so far need what was folded so far. */
  const mark = () => {
    const { newest } = state
    if (newest > marked) undurable.push({ newest, end: cursor.position })
    marked = newest
  }

  const read: Lines.Read = (into, length, position) => LogFile.read(segment.log.file(), into, length, position)
  const damaged = (position: number) =>
    store.warn(segment.log.path, `the line at byte ${position} is damaged and was stepped over; leave it as it is`)
  const onLine: Lines.OnLine = (buffer, start, end, position) => {
    if (seal !== undefined) return
    const known = own(buffer, start, end)
    if (known !== undefined) {
      known.applied(applyOwn(known, position - 1))
      if (known.seals) seal = { position, records: known.records, since: store.monotonicMillis() }
      return
    }
    const frame = Frame.decode(buffer, start, end)
    if (frame === "newer") throw newer(segment.log.path)
    // What lies further back would be forgotten at once.
    const isRecent = goal - position < Payloads.capacity
    const records = frame === "damaged" ? Option.none() : QueueFrame.records(frame, buffer, end, isRecent)
    if (frame === "damaged" || Option.isNone(records)) return damaged(position)
    if (frame.body !== undefined) QueueFrame.place(records.value, segment.number, position + frame.body - start)
    if (frame.snapshot !== undefined) segment.snapshot = frame.snapshot
    apply(records.value, frame.at)
    if (frame.sealed === true) seal = { position, records: records.value, since: store.monotonicMillis() }
  }

  const enter = (next: Segment<Item>, position: number) => {
    segment.log.close()
    segment = next
    generation = next.log.generation()
    cursor = { position, skipping: undefined }
    seal = undefined
    undurable = []
  }

  /** Starts over: nothing is known any more. */
  const restart = (next: Segment<Item>) => {
    next.log.size("read")
    enter(next, 0)
    next.seen = 0
    state = QueueLog.make()
    marked = 0
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
    // Without its first segment the queue was deleted, whatever else is there.
    if (newest <= segment.number || LogFile.look(path) === undefined) return false
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
      lost ||= cursor.position > 0 && state.items.size > 0
      restart(open(0))
      return catchUp(lost ? Number.POSITIVE_INFINITY : budget)
    }
    let more = false
    if (size !== segment.seen && seal === undefined) {
      goal = size
      more = Lines.forwards(read, cursor, size, budget, onLine, damaged)
      if (!more) segment.seen = size
      mark()
    }
    // Nobody sees half of a state that was there before.
    if (seal !== undefined && follow(seal)) return catchUp(lost ? Number.POSITIVE_INFINITY : budget)
    if (lost && !more) {
      lost = false
      if (segment.number === 0) store.warn(path, "was deleted, replaced or cut; starting over from what is there now")
    }
    return more
  }

  /** The JSON of a payload; throws a TransportError. */
  const textOf = (payload: Payloads.Payload): string => {
    if (payload.text !== undefined) return payload.text
    if (payload.segment !== segment.number) relocate()
    const buffer = Buffer.allocUnsafe(payload.bytes)
    const found = LogFile.read(segment.log.file(), buffer, payload.bytes, payload.position)
    if (found < payload.bytes)
      throw LogFile.failure("corrupt", segment.log.path, `was cut at byte ${payload.position + found}`)
    return buffer.toString("utf8", 0, found)
  }

  /** Finds the payloads again that lie in an earlier segment: in the state that this one starts with. */
  const relocate = () => {
    const start = QueueLog.make<Payloads.Payload>()
    const { number, snapshot } = segment
    const onFrame: Lines.OnLine = (buffer, from, end, position) => {
      const frame = Frame.decode(buffer, from, end)
      if (typeof frame === "string") return
      for (const records of Option.toArray(QueueFrame.records(frame, buffer, end, false))) {
        if (frame.body !== undefined) QueueFrame.place(records, number, position + frame.body - from)
        for (const record of records) start.apply(record, frame.at, 0)
      }
    }
    const from = { position: 0, skipping: undefined }
    while (Lines.forwards(read, from, snapshot, Number.POSITIVE_INFINITY, onFrame, () => {}));
    for (const { id, payload } of state.items.values()) {
      const moved = start.items.get(id)?.payload
      if (payload === undefined || payload.segment === number || moved === undefined) continue
      payload.segment = number
      payload.position = moved.position
    }
  }

  return {
    state: () => state,
    segment: () => segment,
    seal: () => seal,
    position: () => (cursor.skipping === undefined ? cursor.position : undefined),
    catchUp,
    isNext: (size, bytes) => size === cursor.position + bytes && generation === segment.log.generation(),
    fold: (own) => {
      own.applied(applyOwn(own, cursor.position))
      cursor.position = segment.seen = cursor.position + own.frame.length
      mark()
    },
    textOf,
    unsynced: (item) => {
      const synced = segment.log.synced()
      while (undurable.length > 0 && (undurable[0]?.end ?? 0) <= synced) undurable.shift()
      if (item === undefined) return cursor.position > synced ? cursor.position : undefined
      return undurable.find(({ newest }) => newest >= item.sequence)?.end
    },
    isCluttered: () => cluttered,
    cleaned: () => {
      cluttered = false
    }
  }
}

/** Where the compacted state ends, as the first frame of a segment tells. */
const headOf = (log: Pick<OpenLog.OpenLog<unknown>, "file" | "path">): number | undefined => {
  const buffer = Buffer.alloc(1024)
  const count = LogFile.read(log.file(), buffer, buffer.length, 0)
  const end = buffer.subarray(0, count).indexOf(10, 1)
  const frame = end < 0 ? "damaged" : Frame.decode(buffer, 1, end)
  if (frame === "newer") throw newer(log.path)
  return frame === "damaged" ? undefined : frame.snapshot
}

const newer = (path: string) =>
  LogFile.failure(
    "unsupported_format",
    path,
    `holds a frame of a newer format than ${Frame.format}; use the release that wrote it`
  )
