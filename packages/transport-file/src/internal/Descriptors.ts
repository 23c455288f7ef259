/**
 * Keeps the number of open files bounded: the idle log that was used longest ago is closed first.
 */
import { Result } from "effect"
import * as LogFile from "./LogFile.ts"

export interface Closable {
  readonly isIdle: () => boolean
  /** Makes durable what was written and nobody waits for. */
  readonly tidy: () => void
  readonly whenIdle: (idle: () => void) => void
  readonly close: () => void
  /** Looks whether another file has taken the place of the one that is open. */
  readonly verify: () => void
}

export interface Descriptors {
  /** Logs that have a descriptor now, the one that was used longest ago first. */
  readonly opened: ReadonlySet<Closable>
  /** Marks a log as used just now. */
  readonly touch: (log: Closable) => void
  readonly closed: (log: Closable) => void
  /** Runs what opens a file. Where the process may not open more, those that nobody needs right now are closed first. */
  readonly spare: <A>(work: () => A) => A
}

const maxOpen = 128

export const make = (): Descriptors => {
  const opened = new Set<Closable>()
  const closeIdle = (keep: number, except?: Closable) => {
    for (const log of opened) {
      if (opened.size <= keep) return
      if (log !== except && log.isIdle()) log.close()
    }
  }
  return {
    opened,
    touch: (log) => {
      opened.delete(log)
      opened.add(log)
      if (opened.size > maxOpen) closeIdle(maxOpen, log)
    },
    closed: (log) => {
      opened.delete(log)
    },
    spare: (work) => {
      const done = LogFile.caught(work)
      if (Result.isSuccess(done)) return done.success
      if (!LogFile.isOutOfDescriptors(done.failure)) throw done.failure
      closeIdle(0)
      return work()
    }
  }
}
