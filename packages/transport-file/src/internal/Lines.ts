/**
 * Walks through the lines of a log: forwards to fold it, backwards to find its head. Lines are cut at byte 10, before
 * anything is decoded. Memory is bounded by the longest frame that may be written, whatever the file holds.
 */
import { Journal } from "@sartor/core"

/** Fills a buffer from a place of the file, and answers with how many bytes. */
export type Read = (into: Buffer, length: number, position: number) => number

/** Is given each line that is not empty, as a range of a buffer, and the place of its first byte in the file. */
export type OnLine = (buffer: Buffer, start: number, end: number, position: number) => void

export interface Cursor {
  /** Everything before was walked through: the place after a newline, or within a line too long to be a frame. */
  position: number
  /** Where the line began that is too long to be a frame, until its end has come. */
  skipping: number | undefined
}

/** The longest line that can be a frame: the largest append, and its envelope. */
export const longest = Journal.maxAppendBytes + 4096

/**
 * Walks forwards up to a limit, or until about `budget` bytes were read. What follows the last newline is left for the next
 * time: its end may not have been written yet. Answers whether there may be more.
 */
export const forwards = (
  read: Read,
  cursor: Cursor,
  limit: number,
  budget: number,
  onLine: OnLine,
  onTooLong: (position: number, end: number) => void
): boolean => {
  let remaining = budget
  let wanted = chunk
  while (cursor.position < limit && remaining > 0) {
    const length = Math.min(limit - cursor.position, wanted)
    const buffer = borrow(length)
    const count = read(buffer, length, cursor.position)
    const last = buffer.subarray(0, count).lastIndexOf(newline)
    remaining -= count
    if (last >= 0) {
      walk(buffer, last, cursor, onLine, onTooLong)
      wanted = Math.min(wanted, longestKept)
    } else if (cursor.skipping !== undefined || count >= longest) {
      cursor.skipping ??= cursor.position
      cursor.position += count
      wanted = chunk * 16
    } else if (cursor.position + count >= limit || count < length) {
      giveBack(buffer)
      return false
    } else {
      wanted = Math.min(wanted * 4, longest)
      remaining += count
    }
    giveBack(buffer)
    if (count === 0) return false
  }
  return cursor.position < limit
}

const walk = (
  buffer: Buffer,
  last: number,
  cursor: Cursor,
  onLine: OnLine,
  onTooLong: (a: number, b: number) => void
) => {
  let start = 0
  while (start <= last) {
    const end = buffer.indexOf(newline, start)
    if (cursor.skipping !== undefined) {
      onTooLong(cursor.skipping, cursor.position + end)
      cursor.skipping = undefined
    } else if (end > start) {
      onLine(buffer, start, end, cursor.position + start)
    }
    start = end + 1
  }
  cursor.position += last + 1
}

/**
 * Walks backwards from a limit, over whole lines only, until `onLine` answers true. Answers whether it did; otherwise the floor was
 * reached, or a stretch without a newline that is longer than any frame.
 */
export const backwards = (
  read: Read,
  limit: number,
  floor: number,
  onLine: (...line: Parameters<OnLine>) => boolean
): boolean => {
  let upper = limit
  let wanted = chunk
  while (upper > floor) {
    const from = Math.max(floor, upper - wanted)
    const buffer = borrow(upper - from)
    const count = read(buffer, upper - from, from)
    const view = buffer.subarray(0, count)
    let end = view.lastIndexOf(newline)
    let found = false
    // A line is whole if the newline before it is here too, or if it starts the file.
    while (end > 0 && !found) {
      const before = view.lastIndexOf(newline, end - 1)
      if (before < 0 && from > 0) break
      found = end > before + 1 && onLine(buffer, before + 1, end, from + before + 1)
      end = before
    }
    giveBack(buffer)
    if (found) return true
    if (from === floor) return false
    const next = end < 0 ? upper : from + end + 1
    wanted = next === upper ? wanted * 4 : Math.max(wanted, chunk)
    if (wanted > longest * 4) return false
    upper = next
  }
  return false
}

const newline = 10
const chunk = 64 * 1024

/**
 * One buffer for the usual case, as large as the lines that came so far, within reason: whoever reads a long log reads it in
 * one buffer. All of this is synchronous; who is called back while it is in use gets another.
 */
let spare: Buffer | undefined = Buffer.allocUnsafe(chunk)
const longestKept = 16 * chunk
const borrow = (length: number): Buffer => {
  const buffer = spare
  spare = undefined
  return buffer === undefined || buffer.length < length ? Buffer.allocUnsafe(length) : buffer
}
const giveBack = (buffer: Buffer) => {
  if (buffer.length <= longestKept && buffer.length >= (spare?.length ?? 0)) spare = buffer
}
