/**
 * Knows the head of each journal by the size of its file, lists them, and tells who watches when one has grown.
 */
import { Effect, Stream } from "effect"
import { Journal, Key, type TransportError } from "@sartor/core"
import * as path from "node:path"
import * as JournalLog from "./JournalLog.ts"
import * as JournalNotes from "./JournalNotes.ts"
import * as LogFile from "./LogFile.ts"
import * as Names from "./Names.ts"
import type { Store } from "./Store.ts"

export interface JournalHeads {
  readonly list: Journal.Journal["Service"]["heads"]
  readonly watch: Journal.Journal["Service"]["watch"]
  /** Looks at every journal that is watched. */
  readonly scan: Effect.Effect<void, TransportError.TransportError>
  /** Takes note of where a journal stands. */
  readonly observe: (key: string, journal: JournalLog.JournalLog) => void
  readonly note: Journal.Journal["Service"]["note"]
  /** Forgets what was noted of all journals: one of them is deleted. */
  readonly forgetNotes: () => void
}

interface Known {
  readonly inode: number | undefined
  readonly size: number
  readonly isEmpty: boolean
  readonly head: Journal.Head
}

interface Watcher {
  readonly prefix: string
  /** The newest head of each key that was not taken yet. */
  pending: Map<string, Journal.Head>
  began: boolean
  wake: () => void
}

export const make = (store: Store, opened: (key: string) => JournalLog.JournalLog | undefined): JournalHeads => {
  const known = new Map<string, Known>()
  const notes = JournalNotes.make(store.notes, {
    writer: store.writer,
    now: () => store.clock.currentTimeMillisUnsafe(),
    fileOf: (key) => Names.pathOf(store.journals, key)
  })
  const watchers = new Set<Watcher>()
  const subscriptions = new Map<string, () => void>()

  const isAt = (before: Known, found: Pick<Known, "inode" | "size">) =>
    before.size === found.size && before.inode === found.inode

  const learn = (key: string, now: Known) => {
    const before = known.get(key)
    if (before !== undefined && isAt(before, now)) return
    known.set(key, now)
    if (now.head.version <= (before?.head.version ?? 0)) return
    for (const watcher of watchers) {
      if (!watcher.began || !Journal.isWatched(watcher.prefix, key)) continue
      watcher.pending.set(key, now.head)
      watcher.wake()
    }
  }

  const observe = (key: string, { head, log }: JournalLog.JournalLog) => {
    const { isEmpty, size, ...rest } = head()
    learn(key, { inode: log.inode(), size, isEmpty, head: { key, ...rest } })
  }

  /** What is at the path of a journal, if that is not known. */
  const changed = (key: string, file: string) => {
    const before = known.get(key)
    const found = LogFile.look(file)
    return found === undefined || (before !== undefined && isAt(before, found)) ? undefined : found
  }
  const inspect = (key: string, file: string) => {
    if (changed(key, file) !== undefined) read(key, file)
  }
  const read = (key: string, file: string) => {
    const journal = opened(key)
    const looked = journal ?? JournalLog.make(store, file)
    if (looked.refresh() !== undefined) observe(key, looked)
    if (journal === undefined) looked.log.close()
  }

  const visit = (prefix: string, parent: string, onKey: (key: string) => void) =>
    Names.visit(
      store,
      store.journals,
      prefix,
      {
        onDirectory: (directory, parent) => {
          if (watchers.size > 0) subscribe(directory, parent)
        },
        onKey: (key, file) => {
          onKey(key)
          const found = changed(key, file)
          if (found === undefined) return
          // Only who looks at many needs what was noted of them all.
          const noted = notes.find(key, found)
          if (noted === undefined) read(key, file)
          else learn(key, { ...found, isEmpty: false, head: noted })
        },
        onOther: (file, kind) => store.warn(file, `is a ${kind}, not a log file, and was passed over; move it away`)
      },
      parent
    )

  const subscribe = (directory: string, parent: string) => {
    if (subscriptions.has(directory)) return
    const stop = store.hints.subscribe(directory, (name) => {
      // A hint that fails is no loss: the scan meets the same failure.
      LogFile.caught(() => hinted(parent, name))
    })
    subscriptions.set(directory, stop)
  }
  const hinted = (parent: string, name: string | null) => {
    const wanted = (key: string) =>
      [...watchers].some(({ prefix }) => Journal.isWatched(prefix, key) || prefix.startsWith(`${key}/`))
    if (name === null) return
    const key = Names.keyOf(parent, name)
    if (key !== undefined) {
      if (wanted(key)) inspect(key, Names.pathOf(store.journals, key))
    } else if (wanted(`${Names.join(parent, name)}/`)) {
      for (const _ of visit("", Names.join(parent, name), () => {}));
    }
  }
  const unsubscribe = () => {
    for (const stop of subscriptions.values()) stop()
    subscriptions.clear()
  }

  const scanned = Effect.fnUntraced(function* (operation: string, prefix: string) {
    const found = new Set<string>()
    const steps = visit(prefix, "", (key) => found.add(key))
    while ((yield* LogFile.attempt(operation, () => steps.next())).done !== true) yield* Effect.yieldNow
    for (const key of known.keys()) if (key.startsWith(prefix) && !found.has(key)) known.delete(key)
  })

  /** Looks at one key alone, however many there are beside it. */
  const looked = (key: string) =>
    LogFile.attempt("Journal.watch", () => {
      const parent = Names.parentOf(key)
      subscribe(path.join(store.journals, parent), parent)
      const file = Names.pathOf(store.journals, key)
      if (LogFile.look(file) === undefined) known.delete(key)
      else inspect(key, file)
    })
  const scan = (prefix: string) => (Key.isKey(prefix) ? looked(prefix) : scanned("Journal.watch", prefix))

  return {
    observe,
    scan: Effect.suspend(() =>
      Effect.forEach(new Set([...watchers].map(({ prefix }) => prefix)), scan, { discard: true })
    ),
    list: Effect.fnUntraced(function* (prefix = "") {
      yield* scanned("Journal.heads", prefix)
      const listed = [...known.values()].filter(({ head, isEmpty }) => !isEmpty && head.key.startsWith(prefix))
      return listed.map(({ head }) => head).sort((a, b) => (a.key < b.key ? -1 : 1))
    }),
    note: (heads) =>
      Effect.sync(() => {
        const noted = heads.flatMap((head) => {
          const path = Names.pathOf(store.journals, head.key)
          const before = known.get(head.key)
          // Of what is damaged everybody is to hear who reads it.
          if (before?.head.version !== head.version || before.isEmpty || store.hasWarned(path)) return []
          const file = LogFile.look(path)
          if (file === undefined || !isAt(before, file)) return []
          known.set(head.key, { ...before, head })
          return [{ head, file }]
        })
        if (noted.length > 0) notes.add(noted)
      }),
    forgetNotes: notes.forget,
    watch: (prefix = "") =>
      Stream.unwrap(
        Effect.gen(function* () {
          const watcher = yield* Effect.acquireRelease(
            Effect.sync(() => {
              const watcher: Watcher = { prefix, pending: new Map(), began: false, wake: () => {} }
              watchers.add(watcher)
              return watcher
            }),
            (watcher) =>
              Effect.sync(() => {
                watchers.delete(watcher)
                if (watchers.size === 0) unsubscribe()
              })
          )
          yield* scan(prefix)
          watcher.began = true
          return Stream.fromIterableEffectRepeat(taken(watcher))
        })
      )
  }
}

/** Waits for what has grown. */
const taken = (watcher: Watcher) =>
  Effect.callback<Iterable<Journal.Head>>((resume) => {
    const take = () => {
      const { pending } = watcher
      watcher.pending = new Map()
      watcher.wake = () => {}
      resume(Effect.succeed(pending.values()))
    }
    if (watcher.pending.size > 0) return take()
    watcher.wake = take
    return Effect.sync(() => (watcher.wake = () => {}))
  })
