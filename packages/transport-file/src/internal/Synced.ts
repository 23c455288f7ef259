/**
 * Tells all processes up to where a file is on the device, so that a reader need not flush what its writer has flushed. What is said is said
 * after the flush, and stays true whatever happens: it may be forgotten, lost with the power or overwritten by what is said of another
 * file, and then the reader flushes. A table of slots of 32 bytes; a file's own is told by its inode and the time of its birth.
 */
import { Result } from "effect"
import { crc32 } from "node:zlib"
import * as LogFile from "./LogFile.ts"

export interface Synced {
  /** Up to where a file is known to be on the device; 0 if nothing was said of it. */
  readonly of: (file: LogFile.LogFile) => number
  /** Comes after the flush. It is written a little later, once for all flushes of a file that came meanwhile. */
  readonly say: (file: LogFile.LogFile, end: number) => void
  readonly close: () => void
}

const slots = 65_536
const slotBytes = 32
/** The inode, the time of birth, the place, and the checksum of the three. */
const [birthAt, endAt, checksumAt] = [8, 16, 24]

/** `path` is where the table lies. Where there can be none, nothing is ever known. */
export const make = (path: string, later: (work: () => void) => void = setImmediate): Synced => {
  const unsaid = new Map<LogFile.LogFile, number>()
  const slot = Buffer.alloc(slotBytes)
  let table: LogFile.LogFile | undefined
  let tried = false

  const opened = () => {
    if (!tried) {
      tried = true
      table = Result.getOrUndefined(LogFile.caught(() => LogFile.openTable(path)))
    }
    return table
  }
  const identify = ({ born, inode }: LogFile.LogFile): number => {
    slot.writeDoubleLE(inode, 0)
    slot.writeDoubleLE(born, birthAt)
    return (crc32(slot.subarray(0, endAt)) % slots) * slotBytes
  }

  const write = () => {
    if (unsaid.size === 0) return
    const found = opened()
    for (const [file, end] of unsaid) {
      if (found === undefined || !found.writable || file.born === 0) continue
      LogFile.caught(() => {
        const position = identify(file)
        slot.writeDoubleLE(end, endAt)
        slot.writeUInt32LE(crc32(slot.subarray(0, checksumAt)), checksumAt)
        LogFile.write(found, slot, position)
      })
    }
    unsaid.clear()
  }

  return {
    of: (file) => {
      const found = opened()
      // Some file systems don't know when a file was born: then one that has its inode later could be taken for it.
      if (found === undefined || file.born === 0) return 0
      return Result.getOrElse(
        LogFile.caught(() => {
          const position = identify(file)
          if (LogFile.read(found, slot, slotBytes, position) < slotBytes) return 0
          const isOf = slot.readDoubleLE(0) === file.inode && slot.readDoubleLE(birthAt) === file.born
          return isOf && slot.readUInt32LE(checksumAt) === crc32(slot.subarray(0, checksumAt))
            ? slot.readDoubleLE(endAt)
            : 0
        }),
        () => 0
      )
    },
    say: (file, end) => {
      const isFirst = unsaid.size === 0
      unsaid.set(file, end)
      if (isFirst) later(write)
    },
    close: () => {
      write()
      if (table !== undefined) LogFile.close(table)
      table = undefined
    }
  }
}
