/**
 * The files of one queue: `<name>.log` for ever, and at most one later segment `<name>.<number>.log` that counts, the one with the
 * highest number. A segment's name is given only by `link`, which fails where it is taken, and taken away in ascending order
 * and only below one that counts. So who finds that a sealed segment still has its name knows that the next number is its
 * successor; who comes late, with a name that was used and taken away before, makes a file that nobody looks at.
 */
import { Result } from "effect"
import * as path from "node:path"
import * as Frame from "./Frame.ts"
import * as LogFile from "./LogFile.ts"
import type { Store } from "./Store.ts"

export const pathOf = (first: string, number: number): string => (number === 0 ? first : `${stem(first)}.${number}.log`)

/** A name beside the log that no other process uses; those for a number that exists may be removed by anybody. */
export const temporary = (first: string, number: number, writer: string): string =>
  path.join(path.dirname(first), `.${path.basename(first, ".log")}.${number}.${writer}.tmp`)

/** Whether the name of a file is that of a segment. */
export const isSegment = (first: string, name: string): boolean =>
  name === path.basename(first) || (name.startsWith(`${path.basename(first, ".log")}.`) && name.endsWith(".log"))

export interface Found {
  /** The highest number; 0 if there is none but the first. */
  readonly newest: number
  /** Whether there is something below that can go. */
  readonly isCluttered: boolean
  /** The numbers in between, ascending. */
  readonly superseded: ReadonlyArray<number>
  readonly temporaries: ReadonlyArray<{ readonly file: string; readonly number: number }>
}

export const find = (store: Store, first: string): Found => {
  const directory = path.dirname(first)
  const name = path.basename(first, ".log")
  const numbers: Array<number> = []
  const temporaries: Array<Found["temporaries"][number]> = []
  for (const { name: file } of store.descriptors.spare(() => LogFile.list(directory))) {
    if (file.startsWith(`${name}.`)) {
      const number = /^\.([1-9]\d{0,14})\.log$/.exec(file.slice(name.length))?.[1]
      if (number !== undefined) numbers.push(Number(number))
    } else if (file.startsWith(`.${name}.`)) {
      const number = /^\.([1-9]\d{0,14})\..+\.tmp$/.exec(file.slice(name.length + 1))?.[1]
      if (number !== undefined) temporaries.push({ file: path.join(directory, file), number: Number(number) })
    }
  }
  numbers.sort((a, b) => a - b)
  const newest = numbers.at(-1) ?? 0
  const superseded = numbers.slice(0, -1)
  const isCluttered = superseded.length > 0 || temporaries.some(({ number }) => number <= newest)
  return { newest, superseded, temporaries, isCluttered }
}

/** Removes what lies below a segment that counts and whose name is on the device. */
export const clean = (store: Store, first: string, current: number): void => {
  const { newest, superseded, temporaries } = find(store, first)
  if (current === 0 || newest < current) return
  // Before the segments, because each of these may be a second name of one.
  for (const { file, number } of temporaries) if (number <= current) LogFile.remove(file)
  if (!isStub(store, first)) {
    const draft = temporary(first, current, store.writer())
    const file = store.descriptors.spare(() => LogFile.create(draft))
    const stub = LogFile.caught(() => {
      const at = store.clock.currentTimeMillisUnsafe()
      const frame = Frame.encode({ at, writer: store.writer(), sealed: true }, "[]", { format: 2 })
      LogFile.write(file, frame, 0)
      LogFile.syncNow(file)
      LogFile.rename(draft, first)
    })
    LogFile.close(file)
    if (Result.isFailure(stub)) {
      LogFile.caught(() => LogFile.remove(draft))
      throw stub.failure
    }
  }
  for (const number of superseded) if (number < current) LogFile.remove(pathOf(first, number))
}

/**
 * Removes a queue in which there is nothing. Its drafts go first: each is the right to make a successor. The first segment goes
 * last: sealed and alone, as a process that dies here leaves it, it is an empty queue. Answers whether there was one, and nobody goes on with it.
 */
export const remove = (store: Store, first: string, current: number): boolean => {
  const { newest, superseded, temporaries } = find(store, first)
  if (newest !== current || LogFile.look(first) === undefined) return false
  for (const { file } of temporaries) LogFile.remove(file)
  for (const number of superseded) LogFile.remove(pathOf(first, number))
  if (current > 0) {
    LogFile.remove(pathOf(first, current))
    // Who came upon the first segment, sealed and alone, may be about to write a successor, or has.
    for (const { file } of find(store, first).temporaries) LogFile.remove(file)
    if (find(store, first).newest > 0) return false
  }
  LogFile.remove(first)
  return true
}

/** Whether nothing is left of the first segment but a seal. */
const isStub = (store: Store, first: string): boolean => {
  const file = store.descriptors.spare(() => LogFile.open(first, "read"))
  if (file === undefined) return true
  const read = LogFile.caught(() => {
    const head = Buffer.alloc(512)
    const end = head.subarray(0, LogFile.read(file, head, head.length, 0)).indexOf(10, 1)
    const frame = end < 0 ? "damaged" : Frame.decode(head, 1, end)
    return typeof frame === "object" && frame.sealed === true
  })
  LogFile.close(file)
  return Result.getOrThrow(read)
}

const stem = (first: string) => first.slice(0, -".log".length)
