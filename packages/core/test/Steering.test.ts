import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Steering from "../src/Steering.ts"
import * as Worker from "../src/Worker.ts"
import { services } from "./support/fleet.ts"
import { pass } from "./support/time.ts"

const create = Effect.gen(function* () {
  const session = yield* (yield* Sessions.Sessions).create({
    id: "impl-001",
    role: "implementer",
    taskType: "work",
    runner: { type: "function", name: "work" }
  })
  yield* Worker.dispatch(session)
})
const get = Sessions.Sessions.use((sessions) => sessions.get("impl-001"))
const take = (agent: FunctionRunner.AgentFunction) =>
  pass(
    Worker.takeOne({ orchestrator: "main" }).pipe(
      Effect.provide(AgentRunner.layer({ function: FunctionRunner.make({ work: agent }) }))
    )
  )
const texts = (told: ReadonlyArray<{ readonly text: string }>) => told.map(({ text }) => text)

describe("a session is told things", () => {
  it.effect("while it runs, and reads them when it asks: the most urgent first, each once", () =>
    Effect.gen(function* () {
      yield* create
      const began = yield* Deferred.make<void>()
      const spoken = yield* Deferred.make<void>()
      const heard: Array<ReadonlyArray<string>> = []
      const working = yield* Effect.forkChild(
        take((task) =>
          Effect.gen(function* () {
            heard.push(texts(yield* task.hear))
            yield* Deferred.succeed(began, undefined)
            yield* Deferred.await(spoken)
            heard.push(texts(yield* task.hear), texts(yield* task.hear))
            return "done"
          })
        )
      )
      yield* Deferred.await(began)
      yield* Steering.tell("impl-001", "use the staging server")
      yield* Steering.tell("impl-001", "stop writing to /tmp", { priority: "critical" })
      yield* Steering.tell("impl-001", "and be quick")
      yield* Deferred.succeed(spoken, undefined)
      yield* Fiber.join(working)
      assert.deepStrictEqual(heard, [[], ["stop writing to /tmp", "use the staging server", "and be quick"], []])
      const { status, told, unread } = yield* get
      assert.deepStrictEqual([status, texts(told), unread.length], ["complete", heard[1], 0])
    }).pipe(Effect.provide(services))
  )

  it.effect("before it runs or between two runs, and gets them with what it was told before", () =>
    Effect.gen(function* () {
      yield* create
      yield* Steering.tell("impl-001", "first")
      yield* take((task) => Effect.fail(task.told))
      yield* Steering.tell("impl-001", "second")
      let told: ReadonlyArray<string> = []
      yield* take((task) => Effect.sync(() => ((told = texts(task.told)), "done")))
      assert.deepStrictEqual(told, ["first", "second"])
    }).pipe(Effect.provide(services))
  )

  it.effect("that are read no more once they are out of date, or something else took their place", () =>
    Effect.gen(function* () {
      yield* create
      yield* Steering.tell("impl-001", "for a minute", { timeToLive: "1 minute" })
      yield* Steering.tell("impl-001", "for an hour", { timeToLive: "1 hour" })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(texts(Steering.due(yield* get, yield* Sessions.nowText)), ["for an hour"])
      yield* Steering.tell("impl-001", "instead of all that", { supersede: true })
      let told: ReadonlyArray<string> = []
      yield* take((task) => Effect.sync(() => ((told = texts(task.told)), "done")))
      assert.deepStrictEqual(told, ["instead of all that"])
    }).pipe(Effect.provide(services))
  )

  it.effect("only as long as it goes on, in words, and no more than it can read", () =>
    Effect.gen(function* () {
      yield* create
      assert.strictEqual((yield* Effect.flip(Steering.tell("impl-001", " "))).message, "text: it is empty")
      const long = yield* Effect.flip(Steering.tell("impl-001", "x".repeat(Steering.maxText + 1)))
      assert.strictEqual(long.message, "text: it has more than 32000 characters")
      for (let count = 0; count < Steering.maxUnread; count++) yield* Steering.tell("impl-001", `no. ${count}`)
      const full = yield* Effect.flip(Steering.tell("impl-001", "one more"))
      assert.strictEqual(
        full.message,
        "Session impl-001 has 100 things to read already: say it with supersede, in their place"
      )
      yield* Steering.tell("impl-001", "only this", { supersede: true })
      yield* take(() => Effect.succeed("done"))
      const late = yield* Effect.flip(Steering.tell("impl-001", "too late"))
      assert.strictEqual(late.message, "Session impl-001 is complete: telling it something is not possible now")
    }).pipe(Effect.provide(services))
  )
})
