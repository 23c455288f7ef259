import { assert } from "@effect/vitest"
import { Queue } from "@sartor/core"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as FileQueue from "../src/FileQueue.ts"
import * as Store from "../src/internal/Store.ts"
import { child, childUnder, open, queueFile, temporary } from "./support.ts"

/** The system calls by which a compaction changes anything. */
export const calls = ["pwrite64", "write", "ftruncate", "fdatasync", "fsync", "link", "rename", "unlink"] as const
export type Call = (typeof calls)[number]

const name = "jobs"

/** A directory with a queue in which there is a message in each state. */
export const prepared = Effect.gen(function* () {
  const directory = yield* temporary
  yield* open(
    directory,
    Effect.gen(function* () {
      const queue = yield* Queue.Queue
      yield* queue.offer(name, { id: "held", payload: "held", priority: 3 })
      for (let index = 0; index < 40; index++) {
        yield* queue.offer(name, { id: `m${index}`, payload: { text: "x".repeat(5_000), index }, priority: index % 2 })
        if (index % 4 === 0) yield* queue.settle(name, `m${index}`, { type: "completed" })
        if (index % 10 === 1) yield* queue.settle(name, `m${index}`, { type: "dead", reason: `dead ${index}` })
      }
      yield* queue.offer(name, { id: "later", payload: "later", delay: "1 day" })
    })
  )
  const taker = yield* child("take", directory, name)
  yield* Effect.repeat(Effect.sync(taker.reports), { until: (reports) => reports.length > 0 })
  taker.process.kill("SIGKILL")
  yield* taker.ended
  return { directory, state: yield* stateOf(directory) }
})

const stateOf = (directory: string) =>
  open(
    directory,
    Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const completed = yield* Effect.filter(
        Array.from({ length: 40 }, (_, index) => `m${index}`),
        (id) => Effect.map(queue.stateOf(name, id), (state) => state === "completed")
      )
      return { completed, left: yield* queue.inspect(name) }
    })
  )

type Prepared = Effect.Success<typeof prepared>

/** Kills a compaction at its n-th call of a kind; answers whether it came that far. */
const killedAt = Effect.fnUntraced(function* (directory: string, call: Call, when: number) {
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${when}`]
  const strace = ["env", "UV_THREADPOOL_SIZE=1", "strace", "-f", "-q", "-o", "/dev/null", ...inject]
  const process = yield* childUnder(strace, "compactOnce", directory, name)
  const ended = yield* process.ended
  if (ended === 0) assert.deepStrictEqual(process.reports(), ["compacted"])
  else assert.strictEqual(ended, "SIGKILL")
  return ended !== 0
}, Effect.scoped)

/** Kills a compaction, and the one after it too, and then looks at what is left; answers whether the first came that far. */
export const sweepAt = (template: Prepared, call: Call, when: number, again?: readonly [Call, number]) =>
  Effect.scoped(
    Effect.gen(function* () {
      const what = `${call} ${when}${again === undefined ? "" : `, ${again.join(" ")}`}`
      const directory = yield* temporary
      fs.cpSync(template.directory, directory, { recursive: true })
      const wasKilled = yield* killedAt(directory, call, when)
      if (!wasKilled) return false
      if (again !== undefined) yield* killedAt(directory, ...again)
      assert.deepStrictEqual(yield* stateOf(directory), template.state, `${what}: as found`)
      yield* open(
        directory,
        Effect.gen(function* () {
          const queue = yield* Queue.Queue
          assert.strictEqual(yield* queue.offer(name, { id: "new", payload: null }), "added", what)
          assert.strictEqual(yield* queue.settle(name, "new", { type: "completed" }), "completed", what)
        })
      )
      assert.deepStrictEqual(yield* stateOf(directory), template.state, `${what}: written to`)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const store = yield* Store.make({ directory })
          const files = yield* FileQueue.make(store)
          yield* files.compact(name)
          yield* files.clean(name)
        })
      )
      assert.deepStrictEqual(yield* stateOf(directory), template.state, `${what}: compacted`)
      const left = fs.readdirSync(path.dirname(queueFile(directory, name))).sort()
      assert.strictEqual(left.length, 2, `${what}: ${left.join(" ")}`)
      assert.isTrue(left.includes(`${name}.log`), what)
      return true
    })
  )
