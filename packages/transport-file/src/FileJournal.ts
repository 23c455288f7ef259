/**
 * Keeps each journal in a file of its own, shared by all processes of this machine.
 *
 * @since 0.1.0
 */
import { Effect, identity, Option, type Scope, Stream } from "effect"
import { Journal, Key, TransportError } from "@sartor/core"
import * as JournalHeads from "./internal/JournalHeads.ts"
import * as JournalLog from "./internal/JournalLog.ts"
import * as LogFile from "./internal/LogFile.ts"
import { pathOf } from "./internal/Names.ts"
import * as OpenLog from "./internal/OpenLog.ts"
import * as Punch from "./internal/Punch.ts"
import * as Recent from "./internal/Recent.ts"
import { scanning, type Store } from "./internal/Store.ts"

/** Journals whose head is remembered; a file that is not open costs one read of its end. */
const maxRemembered = 4096

/** How soon a change is seen where the system does not tell of it. */
const scanInterval = 500

/** @internal */
export const make = Effect.fnUntraced(function* (
  store: Store
): Effect.fn.Return<Journal.Journal["Service"], never, Scope.Scope> {
  const logs = Recent.make<JournalLog.JournalLog>(maxRemembered, ({ log }) => log.isIdle() && (log.close(), true))
  const open = (key: string) => logs.get(key, () => JournalLog.make(store, pathOf(store.journals, key)))
  const heads = JournalHeads.make(store, logs.peek)

  yield* scanning(scanInterval, heads.scan)

  const append = Effect.fnUntraced(function* (
    operation: string,
    key: string,
    expected: number,
    addition: JournalLog.Addition,
    durable = true
  ) {
    const journal = open(key)
    let published = false
    while (true) {
      const appended = yield* LogFile.attempt(operation, () => journal.append(expected, addition, { published }))
      switch (appended.type) {
        case "conflict":
          return yield* new Journal.VersionConflict({ key, expected, actual: appended.actual })
        case "won":
          if (durable) yield* OpenLog.flushed(operation, journal.log, appended.end)
          heads.observe(key, journal)
          return appended.version
        case "unpublished":
          yield* store.directories.publish(operation, journal.log.path)
          published = true
      }
    }
  })

  return Journal.Journal.of({
    append: Effect.fnUntraced(function* (key, expected, records, { durable } = {}) {
      yield* checked(key)
      if (records.length > 0) {
        const addition = { records: yield* encode(records), count: records.length }
        return yield* append("Journal.append", key, expected, addition, durable)
      }
      const state = yield* LogFile.attempt("Journal.append", () => open(key).refresh())
      const actual = state?.version ?? 0
      return actual === expected ? actual : yield* new Journal.VersionConflict({ key, expected, actual })
    }),
    read: (key, after = 0) =>
      Stream.paginate<Walking | undefined, Journal.Entry, Key.InvalidKey | TransportError.TransportError>(
        undefined,
        (walking) =>
          walking === undefined
            ? Effect.andThen(
                checked(key),
                Effect.suspend(() => begin(open(key), after))
              )
            : next(walking)
      ),
    heads: heads.list,
    watch: heads.watch,
    note: heads.note,
    delete: Effect.fnUntraced(function* (key) {
      yield* checked(key)
      const operation = "Journal.delete"
      const journal = open(key)
      while (true) {
        const state = yield* LogFile.attempt(operation, journal.refresh)
        if (state === undefined) return
        if (state.isEmpty) {
          heads.forgetNotes()
          // As they are now: what comes meanwhile may not be on the device yet, or in another file.
          const { start } = state
          const inode = journal.log.inode()
          yield* OpenLog.durable(operation, journal.log, state.cursor.position)
          const file = () =>
            journal.log.size("read") === undefined || journal.log.inode() !== inode ? undefined : journal.log.file()
          return yield* Punch.free(file, start)
        }
        const appended = append(operation, key, state.version, "tombstone")
        yield* Effect.catchTag(appended, "VersionConflict", () => Effect.void)
      }
    })
  })
})

interface Walking {
  readonly journal: JournalLog.JournalLog
  readonly walk: JournalLog.Walk
}

/** What is read is on the device before it is handed out; the device works while it is parsed. */
const begin = Effect.fnUntraced(function* (journal: JournalLog.JournalLog, after: number) {
  const found = yield* LogFile.attempt(reading, () => {
    let durable: Effect.Effect<void, TransportError.TransportError> = Effect.void
    const begun = journal.begin(after, (end) => (durable = OpenLog.flushing(reading, journal.log, end)))
    return begun === undefined ? undefined : { ...begun, durable, commit: journal.log.commit() }
  })
  if (found === undefined) return nothing
  const { commit, durable, page, walk } = found
  const failure = yield* Effect.match(durable, { onFailure: identity, onSuccess: () => undefined })
  if (failure === undefined) return paged(page, { journal, walk })
  // After a flush that failed, what was on the device before it can still be read.
  const limit = commit.synced()
  if (limit === 0) return yield* failure
  const shorter = yield* LogFile.attempt(reading, () => {
    journal.refresh()
    return journal.walk(after, limit)
  })
  return yield* next({ journal, walk: shorter })
})

const next = (walking: Walking) =>
  Effect.map(
    LogFile.attempt(reading, () => walking.journal.page(walking.walk)),
    (page) => paged(page, walking)
  )

const paged = ({ entries, more }: JournalLog.Page, walking: Walking) =>
  [entries, more ? Option.some(walking) : Option.none<Walking>()] as const

const nothing: ReturnType<typeof paged> = [[], Option.none()]
const reading = "Journal.read"

const checked = (key: string) => (Key.isKey(key) ? Effect.void : Effect.fail(new Key.InvalidKey({ key })))

const encode = (records: ReadonlyArray<unknown>) => {
  const text = JSON.stringify(records)
  const bytes = Buffer.byteLength(text)
  if (bytes <= Journal.maxAppendBytes) return Effect.succeed(text)
  return Effect.fail(
    new TransportError.TransportError({
      operation: "Journal.append",
      reason: "too_large",
      detail: `${bytes} bytes are more than ${Journal.maxAppendBytes}`
    })
  )
}
