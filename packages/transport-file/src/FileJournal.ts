/**
 * Keeps each journal in a file of its own, shared by all processes of this machine.
 *
 * @since 0.1.0
 */
import { Effect, Option, type Scope, Stream } from "effect"
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
    addition: JournalLog.Addition
  ) {
    const journal = open(key)
    let published = false
    while (true) {
      const appended = yield* LogFile.attempt(operation, () => journal.append(expected, addition, { published }))
      switch (appended.type) {
        case "conflict":
          return yield* new Journal.VersionConflict({ key, expected, actual: appended.actual })
        case "won":
          yield* OpenLog.durable(operation, journal.log, appended.end)
          heads.observe(key, journal)
          return appended.version
        case "unpublished":
          yield* store.directories.publish(operation, journal.log.path)
          published = true
      }
    }
  })

  return Journal.Journal.of({
    append: Effect.fnUntraced(function* (key, expected, records) {
      yield* checked(key)
      const text = yield* encode(records)
      if (records.length > 0)
        return yield* append("Journal.append", key, expected, { records: text, count: records.length })
      const state = yield* LogFile.attempt("Journal.append", () => open(key).refresh())
      const actual = state?.version ?? 0
      return actual === expected ? actual : yield* new Journal.VersionConflict({ key, expected, actual })
    }),
    read: (key, after = 0) =>
      Stream.unwrap(
        Effect.andThen(
          checked(key),
          Effect.suspend(() => read(open(key), after))
        )
      ),
    heads: heads.list,
    watch: heads.watch,
    delete: Effect.fnUntraced(function* (key) {
      yield* checked(key)
      const operation = "Journal.delete"
      const journal = open(key)
      while (true) {
        const state = yield* LogFile.attempt(operation, journal.refresh)
        if (state === undefined) return
        if (state.isEmpty) {
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

const read = Effect.fnUntraced(function* (journal: JournalLog.JournalLog, after: number) {
  const operation = "Journal.read"
  const found = yield* LogFile.attempt(operation, () => {
    const state = journal.refresh()
    if (state === undefined || state.isEmpty || state.version <= after) return undefined
    return { end: state.cursor.position, commit: journal.log.commit() }
  })
  if (found === undefined) return Stream.empty
  const durable = OpenLog.durable(operation, journal.log, found.end)
  // After a flush that failed, what was on the device before it can still be read.
  const limit = yield* Effect.catch(Effect.as(durable, found.end), (error) => {
    const synced = found.commit.synced()
    return synced > 0 ? Effect.succeed(synced) : Effect.fail(error)
  })
  const walk = yield* LogFile.attempt(operation, () => {
    journal.refresh()
    return journal.walk(after, limit)
  })
  return Stream.paginate(walk, (walk) =>
    Effect.map(
      LogFile.attempt(operation, () => journal.page(walk)),
      ({ entries, more }) => [entries, more ? Option.some(walk) : Option.none()] as const
    )
  )
})

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
