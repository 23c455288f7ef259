import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope, Semaphore } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Permits from "../src/Permits.ts"
import * as Queue from "../src/Queue.ts"
import * as Worker from "../src/Worker.ts"
import { services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

const free = (pool: string) =>
  Effect.map(
    Queue.Queue.use((queue) => queue.statistics(Permits.queueOf(pool))),
    ({ inFlight, ready }) => [ready, inFlight]
  )

describe("Permits", () => {
  it.effect("are held by as many as there are, and given back when their scopes close, however they close", () =>
    Effect.gen(function* () {
      yield* Permits.provision("main", 2)
      const scopes = [yield* Scope.make(), yield* Scope.make()] as const
      for (const scope of scopes) yield* Scope.provide(Permits.acquire("main"), scope)
      assert.deepStrictEqual(yield* free("main"), [0, 2])
      const third = yield* Effect.forkChild(Effect.scoped(Permits.acquire("main")))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(third.pollUnsafe())
      yield* Scope.close(scopes[0], Exit.fail("it failed"))
      yield* Fiber.join(third)
      yield* Scope.close(scopes[1], Exit.void)
      assert.deepStrictEqual(yield* free("main"), [2, 0])
    }).pipe(Effect.provide(services))
  )

  it.effect("are given back once, by whoever is done before the scope closes", () =>
    Effect.gen(function* () {
      yield* Permits.provision("main", 1)
      const early = yield* Scope.make()
      const permit = yield* Scope.provide(Permits.acquire("main"), early)
      yield* permit.giveBack
      assert.deepStrictEqual(yield* free("main"), [1, 0])
      const next = yield* Scope.make()
      yield* Scope.provide(Permits.acquire("main"), next)
      yield* permit.giveBack
      yield* Scope.close(early, Exit.void)
      assert.deepStrictEqual(yield* free("main"), [0, 1])
      yield* Scope.close(next, Exit.void)
      assert.deepStrictEqual(yield* free("main"), [1, 0])
    }).pipe(Effect.provide(services))
  )

  it.effect("are as many as the owner of the pool says last", () =>
    Effect.gen(function* () {
      yield* Permits.provision("main", 5)
      yield* Permits.provision("main", 2)
      assert.deepStrictEqual(yield* free("main"), [2, 0])
      yield* Permits.provision("main", 3)
      assert.deepStrictEqual(yield* free("main"), [3, 0])
    }).pipe(Effect.provide(services))
  )

  it.effect("are lent while their holder waits, by several waits at once, and taken again before they answer", () =>
    Effect.gen(function* () {
      yield* Permits.provision("main", 1)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const permit = yield* Permits.acquire("main")
          const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const waits = yield* Effect.forkChild(
            Effect.all([permit.lend(Deferred.await(first)), permit.lend(Deferred.await(second))], {
              concurrency: "unbounded"
            })
          )
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* free("main"), [1, 0])
          yield* Deferred.succeed(first, undefined)
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* free("main"), [1, 0])
          yield* Deferred.succeed(second, undefined)
          yield* Fiber.join(waits)
          assert.deepStrictEqual(yield* free("main"), [0, 1])
        })
      )
      assert.deepStrictEqual(yield* free("main"), [1, 0])
    }).pipe(Effect.provide(services))
  )

  it.effect("are not lost by an interruption at any moment of a wait", () =>
    Effect.gen(function* () {
      yield* Permits.provision("main", 1)
      for (let millis = 0; millis < 40; millis += 4) {
        const holder = Effect.gen(function* () {
          const permit = yield* Permits.acquire("main")
          yield* permit.lend(Effect.sleep("10 millis"))
          yield* Effect.sleep("10 millis")
        })
        yield* pass(Effect.timeoutOption(Effect.scoped(holder), millis))
        assert.deepStrictEqual(yield* free("main"), [1, 0], `after ${millis} ms`)
      }
    }).pipe(Effect.provide(services))
  )

  it.effect("go on to who waits in the same process, and a second after they were taken back to all", () =>
    Effect.gen(function* () {
      yield* Permits.provision("main", 1)
      const pool = yield* Permits.open("main")
      const hands = yield* Semaphore.make(2)
      const order: Array<string> = []
      const hold = (name: string, acquire: Effect.Effect<unknown, unknown, Queue.Queue | Scope.Scope>) =>
        Effect.gen(function* () {
          const done = yield* Deferred.make<void>()
          const work = Effect.andThen(acquire, () => {
            order.push(name)
            return Deferred.await(done)
          })
          const fiber = yield* Effect.forkChild(Effect.scoped(work), { startImmediately: true })
          yield* TestClock.adjust("1 millis")
          return Effect.andThen(Deferred.succeed(done, undefined), Fiber.join(fiber))
        })
      const first = yield* hold("first", Permits.acquireWith(hands, pool))
      const other = yield* hold("other", Permits.acquire("main"))
      const second = yield* hold("second", Permits.acquireWith(hands, pool))
      yield* first
      const third = yield* hold("third", Permits.acquireWith(hands, pool))
      assert.deepStrictEqual(order, ["first", "second"])
      assert.deepStrictEqual(yield* free("main"), [0, 1])
      yield* TestClock.adjust("1 second")
      yield* second
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(order, ["first", "second", "other"])
      yield* other
      yield* third
      assert.deepStrictEqual(order, ["first", "second", "other", "third"])
      assert.deepStrictEqual(yield* free("main"), [1, 0])
    }).pipe(Effect.scoped, Effect.provide(services))
  )

  it.effect("are not lost by an interruption at any moment of going on", () =>
    Effect.gen(function* () {
      yield* Permits.provision("main", 1)
      const inherited = yield* Semaphore.make(1)
      for (const pool of [yield* Permits.open("main"), yield* Permits.open("main", inherited)]) {
        const hands = yield* Semaphore.make(3)
        const holder = Effect.andThen(Permits.acquireWith(hands, pool), Effect.sleep("10 millis"))
        const within = (millis: number) => Effect.timeoutOption(Effect.scoped(holder), millis)
        for (let millis = 0; millis < 40; millis += 2) {
          const holders = [within(100), within(millis), within(100), within(millis + 1)]
          yield* pass(Effect.all(holders, { concurrency: "unbounded", discard: true }))
          assert.deepStrictEqual(yield* free("main"), [1, 0], `after ${millis} ms`)
          assert.isTrue(yield* inherited.takeIfAvailable(1))
          yield* inherited.release(1)
        }
      }
    }).pipe(Effect.scoped, Effect.provide(services))
  )

  it.effect("bound the runs of an orchestrator on all processes together, and a process by what it can do itself", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const names = Array.from({ length: 24 }, (_, index) => `a${index}`)
      const crowd = { all: 0, most: 0, here: [0, 0, 0], mostHere: [0, 0, 0], done: Array.of<string>() }
      const agents = (place: number) =>
        AgentRunner.layer({
          function: FunctionRunner.make({
            work: ({ sessionId }) =>
              Effect.gen(function* () {
                crowd.most = Math.max(crowd.most, ++crowd.all)
                crowd.here[place] = (crowd.here[place] ?? 0) + 1
                crowd.mostHere[place] = Math.max(crowd.mostHere[place] ?? 0, crowd.here[place])
                yield* Effect.sleep("1 second")
                crowd.done.push(sessionId)
                return "done"
              }).pipe(
                Effect.ensuring(
                  Effect.sync(() => {
                    crowd.all -= 1
                    crowd.here[place] = (crowd.here[place] ?? 0) - 1
                  })
                )
              )
          })
        })
      const first = yield* Processes.start(store)
      const workers = [yield* Processes.start(store), yield* Processes.start(store)]
      for (const [index, { layer }] of workers.entries()) {
        yield* Worker.run({ orchestrator: "main", concurrency: 3 }).pipe(
          Effect.provide(agents(index + 1)),
          Effect.provide(layer),
          Effect.forkScoped
        )
      }
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ maxParallel: 4, workers: 0 })
        const handles = yield* Effect.forEach(names, (name) =>
          orchestrator.spawn({
            name,
            id: `impl-${name}`,
            role: "implementer",
            taskType: "work",
            runner: { type: "function", name: "work" }
          })
        )
        yield* pass(orchestrator.collect(handles))
      }).pipe(Effect.provide(agents(0)), Effect.provide(first.layer))
      assert.deepStrictEqual(crowd.done.toSorted(), names.map((name) => `impl-${name}`).toSorted())
      assert.strictEqual(crowd.most, 4)
      assert.strictEqual(crowd.mostHere[0], 0)
      for (const most of crowd.mostHere.slice(1)) assert.isAtMost(most, 3)
    })
  )

  it.effect("of a process that was killed are free at once", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const [doomed, other] = [yield* Processes.start(store), yield* Processes.start(store)]
      yield* Effect.provide(Permits.provision("main", 1), other.layer)
      yield* Effect.provide(Permits.acquire("main"), doomed.layer)
      const late = Effect.scoped(Effect.provide(Permits.acquire("main"), other.layer))
      assert.isTrue(Option.isNone(yield* pass(Effect.timeoutOption(late, "5 seconds"))))
      yield* doomed.kill
      assert.isTrue(Option.isSome(yield* pass(Effect.timeoutOption(late, "2 seconds"))))
    })
  )
})
