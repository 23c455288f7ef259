import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Permits from "../src/Permits.ts"
import * as Queue from "../src/Queue.ts"
import * as Roster from "../src/Roster.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Worker from "../src/Worker.ts"
import { services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

/** Function agents that count who is at work, for a minute each. */
const makeCrowd = () => {
  const crowd = { now: new Set<string>(), most: 0, done: Array.of<string>(), starts: Array.of<string>() }
  const work = ({ sessionId }: FunctionRunner.Task) =>
    Effect.gen(function* () {
      crowd.now.add(sessionId)
      crowd.starts.push(sessionId)
      crowd.most = Math.max(crowd.most, crowd.now.size)
      yield* Effect.sleep("1 minute")
      crowd.done.push(sessionId)
      return "done"
    }).pipe(Effect.ensuring(Effect.sync(() => crowd.now.delete(sessionId))))
  return { crowd, layer: AgentRunner.layer({ function: FunctionRunner.make({ work }) }) }
}

const task = (orchestrator: string, index: number): Orchestrator.Task => ({
  name: `a${index}`,
  id: `impl-${orchestrator}-${index}`,
  role: "implementer",
  taskType: "work",
  runner: { type: "function", name: "work" }
})

const nobody = AgentRunner.layer({})

/** An orchestrator that leaves everything to others. */
const open = (name: string, maxParallel: number) =>
  Effect.provide(Orchestrator.make({ name, maxParallel, workers: 0 }), nobody)

const settle = Effect.gen(function* () {
  for (let steps = 0; steps < 20; steps++) yield* TestClock.adjust("100 millis")
})

describe("Roster", () => {
  it.effect("lists the orchestrators that are open, and those that died", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const [first, second] = [yield* Processes.start(store), yield* Processes.start(store)]
      const scope = yield* Scope.make()
      yield* open("one", 1).pipe(Scope.provide(scope), Effect.provide(first.layer))
      yield* open("two", 1).pipe(Effect.provide(second.layer))
      const listed = Effect.provide(Roster.list, (yield* Processes.start(store)).layer)
      assert.deepStrictEqual(yield* listed, ["one", "two"])
      yield* second.kill
      yield* pass(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(yield* listed, ["two"])
    })
  )

  it.effect("leaves out what no orchestrator can be named", () =>
    Effect.gen(function* () {
      yield* Queue.Queue.use((queue) => queue.offer(Roster.queueName, { id: "../etc", payload: null }))
      yield* Roster.enter("main")
      assert.deepStrictEqual(yield* Roster.list, ["main"])
    }).pipe(Effect.provide(services))
  )
})

describe("Worker.serve", () => {
  it.effect(
    "executes runs of all orchestrators that are open, no more at once than it has hands, each within its permits",
    () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        const { crowd, layer } = makeCrowd()
        yield* Worker.serve({ concurrency: 3 }).pipe(
          Effect.provide(layer),
          Effect.provide((yield* Processes.start(store)).layer),
          Effect.forkScoped
        )
        const names = ["one", "two", "three"]
        yield* Effect.forEach(
          names,
          Effect.fnUntraced(function* (name) {
            const orchestrator = yield* open(name, 2)
            const handles = yield* Effect.forEach([1, 2, 3, 4], (index) => orchestrator.spawn(task(name, index)))
            yield* pass(orchestrator.collect(handles))
          }),
          { concurrency: 1, discard: true }
        ).pipe(Effect.provide((yield* Processes.start(store)).layer))
        assert.strictEqual(crowd.done.length, 12)
        assert.strictEqual(crowd.most, 2)
        // Together they could have six at work.
        const together = Effect.gen(function* () {
          const fleets = yield* Effect.forEach(["four", "five", "six"], (name) =>
            Effect.map(open(name, 2), (fleet) => ({ name, fleet }))
          )
          const handles = yield* Effect.forEach(fleets, ({ fleet, name }) =>
            Effect.forEach([1, 2, 3], (index) => fleet.spawn(task(name, index)))
          )
          yield* pass(
            Effect.forEach(fleets, ({ fleet }, index) => fleet.collect(handles[index] ?? []), {
              concurrency: "unbounded"
            })
          )
        })
        yield* Effect.provide(together, (yield* Processes.start(store)).layer)
        assert.strictEqual(crowd.done.length, 21)
        assert.strictEqual(crowd.most, 3)
      })
  )

  it.effect("is not kept from one orchestrator's runs by those of another that wait for permits", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const { crowd, layer } = makeCrowd()
      const elsewhere = yield* Processes.start(store)
      const fleets = Effect.gen(function* () {
        const crowded = yield* open("crowded", 1)
        // Somebody else is at work for it, and will be for long.
        yield* Effect.provide(Permits.acquire("crowded"), elsewhere.layer)
        yield* Effect.forEach([1, 2, 3], (index) => crowded.spawn(task("crowded", index)))
        yield* Worker.serve({ concurrency: 1 }).pipe(
          Effect.provide(layer),
          Effect.provide((yield* Processes.start(store)).layer),
          Effect.forkScoped
        )
        yield* settle
        const other = yield* open("other", 1)
        yield* pass(other.collect([yield* other.spawn(task("other", 1))]))
      })
      yield* Effect.provide(fleets, (yield* Processes.start(store)).layer)
      assert.deepStrictEqual(crowd.done, ["impl-other-1"])
    })
  )

  it.effect("suspends the runs of an orchestrator that closes, and goes on with them when it is open again", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const { crowd, layer } = makeCrowd()
      const home = (yield* Processes.start(store)).layer
      yield* Worker.serve({ concurrency: 2 }).pipe(
        Effect.provide(layer),
        Effect.provide((yield* Processes.start(store)).layer),
        Effect.forkScoped
      )
      const begin = Effect.gen(function* () {
        const orchestrator = yield* open("main", 2)
        yield* orchestrator.spawn(task("main", 1))
        yield* settle
        assert.deepStrictEqual([...crowd.now], ["impl-main-1"])
      })
      yield* pass(Effect.scoped(Effect.provide(begin, home)))
      yield* settle
      assert.deepStrictEqual([...crowd.now], [])
      const statusOf = Effect.map(
        Sessions.Sessions.use((sessions) => sessions.get("impl-main-1")),
        ({ status }) => status
      )
      assert.strictEqual(yield* Effect.provide(statusOf, home), "suspended")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(crowd.starts.length, 1)
      const goOn = Effect.gen(function* () {
        const orchestrator = yield* open("main", 2)
        yield* pass(orchestrator.collect([yield* orchestrator.adopt("impl-main-1")]))
      })
      yield* Effect.scoped(Effect.provide(goOn, home))
      assert.strictEqual(yield* Effect.provide(statusOf, home), "complete")
    })
  )

  it.effect("leaves agents that nothing in its process executes to those who can, uncounted", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const { crowd, layer } = makeCrowd()
      for (const runner of [nobody, layer]) {
        yield* Worker.serve({ concurrency: 1 }).pipe(
          Effect.provide(runner),
          Effect.provide((yield* Processes.start(store)).layer),
          Effect.forkScoped
        )
      }
      yield* Effect.gen(function* () {
        const orchestrator = yield* open("main", 5)
        const handles = yield* Effect.forEach([1, 2, 3], (index) => orchestrator.spawn(task("main", index)))
        const reports = yield* pass(orchestrator.collect(handles))
        assert.deepStrictEqual(
          reports.map(({ outcome }) => outcome),
          ["complete", "complete", "complete"]
        )
        const sessions = yield* Sessions.Sessions.use((sessions) => sessions.list())
        assert.deepStrictEqual(
          sessions.map(({ runs }) => runs.length),
          [1, 1, 1]
        )
      }).pipe(Effect.provide((yield* Processes.start(store)).layer))
      assert.strictEqual(crowd.starts.length, 3)
    })
  )
})
