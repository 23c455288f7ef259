import { assert, it } from "@effect/vitest"
import { Queue } from "@sartor/core"
import { Driver } from "@sartor/core/testing"
import { Effect, Fiber, Random } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import {
  append,
  canTrace,
  child,
  type Child,
  childUnder,
  journalFile,
  lines,
  offer,
  open,
  queueFile,
  records,
  skip,
  temporary
} from "./support.ts"

const reported = (process: Child, count: number) =>
  Driver.eventually(Effect.sync(process.reports), (reports) => reports.length >= count)

/** What it appended, as `records` shows it. */
const acknowledgedBy = (process: Child) => process.reports().slice(1)

it.live("S01: gives each version to one of two processes, and loses nothing that it acknowledged", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const writers = yield* Effect.all([
      child("append", directory, "shared", "500"),
      child("append", directory, "shared", "500")
    ])
    for (const writer of writers) yield* reported(writer, 1)
    fs.writeFileSync(path.join(directory, "go"), "")
    for (const writer of writers) assert.strictEqual(yield* writer.ended, 0)
    const found = yield* open(directory, records("shared"))
    assert.deepStrictEqual(
      found.map((entry) => entry.split(" ")[0]),
      Array.from({ length: 1000 }, (_, index) => `${index + 1}`)
    )
    assert.deepStrictEqual(writers.flatMap(acknowledgedBy).sort(), [...found].sort())
  })
)

it.live("decides a race by the order in the file, and tells the losers", (context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "slow writes need strace, and the right to trace")
    const directory = yield* temporary
    // A while passes between a look at the file and the write that it leads to, so that others come between.
    const slowly = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "inject=write:delay_enter=5000"]
    const writers = yield* Effect.all(
      Array.from({ length: 3 }, () => childUnder(slowly, "append", directory, "shared", "15"))
    )
    for (const writer of writers) yield* reported(writer, 1)
    fs.writeFileSync(path.join(directory, "go"), "")
    for (const writer of writers) assert.strictEqual(yield* writer.ended, 0)
    const found = yield* open(directory, records("shared"))
    assert.deepStrictEqual(
      found.map((entry) => entry.split(" ")[0]),
      Array.from({ length: 45 }, (_, index) => `${index + 1}`)
    )
    assert.deepStrictEqual(writers.flatMap(acknowledgedBy).sort(), [...found].sort())
    assert.isAbove(lines(journalFile(directory, "shared")).length, 50, "many have lost")
  })
)

it.live(
  "F02: has everything that was acknowledged to a process that was killed at any time",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      fs.writeFileSync(path.join(directory, "go"), "")
      const acknowledged: Array<string> = []
      for (let kill = 0; kill < 20; kill += 4) {
        const writers = yield* Effect.all(
          Array.from({ length: 4 }, (_, index) => child("append", directory, `killed/k${index % 2}`, "1000000"))
        )
        for (const writer of writers) {
          const delay = yield* Random.nextIntBetween(0, 120)
          yield* reported(writer, 2)
          yield* Effect.sleep(delay)
          writer.process.kill("SIGKILL")
        }
        for (const [index, writer] of writers.entries()) {
          assert.strictEqual(yield* writer.ended, "SIGKILL")
          acknowledged.push(...acknowledgedBy(writer).map((report) => `k${index % 2} ${report}`))
        }
      }
      const found = new Set<string>()
      for (const key of ["k0", "k1"]) {
        const entries = yield* open(directory, records(`killed/${key}`))
        entries.forEach((entry, index) => assert.strictEqual(entry.split(" ")[0], `${index + 1}`))
        for (const entry of entries) found.add(`${key} ${entry}`)
      }
      assert.isAbove(acknowledged.length, 100)
      assert.deepStrictEqual(
        acknowledged.filter((entry) => !found.has(entry)),
        []
      )
      yield* open(
        directory,
        append("killed/k0", [...found].filter((entry) => entry.startsWith("k0")).length, "goes on")
      )
    }),
  60_000
)

it.live("F03: hands a killed taker's message out at once, as the second attempt", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, offer("jobs", "a"))
    const taker = yield* child("take", directory, "jobs")
    assert.deepStrictEqual(yield* reported(taker, 1), ["a 1"])
    yield* open(
      directory,
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const [held] = yield* queue.inspect("jobs")
        assert.strictEqual(held?.owner?.pid, taker.process.pid)
        const early = yield* Effect.timeoutOption(Effect.scoped(queue.take("jobs")), "50 millis")
        assert.strictEqual(early._tag, "None")
        taker.process.kill("SIGKILL")
        // Its lease would run for an hour.
        const delivery = yield* Driver.soon(Effect.scoped(queue.take("jobs")))
        assert.deepStrictEqual([delivery.id, delivery.attempt], ["a", 2])
      })
    )
  })
)

it.live(
  "F03: hands out at once what came for a process that was killed while it waited, and nothing more after that",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      yield* open(
        directory,
        Effect.gen(function* () {
          const queue = yield* Queue.Queue
          const completed = Effect.scoped(Effect.map(queue.take("jobs"), ({ attempt, id }) => `${id} ${attempt}`))
          yield* offer("jobs", "before")
          yield* completed
          const wait = Effect.gen(function* () {
            const log = () => fs.readFileSync(queueFile(directory, "jobs"), "utf8").split('"awaited"').length
            const before = log()
            const taker = yield* child("drain", directory, "jobs")
            yield* Driver.eventually(Effect.sync(log), (count) => count > before)
            taker.process.kill("SIGKILL")
            yield* taker.ended
          })
          yield* wait
          yield* offer("jobs", "a")
          // It was given to who is gone.
          assert.strictEqual(yield* Driver.soon(completed), "a 2")
          yield* wait
          const waiting = yield* Effect.forkChild(completed, { startImmediately: true })
          yield* Effect.sleep("50 millis")
          yield* offer("jobs", "b")
          assert.strictEqual(yield* Driver.soon(Fiber.join(waiting)), "b 1")
        })
      )
    })
)

it.live(
  "F01: delivers what several processes offer, each message to one of several others",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const takers = yield* Effect.all([child("drain", directory, "flow"), child("drain", directory, "flow")])
      const producers = yield* Effect.all([
        child("offer", directory, "flow", "300"),
        child("offer", directory, "flow", "300"),
        child("offer", directory, "flow", "300")
      ])
      for (const producer of producers) assert.strictEqual(yield* producer.ended, 0)
      const offered = producers.flatMap((producer) => [...producer.reports()])
      assert.strictEqual(offered.length, 900)
      const delivered = yield* Driver.eventually(
        Effect.sync(() => takers.flatMap((taker) => [...taker.reports()])),
        (ids) => ids.length >= 900
      )
      assert.deepStrictEqual([...delivered].sort(), [...offered].sort())
      yield* open(
        directory,
        Effect.gen(function* () {
          const queue = yield* Queue.Queue
          const { completed } = yield* Driver.eventually(queue.statistics("flow"), ({ inFlight }) => inFlight === 0)
          assert.strictEqual(completed, 900)
        })
      )
      // Not one line was torn by so many writers.
      const file = queueFile(directory, "flow")
      const bytes = fs.readFileSync(file, "utf8")
      assert.isTrue(bytes.endsWith("}\n"))
      for (const { end, start } of lines(file)) assert.isObject(JSON.parse(bytes.slice(start, end)))
    }),
  60_000
)

it.live("ends when its work does: nothing keeps the process alive", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const process = yield* child("offer", directory, "short", "1")
    assert.strictEqual(yield* Driver.soon(process.ended), 0)
  })
)

it.live("F14: goes by the order in the file where the clock goes back an hour, and gives no name twice", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    // What was offered later is older by the clock, here and in another process.
    const first = yield* child("backwards", directory, "jobs", "10")
    assert.strictEqual(yield* first.ended, 0)
    const ids = first.reports()
    assert.strictEqual(new Set(ids).size, 20)
    yield* open(
      directory,
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        assert.deepStrictEqual(
          (yield* records("jobs")).map((entry) => entry.split(" ")[1]),
          [...ids]
        )
        const taken = yield* Effect.forEach(ids, () =>
          Effect.scoped(Effect.map(queue.take("jobs"), ({ attempt, id }) => `${id} ${attempt}`))
        )
        assert.deepStrictEqual(
          taken,
          ids.map((id) => `${id} 1`)
        )
        const { oldestAge, ...counts } = yield* queue.statistics("jobs")
        assert.deepStrictEqual(counts, { ready: 0, inFlight: 0, delayed: 0, dead: 0, completed: 20 })
        assert.isAtLeast(oldestAge, 0)
      })
    )
  })
)

it.live(
  "has what is offered after a deletion, though others offer and compact all the time",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const senders = yield* Effect.all([
        child("send", directory, "gone", "1000000"),
        child("send", directory, "gone", "1000000")
      ])
      const churners = yield* Effect.all([child("churn", directory, "gone"), child("churn", directory, "gone")])
      yield* open(
        directory,
        Effect.gen(function* () {
          const queue = yield* Queue.Queue
          for (const process of [...senders, ...churners]) yield* reported(process, 3)
          for (let round = 0; round < 40; round++) {
            yield* queue.delete("gone")
            yield* Effect.sleep(yield* Random.nextIntBetween(0, 30))
          }
          yield* queue.delete("gone")
          // What was acknowledged from now on was offered afterwards, but for the one that each had on its way.
          const before = senders.map((sender) => sender.reports().length)
          for (const [index, sender] of senders.entries()) yield* reported(sender, (before[index] ?? 0) + 60)
          for (const process of [...senders, ...churners]) process.process.kill("SIGKILL")
          for (const process of [...senders, ...churners]) assert.strictEqual(yield* process.ended, "SIGKILL")
          const offered = senders.flatMap((sender, index) => sender.reports().slice((before[index] ?? 0) + 1))
          const lost = (queue: Queue.Queue["Service"]) =>
            Effect.filter(offered, (id) => Effect.map(queue.stateOf("gone", id), (state) => state !== "ready"))
          assert.isAtLeast(offered.length, 118)
          assert.deepStrictEqual(yield* lost(queue), [])
          assert.deepStrictEqual(yield* open(directory, Effect.flatMap(Queue.Queue, lost)), [])
          const compacted = churners.flatMap((churner) => churner.reports().filter((report) => report === "Success"))
          assert.isAbove(compacted.length, 10)
        })
      )
    }),
  60_000
)
