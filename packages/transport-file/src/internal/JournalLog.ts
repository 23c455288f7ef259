/**
 * One journal: where it stands, how it grows, how it is read. Synchronous; throws a TransportError.
 */
import type { Journal } from "@sartor/core"
import * as Frame from "./Frame.ts"
import * as JournalState from "./JournalState.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"
import * as OpenLog from "./OpenLog.ts"
import type { Store } from "./Store.ts"

export interface JournalLog {
  readonly log: OpenLog.OpenLog
  /** Reads what is new, and answers where the journal stands; nothing if it does not exist. */
  readonly refresh: () => JournalState.JournalState | undefined
  /** Where the journal stood when it was last looked at, and the size of its file then. */
  readonly head: () => Omit<Journal.Head, "key"> & { readonly size: number; readonly isEmpty: boolean }
  /** Writes one frame: the JSON text of records, or a tombstone. It is not on the device yet. */
  readonly append: (expected: number, addition: Addition, options?: { readonly published: boolean }) => Appended
  /**
   * Looks at what is new, and reads the first of the entries after a version; nothing if there are none. Tells how far they go
   * before it reads them.
   */
  readonly begin: (after: number, found: (end: number) => void) => Begun | undefined
  /** Begins a walk over the entries after a version, up to a place of the file. Comes right after `refresh`. */
  readonly walk: (after: number, limit: number) => Walk
  /** Reads some more of a walk. */
  readonly page: (walk: Walk) => Page
}

export interface Walk {
  readonly state: JournalState.JournalState
  readonly generation: number
  readonly after: number
  readonly limit: number
}

export interface Page {
  readonly entries: ReadonlyArray<Journal.Entry>
  /** Whether there may be more. */
  readonly more: boolean
}

export interface Begun {
  readonly page: Page
  readonly walk: Walk
}

export type Addition = { readonly records: string; readonly count: number } | "tombstone"

export type Appended =
  | { readonly type: "won"; readonly version: number; readonly end: number }
  | { readonly type: "conflict"; readonly actual: number }
  /** The file is new: make the way to it durable, then try again. */
  | { readonly type: "unpublished" }
  /** A torn write came between: nobody won, so try again. */
  | { readonly type: "undecided" }

export const make = (store: Store, path: string): JournalLog => {
  let state = JournalState.make()
  let seen = 0
  let generation = 0
  /** The frame that showed where the journal stands, until it is read or left. */
  let newest: { readonly position: number; readonly frame: Frame.Frame } | undefined
  const log = OpenLog.make(store, path, {
    write: () => ({ end: seen }),
    sizeOf: () => 0,
    written: () => seen,
    announce: () => {}
  })
  const read: Lines.Read = (into, length, position) => LogFile.read(log.file(), into, length, position)

  const damaged = (walk: JournalState.JournalState, position: number, end: number) => {
    JournalState.damaged(walk, end)
    store.warn(path, `the line at byte ${position} is damaged and was stepped over; leave it as it is`)
  }
  const decode = (buffer: Buffer, start: number, end: number) => {
    const frame = Frame.decode(buffer, start, end)
    if (frame === "newer") throw newer(path)
    return frame
  }

  /** Walks on and hands over each frame that counts, with the version before it. */
  const forwards = (
    walk: JournalState.JournalState,
    limit: number,
    budget: number,
    onFrame: (frame: Frame.Frame, counts: boolean) => void
  ) =>
    Lines.forwards(
      read,
      walk.cursor,
      limit,
      budget,
      (buffer, start, end, position) => {
        const frame = newest?.position === position ? newest.frame : decode(buffer, start, end)
        if (frame === "damaged") {
          return Frame.isSpoiler(buffer, start, end) ? undefined : damaged(walk, position, position + end - start)
        }
        const verdict = JournalState.apply(walk, frame, frame.records.length, position - 1)
        if (verdict === "gap") store.warn(path, `versions before byte ${position} were lost to damage`)
        onFrame(frame, verdict !== "void")
      },
      (position, end) => damaged(walk, position, end)
    )

  /** Finds the newest frame that certainly counts, from the end. */
  const locate = (size: number): JournalState.JournalState => {
    let found = JournalState.make()
    Lines.backwards(read, size, 0, (buffer, start, end, position) => {
      const frame = decode(buffer, start, end)
      if (frame === "damaged" || frame.offset !== position - 1) return false
      newest = { position, frame }
      found = JournalState.make(position + end - start + 1, -1)
      return JournalState.apply(found, frame, frame.records.length, position - 1) !== "void"
    })
    return found
  }

  const refreshed = (mode: LogFile.Mode) => {
    newest = undefined
    const size = log.size(mode)
    if (size === undefined) {
      state = JournalState.make()
      seen = 0
      return undefined
    }
    if (generation !== log.generation() || size < seen) {
      generation = log.generation()
      state = locate(size)
      seen = 0
    }
    if (size !== seen) forwards(state, size, Number.POSITIVE_INFINITY, () => {})
    seen = size
    return size
  }

  const append: JournalLog["append"] = (expected, addition, { published } = { published: false }) => {
    const failed = store.failures.get(path)
    if (failed !== undefined) throw failed
    const size = refreshed("write") ?? (expected === 0 ? refreshed("create") : undefined)
    newest = undefined
    if (size === undefined || state.version !== expected) return { type: "conflict", actual: state.version }
    if (size === 0 && !published) return { type: "unpublished" }

    // What has no newline was torn, even if only the newline is missing: nobody shall ever take it for a frame.
    const spoiled = state.cursor.position < size ? Frame.spoiler : ""
    const offset = size + spoiled.length
    const header = {
      at: store.clock.currentTimeMillisUnsafe(),
      writer: store.writer(),
      offset,
      expected,
      ...(state.start > 0 ? { start: state.start } : {}),
      ...(addition === "tombstone" ? { deleted: true as const } : {})
    }
    const count = addition === "tombstone" ? 0 : addition.count
    const frame = Frame.encode(header, addition === "tombstone" ? "[]" : addition.records)
    const bytes = spoiled === "" ? frame : Buffer.concat([Buffer.from(spoiled), frame])
    LogFile.append(log.file(), bytes)
    const end = LogFile.size(log.file())
    if (end === size + bytes.length) {
      const torn = state.cursor.skipping ?? state.cursor.position
      if (torn < size) damaged(state, torn, offset)
      JournalState.apply(state, header, count, offset)
      state.cursor.position = seen = end
      state.cursor.skipping = undefined
      return { type: "won", version: state.version, end }
    }
    let won = false
    const now = log.size("write")
    if (now === undefined || log.generation() !== generation) return { type: "undecided" }
    forwards(state, now, Number.POSITIVE_INFINITY, (frame, counts) => {
      if (frame.writer === header.writer) won = counts
    })
    seen = now
    if (won) return { type: "won", version: expected + (count === 0 ? 1 : count), end: now }
    return state.version === expected ? { type: "undecided" } : { type: "conflict", actual: state.version }
  }

  const walk: JournalLog["walk"] = (after, limit) => {
    let from = JournalState.make(state.start, state.start > 0 ? -1 : 0)
    if (after > 0) {
      Lines.backwards(read, limit, state.start, (buffer, start, end, position) => {
        const frame = newest?.position === position ? newest.frame : decode(buffer, start, end)
        const passed = frame !== "damaged" && frame.offset === position - 1 && (frame.expected ?? 0) <= after
        if (passed) from = JournalState.make(position - 1, -1)
        return passed
      })
    }
    return { state: from, generation, after, limit }
  }

  const page = (walk: Walk): Page => {
    const entries: Array<Journal.Entry> = []
    const more = forwards(walk.state, walk.limit, pageBytes, (frame, counts) => {
      if (!counts) return
      frame.records.forEach((record, index) => {
        const version = (frame.expected ?? 0) + index + 1
        if (version > walk.after) entries.push({ version, at: frame.at, record })
      })
    })
    return { entries, more }
  }

  return {
    log,
    refresh: () => {
      const size = refreshed("read")
      newest = undefined
      return size === undefined ? undefined : state
    },
    head: () => ({ version: state.version, at: state.at, isEmpty: state.isEmpty, size: seen }),
    append,
    begin: (after, found) => {
      if (refreshed("read") === undefined || state.isEmpty || state.version <= after) return undefined
      const end = state.cursor.position
      found(end)
      const begun = walk(after, end)
      const first = page(begun)
      newest = undefined
      return { page: first, walk: begun }
    },
    walk,
    page: (walk) => {
      if (refreshed("read") === undefined || generation !== walk.generation) throw replaced(path)
      return page(walk)
    }
  }
}

const pageBytes = 256 * 1024

const newer = (path: string) =>
  LogFile.failure(
    "unsupported_format",
    path,
    `holds a frame of a newer format than ${Frame.format}; use the release that wrote it`
  )

const replaced = (path: string) =>
  LogFile.failure("unavailable", path, "was deleted or replaced while it was being read; read it again")
