import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Queue from "../src/Queue.ts"
import * as Sessions from "../src/Sessions.ts"
import type { Wake } from "../src/Wake.ts"
import * as Wakes from "../src/Wakes.ts"
import { external, send, services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

/** One function for all agents: it is told which one it is. */
const agents = (work: (name: string, task: FunctionRunner.Task) => Effect.Effect<string, unknown>) =>
  AgentRunner.layer({
    function: FunctionRunner.make({ work: (task) => work(task.sessionId.split("-")[1] ?? "", task) })
  })
const task = (name: string, options: Partial<Sessions.CreateOptions> = {}) => ({
  ...options,
  name,
  id: `impl-${name}`,
  role: "implementer",
  taskType: name,
  runner: { type: "function" as const, name: "work" }
})
const names = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`)

/** Counts who works at the moment, and the most who ever did. */
const makeCrowd = () => {
  const now = new Set<string>()
  const crowd = { now, most: 0, order: Array.of<string>() }
  return {
    crowd,
    within: <A, E>(name: string, effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        now.add(name)
        crowd.order.push(name)
        crowd.most = Math.max(crowd.most, now.size)
        return Effect.ensuring(
          effect,
          Effect.sync(() => now.delete(name))
        )
      })
  }
}
const sleepy = (crowd: ReturnType<typeof makeCrowd>) => (name: string) =>
  crowd.within(name, Effect.as(Effect.sleep("1 second"), `${name} is done`))

const statusOf = (name: string) =>
  Effect.map(
    Sessions.Sessions.use((sessions) => sessions.get(`impl-${name}`)),
    ({ status }) => status
  )

describe("Orchestrator", () => {
  describe("spawns", () => {
    for (const count of [2, 5]) {
      it.effect(`${count} background tasks${count === 5 ? " (max capacity)" : ""} that run at the same time`, () =>
        Effect.gen(function* () {
          const crowd = makeCrowd()
          yield* Effect.gen(function* () {
            const orchestrator = yield* Orchestrator.make()
            const handles = yield* Effect.forEach(names(count), (name) => orchestrator.spawn(task(name)))
            // No time has passed: whoever has begun is still at it.
            assert.strictEqual(crowd.crowd.now.size, crowd.crowd.order.length)
            const reports = yield* pass(orchestrator.collect(handles))
            assert.deepStrictEqual(
              reports.map(({ agent, outcome, result }) => [agent, outcome, result?.summary]),
              names(count).map((name) => [name, "complete", `${name} is done`])
            )
            assert.strictEqual(crowd.crowd.most, count)
          }).pipe(Effect.provide(agents(sleepy(crowd))), Effect.provide(services))
        })
      )
    }

    it.effect("50 tasks, never more than 5 at once, in the order of spawning", () =>
      Effect.gen(function* () {
        const crowd = makeCrowd()
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make()
          const handles = yield* Effect.forEach(names(50), (name) => orchestrator.spawn(task(name)))
          yield* pass(orchestrator.collect(handles))
          assert.deepStrictEqual([crowd.crowd.most, crowd.crowd.order], [5, names(50)])
        }).pipe(Effect.provide(agents(sleepy(crowd))), Effect.provide(services))
      })
    )

    it.effect("the next one while the end of the one before is written, but not for ever", () =>
      Effect.gen(function* () {
        const crowd = makeCrowd()
        const appends = new Map<string, number>()
        // Created, started, and ended when the device is there again.
        const process = yield* Processes.start(yield* Processes.makeStore, (call, key) => {
          if (call !== "append" || !key.startsWith("session/")) return undefined
          const count = (appends.get(key) ?? 0) + 1
          appends.set(key, count)
          return count === 3 ? { stall: true } : undefined
        })
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make({ maxParallel: 1 })
          const handles = yield* Effect.forEach(names(6), (name) => orchestrator.spawn(task(name)))
          yield* pass(Effect.sleep("30 seconds"))
          assert.deepStrictEqual(crowd.crowd.order, names(3))
          assert.strictEqual(appends.get("session/impl-a0"), 3)
          yield* process.resume
          yield* pass(orchestrator.collect(handles))
          assert.deepStrictEqual([crowd.crowd.most, crowd.crowd.order], [1, names(6)])
        }).pipe(Effect.provide(agents(sleepy(crowd))), Effect.provide(process.layer), Effect.provide(Logger.layer([])))
      })
    )

    it.effect("one at a time, in order, where one is allowed", () =>
      Effect.gen(function* () {
        const crowd = makeCrowd()
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make({ maxParallel: 1 })
          const handles = yield* Effect.forEach(names(5), (name) => orchestrator.spawn(task(name)))
          yield* pass(orchestrator.collect(handles))
          assert.deepStrictEqual([crowd.crowd.most, crowd.crowd.order], [1, names(5)])
        }).pipe(Effect.provide(agents(sleepy(crowd))), Effect.provide(services))
      })
    )

    it.effect("nothing where as many runs wait as are allowed, or as many wakes are not acknowledged", () =>
      Effect.gen(function* () {
        const crowd = makeCrowd()
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make({ capacity: 3, maxParallel: 1, onWake: () => Effect.never })
          yield* orchestrator.spawn(task("first"))
          yield* TestClock.adjust("10 millis")
          const racers = names(8).map((name) => Effect.result(orchestrator.spawn(task(name))))
          const results = yield* Effect.all(racers, { concurrency: "unbounded" })
          assert.strictEqual(results.filter(({ _tag }) => _tag === "Success").length, 3)
          const error = yield* Effect.flip(orchestrator.spawn(task("more")))
          assert.strictEqual(error._tag, "AtCapacity")
          assert.strictEqual(
            error.message,
            '"main" is at its limit of 3 runs that wait: spawn again when some are done'
          )
          const sessions = yield* (yield* Sessions.Sessions).list()
          assert.strictEqual(sessions.length, 4)
          yield* pass(Effect.sleep("10 seconds"))
          for (const name of names(100)) {
            yield* external(`ext-${name}`)
            yield* send(`ext-${name}`, "finding")
          }
          const full = yield* Effect.flip(orchestrator.spawn(task("later")))
          assert.match(full.message, /^"main" is at its limit of 100 wakes that are not acknowledged: spawn again/)
        }).pipe(Effect.provide(agents(sleepy(crowd))), Effect.provide(services))
      })
    )

    it.effect("what it could not dispatch a little later, and leaves no session behind that nobody runs", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        let away = false
        const process = yield* Processes.start(store, (call, key) =>
          away && call === "queue.append" && key === "dispatch/main" ? { fail: "before" } : undefined
        )
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make()
          away = true
          assert.strictEqual((yield* Effect.flip(orchestrator.spawn(task("one"))))._tag, "TransportError")
          away = false
          assert.strictEqual(yield* statusOf("one"), "created")
          const handle = yield* orchestrator.adopt("impl-one")
          assert.strictEqual((yield* pass(handle.await)).status, "complete")
          away = true
          yield* Effect.flip(orchestrator.spawn(task("two")))
          away = false
          yield* pass(Effect.sleep("10 seconds"))
          assert.strictEqual(yield* statusOf("two"), "complete")
        }).pipe(
          Effect.provide(agents((name) => Effect.succeed(name))),
          Effect.provide(process.layer),
          Effect.provide(services)
        )
      })
    )
  })

  it.effect("tracks in-flight tasks", () =>
    Effect.gen(function* () {
      const crowd = makeCrowd()
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ maxParallel: 2 })
        const handles = yield* Effect.forEach(names(3), (name) => orchestrator.spawn(task(name)))
        yield* TestClock.adjust("500 millis")
        const tracked = Effect.gen(function* () {
          const { inFlight, ready } = yield* (yield* Queue.Queue).statistics("dispatch/main")
          const statuses = yield* Effect.forEach(names(3), statusOf)
          return { inFlight, ready, statuses }
        })
        assert.deepStrictEqual(yield* tracked, { inFlight: 2, ready: 1, statuses: ["running", "running", "created"] })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* tracked, { inFlight: 1, ready: 0, statuses: ["complete", "complete", "running"] })
        yield* pass(orchestrator.collect(handles))
        assert.deepStrictEqual((yield* tracked).inFlight, 0)
      }).pipe(Effect.provide(agents(sleepy(crowd))), Effect.provide(services))
    })
  )

  it.effect("begins with the first of many that are spawned at once before it has come to the last", () =>
    Effect.gen(function* () {
      let spawned = 0
      const before: Array<number> = []
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        const spawn = (name: string) => Effect.tap(orchestrator.spawn(task(name)), () => Effect.sync(() => spawned++))
        const handles = yield* Effect.forEach(names(90), spawn, { concurrency: "unbounded" })
        assert.isNotEmpty(before)
        for (const count of before) assert.isBelow(count, 45)
        yield* pass(orchestrator.collect(handles))
      }).pipe(
        Effect.provide(
          agents(() => {
            if (spawned < 90) before.push(spawned)
            return Effect.as(Effect.sleep("1 second"), "done")
          })
        ),
        Effect.provide(services)
      )
    })
  )

  it.effect("takes the next run ahead where runs end soon, and leaves it to others where they last", () =>
    Effect.gen(function* () {
      const orchestrator = yield* Orchestrator.make({ maxParallel: 1 })
      const counts = Effect.map(
        Queue.Queue.use((queue) => queue.statistics("dispatch/main")),
        ({ inFlight, ready }) => [inFlight, ready]
      )
      const handles = yield* Effect.forEach(names(6), (name) => orchestrator.spawn(task(name)))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* counts, [1, 5])
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(yield* counts, [2, 2])
      // The first of those that last, and the one that was taken while it was not known that it does.
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* counts, [2, 1])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* statusOf("a3"), "complete")
      assert.deepStrictEqual(yield* counts, [1, 1])
      yield* pass(orchestrator.collect(handles))
    }).pipe(
      Effect.provide(
        agents((name) => Effect.as(Effect.sleep(name < "a3" ? "100 millis" : "1 minute"), `${name} is done`))
      ),
      Effect.provide(services)
    )
  )

  describe("collects", () => {
    it.effect(
      "wake messages from all tasks, ten of them in the same millisecond, in a stable order: event emission on arrival",
      () =>
        Effect.gen(function* () {
          const handled: Array<string> = []
          yield* Effect.gen(function* () {
            const orchestrator = yield* Orchestrator.make({
              maxParallel: 10,
              onWake: (wake) => Effect.sync(() => handled.push(wake.session_id))
            })
            const heard = yield* Effect.forkChild(Stream.runCollect(Stream.take(orchestrator.wakes, 10)), {
              startImmediately: true
            })
            const handles = yield* Effect.forEach(names(10), (name) => orchestrator.spawn(task(name)))
            const reports = yield* pass(orchestrator.collect(handles))
            assert.deepStrictEqual(
              reports.map(({ agent }) => agent),
              names(10)
            )
            const emitted = (yield* pass(Fiber.join(heard))).map((wake): string => wake.session_id)
            assert.deepStrictEqual(emitted, handled)
            assert.sameMembers(
              handled,
              names(10).map((name) => `impl-${name}`)
            )
            const ledger = yield* (yield* Wakes.Wakes).audit()
            assert.deepStrictEqual([ledger.committed, ledger.acknowledged, ledger.balanced], [10, 10, true])
          }).pipe(Effect.provide(agents((name) => Effect.as(Effect.sleep("1 second"), name))), Effect.provide(services))
        })
    )

    it.effect("what became of each: complete, blocked, failed and cancelled, and waits for none in vain", () =>
      Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make()
          const handles = yield* Effect.forEach(["complete", "blocked", "failed", "cancelled"], (name) =>
            orchestrator.spawn(task(name, { limits: { retries: 0 } }))
          )
          const reports = yield* Effect.forkChild(orchestrator.collect(handles))
          yield* TestClock.adjust("10 seconds")
          yield* orchestrator.cancel("impl-cancelled", "enough")
          assert.deepStrictEqual(
            (yield* pass(Fiber.join(reports))).map(({ agent, outcome, problem, result }) => [
              agent,
              outcome,
              result?.summary ?? problem?.message
            ]),
            [
              ["complete", "complete", "fine"],
              ["blocked", "blocked", "which key?"],
              ["failed", "failed", "no way"],
              ["cancelled", "cancelled", "enough"]
            ]
          )
          const again = yield* Effect.flip(orchestrator.cancel("impl-cancelled", "twice"))
          assert.match(again.message, /is cancelled: cancelling it is not possible now/)
          // A human answers: the same handle then tells of the end.
          yield* send("impl-blocked", "complete", "this one")
          const blocked = yield* orchestrator.adopt("impl-blocked")
          assert.strictEqual((yield* pass(blocked.await)).status, "complete")
        }).pipe(
          Effect.provide(
            agents((name) => {
              const failure = { code: name, retryable: false }
              if (name === "complete") return Effect.succeed("fine")
              if (name === "cancelled") return Effect.never
              return name === "blocked"
                ? Effect.fail(new AgentRunner.RunFailed({ ...failure, status: "blocked", detail: "which key?" }))
                : Effect.fail(new AgentRunner.RunFailed({ ...failure, status: "failed", detail: "no way" }))
            })
          ),
          Effect.provide(services)
        )
      })
    )

    it.effect("a task of another orchestrator or of nobody's, once its wake is acknowledged there", () =>
      Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        yield* external("theirs", "other")
        const handle = yield* orchestrator.adopt("theirs")
        const awaited = yield* Effect.forkChild(handle.await)
        const id = yield* send("theirs", "complete", "done")
        yield* TestClock.adjust("10 seconds")
        assert.isUndefined(awaited.pollUnsafe())
        yield* (yield* Wakes.Wakes).acknowledge(id)
        assert.strictEqual((yield* pass(Fiber.join(awaited))).status, "complete")
        assert.strictEqual((yield* Effect.flip(orchestrator.adopt("nobody")))._tag, "SessionNotFound")
      }).pipe(Effect.provide(agents(() => Effect.succeed(""))), Effect.provide(services))
    )
  })

  describe("handles agent failures", () => {
    it.effect("by trying again, then escalating with a wake; no permit is lost, however an agent ends", () =>
      Effect.gen(function* () {
        const crowd = makeCrowd()
        const ways: ReadonlyArray<Effect.Effect<string, unknown>> = [
          Effect.fail("typed"),
          Effect.die("defect"),
          Effect.interrupt,
          Effect.flatMap(Effect.forkChild(Effect.never), (fiber) =>
            Effect.as(Effect.andThen(Fiber.interrupt(fiber), Fiber.join(fiber)), "")
          ),
          Effect.never
        ]
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make({ maxParallel: 2 })
          const handles = yield* Effect.forEach(names(10), (name) =>
            orchestrator.spawn(task(name, { limits: { retries: 1, timeout: 30_000 } }))
          )
          const reports = yield* pass(orchestrator.collect(handles))
          assert.deepStrictEqual(
            reports.map(({ problem }) => problem?.code),
            [...Array(2)].flatMap(() => ["error", "defect", "interrupted", "interrupted", "timeout"])
          )
          const sessions = yield* (yield* Sessions.Sessions).list({ status: "failed" })
          assert.deepStrictEqual(new Set(sessions.map(({ runs }) => runs.length)), new Set([2]))
          assert.deepStrictEqual([crowd.crowd.most, crowd.crowd.now.size], [2, 0])
          const wakes = sessions.flatMap(({ wakes }) => wakes)
          assert.deepStrictEqual(
            new Set(wakes.map(({ priority, status }) => `${status} ${priority}`)),
            new Set(["failed high"])
          )
          // Both permits are still there.
          crowd.crowd.most = 0
          const last = yield* Effect.forEach(["b4", "c4"], (name) =>
            orchestrator.spawn(task(name, { limits: { retries: 0, timeout: 1000 } }))
          )
          yield* pass(orchestrator.collect(last))
          assert.strictEqual(crowd.crowd.most, 2)
        }).pipe(
          Effect.provide(
            agents((name) => crowd.within(name, ways[Number(name.slice(1)) % ways.length] ?? Effect.never))
          ),
          Effect.provide(services)
        )
      })
    )

    it.effect("of the handler of wakes too: one that never works becomes a dead letter, and nobody waits for it", () =>
      Effect.gen(function* () {
        const onWake = (wake: Wake) => (wake.summary === "poison" ? Effect.interrupt : Effect.void)
        yield* Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make({ onWake })
          const handles = yield* Effect.forEach(["poison", "fine"], (name) => orchestrator.spawn(task(name)))
          const reports = yield* pass(orchestrator.collect(handles))
          assert.deepStrictEqual(
            reports.map(({ outcome }) => outcome),
            ["complete", "complete"]
          )
          const ledger = yield* (yield* Wakes.Wakes).audit()
          assert.deepStrictEqual([ledger.acknowledged, ledger.dead, ledger.balanced], [1, 1, true])
        }).pipe(Effect.provide(agents((name) => Effect.succeed(name))), Effect.provide(services))
      })
    )
  })

  describe("graceful shutdown", () => {
    it.effect(
      "with runs in flight leaves all of them resumable and nothing alive, and an orchestrator of that name goes on",
      () =>
        Effect.gen(function* () {
          const crowd = makeCrowd()
          yield* Effect.gen(function* () {
            const scope = yield* Scope.make()
            const orchestrator = yield* Scope.provide(Orchestrator.make(), scope)
            yield* Effect.forEach(names(8), (name) => orchestrator.spawn(task(name)))
            yield* TestClock.adjust("500 millis")
            assert.strictEqual(crowd.crowd.now.size, 5)
            yield* pass(Scope.close(scope, Exit.void))
            assert.strictEqual(crowd.crowd.now.size, 0)
            assert.deepStrictEqual(yield* Effect.forEach(names(8), statusOf), [
              ...names(5).map(() => "suspended"),
              ...names(3).map(() => "created")
            ])
            assert.deepStrictEqual(crowd.crowd.order, names(5))
            const { dead, inFlight, ready } = yield* (yield* Queue.Queue).statistics("dispatch/main")
            assert.deepStrictEqual([ready, inFlight, dead], [8, 0, 0])
            yield* TestClock.adjust("1 minute")
            assert.strictEqual(crowd.crowd.now.size, 0)

            const next = yield* Orchestrator.make()
            const handles = yield* Effect.forEach(names(8), (name) => next.adopt(`impl-${name}`))
            const reports = yield* pass(next.collect(handles))
            assert.deepStrictEqual(new Set(reports.map(({ outcome }) => outcome)), new Set(["complete"]))
            const sessions = yield* (yield* Sessions.Sessions).list()
            assert.deepStrictEqual(sessions.map(({ failures, runs }) => [runs.length, failures]).sort(), [
              ...names(3).map(() => [1, 0]),
              ...names(5).map(() => [2, 0])
            ])
          }).pipe(Effect.provide(agents(sleepy(crowd))), Effect.provide(services))
        })
    )

    it.effect("stops all agents together, not one after the other", () =>
      Effect.gen(function* () {
        const stubborn = () => Effect.onInterrupt(Effect.never, () => Effect.sleep("2 seconds"))
        yield* Effect.gen(function* () {
          const scope = yield* Scope.make()
          const orchestrator = yield* Scope.provide(Orchestrator.make(), scope)
          yield* Effect.forEach(names(5), (name) => orchestrator.spawn(task(name)))
          yield* TestClock.adjust("1 second")
          const before = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
          yield* pass(Scope.close(scope, Exit.void))
          const took = (yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)) - before
          assert.isBelow(took, 3_000)
          assert.deepStrictEqual(new Set(yield* Effect.forEach(names(5), statusOf)), new Set(["suspended"]))
        }).pipe(Effect.provide(agents(stubborn)), Effect.provide(services))
      })
    )
  })

  it.effect("times out a stuck agent, and the others are not held up", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ maxParallel: 2 })
        const handles = yield* Effect.forEach(["stuck", ...names(3)], (name) =>
          orchestrator.spawn(task(name, { limits: { retries: 0, timeout: 60_000 } }))
        )
        yield* pass(Effect.sleep("10 seconds"))
        assert.deepStrictEqual(yield* Effect.forEach(names(3), statusOf), ["complete", "complete", "complete"])
        assert.strictEqual(yield* statusOf("stuck"), "running")
        const [stuck] = yield* pass(orchestrator.collect(handles))
        assert.strictEqual(stuck?.problem?.code, "timeout")
      }).pipe(
        Effect.provide(agents((name) => (name === "stuck" ? Effect.never : Effect.as(Effect.sleep("1 second"), name)))),
        Effect.provide(services)
      )
    })
  )

  describe("owns its name", () => {
    it.effect("and a second of that name is refused, until the first has ended", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Scope.provide(Orchestrator.make({ name: "night" }), scope)
        const error = yield* pass(Effect.flip(Effect.scoped(Orchestrator.make({ name: "night" }))))
        assert.strictEqual(error._tag, "Owned")
        yield* Effect.scoped(Orchestrator.make({ name: "day" }))
        yield* Scope.close(scope, Exit.void)
        yield* Effect.scoped(Orchestrator.make({ name: "night" }))
      }).pipe(Effect.provide(agents(() => Effect.succeed(""))), Effect.provide(services))
    )

    it.effect("as long as it is heard of: one that was silent for too long stops, and its runs go on elsewhere", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        let silent = false
        const first = yield* Processes.start(store, () => (silent ? { stall: true } : undefined))
        const second = yield* Processes.start(store)
        const crowds = [makeCrowd(), makeCrowd()] as const
        const work = (crowd: ReturnType<typeof makeCrowd>) => (name: string) =>
          crowd.within(name, Effect.as(Effect.sleep("1 minute"), name))
        const slow = yield* Effect.forkChild(
          Effect.gen(function* () {
            const orchestrator = yield* Orchestrator.make()
            yield* orchestrator.spawn(task("one"))
            yield* orchestrator.lost
            // Whatever is its own to stop is stopped.
            yield* Effect.sleep("5 seconds")
            assert.strictEqual(crowds[0].crowd.now.size, 0)
            yield* orchestrator.spawn(task("two"))
            yield* Effect.sleep("5 seconds")
            assert.deepStrictEqual(crowds[0].crowd.order, ["one"])
          }).pipe(
            Effect.scoped,
            Effect.provide(agents(work(crowds[0]))),
            Effect.provide(first.layer),
            Effect.provide(services)
          ),
          { startImmediately: true }
        )
        yield* TestClock.adjust("1 second")
        assert.strictEqual(crowds[0].crowd.now.size, 1)
        silent = true
        yield* pass(
          Effect.gen(function* () {
            const orchestrator = yield* Orchestrator.make({ wait: "1 minute" })
            const handle = yield* orchestrator.adopt("impl-one")
            yield* Effect.sleep("20 seconds")
            silent = false
            yield* first.resume
            const session = yield* handle.await
            assert.deepStrictEqual([session.status, session.run], ["complete", 2])
            const other = yield* orchestrator.adopt("impl-two")
            assert.strictEqual((yield* other.await).run, 1)
            yield* Fiber.join(slow)
            assert.deepStrictEqual(crowds[1].crowd.order, ["one", "two"])
            assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
          }).pipe(
            Effect.scoped,
            Effect.provide(agents(work(crowds[1]))),
            Effect.provide(second.layer),
            Effect.provide(services)
          )
        )
      })
    )
  })

  it.effect("goes on after its transport was away for minutes, and loses no wake", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      let away = false
      const process = yield* Processes.start(store, () => (away ? { fail: "before" } : undefined))
      const seen: Array<string> = []
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({
          onWake: (wake) => Effect.sync(() => seen.push(wake.summary ?? ""))
        })
        yield* Effect.forEach(names(3), (name) => orchestrator.spawn(task(name)))
        yield* TestClock.adjust("500 millis")
        away = true
        yield* pass(Effect.sleep("5 minutes"))
        away = false
        yield* pass(Effect.sleep("5 minutes"))
        assert.deepStrictEqual(new Set(yield* Effect.forEach(names(3), statusOf)), new Set(["complete"]))
        assert.sameMembers(seen, names(3))
        const ledger = yield* (yield* Wakes.Wakes).audit()
        assert.deepStrictEqual([ledger.acknowledged, ledger.balanced], [3, true])
      }).pipe(
        Effect.provide(agents((name) => Effect.as(Effect.sleep("1 second"), name))),
        Effect.provide(process.layer),
        Effect.provide(services)
      )
    })
  )

  it.effect("is a layer, too", () =>
    Effect.gen(function* () {
      const orchestrator = yield* Orchestrator.Orchestrator
      const handle = yield* orchestrator.spawn(task("one"))
      assert.strictEqual(handle.name, "one")
      assert.strictEqual((yield* pass(handle.await)).status, "complete")
      yield* Effect.ignore(Outbox.cancel("impl-one", "late"))
    }).pipe(
      Effect.provide(Orchestrator.layer({ name: "main" })),
      Effect.provide(agents((name) => Effect.succeed(name))),
      Effect.provide(Layer.fresh(services))
    )
  )
})
