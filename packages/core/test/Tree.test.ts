import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Wakes from "../src/Wakes.ts"
import { services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

const agent = (name: string) => ({
  name,
  role: "implementer",
  taskType: "work",
  runner: { type: "function" as const, name: "work" }
})
const agents = (work: FunctionRunner.AgentFunction) => AgentRunner.layer({ function: FunctionRunner.make({ work }) })
const tree = (depth: number, trace: { now: number; most: number; done: number }) =>
  agents((task) =>
    Effect.gen(function* () {
      const { prompt } = task
      const work = Effect.gen(function* () {
        trace.most = Math.max(trace.most, ++trace.now)
        yield* Effect.sleep("1 second")
      }).pipe(Effect.ensuring(Effect.sync(() => (trace.now -= 1))))
      yield* work
      if (prompt.length < depth) {
        const halves = yield* Effect.forEach(["l", "r"], (side) =>
          task.spawn({ ...agent(side), prompt: `${prompt}${side}` })
        )
        const reports = yield* task.collect(halves)
        assert.deepStrictEqual(
          reports.map(({ outcome }) => outcome),
          ["complete", "complete"]
        )
        yield* work
      }
      trace.done += 1
      return `${prompt} is done`
    })
  )

describe("an agent that spawns agents", () => {
  it.effect(
    "shares one pool of permits with all of them: however deep they wait, no permit is too many or too few",
    () =>
      Effect.gen(function* () {
        for (const maxParallel of [1, 3]) {
          const trace = { now: 0, most: 0, done: 0 }
          yield* Effect.gen(function* () {
            const orchestrator = yield* Orchestrator.make({ maxParallel })
            const root = yield* orchestrator.spawn({ ...agent("root"), prompt: "" })
            const session = yield* pass(root.await)
            assert.strictEqual(session.status, "complete")
            const ledger = yield* (yield* Wakes.Wakes).audit()
            assert.deepStrictEqual([ledger.balanced, ledger.committed, ledger.pending], [true, 31, 0])
          }).pipe(Effect.scoped, Effect.provide(tree(4, trace)), Effect.provide(services))
          assert.deepStrictEqual([trace.done, trace.most], [31, maxParallel])
        }
      })
  )

  it.effect(
    "may run an orchestrator of its own within that pool: one permit is its own, so that it always goes on",
    () =>
      Effect.gen(function* () {
        for (const maxParallel of [1, 3]) {
          const trace = { now: 0, most: 0, done: 0 }
          const busy = Effect.gen(function* () {
            trace.most = Math.max(trace.most, ++trace.now)
            yield* Effect.sleep("1 second")
            trace.now -= 1
            trace.done += 1
            return "done"
          })
          const nested = Effect.gen(function* () {
            const inner = yield* Orchestrator.make({ name: "inner", maxParallel: 5, pool: "main" })
            const handles = yield* Effect.forEach(["a", "b", "c", "d", "e", "f"], (name) => inner.spawn(agent(name)))
            const reports = yield* inner.collect(handles)
            return reports.map(({ outcome }) => outcome).join(" ")
          }).pipe(Effect.scoped, Effect.provide(agents(() => busy)))
          yield* Effect.gen(function* () {
            const context = yield* Effect.context<Effect.Services<typeof nested>>()
            const work = ({ prompt }: FunctionRunner.Task) =>
              prompt === "nest" ? Effect.provideContext(nested, context) : busy
            const orchestrator = yield* Effect.provide(Orchestrator.make({ maxParallel }), agents(work))
            const root = yield* orchestrator.spawn({ ...agent("root"), prompt: "nest" })
            const others = yield* Effect.forEach(["x", "y", "z"], (name) => orchestrator.spawn(agent(name)))
            const session = yield* pass(root.await)
            assert.strictEqual(session.result?.summary, Array.from({ length: 6 }, () => "complete").join(" "))
            yield* pass(orchestrator.collect(others))
          }).pipe(Effect.scoped, Effect.provide(services))
          assert.deepStrictEqual([trace.done, trace.most], [9, maxParallel])
        }
      })
  )

  it.effect("is refused at capacity, with a typed error, and creates nothing", () =>
    Effect.gen(function* () {
      let refused: unknown
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ maxParallel: 1, capacity: 2 })
        const root = yield* orchestrator.spawn({ ...agent("root"), prompt: "root" })
        assert.strictEqual((yield* pass(root.await)).status, "complete")
        assert.strictEqual((yield* (yield* Sessions.Sessions).list()).length, 3)
      }).pipe(
        Effect.provide(
          agents((task) =>
            Effect.gen(function* () {
              if (task.prompt !== "root") return "done"
              yield* task.spawn(agent("one"))
              yield* task.spawn(agent("two"))
              refused = yield* Effect.flip(task.spawn(agent("three")))
              return "done"
            })
          )
        ),
        Effect.provide(services)
      )
      assert.strictEqual(
        (refused as Error).message,
        '"main" is at its limit of 2 runs that wait: spawn again when some are done'
      )
    })
  )

  it.effect("finds those of before when it goes on after a kill, and runs none of them twice", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const executed: Array<string> = []
      const first = yield* Processes.start(store)
      const spawned = yield* Deferred.make<void>()
      const work = (dies: boolean) =>
        agents((task) =>
          Effect.gen(function* () {
            executed.push(task.prompt)
            if (task.prompt !== "root") return `${task.prompt} is done`
            const children = yield* Effect.forEach(["a", "b", "c"], (name) =>
              task.spawn({ ...agent(name), prompt: name })
            )
            const reports = yield* task.collect(children)
            if (dies) yield* Deferred.succeed(spawned, undefined)
            if (dies) return yield* Effect.never
            return reports.map(({ result }) => result?.summary).join(", ")
          })
        )
      const dying = Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        yield* orchestrator.spawn({ ...agent("root"), id: "impl-root", prompt: "root" })
        yield* Deferred.await(spawned)
        yield* first.kill
      })
      yield* pass(dying.pipe(Effect.scoped, Effect.provide(work(true)), Effect.provide(first.layer)))
      const second = yield* Processes.start(store)
      const session = yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ wait: "20 seconds" })
        const root = yield* orchestrator.adopt("impl-root")
        return yield* root.await
      }).pipe(Effect.scoped, Effect.provide(work(false)), Effect.provide(second.layer), pass)
      assert.strictEqual(session.result?.summary, "a is done, b is done, c is done")
      assert.deepStrictEqual(executed.toSorted(), ["a", "b", "c", "root", "root"])
    })
  )

  it.effect("takes them along when it is cancelled: every descendant, those too that have not begun", () =>
    Effect.gen(function* () {
      const alive = new Set<string>()
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ maxParallel: 2 })
        const root = yield* orchestrator.spawn({ ...agent("root"), prompt: "" })
        const other = yield* orchestrator.spawn({ ...agent("other"), prompt: "other" })
        const waiting = yield* Effect.forkChild(orchestrator.collect([root]))
        yield* TestClock.adjust("10 seconds")
        assert.isAbove(alive.size, 1)
        yield* orchestrator.cancel(root.sessionId, "The ticket was withdrawn")
        yield* pass(Fiber.join(waiting))
        yield* TestClock.adjust("10 seconds")
        const sessions = yield* (yield* Sessions.Sessions).list()
        const statuses = sessions.filter(({ session_id }) => session_id !== other.sessionId).map(({ status }) => status)
        assert.isAbove(statuses.length, 4)
        assert.deepStrictEqual(new Set(statuses), new Set(["cancelled"]))
        assert.deepStrictEqual([...alive], ["other"])
        const grandchild = sessions.find(({ prompt }) => prompt.length === 2)
        assert.match(grandchild?.error?.message ?? "", /which spawned it, was cancelled: The ticket was withdrawn$/)
        const again = yield* Effect.flip(Outbox.cancel(root.sessionId, "again"))
        assert.strictEqual(again._tag, "IllegalTransition")
      }).pipe(
        Effect.scoped,
        Effect.provide(
          agents((task) =>
            Effect.gen(function* () {
              alive.add(task.prompt)
              if (task.prompt === "other" || task.prompt.length === 3) return yield* Effect.never
              const children = yield* Effect.forEach(["l", "r"], (side) =>
                task.spawn({ ...agent(side), prompt: `${task.prompt}${side}` })
              )
              yield* task.collect(children)
              return "done"
            }).pipe(Effect.ensuring(Effect.sync(() => alive.delete(task.prompt))))
          )
        ),
        Effect.provide(services)
      )
    })
  )
})
