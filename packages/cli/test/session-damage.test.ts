import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Journal, Sessions } from "@sartor/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { build } from "./internal/bundle.ts"
import { errorOf, type Place, place } from "./internal/sartor.ts"

beforeAll(build)

interface Document {
  readonly session_id: string
  readonly status: string
  readonly version: number
  readonly checkpoints: ReadonlyArray<{ readonly milestone: string }>
}

/** Versions 1 to 5: created, and four checkpoints. */
const written = Effect.fnUntraced(function* (place: Place) {
  yield* place.seed(
    Sessions.Sessions.use((sessions) =>
      Effect.andThen(
        sessions.create({ id: "one-1", role: "auditor", taskType: "x", prompt: "Look" }),
        Effect.forEach(["a", "b", "c", "d"], (milestone) =>
          sessions.checkpoint("one-1", { phase: "testing", milestone, details: "the token" })
        )
      )
    )
  )
  return path.join(place.folder, "data/sartor/default/journals/session/one-1.log")
})

type Change = (line: Buffer) => void
const damages: ReadonlyArray<{ readonly name: string; readonly change: Change }> = [
  { name: "turned to NULs", change: (line) => void line.fill(0) },
  {
    name: "with a flipped bit",
    change: (line) => void line.writeUInt8(line.readUInt8(line.length - 9) ^ 1, line.length - 9)
  },
  { name: "cut, and glued to the next", change: (line) => void line.fill("x", line.length - 30) }
]

/** Changes what was written as the n-th append; answers what the file holds now. */
const damage = (file: string, numbers: ReadonlyArray<number>, change: Change) => {
  const bytes = fs.readFileSync(file)
  let number = 0
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(10, start)
    if (end < 0) break
    if (end > start && numbers.includes((number += 1))) change(bytes.subarray(start, end))
    start = end + 1
  }
  fs.writeFileSync(file, bytes)
  return bytes
}

const isKept = (file: string, damaged: Buffer) => fs.readFileSync(file).subarray(0, damaged.length).equals(damaged)

describe.concurrent("a damaged session", () => {
  it.live.each(damages)("S03: the newest checkpoint $name: falls back to the one before, and says so", ({ change }) =>
    Effect.gen(function* () {
      const here = yield* place
      const file = yield* written(here)
      const damaged = damage(file, [5], change)
      const shown = yield* here.json<Document>(["session", "show", "one-1"])
      assert.deepStrictEqual([shown.code, shown.document.version], [0, 4])
      assert.strictEqual(shown.document.checkpoints.at(-1)?.milestone, "c")
      assert.include(shown.stderr, file)
      assert.include(shown.stderr, "damaged")
      const resumed = yield* here.sartor(["session", "resume", "one-1"])
      assert.strictEqual(resumed.code, 0, resumed.stderr)
      assert.isTrue(isKept(file, damaged))
    })
  )

  it.live.each(damages)(
    "S03: a checkpoint $name in the middle: offers the last good version, and goes on there",
    ({ change }) =>
      Effect.gen(function* () {
        const here = yield* place
        const file = yield* written(here)
        const damaged = damage(file, [4], change)
        const refused = yield* here.sartor(["session", "resume", "one-1", "--json"])
        assert.deepStrictEqual([refused.code, errorOf(refused).code], [1, "corrupt"])
        assert.include(String(errorOf(refused)["hint"]), "sartor session resume one-1 --from 3")
        assert.isTrue(fs.readFileSync(file).equals(damaged), "nothing was written")
        const resumed = yield* here.sartor(["session", "resume", "one-1", "--from", "3"])
        assert.strictEqual(resumed.code, 0, resumed.stderr)
        const { document } = yield* here.json<Document>(["session", "show", "one-1"])
        assert.deepStrictEqual(
          document.checkpoints.map(({ milestone }) => milestone),
          ["a", "b"]
        )
        assert.isTrue(isKept(file, damaged))
      })
  )

  it.live("S04: nothing but its beginning is left: goes on from there", () =>
    Effect.gen(function* () {
      const here = yield* place
      const file = yield* written(here)
      const damaged = damage(file, [2, 3, 4], (line) => void line.fill(0))
      const refused = yield* here.sartor(["session", "resume", "one-1", "--json"])
      assert.deepStrictEqual([refused.code, errorOf(refused).code], [1, "corrupt"])
      assert.include(String(errorOf(refused)["hint"]), "--from 1")
      assert.strictEqual((yield* here.sartor(["session", "resume", "one-1", "--from", "1"])).code, 0)
      assert.isTrue(isKept(file, damaged))
    })
  )

  it.live("S04: its beginning is gone: says so, shows what is left, and overwrites nothing", () =>
    Effect.gen(function* () {
      const here = yield* place
      const file = yield* written(here)
      const damaged = damage(file, [1], (line) => void line.fill(0))
      for (const args of [
        ["session", "resume", "one-1"],
        ["session", "show", "one-1"],
        ["checkpoint", "one-1", "a", "b"]
      ]) {
        const refused = yield* here.sartor([...args, "--json"])
        assert.deepStrictEqual([refused.code, errorOf(refused).code], [1, "corrupt"], args.join(" "))
        assert.include(String(errorOf(refused)["hint"]), "sartor session history one-1")
      }
      const { code, document } = yield* here.json<ReadonlyArray<{ version: number }>>(["session", "history", "one-1"])
      assert.deepStrictEqual([code, document.map(({ version }) => version)], [0, [2, 3, 4, 5]])
      const taken = yield* here.sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--id", "one-1"])
      assert.notStrictEqual(taken.code, 0)
      const list = yield* here.json<ReadonlyArray<Document>>(["session", "list"])
      assert.deepStrictEqual([list.code, list.document], [0, []])
      assert.include(list.stderr, "one-1")
      assert.isTrue(fs.readFileSync(file).equals(damaged))
    })
  )

  it.live("S04: nothing is left: names the file, finds no session, and leaves the bytes", () =>
    Effect.gen(function* () {
      const here = yield* place
      const file = yield* written(here)
      const damaged = damage(file, [1, 2, 3, 4, 5], (line) => void line.fill("x"))
      const refused = yield* here.sartor(["session", "resume", "one-1", "--json"])
      assert.deepStrictEqual([refused.code, errorOf(refused).code], [3, "not_found"])
      assert.include(refused.stderr, file)
      assert.isTrue(fs.readFileSync(file).equals(damaged))
    })
  )

  it.live("S05: a record of a later release: is refused, kept as it is, and can be gone back before", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* written(here)
      const later = { type: "summarized", at: "2026-01-01T00:00:00.000Z", run: 0, fresh: { deep: [1] } }
      yield* here.seed(Effect.flatMap(Journal.Journal, (journal) => journal.append("session/one-1", 5, [later])))
      const refused = yield* here.sartor(["session", "resume", "one-1", "--json"])
      assert.deepStrictEqual([refused.code, errorOf(refused).code], [1, "corrupt"])
      assert.strictEqual((yield* here.sartor(["session", "resume", "one-1", "--from", "5"])).code, 0)
      const { document } = yield* here.json<ReadonlyArray<Record<string, unknown>>>(["session", "history", "one-1"])
      assert.deepInclude(document[5], { kind: "summarized", fresh: { deep: [1] } })
    })
  )
})
