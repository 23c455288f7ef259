/**
 * One log file, whose descriptor comes and goes. Everything here is synchronous and throws a TransportError.
 */
import { Effect } from "effect"
import type { TransportError } from "@sartor/core"
import type { Closable } from "./Descriptors.ts"
import * as GroupCommit from "./GroupCommit.ts"
import * as LogFile from "./LogFile.ts"
import type { Store } from "./Store.ts"

export interface OpenLog<Item = never> extends Closable {
  readonly path: string
  /** Changes when another file has taken the place of this one: what was read from it is void. */
  readonly generation: () => number
  readonly inode: () => number | undefined
  /** Whether it is open, and for writing. */
  readonly isWritable: () => boolean
  /** The size now, or nothing if there is no such file. */
  readonly size: (mode: LogFile.Mode) => number | undefined
  /** Valid after `size` has answered, until the next pause. */
  readonly file: () => LogFile.LogFile
  readonly commit: () => GroupCommit.GroupCommit<Item>
  /** Whether something was appended in this turn that is not written yet. */
  readonly isGathering: () => boolean
  /** What lies before is on the device. */
  readonly synced: () => number
  /** Asks what other processes have flushed of it. */
  readonly learn: () => void
}

interface Opened<Item> {
  readonly file: LogFile.LogFile
  readonly commit: GroupCommit.GroupCommit<Item>
}

export type Options<Item> = Pick<GroupCommit.Options<Item>, "announce" | "sizeOf" | "write" | "written">

export const make = <Item = never>(store: Store, path: string, options: Options<Item>): OpenLog<Item> => {
  let opened: Opened<Item> | undefined
  let generation = 0
  let inode: number | undefined
  let synced = 0

  const retire = () => {
    if (opened === undefined) return
    const { commit, file } = opened
    opened = undefined
    synced = commit.synced()
    store.descriptors.closed(log)
    commit.tidy()
    commit.whenIdle(() => LogFile.close(file))
  }

  const replaced = () => {
    retire()
    inode = undefined
  }

  const open = (mode: LogFile.Mode): Opened<Item> | undefined => {
    if (opened !== undefined && (opened.file.writable || mode === "read")) return opened
    retire()
    if (mode === "create") store.directories.forget(LogFile.makeParents(store.directory, path))
    else store.directories.check(path)
    const file = store.descriptors.spare(() => LogFile.open(path, mode))
    if (file === undefined) return undefined
    if (file.inode !== inode) {
      generation += 1
      inode = file.inode
      synced = 0
    }
    opened = {
      file,
      commit: GroupCommit.make({
        ...options,
        synced,
        failure: store.failures.get(path),
        sync: (done) => store.flushing.sync(file, done),
        flushed: (end) => store.synced.say(file, end),
        failed: (error) => store.failures.set(path, error)
      })
    }
    return opened
  }

  const size = (mode: LogFile.Mode): number | undefined => {
    // Twice: what is open may have been deleted, and what is at the path now deleted too.
    for (let attempt = 0; attempt < 2; attempt++) {
      const before = opened
      const current = open(mode)
      if (current === undefined) return undefined
      store.descriptors.touch(log)
      const size = current === before ? LogFile.size(current.file) : current.file.sizeThen
      if (size !== undefined) return size
      replaced()
    }
    return undefined
  }

  const log: OpenLog<Item> = {
    path,
    generation: () => generation,
    inode: () => inode,
    isWritable: () => opened?.file.writable === true,
    tidy: () => opened?.commit.tidy(),
    size,
    file: () => current().file,
    commit: () => current().commit,
    isGathering: () => opened?.commit.isGathering() ?? false,
    synced: () => opened?.commit.synced() ?? synced,
    learn: () => {
      const { commit, file } = current()
      const elsewhere = store.synced.of(file)
      // Of a file that was cut meanwhile it is said no more.
      if (elsewhere > commit.synced() && elsewhere <= (LogFile.size(file) ?? 0)) commit.learn(elsewhere)
    },
    verify: () => {
      if (opened !== undefined && LogFile.look(path)?.inode !== opened.file.inode) replaced()
    },
    isIdle: () => opened === undefined || opened.commit.isIdle(),
    whenIdle: (idle) => (opened === undefined ? idle() : opened.commit.whenIdle(idle)),
    close: retire
  }
  const current = (): Opened<Item> => {
    const now = open("read")
    if (now === undefined) throw LogFile.failure("unavailable", path, "was deleted while it was in use; try again")
    return now
  }
  return log
}

/** Asks that all before `end` gets to the device, and answers how to wait for it. Throws a TransportError. */
const asking = <Item>(
  operation: string,
  log: OpenLog<Item>,
  end: number
): Effect.Effect<void, TransportError.TransportError> => {
  let flushed: Effect.Effect<void, TransportError.TransportError> | undefined
  let resume: (flushed: Effect.Effect<void, TransportError.TransportError>) => void = () => {}
  log.commit().flush(end, (error) => {
    flushed = error === undefined ? Effect.void : Effect.fail(LogFile.relabel(operation, error))
    resume(flushed)
  })
  return Effect.callback((waiting) => {
    if (flushed === undefined) resume = waiting
    else waiting(flushed)
  })
}

/** The same, if nobody else has seen to that. */
export const flushing: typeof asking = (operation, log, end) => {
  if (log.synced() < end) log.learn()
  return asking(operation, log, end)
}

const waiting =
  (ask: typeof asking): typeof asking =>
  (operation, log, end) =>
    Effect.flatten(LogFile.attempt(operation, () => ask(operation, log, end)))

/** Waits until what was just written here is on the device. */
export const flushed = waiting(asking)

/** Waits until all before `end` is on the device, whoever has written it. */
export const durable = waiting(flushing)
