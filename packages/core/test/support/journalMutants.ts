import { Effect, Stream } from "effect"
import * as Journal from "../../src/Journal.ts"
import { isKey } from "../../src/Key.ts"
import { TransportError } from "../../src/TransportError.ts"
import { journalLayer, mapText, type Mutant, withoutProto } from "./mutants.ts"

type Port = Journal.Journal["Service"]
type Append = Port["append"]

const broken = (
  caughtBy: string,
  name: string,
  breakage: (journal: Port) => Partial<Port>
): Mutant<Journal.Journal> => ({ name, caughtBy, layer: journalLayer(breakage) })

const reading =
  (change: (entries: Array<Journal.Entry>, after: number) => ReadonlyArray<Journal.Entry>) => (journal: Port) => ({
    read: (key: string, after?: number) =>
      Stream.unwrap(
        Effect.map(Stream.runCollect(journal.read(key, after)), (entries) =>
          Stream.fromIterable(change(entries, after ?? 0))
        )
      )
  })

const heads = (change: (found: Array<Journal.Head>, prefix: string) => Array<Journal.Head>) => (journal: Port) => ({
  heads: (prefix?: string) => Effect.map(journal.heads(prefix), (found) => change([...found], prefix ?? ""))
})

/** Does something else where the real journal sees a conflict. */
const conflicting =
  (otherwise: (journal: Port, conflict: Journal.VersionConflict, ...args: Parameters<Append>) => ReturnType<Append>) =>
  (journal: Port) => ({
    append: ((...args) =>
      Effect.catchTag(journal.append(...args), "VersionConflict", (conflict) =>
        otherwise(journal, conflict, ...args)
      )) satisfies Append
  })

const storing =
  (change: (record: Parameters<Append>[2][number]) => Parameters<Append>[2][number]) => (journal: Port) => ({
    append: ((key, expected, records) => journal.append(key, expected, records.map(change))) satisfies Append
  })

const isTooLarge = (error: unknown) => error instanceof TransportError && error.reason === "too_large"

const numbers = "numbers records from one and reads them back in order"
const after = "reads the entries after a version only"
const batch = "shows a batch whole or not at all"
const stale = "refuses a version that is not the newest, tells which is, and shows nothing of it"
const unwaited = "shows what was appended without waiting for the device, and judges it like the rest"
const nothing = "checks the version of an append of nothing, and writes nothing"
const grammar = "refuses keys that break the grammar, and creates nothing"
const list = "lists heads by prefix, sorted, with version and time"
const note = "tells with a head what was noted of that very version, or nothing"
const watch = "watches a prefix from when it began"
const alone = "watches one key, and none that begins like it or lies below it"
const deleted = "reads nothing of a deleted key, and goes on from its version"
const absent = "does nothing when it deletes what is not there"
const odd = "gives every JSON value back as it was"
const tooLarge = "refuses what is too large, in bytes, and writes nothing"
const again = "has everything that it acknowledged when it is opened again"

export const journalMutants: ReadonlyArray<Mutant<Journal.Journal>> = [
  broken(
    numbers,
    "numbers records from zero",
    reading((entries) => entries.map((e) => ({ ...e, version: e.version - 1 })))
  ),
  broken(
    numbers,
    "reads the newest first",
    reading((entries) => entries.toReversed())
  ),
  broken(numbers, "answers the version before the append", (journal) => ({
    append: (key, expected, records) => Effect.as(journal.append(key, expected, records), expected)
  })),
  broken(after, "ignores after which version to read", (journal) => ({ read: (key) => journal.read(key) })),
  broken(after, "repeats the entry to read after", (journal) => ({
    read: (key, version = 0) => journal.read(key, version - 1)
  })),
  broken(
    after,
    "loses the entry after the one to read after",
    reading((entries, after) => (after > 0 ? entries.slice(1) : entries))
  ),
  broken(
    "reads nothing of an unknown key",
    "invents an entry where there is none",
    reading((entries) => (entries.length > 0 ? entries : [{ version: 1, at: 0, record: null }]))
  ),
  broken("keeps what was appended, whatever becomes of the value afterwards", "keeps the value itself", (journal) => {
    const values = new Map<string, Parameters<Append>[2][number]>()
    return {
      append: (key, expected, records) => {
        records.forEach((record, index) => values.set(`${key} ${expected + index + 1}`, record))
        return journal.append(key, expected, records)
      },
      read: (key, after) =>
        Stream.map(journal.read(key, after), (entry) => ({
          ...entry,
          record: values.get(`${key} ${entry.version}`) ?? null
        }))
    }
  }),
  broken(batch, "shows a batch record by record", (journal) => ({
    append: Effect.fnUntraced(function* (key, expected, records) {
      const half = Math.ceil(records.length / 2)
      const version = yield* journal.append(key, expected, records.slice(0, half))
      yield* Effect.sleep("2 millis")
      return yield* journal.append(key, version, records.slice(half))
    })
  })),
  broken(batch, "writes half of a batch", (journal) => ({
    append: (key, expected, records) =>
      Effect.as(
        journal.append(key, expected, records.slice(0, Math.ceil(records.length / 2))),
        expected + records.length
      )
  })),
  broken(unwaited, "loses what nobody waits for", (journal) => ({
    append: (key, expected, records, options) =>
      options?.durable === false
        ? Effect.succeed(expected + records.length)
        : journal.append(key, expected, records, options)
  })),
  broken(unwaited, "judges nothing that nobody waits for", (journal) => ({
    append: (key, expected, records, options) =>
      Effect.catchTag(journal.append(key, expected, records, options), "VersionConflict", (conflict) =>
        options?.durable === false ? Effect.succeed(conflict.actual) : Effect.fail(conflict)
      )
  })),
  broken(
    stale,
    "ignores the expected version",
    conflicting((journal, { actual }, key, _, records) => journal.append(key, actual, records))
  ),
  broken(
    stale,
    "takes a version that is still to come",
    conflicting((journal, conflict, key, expected, records) =>
      expected > conflict.actual ? journal.append(key, conflict.actual, records) : Effect.fail(conflict)
    )
  ),
  broken(
    stale,
    "tells the wrong newest version",
    conflicting((_, { actual, expected, key }) =>
      Effect.fail(new Journal.VersionConflict({ key, expected, actual: actual + 1 }))
    )
  ),
  broken(
    stale,
    "writes what it refuses",
    conflicting((journal, conflict, key, _, records) =>
      Effect.andThen(journal.append(key, conflict.actual, records), Effect.fail(conflict))
    )
  ),
  broken(
    "lets one of racing writers win each version",
    "looks first and writes then, over what came between",
    (journal) => ({
      append: Effect.fnUntraced(function* (key, expected, records) {
        yield* journal.append(key, expected, [])
        yield* Effect.yieldNow
        return yield* Effect.catchTag(journal.append(key, expected, records), "VersionConflict", () =>
          Effect.succeed(expected + records.length)
        )
      })
    })
  ),
  broken(
    "lets one of racing writers win each version across openings",
    "believes in the version that it knows itself",
    (journal) => {
      const own = new Map<string, number>()
      return {
        append: (key, expected, records) =>
          journal.append(key, expected, records).pipe(
            Effect.catchTag("VersionConflict", (conflict) => {
              if (own.get(key) === expected) return Effect.succeed(expected + records.length)
              own.set(key, conflict.actual)
              return Effect.fail(conflict)
            }),
            Effect.tap((version) => Effect.sync(() => own.set(key, version))),
            Effect.tap(Effect.yieldNow)
          )
      }
    }
  ),
  broken(nothing, "takes an append of nothing at any version", (journal) => ({
    append: (key, expected, records) =>
      records.length === 0 ? Effect.succeed(expected) : journal.append(key, expected, records)
  })),
  broken(nothing, "writes a record for an append of nothing", (journal) => ({
    append: (key, expected, records) => journal.append(key, expected, records.length === 0 ? [null] : records)
  })),
  broken(grammar, "takes keys that break the grammar", (journal) => {
    const mended = (key: string) => (isKey(key) ? key : "mended")
    return {
      append: (key, expected, records) => journal.append(mended(key), expected, records),
      read: (key, after) => journal.read(mended(key), after),
      delete: (key) => journal.delete(mended(key))
    }
  }),
  broken(grammar, "creates something before it refuses a key", (journal) => ({
    append: (key, expected, records) =>
      Effect.tapError(journal.append(key, expected, records), (error) =>
        error._tag === "InvalidKey" ? Effect.ignore(journal.append("refused", 0, [null])) : Effect.void
      )
  })),
  broken(
    list,
    "lists heads in no order",
    heads((found) => found.toReversed())
  ),
  broken(list, "lists heads whatever the prefix", (journal) => ({ heads: () => journal.heads() })),
  broken(
    list,
    "takes the prefix for a folder",
    heads((found, prefix) => found.filter(({ key }) => key.startsWith(`${prefix.replace(/\/$/, "")}/`)))
  ),
  broken(
    list,
    "tells a time that is not that of the newest entry",
    heads((found) => found.map((head) => ({ ...head, at: 0 })))
  ),
  broken(
    list,
    "tells the oldest version",
    heads((found) => found.map((head) => ({ ...head, version: 1 })))
  ),
  broken(watch, "watches whatever the prefix", (journal) => ({ watch: () => journal.watch() })),
  broken(watch, "misses what is appended to a key that it has not told of", (journal) => ({
    watch: (prefix) =>
      Stream.filter(journal.watch(prefix), ({ key, version }) => version === 1 || key.endsWith("probe"))
  })),
  broken(watch, "tells what was there before the watch", (journal) => ({
    watch: (prefix) => Stream.concat(Stream.fromIterableEffect(journal.heads(prefix)), journal.watch(prefix))
  })),
  broken(alone, "watches what begins like the key", (journal) => ({
    watch: (prefix = "") =>
      Stream.filter(journal.watch(prefix.slice(0, prefix.lastIndexOf("/") + 1)), ({ key }) => key.startsWith(prefix))
  })),
  broken("watches what another opening appends", "watches its own appends only", (journal) => {
    const own = new Set<string>()
    return {
      append: (key, expected, records) => Effect.suspend(() => journal.append((own.add(key), key), expected, records)),
      watch: (prefix) => Stream.filter(journal.watch(prefix), ({ key }) => own.has(key))
    }
  }),
  broken(deleted, "keeps the entries of a deleted key", () => ({ delete: () => Effect.void })),
  broken(deleted, "lists a deleted key", (journal) => {
    const gone = new Map<string, Journal.Head>()
    return {
      delete: Effect.fnUntraced(function* (key) {
        for (const head of yield* journal.heads(key)) gone.set(head.key, head)
        yield* journal.delete(key)
      }),
      heads: (prefix = "") =>
        Effect.map(journal.heads(prefix), (found) => [
          ...found,
          ...[...gone.values()].filter(({ key }) => key.startsWith(prefix))
        ])
    }
  }),
  broken(deleted, "starts over at version 1 after a deletion", (journal) => {
    const bases = new Map<string, number>()
    const base = (key: string) => bases.get(key) ?? 0
    return {
      append: (key, expected, records) =>
        journal.append(key, expected + base(key), records).pipe(
          Effect.map((version) => version - base(key)),
          Effect.catchTag("VersionConflict", ({ actual }) =>
            Effect.fail(new Journal.VersionConflict({ key, expected, actual: Math.max(0, actual - base(key)) }))
          )
        ),
      read: (key, after = 0) =>
        Stream.map(journal.read(key, after + base(key)), (entry) => ({ ...entry, version: entry.version - base(key) })),
      delete: Effect.fnUntraced(function* (key) {
        const found = (yield* journal.heads(key)).find((head) => head.key === key)
        yield* journal.delete(key)
        if (found !== undefined) bases.set(key, found.version + 1)
      })
    }
  }),
  broken(note, "tells what was noted of another version", (journal) => {
    const noted = new Map<string, Journal.Head>()
    return {
      note: (heads) => Effect.sync(() => heads.forEach((head) => noted.set(head.key, head))),
      heads: (prefix) =>
        Effect.map(journal.heads(prefix), (found) =>
          found.map((head) => ({ ...head, note: noted.get(head.key)?.note ?? null }))
        )
    }
  }),
  broken(note, "tells a noted version that is not the newest", (journal) => {
    const noted = new Map<string, Journal.Head>()
    return {
      note: (heads) => Effect.sync(() => heads.forEach((head) => noted.set(head.key, head))),
      heads: (prefix) => Effect.map(journal.heads(prefix), (found) => found.map((head) => noted.get(head.key) ?? head))
    }
  }),
  broken(absent, "counts the deletion of what is not there", (journal) => ({
    delete: (key) => Effect.andThen(Effect.ignore(journal.append(key, 0, [null])), journal.delete(key))
  })),
  broken(absent, "counts each deletion of a deleted key", (journal) => {
    const gone = new Set<string>()
    return {
      delete: Effect.fnUntraced(function* (key) {
        const version = yield* Effect.catchTag(journal.append(key, 1e9, []), "VersionConflict", ({ actual }) =>
          Effect.succeed(actual)
        )
        if (gone.has(key)) yield* Effect.ignore(journal.append(key, version, [null]))
        gone.add(key)
        yield* journal.delete(key)
      })
    }
  }),
  broken(
    odd,
    "replaces lone surrogates",
    storing((record) => mapText(record, (text) => text.toWellFormed()))
  ),
  broken(odd, "takes __proto__ for the prototype", storing(withoutProto)),
  broken(
    "gives a record of 1 MiB back",
    "cuts long texts off",
    storing((record) => mapText(record, (text) => text.slice(0, 2 ** 18)))
  ),
  broken(tooLarge, "takes what is too large", (journal) => ({
    append: (key, expected, records) =>
      Effect.catchIf(journal.append(key, expected, records), isTooLarge, () => Effect.succeed(expected + 1))
  })),
  broken(tooLarge, "counts characters instead of bytes", (journal) => ({
    append: (key, expected, records) =>
      Effect.catchIf(
        journal.append(key, expected, records),
        (error) => isTooLarge(error) && JSON.stringify(records).length <= Journal.maxAppendBytes,
        () => Effect.succeed(expected + 1)
      )
  })),
  broken(tooLarge, "writes before it refuses what is too large", (journal) => ({
    append: (key, expected, records) =>
      Effect.tapError(journal.append(key, expected, records), (error) =>
        isTooLarge(error) ? Effect.ignore(journal.append(key, expected, ["the beginning"])) : Effect.void
      )
  })),
  { caughtBy: again, name: "forgets everything when it is closed", layer: Journal.layerMemory },
  broken(again, "forgets when it is closed at which version a key was deleted", (journal) => {
    const own = new Set<string>()
    return {
      append: Effect.fnUntraced(function* (key, expected, records) {
        const known = own.has(key) || (yield* journal.heads(key)).some((head) => head.key === key)
        if (!known && expected > 0) return yield* new Journal.VersionConflict({ key, expected, actual: 0 })
        own.add(key)
        return yield* journal.append(key, expected, records)
      })
    }
  })
]
