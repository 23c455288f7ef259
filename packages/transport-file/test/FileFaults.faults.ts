import { assert, it } from "@effect/vitest"
import { Queue } from "@sartor/core"
import { Driver } from "@sartor/core/testing"
import { Effect, Random } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { sparse } from "./sparse.ts"
import {
  append,
  canTrace,
  child,
  type Child,
  childUnder,
  journalFile,
  offer,
  open,
  queueFile,
  records,
  skip,
  temporary
} from "./support.ts"

const tell = (text: string) => process.stdout.write(`${text}\n`)

/** By sender, the numbers of its messages in the order in which somebody got them. */
const bySender = (ids: ReadonlyArray<string>) => {
  const senders = new Map<string, Array<number>>()
  for (const id of ids) {
    const [sender = "", number] = id.split("-")
    senders.set(sender, [...(senders.get(sender) ?? []), Number(number)])
  }
  return senders
}

it.live("F01: delivers 1,000 messages of each of 8 processes once, to 2 others, in the order of each sender", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const takers = yield* Effect.all([child("drain", directory, "flow"), child("drain", directory, "flow")])
    const senders = yield* Effect.all(Array.from({ length: 8 }, () => child("send", directory, "flow", "1000")))
    for (const sender of senders) assert.strictEqual(yield* sender.ended, 0)
    const reports = Effect.sync(() => takers.flatMap((taker) => taker.reports()))
    const delivered = yield* Driver.eventually(reports, ({ length }) => length >= 8000).pipe(
      Effect.provideService(Driver.Patience, "5 minutes")
    )
    assert.strictEqual(new Set(delivered).size, 8000)
    assert.strictEqual(delivered.length, 8000)
    for (const taker of takers) {
      for (const numbers of bySender(taker.reports()).values()) {
        assert.deepStrictEqual(
          numbers,
          numbers.toSorted((a, b) => a - b)
        )
      }
    }
  })
)

it.live("F02: delivers all that was acknowledged to an enqueuer that is killed again and again for a minute", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const seed = yield* Random.nextIntBetween(1, 1_000_000)
    const taker = yield* child("drain", directory, "flow")
    const acknowledged: Array<string> = []
    const end = performance.now() + 60_000
    let kills = 0
    while (performance.now() < end) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const enqueuer = yield* child("send", directory, "flow", "1000000")
          yield* Driver.eventually(Effect.sync(enqueuer.reports), ({ length }) => length > 0)
          yield* Effect.sleep(yield* Random.nextIntBetween(50, 500))
          enqueuer.process.kill("SIGKILL")
          assert.strictEqual(yield* enqueuer.ended, "SIGKILL")
          acknowledged.push(...enqueuer.reports())
        })
      )
      kills += 1
    }
    yield* open(directory, offer("flow", "stop"))
    assert.strictEqual(yield* taker.ended, 0)
    const delivered = new Set(taker.reports())
    assert.deepStrictEqual(
      acknowledged.filter((id) => !delivered.has(id)),
      [],
      `seed ${seed}`
    )
    const left = fs.readdirSync(path.dirname(queueFile(directory, "flow")))
    assert.deepStrictEqual(
      left.filter((file) => file.endsWith(".tmp")),
      []
    )
    tell(`${kills} kills (seed ${seed}): ${acknowledged.length} acknowledged, ${delivered.size} delivered`)
    assert.isAbove(kills, 20)
    assert.isAbove(acknowledged.length, 1000)
  }).pipe(Effect.provideService(Driver.Patience, "1 minute"))
)

/** How many appends and offers a process has been told are done, and what it reads in the end. */
const outcome = (process: Child) => {
  const reports = process.reports()
  const appended = reports.slice(0, 6).filter((report) => report.startsWith("ok")).length
  return {
    appended,
    offered: reports[6] === "ok added",
    read: reports[7],
    failures: reports.filter((report) => !report.startsWith("ok"))
  }
}

it.live.each([
  { call: "fdatasync", error: "EIO" },
  { call: "fsync", error: "EIO" },
  { call: "fdatasync", error: "ENOSPC" },
  { call: "write", error: "EIO" }
])("F05: acknowledges nothing that $call has refused with $error, whichever call it is", ({ call, error }, context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "a failing call needs strace, and the right to trace")
    let met = 0
    for (let when = 1; when <= 9; when++) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const directory = yield* temporary
          const what = `${call} ${when}`
          yield* open(directory, append("kept", 0, "before"))
          const log = path.join(directory, "strace.txt")
          const file = call === "write" ? ["-P", journalFile(directory, "a/log")] : []
          const inject = [...file, "-e", `trace=${call}`, "-e", `inject=${call}:error=${error}:when=${when}`]
          const strace = ["env", "UV_THREADPOOL_SIZE=1", "strace", "-f", "-q", "-y", "-o", log, ...inject]
          const process = yield* childUnder(strace, "stubborn", directory, "a/log", "6")
          assert.strictEqual(yield* process.ended, 0, what)
          const { appended, failures, offered, read } = outcome(process)
          const calls = fs.readFileSync(log, "utf8").split("\n")
          const failed = calls.findIndex((line) => line.includes("(INJECTED)"))
          if (failed < 0) return assert.strictEqual(failures.length, 0, what)
          met += 1
          assert.isAbove(failures.length, 0, what)
          for (const failure of failures)
            assert.match(failure, /\((unavailable|storage_full)\): \/.*(EIO|ENOSPC)/, what)
          if (call === "fdatasync") {
            // Final for that file: it is never asked for again.
            const target = /<([^>]+)>/.exec(calls[failed] ?? "")?.[1] ?? "none"
            assert.isFalse(
              calls.slice(failed + 1).some((line) => line.includes(`<${target}>`)),
              what
            )
          }
          assert.isAtLeast(Number(/^ok (\d+)$/.exec(read ?? "")?.[1] ?? appended), appended, `${what}: ${read}`)
          yield* open(
            directory,
            Effect.gen(function* () {
              const queue = yield* Queue.Queue
              assert.deepStrictEqual(yield* records("kept"), ["1 before"], what)
              const found = yield* records("a/log")
              assert.isAtLeast(found.length, appended, what)
              if (offered) assert.strictEqual(yield* queue.stateOf("a/log", "a"), "ready", what)
              yield* append("a/log", found.length, "another process goes on")
            })
          )
        })
      )
    }
    assert.isAbove(met, 1, "it was met")
  })
)

it.live("F11: takes the first of 100,000 waiting messages within 5 seconds, in order and in bounded memory", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    // Those that are offered at once are added in any order.
    const added = yield* open(
      directory,
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* Effect.forEach(
          Array.from({ length: 100_000 }, (_, index) => index),
          (index) => queue.offer("long", { id: `m${index}`, payload: { index, text: "x".repeat(200) } }),
          { concurrency: 1000, discard: true }
        )
        return (yield* queue.inspect("long")).slice(0, 500).map(({ id }) => id)
      })
    )
    const taker = yield* child("backlog", directory, "long", "500")
    assert.strictEqual(yield* taker.ended, 0)
    const [millis, mebibytes, ...ids] = taker.reports()
    tell(`100,000 messages: first taken after ${millis} ms of work, ${mebibytes} MiB`)
    assert.isBelow(Number(millis), 5_000)
    assert.isBelow(Number(mebibytes), 300)
    assert.deepStrictEqual(ids, added)
  })
)

it.live("F12: keeps payloads of 700 to 900 kB of 4 processes apart, and refuses what is too large untouched", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const senders = yield* Effect.all(Array.from({ length: 4 }, () => child("large", directory, "large", "40")))
    for (const sender of senders) assert.strictEqual(yield* sender.ended, 0)
    yield* open(
      directory,
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        const before = fs.statSync(queueFile(directory, "large")).size
        const payload = "x".repeat(Queue.maxPayloadBytes)
        const refused = yield* Effect.flip(queue.offer("large", { id: "too-large", payload }))
        assert.strictEqual(refused._tag === "TransportError" ? refused.reason : refused._tag, "too_large")
        assert.strictEqual(fs.statSync(queueFile(directory, "large")).size, before)
        const found = yield* queue.inspect("large")
        assert.strictEqual(found.length, 160)
        for (const { id, payload } of found) {
          const [, size = "0"] = id.split("/")
          assert.isTrue(payload === id.repeat(Math.ceil(Number(size) / id.length)).slice(0, Number(size)), id)
        }
      })
    )
  })
)

it.live("F16: steps over a sparse file of 4 GiB in bounded memory", () => sparse(2 ** 32))
