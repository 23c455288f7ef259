import { assert, it } from "@effect/vitest"
import { Queue, type TransportError } from "@sartor/core"
import { Driver } from "@sartor/core/testing"
import { Clock, Effect, Exit, Fiber, type Scope, Scope as Scopes } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as process from "node:process"
import * as FileQueue from "../src/FileQueue.ts"
import * as Frame from "../src/internal/Frame.ts"
import * as Store from "../src/internal/Store.ts"
import { canTrace, child, childUnder, offer, open, queueFile, skip, temporary } from "./support.ts"

const name = "jobs"

/** A process of its own, as far as the files can tell, that compacts only when it is told to. */
const processOn = (directory: string, compactAbove = Number.POSITIVE_INFINITY) =>
  Effect.flatMap(Store.make({ directory }), (store) => FileQueue.make(store, { compactAbove }))

const inProcess = <A, E>(directory: string, body: (files: FileQueue.FileQueue) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.scoped(Effect.flatMap(processOn(directory), body))

type Step = { readonly by: number } & (
  | { readonly type: "offer"; readonly id: string; readonly delay: number; readonly revive: boolean }
  | { readonly type: "take" | "complete" | "fail" | "giveBack" | "reject" | "compact" | "restart" | "delete" | "look" }
  | { readonly type: "settle" | "bury" | "requeue"; readonly id: string }
  | { readonly type: "pass"; readonly seconds: number }
)

const by = fc.nat(2)
const id = fc.constantFrom("a", "b", "c", "d", "e", "f")
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("offer" as const),
      by,
      id,
      delay: fc.constantFrom(0, 0, 0, 5),
      revive: fc.boolean()
    })
  },
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constantFrom("take" as const, "take", "complete", "fail", "giveBack", "reject", "look"),
      by
    })
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("compact" as const), by }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("restart" as const, "delete"), by }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("settle" as const, "bury", "requeue"), by, id }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("pass" as const), by, seconds: fc.constantFrom(1, 4) }) }
)

/** Runs steps by three processes on one directory, and tells all that they saw. */
const run = Effect.fnUntraced(function* (steps: ReadonlyArray<Step>, compacting: boolean) {
  const directory = yield* temporary
  const seen: Array<unknown> = []
  let deletions = 0
  let compaction: Fiber.Fiber<void, TransportError.TransportError> | undefined
  const makeProcess = Effect.gen(function* () {
    const scope = yield* Scopes.make()
    const files = yield* Scopes.provide(processOn(directory), scope)
    return { scope, files, held: new Array<{ scope: Scope.Closeable; delivery: Queue.Delivery }>() }
  })
  const processes = [yield* makeProcess, yield* makeProcess, yield* makeProcess]
  for (const step of steps) {
    const at = processes[step.by]
    if (at === undefined) continue
    const queue = at.files.service
    switch (step.type) {
      case "offer": {
        const { delay, id, revive } = step
        const message = {
          id,
          payload: { id, at: seen.length },
          priority: id < "c" ? 1 : 0,
          delay: `${delay} seconds` as const
        }
        seen.push(yield* queue.offer(name, message, { revive }))
        break
      }
      case "take": {
        const stats = yield* queue.statistics(name)
        if (stats.ready === 0) break
        const scope = yield* Scopes.make()
        const taken = yield* Scopes.provide(queue.take(name, { lease: "1 hour", retryDelay: () => 0 }), scope)
        const { lost: _, ...message } = taken
        seen.push({ ...message, offeredAt: 0 })
        at.held.push({ scope, delivery: taken })
        break
      }
      case "complete":
      case "fail":
      case "giveBack":
      case "reject": {
        const held = at.held.shift()
        if (held === undefined) break
        yield* Scopes.close(
          held.scope,
          step.type === "complete"
            ? Exit.void
            : step.type === "fail"
              ? Exit.fail(new Error("failed"))
              : step.type === "reject"
                ? Exit.fail(new Queue.Rejected({ reason: "never" }))
                : Exit.interrupt()
        )
        break
      }
      case "settle":
        seen.push((yield* queue.settle(name, step.id, { type: "completed" })) ?? "unknown")
        break
      case "bury":
        seen.push((yield* queue.settle(name, step.id, { type: "dead", reason: "buried" })) ?? "unknown")
        break
      case "requeue":
        seen.push(yield* queue.requeue(name, step.id))
        break
      case "pass":
        yield* TestClock.adjust(`${step.seconds} seconds`)
        break
      case "delete":
        deletions += 1
        yield* queue.delete(name)
        break
      case "compact":
        if (compaction !== undefined) yield* Fiber.join(compaction)
        // The steps after it go on while it runs.
        if (compacting) {
          const before = deletions
          // It gives up where the queue is deleted meanwhile.
          const compact = Effect.catch(at.files.compact(name), (error) =>
            deletions > before ? Effect.void : Effect.fail(error)
          )
          compaction = yield* Effect.forkChild(compact, { startImmediately: true })
        }
        break
      case "restart": {
        if (at.held.length > 0) break
        if (compaction !== undefined) yield* Fiber.join(compaction)
        yield* Scopes.close(at.scope, Exit.void)
        processes[step.by] = yield* makeProcess
        break
      }
      case "look": {
        const { oldestAge: _, ...statistics } = yield* queue.statistics(name)
        const inspected = yield* queue.inspect(name)
        seen.push(
          statistics,
          inspected.map(({ attempt, id, payload, reason, state }) => ({ attempt, id, payload, reason, state }))
        )
      }
    }
  }
  if (compaction !== undefined) yield* Fiber.join(compaction)
  for (const { files, held, scope } of processes) {
    const { oldestAge: _, ...statistics } = yield* files.service.statistics(name)
    seen.push(statistics)
    for (const { scope } of held) yield* Scopes.close(scope, Exit.void)
    yield* Scopes.close(scope, Exit.void)
  }
  const left = yield* inProcess(directory, ({ service }) => service.inspect(name))
  seen.push(left.map(({ attempt, id, reason, state }) => ({ attempt, id, reason, state })))
  return seen
}, Effect.scoped)

it.effect(
  "makes no difference to what several processes see, whenever which of them compacts",
  () =>
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) =>
        Effect.runPromiseWith(context)(
          Effect.gen(function* () {
            const plain = yield* Effect.provide(run(steps, false), TestClock.layer())
            const compacted = yield* Effect.provide(run(steps, true), TestClock.layer())
            assert.deepStrictEqual(compacted, plain)
          })
        )
      )
      yield* Effect.promise(() => fc.assert(property, { numRuns: 40 }))
    }),
  120_000
)

it.live(
  "delivers each of 5,000 messages once while another process compacts without a pause",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const flow = yield* child("flow", directory, name, "5000")
      const compactor = yield* child("compact", directory, name, "1000000")
      assert.strictEqual(yield* flow.ended, 0)
      compactor.process.kill("SIGKILL")
      yield* compactor.ended
      const compacted = compactor.reports().length
      assert.isAbove(compacted, 5)
      const delivered = flow.reports()
      assert.strictEqual(delivered.length, 5000)
      assert.strictEqual(new Set(delivered).size, 5000)
      assert.isTrue(delivered.every((report) => report.endsWith(" 1")))
      const { oldestAge: _, ...statistics } = yield* open(
        directory,
        Effect.flatMap(Queue.Queue, (queue) => queue.statistics(name))
      )
      assert.deepStrictEqual(statistics, { ready: 0, inFlight: 0, delayed: 0, dead: 0, completed: 5000 })
    }),
  60_000
)

const sizes = (directory: string) => {
  const place = path.dirname(queueFile(directory, name))
  return Object.fromEntries(fs.readdirSync(place).map((file) => [file, fs.statSync(path.join(place, file)).size]))
}

/** Offers and settles so many messages of 1 KB, a hundred at a time. */
const settled = (queue: Queue.Queue["Service"], count: number, from = 0) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => `s${from + index}`),
    (id) =>
      Effect.andThen(
        queue.offer(name, { id, payload: "x".repeat(1000) }),
        queue.settle(name, id, { type: "completed" })
      ),
    { concurrency: 100, discard: true }
  )

it.live("compacts a log by itself when most of it is superseded, and removes what is left of the old one", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(
      directory,
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        yield* settled(queue, 1500)
        yield* Driver.eventually(
          Effect.sync(() => sizes(directory)),
          (found) => Object.keys(found).length === 2 && (found["jobs.log"] ?? 0) < 512
        )
        const { "jobs.1.log": size = 0 } = sizes(directory)
        // Whenever it was due: what is left is less than what made it due.
        assert.isBelow(size, 1024 * 1024)
        assert.strictEqual(yield* offer(name, "s7"), "completed", "its id is still known")
      })
    )
    yield* open(
      directory,
      Effect.map(offer(name, "s1499"), (known) => assert.strictEqual(known, "completed"))
    )
  })
)

it.live("knows in every process for whom the next message is, also after a compaction", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* inProcess(directory, (files) =>
      Effect.gen(function* () {
        yield* files.service.offer(name, { id: "before", payload: null })
        yield* Effect.scoped(files.service.take(name))
        const waiting = yield* Effect.forkChild(files.service.take(name), { startImmediately: true })
        yield* Driver.eventually(
          Effect.sync(() => fs.readFileSync(queueFile(directory, name), "utf8")),
          (log) => log.includes('"awaited"')
        )
        yield* files.compact(name)
        yield* inProcess(directory, (late) =>
          Effect.gen(function* () {
            yield* late.service.offer(name, { id: "a", payload: null })
            assert.strictEqual(yield* late.service.stateOf(name, "a"), "in_flight")
            assert.strictEqual((yield* Driver.soon(Fiber.join(waiting))).id, "a")
          })
        )
      })
    )
  })
)

it.live("knows a completed id for 30 days, in every process alike", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const now = yield* Clock.currentTimeMillis
    yield* open(directory, offer(name, "waits"))
    for (const [id, days] of [
      ["old", 31],
      ["recent", 29]
    ] as const) {
      const offered = { type: "offered", id, payload: 1, priority: 0 }
      const records = JSON.stringify([offered, { type: "completed", id }])
      fs.appendFileSync(
        queueFile(directory, name),
        Frame.encode({ at: now - days * 86_400_000, writer: `other.${days}` }, records, {
          format: 2,
          payloads: [{ bytes: 1, text: "1" }]
        })
      )
    }
    const states = (files: FileQueue.FileQueue) =>
      Effect.forEach(["waits", "recent", "old"], (id) => files.service.stateOf(name, id))
    yield* inProcess(directory, (early) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* states(early), ["ready", "completed", "completed"])
        yield* inProcess(directory, ({ compact }) => compact(name))
        for (const seen of [yield* states(early), yield* inProcess(directory, states)]) {
          assert.deepStrictEqual(seen, ["ready", "completed", undefined])
        }
        assert.strictEqual(yield* early.service.offer(name, { id: "old", payload: 2 }), "added")
        assert.strictEqual((yield* inProcess(directory, states))[2], "ready")
      })
    )
  })
)

it.live("takes over from a process that slept through two compactions, whose own segment is gone", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* inProcess(directory, (sleepy) =>
      Effect.gen(function* () {
        yield* sleepy.service.offer(name, { id: "held", payload: "held" })
        yield* sleepy.service.offer(name, { id: "waits", payload: "waits" })
        const scope = yield* Scopes.make()
        const delivery = yield* Scopes.provide(sleepy.service.take(name), scope)
        // Without a pause, so that it learns nothing of this.
        childProcess.execFileSync(process.execPath, [
          "--disable-warning=ExperimentalWarning",
          new URL("fixtures/child.ts", import.meta.url).pathname,
          "compactTwice",
          directory,
          name
        ])
        assert.deepStrictEqual(Object.keys(sizes(directory)).sort(), ["jobs.2.log", "jobs.log"])
        assert.strictEqual(delivery.id, "held")
        yield* Scopes.close(scope, Exit.void)
        assert.strictEqual(yield* sleepy.service.stateOf(name, "held"), "completed")
        const next = yield* Effect.scoped(sleepy.service.take(name))
        assert.deepStrictEqual([next.id, next.attempt], ["waits", 1])
      })
    )
  })
)

it.live("F06: goes on with the old log when the device is full, and compacts when there is room", (context) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const mounted = childProcess.spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory])
    if (mounted.status !== 0) return skip(context, "needs root, to mount a small tmpfs")
    yield* Effect.addFinalizer(() => Effect.sync(() => childProcess.spawnSync("umount", ["-l", directory])))
    yield* inProcess(directory, ({ clean, compact, service }) =>
      Effect.gen(function* () {
        for (let index = 0; index < 30; index++) {
          yield* service.offer(name, { id: `m${index}`, payload: "x".repeat(10_000) })
        }
        const before = yield* service.inspect(name)
        const ballast = path.join(directory, "ballast")
        const room = 1_048_576 - (sizes(directory)["jobs.log"] ?? 0)
        // Little room, and then more and more: it ends in each phase of a compaction.
        for (let left = 16_000; left < room - 60_000; left += 40_000) {
          fs.writeFileSync(ballast, Buffer.alloc(room - left - 40_000))
          const result = yield* Effect.exit(compact(name))
          if (Exit.isSuccess(result)) break
          assert.strictEqual((yield* Effect.flip(compact(name))).reason, "storage_full")
          assert.deepStrictEqual(Object.keys(sizes(directory)), ["jobs.log"], "nothing is left of the attempt")
          assert.strictEqual(yield* service.offer(name, { id: "m1", payload: null }), "ready")
          assert.strictEqual(yield* service.offer(name, { id: `left${left}`, payload: null }), "added")
          yield* service.settle(name, `left${left}`, { type: "completed" })
        }
        fs.rmSync(ballast, { force: true })
        yield* clean(name)
        yield* compact(name)
        assert.deepStrictEqual(yield* service.inspect(name), before)
      })
    )
  })
)

it.live("keeps an older release from taking a compacted queue for an empty one", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, offer(name, "a"))
    yield* inProcess(directory, ({ clean, compact }) => Effect.andThen(compact(name), clean(name)))
    assert.match(
      fs.readFileSync(queueFile(directory, name), "utf8"),
      /^\n\{"checksum":"[0-9a-f]{8}","format":2,[^\n]*"sealed":true/
    )
    assert.deepStrictEqual(
      yield* open(
        directory,
        Effect.flatMap(Queue.Queue, (queue) => queue.names())
      ),
      [name]
    )
  })
)

it.live(
  "leaves no file of a queue that is deleted, compacted or not, and takes up an empty one that a dead process left",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      for (const rounds of [0, 1, 2]) {
        for (const leftover of [false, true]) {
          yield* inProcess(directory, ({ clean, compact, service }) =>
            Effect.gen(function* () {
              yield* service.offer(name, { id: "a", payload: "old" })
              for (let round = 0; round < rounds; round++) yield* Effect.andThen(compact(name), clean(name))
              const stub = fs.readFileSync(queueFile(directory, name))
              yield* service.delete(name)
              assert.deepStrictEqual(sizes(directory), {}, `${rounds} compactions`)
              // All but the last file were removed.
              if (leftover && rounds > 0) fs.writeFileSync(queueFile(directory, name), stub)
              assert.strictEqual(yield* service.offer(name, { id: "a", payload: "new" }), "added")
            })
          )
          yield* inProcess(directory, ({ service }) =>
            Effect.gen(function* () {
              const [found] = yield* service.inspect(name)
              assert.strictEqual(found?.payload, "new", `${rounds} compactions`)
              yield* service.delete(name)
              assert.deepStrictEqual(sizes(directory), {})
            })
          )
        }
      }
    })
)

it.live(
  "leaves no successor of a queue that was deleted while it was written: who went on with it would be alone",
  (context) =>
    Effect.gen(function* () {
      if (!canTrace) return skip(context, "a slow call needs strace, and the right to trace")
      const directory = yield* temporary
      yield* open(directory, offer(name, "old"))
      const first = queueFile(directory, name)
      const successor = first.replace(/\.log$/, ".1.log")
      // The first link is made to find out whether that can be done.
      const slowly = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "inject=link,linkat:delay_enter=500000:when=2"]
      const compactor = yield* childUnder(slowly, "compact", directory, name, "1")
      const sealed = Effect.sync(() => fs.existsSync(first) && fs.readFileSync(first, "utf8").includes('"sealed":true'))
      yield* Driver.eventually(sealed, (sealed) => sealed)
      yield* Effect.sleep("100 millis")
      assert.isFalse(fs.existsSync(successor))
      fs.rmSync(first)
      yield* compactor.ended
      assert.isFalse(fs.existsSync(successor))
      assert.strictEqual(yield* open(directory, offer(name, "new")), "added")
      assert.strictEqual(
        yield* open(
          directory,
          Queue.Queue.use((queue) => queue.stateOf(name, "new"))
        ),
        "ready"
      )
    })
)
