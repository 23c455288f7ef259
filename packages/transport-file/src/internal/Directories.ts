/**
 * Makes new files findable after a power loss: what creates a name in a directory has to sync that directory.
 */
import { Effect, Result } from "effect"
import type { TransportError } from "@sartor/core"
import * as path from "node:path"
import type { Descriptors } from "./Descriptors.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as LogFile from "./LogFile.ts"

export interface Directories {
  /**
   * Makes the way to a new log durable. It runs before the first byte is written, so that a log which is not empty can be
   * found after a power loss, whoever has created it.
   */
  readonly publish: (operation: string, file: string) => Effect.Effect<void, TransportError.TransportError>
  /** Refuses a file that is reached through a link below the data directory. */
  readonly check: (file: string) => void
  /** These were missing, and made anew. */
  readonly forget: (directories: ReadonlyArray<string>) => void
}

/** One flush for all files that came to a directory while the flush before it ran. */
interface Flush {
  asked: number
  readonly commit: GroupCommit.GroupCommit<never>
}

/** `topmost` is the outermost directory that this process has created, or the data directory itself. */
export const make = (
  directory: string,
  topmost: string,
  failures: Map<string, TransportError.TransportError>,
  descriptors: Descriptors
): Directories => {
  /** Directories whose own entry is known to be on the device. */
  const published = new Set<string>()
  /** Directories that no link led to when they were looked at: one look tells whether one is still the same. */
  const checked = new Map<string, string>()
  const flushes = new Map<string, Flush>()

  const flushOf = (place: string): Flush => {
    const found = flushes.get(place)
    if (found !== undefined) return found
    const flush: Flush = {
      asked: 0,
      commit: GroupCommit.make<never>({
        synced: 0,
        failure: failures.get(place),
        written: () => flush.asked,
        write: () => ({ end: 0 }),
        sizeOf: () => 0,
        sync: (done) => {
          const opened = LogFile.caught(() => descriptors.spare(() => LogFile.openDirectory(place)))
          if (Result.isFailure(opened)) return done(opened.failure)
          LogFile.syncDirectory(place, opened.success, (error) => {
            // A flush that failed would prove nothing if it were asked for again.
            if (error !== undefined) failures.set(place, error)
            done(error)
          })
        },
        announce: () => {},
        failed: () => flushes.delete(place)
      })
    }
    flushes.set(place, flush)
    return flush
  }

  const synced = (operation: string, place: string) =>
    Effect.callback<void, TransportError.TransportError>((resume) => {
      const flush = flushOf(place)
      flush.asked += 1
      flush.commit.flush(flush.asked, (error) => {
        // Who may not list what lies above the data directory has created nothing there.
        const foreign = error !== undefined && LogFile.isDenied(error) && !LogFile.isWithin(directory, place)
        resume(error === undefined || foreign ? Effect.void : Effect.fail(LogFile.relabel(operation, error)))
      })
    })

  return {
    publish: Effect.fnUntraced(function* (operation, file) {
      const top = path.dirname(topmost)
      const way = [top, ...LogFile.parents(top, file)]
      // The file itself is new to its directory; above that, only what is not known to be there.
      const unsynced = way.filter((_, index) => index === way.length - 1 || !published.has(way[index + 1] ?? ""))
      yield* Effect.forEach(unsynced, (place) => synced(operation, place), { concurrency: "unbounded" })
      for (const place of way) published.add(place)
    }),
    check: (file) => {
      const parent = path.dirname(file)
      const found = LogFile.directoryAt(parent)
      if (found !== undefined && checked.get(parent) === found) return
      if (LogFile.checkParents(directory, file) && found !== undefined) checked.set(parent, found)
    },
    forget: (directories) => {
      for (const made of directories) published.delete(made)
    }
  }
}
