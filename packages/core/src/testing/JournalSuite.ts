/**
 * What every journal promises, as cases that a transport package runs on its own port.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Journal from "../Journal.ts"
import { type Case, type Driver, opened, registerCases, soon } from "./Driver.ts"
import { invalidKeys, oddities, race, records, wonOnce } from "./internal/journaling.ts"
import { watches } from "./internal/watches.ts"

/**
 * The cases, as data: each owns its keys and uses no other's.
 *
 * @category testing
 * @since 0.1.0
 */
export const cases = <Storage = never>(
  driver: Driver<Journal.Journal, Storage>
): ReadonlyArray<Case<Journal.Journal | Storage>> => {
  const elsewhere = opened(driver)
  return [
    {
      name: "numbers records from one and reads them back in order",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        assert.strictEqual(yield* journal.append("numbers", 0, ["a"]), 1)
        assert.strictEqual(yield* journal.append("numbers", 1, [{ b: 1 }, ["c"]]), 3)
        const entries = yield* Stream.runCollect(journal.read("numbers"))
        assert.deepStrictEqual(
          entries.map(({ record, version }) => [version, record]),
          [
            [1, "a"],
            [2, { b: 1 }],
            [3, ["c"]]
          ]
        )
      })
    },
    {
      name: "reads the entries after a version only",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        yield* journal.append("after", 0, [1, 2, 3])
        yield* journal.append("after", 3, [4])
        yield* journal.append("after", 4, [5, 6])
        for (let after = 0; after <= 7; after++) {
          assert.deepStrictEqual(
            (yield* records("after", after)).map(({ record }) => record),
            [1, 2, 3, 4, 5, 6].slice(after)
          )
        }
      })
    },
    {
      name: "reads nothing of an unknown key",
      run: Effect.gen(function* () {
        assert.deepStrictEqual(yield* records("unknown"), [])
      })
    },
    {
      name: "keeps what was appended, whatever becomes of the value afterwards",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const record = { list: [1] }
        yield* journal.append("copies", 0, [record])
        record.list.push(2)
        assert.deepStrictEqual(
          (yield* records("copies")).map((entry) => entry.record),
          [{ list: [1] }]
        )
      })
    },
    {
      name: "shows a batch whole or not at all",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const batch = Array.from({ length: 40 }, (_, index) => index)
        const watching = yield* Effect.forkChild(
          Effect.repeat(
            Effect.map(records("batches"), (entries) => entries.length),
            { until: (length) => length === 400 || length % 40 !== 0 }
          )
        )
        for (let version = 0; version < 400; version += 40) yield* journal.append("batches", version, batch)
        assert.strictEqual(yield* soon(Fiber.join(watching)), 400)
      })
    },
    {
      name: "refuses a version that is not the newest, tells which is, and shows nothing of it",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        yield* journal.append("stale", 0, ["a", "b"])
        for (const expected of [0, 1, 3, 100]) {
          const conflict = yield* Effect.flip(journal.append("stale", expected, ["never"]))
          assert.deepStrictEqual(
            conflict,
            new Journal.VersionConflict({ key: "stale", expected, actual: 2 }) as typeof conflict
          )
        }
        const conflict = yield* Effect.flip(journal.append("stale-and-unknown", 1, ["never"]))
        assert.strictEqual(conflict._tag, "VersionConflict")
        assert.strictEqual((yield* records("stale")).length, 2)
        assert.deepStrictEqual(yield* journal.heads("stale-and"), [])
      })
    },
    {
      name: "shows what was appended without waiting for the device, and judges it like the rest",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const unwaited = { durable: false }
        const texts = Effect.map(records("unwaited"), (entries) => entries.map(({ record }) => record))
        assert.strictEqual(yield* journal.append("unwaited", 0, ["a", "b"], unwaited), 2)
        assert.deepStrictEqual(yield* texts, ["a", "b"])
        assert.deepStrictEqual(
          (yield* journal.heads("unwaited")).map(({ version }) => version),
          [2]
        )
        const conflict = yield* Effect.flip(journal.append("unwaited", 0, ["never"], unwaited))
        assert.strictEqual(conflict._tag, "VersionConflict")
        assert.strictEqual(yield* journal.append("unwaited", 2, ["c"]), 3)
        assert.deepStrictEqual(yield* texts, ["a", "b", "c"])
      })
    },
    {
      name: "lets one of racing writers win each version",
      run: Effect.gen(function* () {
        yield* race("race", ["a", "b", "c", "d", "e"])
        yield* wonOnce("race", ["a", "b", "c", "d", "e"])
      })
    },
    {
      name: "lets one of racing writers win each version across openings",
      durable: true,
      run: Effect.gen(function* () {
        const writers = ["a", "b", "c"]
        yield* Effect.forEach(writers, (writer) => elsewhere(race("openings", [writer])), { concurrency: "unbounded" })
        yield* wonOnce("openings", writers)
      })
    },
    {
      name: "checks the version of an append of nothing, and writes nothing",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        assert.strictEqual(yield* journal.append("nothing", 0, []), 0)
        assert.strictEqual((yield* Effect.flip(journal.append("nothing", 1, [])))._tag, "VersionConflict")
        assert.strictEqual(yield* journal.append("nothing", 0, ["a"]), 1)
        assert.strictEqual(yield* journal.append("nothing", 1, []), 1)
        assert.strictEqual((yield* journal.heads("nothing"))[0]?.version, 1)
      })
    },
    {
      name: "refuses keys that break the grammar, and creates nothing",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const before = yield* journal.heads()
        for (const key of invalidKeys) {
          const failures = yield* Effect.all([
            Effect.flip(journal.append(key, 0, ["a"])),
            Effect.flip(Stream.runDrain(journal.read(key))),
            Effect.flip(journal.delete(key))
          ])
          assert.deepStrictEqual(
            failures.map(({ _tag }) => _tag),
            ["InvalidKey", "InvalidKey", "InvalidKey"],
            JSON.stringify(key)
          )
        }
        assert.deepStrictEqual(yield* journal.heads(), before)
      })
    },
    {
      name: "lists heads by prefix, sorted, with version and time",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        for (const key of ["list/b", "list/a", "list/a-b", "list/a/c", "lists"]) yield* journal.append(key, 0, [1])
        yield* journal.append("list/b", 1, [2])
        const entries = yield* records("list/b")
        const heads = yield* journal.heads("list/")
        assert.deepStrictEqual(
          heads.map(({ key, version }) => [key, version]),
          [
            ["list/a", 1],
            ["list/a-b", 1],
            ["list/a/c", 1],
            ["list/b", 2]
          ]
        )
        assert.strictEqual(heads[3]?.at, entries[1]?.at)
        const prefixes = ["list", "list/a", "list/a/c", "list/z"]
        const counts = yield* Effect.forEach(prefixes, (prefix) =>
          Effect.map(journal.heads(prefix), (found) => found.length)
        )
        assert.deepStrictEqual(counts, [5, 3, 1, 0])
      })
    },
    {
      name: "tells with a head what was noted of that very version, or nothing",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        for (const key of ["noted/a", "noted/b", "noted/c", "noted/d"]) yield* journal.append(key, 0, [1, 2])
        const notes = Effect.map(journal.heads("noted/"), (heads) =>
          heads.map(({ key, note, version }) => [key, version, note])
        )
        const found = yield* journal.heads("noted/")
        const outdated = { key: "noted/d", version: 1, at: 0, note: "of another version" }
        const unknown = { ...outdated, key: "noted/e" }
        yield* journal.note([
          ...found.slice(0, 3).map((head) => ({ ...head, note: { of: head.key } })),
          outdated,
          unknown
        ])
        const maybe = (key: string, note: unknown) => (note === undefined ? [key, 2, undefined] : [key, 2, { of: key }])
        const noted = yield* notes
        assert.deepStrictEqual(
          noted,
          noted.map(([key, , note]) => maybe(String(key), key === "noted/d" ? undefined : note))
        )
        yield* journal.append("noted/b", 2, [3])
        yield* journal.delete("noted/c")
        yield* journal.append("noted/c", 3, [4])
        const after = yield* notes
        assert.deepStrictEqual(after.slice(1), [
          ["noted/b", 3, undefined],
          ["noted/c", 4, undefined],
          ["noted/d", 2, undefined]
        ])
        assert.deepStrictEqual(after[0], maybe("noted/a", after[0]?.[2]))
      })
    },
    ...watches(elsewhere),
    {
      name: "reads nothing of a deleted key, and goes on from its version",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        yield* journal.append("deleted", 0, ["a", "b"])
        yield* journal.delete("deleted")
        assert.deepStrictEqual(yield* records("deleted"), [])
        assert.deepStrictEqual(yield* journal.heads("deleted"), [])
        const conflict = yield* Effect.flip(journal.append("deleted", 2, ["stale owner"]))
        assert.strictEqual(conflict._tag === "VersionConflict" ? conflict.actual : 0, 3)
        assert.strictEqual((yield* Effect.flip(journal.append("deleted", 0, ["new owner"])))._tag, "VersionConflict")
        assert.strictEqual(yield* journal.append("deleted", 3, ["c"]), 4)
        assert.strictEqual(yield* journal.append("deleted", 4, ["d"]), 5)
        for (const after of [0, 2, 3]) {
          assert.deepStrictEqual(
            (yield* records("deleted", after)).map(({ record, version }) => [version, record]),
            [
              [4, "c"],
              [5, "d"]
            ]
          )
        }
        assert.strictEqual((yield* journal.heads("deleted"))[0]?.version, 5)
      })
    },
    {
      name: "does nothing when it deletes what is not there",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        yield* journal.delete("absent")
        assert.strictEqual(yield* journal.append("absent", 0, ["a"]), 1)
        yield* journal.delete("absent")
        yield* journal.delete("absent")
        assert.strictEqual(yield* journal.append("absent", 2, ["b"]), 3)
      })
    },
    {
      name: "gives every JSON value back as it was",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        yield* journal.append("odd", 0, oddities)
        const entries = yield* records("odd")
        assert.deepStrictEqual(
          entries.map(({ record }) => JSON.stringify(record)),
          oddities.map((record) => JSON.stringify(record))
        )
        assert.strictEqual(Reflect.get({}, "polluted"), undefined)
      })
    },
    {
      name: "gives a record of 1 MiB back",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const large = "é🏛\n".repeat(2 ** 17)
        yield* journal.append("large", 0, ["before", large])
        yield* journal.append("large", 2, ["after"])
        assert.isTrue((yield* records("large"))[1]?.record === large)
        assert.deepStrictEqual(
          (yield* records("large", 2)).map(({ record }) => record),
          ["after"]
        )
      })
    },
    {
      name: "refuses what is too large, in bytes, and writes nothing",
      run: Effect.gen(function* () {
        const journal = yield* Journal.Journal
        for (const text of ["x".repeat(Journal.maxAppendBytes), "é".repeat(Journal.maxAppendBytes / 2)]) {
          const error = yield* Effect.flip(journal.append("too-large", 0, [text]))
          assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "too_large")
        }
        assert.deepStrictEqual(yield* journal.heads("too-large"), [])
        assert.strictEqual(yield* journal.append("too-large", 0, ["fits"]), 1)
      })
    },
    {
      name: "has everything that it acknowledged when it is opened again",
      durable: true,
      run: Effect.gen(function* () {
        yield* elsewhere(
          Effect.gen(function* () {
            const journal = yield* Journal.Journal
            for (let version = 0; version < 50; version++) yield* journal.append("again/kept", version, [version])
            yield* journal.append("again/deleted", 0, ["a"])
            yield* journal.delete("again/deleted")
            yield* journal.append("again/remade", 0, ["a"])
            yield* journal.delete("again/remade")
            yield* journal.append("again/remade", 2, ["b"])
            yield* journal.append("again/remade", 3, ["c"])
          })
        )
        yield* elsewhere(
          Effect.gen(function* () {
            const journal = yield* Journal.Journal
            const entries = yield* records("again/kept")
            assert.deepStrictEqual(
              entries.map(({ record, version }) => [version, record]),
              Array.from({ length: 50 }, (_, index) => [index + 1, index])
            )
            assert.deepStrictEqual(
              (yield* journal.heads("again/")).map(({ at, key, version }) => [key, version, at]),
              [
                ["again/kept", 50, entries[49]?.at],
                ["again/remade", 4, (yield* records("again/remade"))[1]?.at]
              ]
            )
            assert.deepStrictEqual(
              (yield* records("again/remade")).map(({ record, version }) => [version, record]),
              [
                [3, "b"],
                [4, "c"]
              ]
            )
            assert.strictEqual(
              (yield* Effect.flip(journal.append("again/kept", 49, ["stale"])))._tag,
              "VersionConflict"
            )
            assert.strictEqual(yield* journal.append("again/deleted", 2, ["b"]), 3)
          })
        )
      })
    }
  ]
}

/**
 * Registers the cases for a driver.
 *
 * @category testing
 * @since 0.1.0
 */
export const register = <Storage = never>(driver: Driver<Journal.Journal, Storage>): void =>
  registerCases("Journal", driver, cases(driver))
