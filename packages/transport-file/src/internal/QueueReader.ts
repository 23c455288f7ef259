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
  /** Tells of frames of our own, once they are written: what they say is known when they are met. */
  readonly wrote: (own: ReadonlyArray<Own>) => void
  /** Folds all up to frames of our own and these, after which the file had a size. */
  readonly fold: (into: Segment<Item>, own: ReadonlyArray<Own>, size: number | undefined) => void
  /** The JSON of a payload. */
  readonly textOf: (payload: Payloads.Payload) => string
  /** Up to where the segment must be synced for what was folded, or for the offer of one message only; nothing if it is. */
  readonly unsynced: (item?: QueueLog.Item<unknown>) => number | undefined
  /** Whether there are files of earlier segments, as far as is known. */
  readonly isCluttered: () => boolean
  readonly cleaned: () => void
}

export interface Own {
  readonly frame: Buffer
  readonly at: number
  readonly writer: string
  readonly records: ReadonlyArray<QueueFrame.Record>
  readonly seals: boolean
  /** Hears what became of the records. */
  readonly applied: (applied: ReadonlyArray<boolean>) => void
}

export const make = <Item>(store: Store, path: string, open: (number: number) => Segment<Item>): QueueReader<Item> => {
  let state = QueueLog.make<Payloads.Payload>()
  let segment = open(0)
  let generation = 0
  let cursor: Lines.Cursor = { position: 0, skipping: undefined }
  let seal: Seal | undefined
  let cluttered = false
  let lost = false
  /** Frames of our own that were written and not met yet. */
  let written: ReadonlyArray<Own> = []
  /** Where the file ended when reading on began. */
  let goal = 0
  /** Up to where the file must be synced for the offers up to a number, as far as it was not when they were folded. */
  let undurable: Array<{ readonly newest: number; readonly end: number }> = []
  let marked = 0

  const apply = (records: ReadonlyArray<QueueFrame.Record>, at: number) => {
    const heard = store.monotonicMillis()
    return records.map((record) => state.apply(record, at, heard))
  }

  /** Tells the payloads of a frame where they lie. */
  const place = (records: ReadonlyArray<QueueFrame.Record>, position: number, length: number): Payloads.Body => {
    const body = { segment: segment.number, position, length, bytes: undefined }
    QueueFrame.place(records, body)
    return body
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
    const frame = Frame.decode(buffer, start, end)
    if (frame === "newer") throw newer(segment.log.path)
    if (frame === "damaged") return damaged(position)
    const own = written.find(({ writer }) => writer === frame.writer)
    const records = own === undefined ? Option.getOrUndefined(QueueFrame.records(frame, end)) : own.records
    if (records === undefined) return damaged(position)
    if (frame.body !== undefined) {
      const body = place(records, position + frame.body - start, end - frame.body)
      // What lies further back would be forgotten at once.
      const isRecent = goal - position < Payloads.capacity
      if (isRecent) store.payloads.remember(body, Buffer.from(buffer.subarray(frame.body, end)))
    }
    if (frame.snapshot !== undefined) segment.snapshot = frame.snapshot
    const applied = apply(records, frame.at)
    if (frame.sealed === true) seal = { position, records, since: store.monotonicMillis() }
    if (own === undefined) return
    own.applied(applied)
    forget([own])
  }

  const forget = (own: ReadonlyArray<Own>) => {
    written = written.filter((one) => !own.includes(one))
  }

  /** Folds what lies before a frame of our own, and then that without reading it. Answers whether it could. */
  const foldUnread = (own: Own, size: number): boolean => {
    const start = size - own.frame.length
    if (generation !== segment.log.generation() || seal !== undefined || cursor.position > start) return false
    if (cursor.position < start) {
      goal = start
      Lines.forwards(read, cursor, start, Number.POSITIVE_INFINITY, onLine, damaged)
      mark()
    }
    // It was not met: so it is what is left of the file, because that is as long as it.
    if (cursor.position !== start || cursor.skipping !== undefined || seal !== undefined || !written.includes(own)) {
      return false
    }
    if (own.records.some(QueueFrame.hasPayload)) {
      const from = Frame.bodyOf(own.frame)
      const bytes = own.frame.subarray(from, -1)
      store.payloads.remember(place(own.records, start + from, bytes.length), bytes)
    }
    own.applied(apply(own.records, own.at))
    cursor.position = segment.seen = size
    mark()
    return true
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
    if (payload.body.bytes === undefined && payload.body.segment !== segment.number) relocate()
    const { body, bytes, offset } = payload
    return (body.bytes ?? readBody(body)).toString("utf8", offset, offset + bytes)
  }

  /** All of it: whoever takes what lies there takes what lies behind it next. */
  const readBody = (body: Payloads.Body): Buffer => {
    const bytes = Buffer.allocUnsafe(body.length)
    const found = read(bytes, bytes.length, body.position)
    if (found < bytes.length) {
      throw LogFile.failure("corrupt", segment.log.path, `was cut at byte ${body.position + found}`)
    }
    store.payloads.remember(body, bytes)
    return bytes
  }

  /** Finds the payloads again that lie in an earlier segment: in the state that this one starts with. */
  const relocate = () => {
    const start = QueueLog.make<Payloads.Payload>()
    const { snapshot } = segment
    const onFrame: Lines.OnLine = (buffer, from, end, position) => {
      const frame = Frame.decode(buffer, from, end)
      if (typeof frame === "string") return
      for (const records of Option.toArray(QueueFrame.records(frame, end))) {
        if (frame.body !== undefined) place(records, position + frame.body - from, end - frame.body)
        for (const record of records) start.apply(record, frame.at, 0)
      }
    }
    const from = { position: 0, skipping: undefined }
    while (Lines.forwards(read, from, snapshot, Number.POSITIVE_INFINITY, onFrame, () => {}));
    for (const { id, payload } of state.items.values()) {
      const moved = start.items.get(id)?.payload
      if (payload === undefined || payload.body.segment === segment.number || moved === undefined) continue
      payload.body = moved.body
      payload.offset = moved.offset
    }
  }

  return {
    state: () => state,
    segment: () => segment,
    seal: () => seal,
    position: () => (cursor.skipping === undefined ? cursor.position : undefined),
    catchUp,
    wrote: (own) => {
      written = [...written, ...own]
    },
    fold: (into, own, size) => {
      try {
        const [only, ...more] = own
        const isUsual = only !== undefined && more.length === 0 && !only.seals
        if (isUsual && into === segment && size !== undefined && foldUnread(only, size)) return
        while (catchUp(Number.POSITIVE_INFINITY));
      } finally {
        forget(own)
      }
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
