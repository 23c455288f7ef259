import { assert } from "@effect/vitest"
import { Effect } from "effect"
import * as Journal from "../../Journal.ts"
import { type Case, eventually } from "../Driver.ts"
import { records, watching } from "./journaling.ts"

type Elsewhere<Storage> = <A, E>(body: Effect.Effect<A, E, Journal.Journal>) => Effect.Effect<A, unknown, Storage>

/** The cases about those who watch a journal grow. `elsewhere` opens it a second time. */
export const watches = <Storage>(elsewhere: Elsewhere<Storage>): ReadonlyArray<Case<Journal.Journal | Storage>> => [
  {
    name: "watches a prefix from when it began",
    run: Effect.gen(function* () {
      const journal = yield* Journal.Journal
      yield* journal.append("watch/before", 0, [1])
      yield* journal.append("watch/in/a", 0, [1])
      const seen = yield* watching("watch/in/", "watch/in/probe")
      yield* journal.append("watch/out", 0, [1])
      yield* journal.append("watch/in/a", 1, [2])
      yield* journal.append("watch/in/b", 0, [1, 2, 3])
      const heads = yield* eventually(
        Effect.sync(() => seen.filter(({ key }) => key !== "watch/in/probe")),
        (heads) => heads.some(({ key }) => key === "watch/in/a") && heads.some(({ key }) => key === "watch/in/b")
      )
      assert.deepStrictEqual(
        heads.map(({ key, version }) => [key, version]),
        [
          ["watch/in/a", 2],
          ["watch/in/b", 3]
        ]
      )
    })
  },
  {
    name: "watches one key, and none that begins like it or lies below it",
    run: Effect.gen(function* () {
      const journal = yield* Journal.Journal
      const seen = yield* watching("watch/one", "watch/one")
      for (const key of ["watch/one-more", "watch/one/a"]) yield* journal.append(key, 0, [1])
      const version = (yield* journal.heads("watch/one"))[0]?.version ?? 0
      yield* journal.append("watch/one", version, ["last"])
      yield* eventually(
        Effect.sync(() => seen.at(-1)?.version),
        (newest) => newest === version + 1
      )
      assert.deepStrictEqual([...new Set(seen.map(({ key }) => key))], ["watch/one"])
    })
  },
  {
    name: "watches what another opening appends",
    durable: true,
    run: Effect.gen(function* () {
      const seen = yield* watching("abroad/", "abroad/probe")
      yield* elsewhere(Effect.flatMap(Journal.Journal, (journal) => journal.append("abroad/b/c", 0, [1, 2])))
      const heads = yield* eventually(
        Effect.sync(() => seen.filter(({ key }) => key === "abroad/b/c")),
        (heads) => heads.length > 0
      )
      assert.strictEqual(heads[0]?.version, 2)
      assert.strictEqual((yield* records("abroad/b/c")).length, 2)
    })
  }
]
