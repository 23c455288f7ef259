/**
 * What readers have noted of journals, in one file, so that a process that has read none of them can list them all. A line is a frame like
 * those of the logs, and the newest row of a journal counts, as long as the journal's file is the very one that was read. All of it can be
 * made again: nothing is synced, what cannot be read is passed over, and what cannot be written is left.
 */
import { Array, Option, Result, Schema } from "effect"
import type { Journal } from "@sartor/core"
import * as Frame from "./Frame.ts"
import * as Lines from "./Lines.ts"
import * as LogFile from "./LogFile.ts"

export interface JournalNotes {
  /** The head of a journal that was noted when its file was as it is now. */
  readonly find: (key: string, file: LogFile.Look) => Journal.Head | undefined
  readonly add: (notes: ReadonlyArray<Noted>) => void
  /** Leaves nothing on the disk of what was noted: one of the journals was deleted. */
  readonly forget: () => void
}

export interface Noted {
  readonly head: Journal.Head
  readonly file: LogFile.Look
}

const Row = Schema.Struct({
  key: Schema.String,
  inode: Schema.Number,
  size: Schema.Number,
  changed: Schema.Number,
  version: Schema.Natural,
  at: Schema.Number,
  note: Schema.declare((value): value is Schema.Json => value !== undefined)
})
type Row = typeof Row.Type

/** In characters. A larger note costs as much to keep as its journal costs to read. */
const longest = 8 * 1024

/** Not larger than a frame may be, whatever they say. */
const rowsPerFrame = 1000

/** A file of more bytes is not looked at, and written anew. */
const largest = 128 * 1024 * 1024

export const make = (
  path: string,
  options: {
    /** Names the next frame. */
    readonly writer: () => string
    readonly now: () => number
    readonly fileOf: (key: string) => string
  }
): JournalNotes => {
  const draft = `${path}.tmp`
  let rows: Map<string, Row> | undefined
  /** How many there are in the file, the outdated ones too. */
  let written = 0

  const load = (): Map<string, Row> => {
    const found = new Map<string, Row>()
    written = 0
    const file = LogFile.open(path, "read")
    if (file === undefined) return found
    const onLine: Lines.OnLine = (buffer, start, end) => {
      const frame = Frame.decode(buffer, start, end)
      if (typeof frame === "string") return
      for (const row of Option.getOrElse(decode(frame.records), () => [])) {
        found.set(row.key, row)
        written += 1
      }
    }
    const read: Lines.Read = (into, length, position) => LogFile.read(file, into, length, position)
    try {
      const from = { position: 0, skipping: undefined }
      if (file.sizeThen > largest) written = Number.POSITIVE_INFINITY
      else while (Lines.forwards(read, from, file.sizeThen, Number.POSITIVE_INFINITY, onLine, () => {}));
    } finally {
      LogFile.close(file)
    }
    return found
  }
  const known = () => (rows ??= Result.getOrElse(LogFile.caught(load), () => new Map()))

  const isAsNoted = ({ changed, inode, size }: Row, file: LogFile.Look) =>
    file.inode === inode && file.size === size && file.changed === changed

  const framed = (texts: ReadonlyArray<string>): Buffer => {
    const frame = (some: ReadonlyArray<string>) =>
      Frame.encode({ at: options.now(), writer: options.writer() }, `[${some.join(",")}]`)
    return Buffer.concat(Array.chunksOf(texts, rowsPerFrame).map(frame))
  }

  const append = (bytes: Buffer) => {
    const file = LogFile.open(path, "create")
    if (file === undefined) return
    try {
      LogFile.append(file, bytes)
    } finally {
      LogFile.close(file)
    }
  }
  /** Only what is still true. Should another process do the same, one of both drafts is the file, or a part of one. */
  const rewrite = () => {
    for (const row of known().values()) {
      const file = LogFile.look(options.fileOf(row.key))
      if (file === undefined || !isAsNoted(row, file)) known().delete(row.key)
    }
    LogFile.remove(draft)
    const file = LogFile.create(draft)
    try {
      LogFile.write(file, framed([...known().values()].map((row) => JSON.stringify(row))), 0)
      LogFile.rename(draft, path)
    } finally {
      LogFile.close(file)
    }
    written = known().size
  }

  return {
    find: (key, file) => {
      const row = known().get(key)
      if (row === undefined || !isAsNoted(row, file)) return undefined
      return { key, version: row.version, at: row.at, note: row.note }
    },
    add: (notes) => {
      const texts: Array<string> = []
      for (const { file, head } of notes) {
        const { at, key, note, version } = head
        if (note === undefined) continue
        const row: Row = { key, inode: file.inode, size: file.size, changed: file.changed, version, at, note }
        const text = JSON.stringify(row)
        if (text.length > longest) continue
        known().set(key, row)
        texts.push(text)
      }
      written += texts.length
      const isOutdated = written > 2 * known().size
      LogFile.caught(() => (isOutdated ? rewrite() : append(framed(texts))))
    },
    forget: () => {
      rows = new Map()
      written = 0
      for (const file of [path, draft]) LogFile.caught(() => LogFile.remove(file))
    }
  }
}

const decode = Schema.decodeUnknownOption(Schema.Array(Row))
