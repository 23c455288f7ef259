import { assert } from "@effect/vitest"
import { Queue } from "@sartor/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import { append, journalFile, offer, open, queueFile, records, temporary } from "./support.ts"

/** Makes logs so long without writing anything, and then uses them: it takes no more memory than the longest line may. */
export const sparse = (size: number) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    for (let version = 0; version < 5; version++) {
      yield* open(
        directory,
        Effect.andThen(append("log", version, `r${version + 1}`), offer("queue", `m${version + 1}`))
      )
    }
    for (const file of [journalFile(directory, "log"), queueFile(directory, "queue")]) fs.truncateSync(file, size)
    yield* open(
      directory,
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const before = process.memoryUsage().rss
        assert.strictEqual((yield* records("log")).length, 5)
        assert.strictEqual(yield* append("log", 5, "next"), 6)
        assert.deepStrictEqual(yield* records("log", 4), ["5 r5", "6 next"])
        assert.strictEqual((yield* queue.inspect("queue")).length, 5)
        assert.isBelow(process.memoryUsage().rss - before, 400 * 2 ** 20)
      })
    )
  })
