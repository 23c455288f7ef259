/**
 * Tells soon that something may have changed in a directory. It may miss changes, or see none at all: a scan on a timer is what
 * counts, and it asks for `rearm` each time.
 */
import { Effect, type Scope } from "effect"
import * as LogFile from "./LogFile.ts"

export interface Hints {
  /** Calls back with the name of what changed in a directory, which need not exist yet. Answers how to stop. */
  readonly subscribe: (directory: string, changed: Listener) => () => void
  /** Watches the directories that have come to be, or were replaced. */
  readonly rearm: () => void
}

type Listener = (name: string | null) => void

interface Watched {
  readonly listeners: Set<Listener>
  inode: number | undefined
  stop: (() => void) | undefined
}

/** More directories than this are only scanned: the machine's watches are few. */
const maxWatched = 256

export const make: Effect.Effect<Hints, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const watched = new Map<string, Watched>()
    const arm = (directory: string, entry: Watched) => {
      const inode = LogFile.inodeOf(directory)
      if (inode === entry.inode) return
      entry.stop?.()
      entry.inode = inode
      entry.stop =
        inode === undefined
          ? undefined
          : LogFile.watch(directory, (name) => {
              for (const listener of entry.listeners) listener(name)
            })
    }
    return {
      watched,
      subscribe: (directory: string, changed: Listener) => {
        const entry = watched.get(directory) ?? { listeners: new Set(), inode: undefined, stop: undefined }
        if (!watched.has(directory) && watched.size >= maxWatched) return () => {}
        watched.set(directory, entry)
        entry.listeners.add(changed)
        arm(directory, entry)
        return () => {
          entry.listeners.delete(changed)
          if (entry.listeners.size > 0) return
          entry.stop?.()
          watched.delete(directory)
        }
      },
      rearm: () => {
        for (const [directory, entry] of watched) arm(directory, entry)
      }
    }
  }),
  ({ watched }) =>
    Effect.sync(() => {
      for (const { stop } of watched.values()) stop?.()
      watched.clear()
    })
)
