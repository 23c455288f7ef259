import { assert } from "@effect/vitest"
import { Effect, type Schema, Stream } from "effect"
import * as Journal from "../../Journal.ts"
import { eventually, soon } from "../Driver.ts"

/** Keys that no transport may take. */
export const invalidKeys: ReadonlyArray<string> = [
  "",
  ".",
  "..",
  "/abs",
  "a/",
  "a//b",
  "a/../b",
  "../../etc/passwd",
  "a.b",
  "a\0b",
  "a\nb",
  "a\n",
  "x".repeat(300),
  "-rf",
  "a--b",
  "%2e%2e",
  "Upper",
  "a b",
  "é",
  "a/b/c/d/e"
]

/** Values that are easily changed on their way. */
export const oddities: ReadonlyArray<Schema.Json> = [
  null,
  true,
  0,
  -1.5,
  1e300,
  2 ** 53 - 1,
  -(2 ** 53),
  "",
  'line\nbreak\r\n\u2028\u2029\0\u0007\\"',
  "\ud800 alone, \udc00 too",
  "漢字 🏛 é e\u0301",
  [],
  {},
  [[[[[]]]]],
  { constructor: "x", toString: null, "": 0, " ": { "a.b": [1, { c: null }] } },
  JSON.parse('{"__proto__":{"polluted":true},"hasOwnProperty":1}'),
  JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`)
]

/** What can be read of a key. */
export const records = (key: string, after?: number) =>
  Effect.flatMap(Journal.Journal, (journal) => Stream.runCollect(journal.read(key, after)))

/** Each writer appends five records of its own, against all others. */
export const race = (key: string, writers: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const journal = yield* Journal.Journal
    const write = Effect.fnUntraced(function* (writer: string) {
      let version = 0
      for (let turn = 0; turn < 5; turn++) {
        const append = Effect.suspend(() => journal.append(key, version, [writer, writer]))
        version = yield* Effect.catchTag(append, "VersionConflict", (conflict) => {
          version = conflict.actual
          return Effect.andThen(Effect.yieldNow, Effect.fail(conflict))
        }).pipe(Effect.retry({ while: (error) => error._tag === "VersionConflict" }))
      }
    })
    yield* soon(Effect.forEach(writers, write, { concurrency: "unbounded", discard: true }))
  })

export const wonOnce = Effect.fnUntraced(function* (key: string, writers: ReadonlyArray<string>) {
  const entries = yield* records(key)
  assert.deepStrictEqual(
    entries.map(({ version }) => version),
    Array.from({ length: writers.length * 10 }, (_, index) => index + 1)
  )
  for (const writer of writers) assert.strictEqual(entries.filter(({ record }) => record === writer).length, 10)
})

/** Collects the heads that a watch tells, from when it is known to have begun. */
export const watching = Effect.fnUntraced(function* (prefix: string, probe: string) {
  const journal = yield* Journal.Journal
  const seen: Array<Journal.Head> = []
  yield* Effect.forkScoped(Stream.runForEach(journal.watch(prefix), (head) => Effect.sync(() => seen.push(head))))
  let version = 0
  yield* eventually(
    Effect.suspend(() =>
      seen.length > 0
        ? Effect.succeed(true)
        : Effect.map(journal.append(probe, version, [version]), () => {
            version += 1
            return seen.length > 0
          })
    ),
    (began) => began
  )
  return seen
})
