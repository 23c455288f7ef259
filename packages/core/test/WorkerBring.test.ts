import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as Branch from "../src/Branch.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Queue from "../src/Queue.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Transport from "../src/Transport.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Worker from "../src/Worker.ts"
import { services } from "./support/fleet.ts"
import { pass } from "./support/time.ts"

const create = (id: string, flags?: Sessions.CreateOptions["flags"]) =>
  Sessions.Sessions.use((sessions) =>
    sessions.create({
      id,
      role: "implementer",
      taskType: "work",
      runner: { type: "function", name: "work" },
      limits: { retries: 2 },
      ...(flags === undefined ? {} : { flags })
    })
  )
const status = (id: string) =>
  Effect.map(
    Sessions.Sessions.use((sessions) => sessions.get(id)),
    ({ status }) => status
  )
const runners = (agent: FunctionRunner.AgentFunction) =>
  AgentRunner.layer({ function: FunctionRunner.make({ work: agent }) })
const bring = (id: string, agent: FunctionRunner.AgentFunction) => Effect.provide(Worker.bring(id), runners(agent))

/** A transport that takes five seconds for each wake. */
const slowToWake = Layer.provideMerge(
  Layer.effect(
    Queue.Queue,
    Effect.map(Queue.Queue, (queue) =>
      Queue.Queue.of({
        ...queue,
        offer: (name, message, options) =>
          Effect.delay(queue.offer(name, message, options), name.startsWith("wake/") ? "5 seconds" : 0)
      })
    )
  ),
  Transport.layerMemory
)

describe("Worker.bring", () => {
  it.effect("executes one session over its attempts, leaves those before it, and its wake to its orchestrator", () =>
    Effect.gen(function* () {
      yield* Worker.dispatch(yield* create("first-1"))
      yield* create("second-2")
      const ended = yield* pass(
        bring("second-2", ({ attempt, sessionId }) =>
          attempt < 3 ? Effect.fail(new Error("not yet")) : Effect.succeed(`${sessionId}, attempt ${attempt}`)
        )
      )
      assert.deepStrictEqual([ended.status, ended.result?.summary], ["complete", "second-2, attempt 3"])
      assert.strictEqual(yield* status("first-1"), "created")
      const pending = yield* Wakes.Wakes.use((wakes) => wakes.pending())
      assert.deepStrictEqual(
        pending.map(({ state, wake }) => [wake.session_id, wake.status, state]),
        [["second-2", "complete", "ready"]]
      )
      const { inFlight, ready } = yield* Queue.Queue.use((queue) => queue.statistics("dispatch/main"))
      assert.deepStrictEqual([ready, inFlight], [1, 0])
    }).pipe(Effect.provide(services))
  )

  it.effect("answers only once its wake is on its way", () =>
    Effect.gen(function* () {
      yield* create("one-1")
      yield* pass(bring("one-1", () => Effect.succeed("done")))
      const [wake] = yield* Wakes.Wakes.use((wakes) => wakes.pending())
      assert.strictEqual(wake?.state, "ready")
    }).pipe(Effect.provide(Transport.services(slowToWake)))
  )

  it.effect("suspends it when it is interrupted, and goes on with it", () =>
    Effect.gen(function* () {
      yield* create("one-1")
      const begun = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(
        bring("one-1", () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
      )
      yield* pass(Deferred.await(begun))
      yield* pass(Fiber.interrupt(first))
      assert.strictEqual(yield* status("one-1"), "suspended")
      const ended = yield* pass(bring("one-1", ({ run }) => Effect.succeed(`run ${run}`)))
      assert.strictEqual(ended.result?.summary, "run 2")
    }).pipe(Effect.provide(services))
  )

  it.effect("waits for the end of one that another worker executes", () =>
    Effect.gen(function* () {
      yield* create("one-1")
      const begun = yield* Deferred.make<void>()
      const other = yield* Effect.forkChild(
        bring("one-1", () =>
          Effect.as(Effect.andThen(Deferred.succeed(begun, undefined), Effect.sleep("1 minute")), "of the first")
        )
      )
      yield* pass(Deferred.await(begun))
      const ended = yield* pass(bring("one-1", () => Effect.die("it must not run")))
      assert.deepStrictEqual([ended.result?.summary, ended.runs.length], ["of the first", 1])
      yield* pass(Fiber.join(other))
    }).pipe(Effect.provide(services))
  )

  it.effect("answers one that somebody cancels meanwhile, and one that is over already", () =>
    Effect.gen(function* () {
      yield* create("one-1")
      const begun = yield* Deferred.make<void>()
      const work = yield* Effect.forkChild(
        bring("one-1", () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
      )
      yield* pass(Deferred.await(begun))
      yield* Outbox.cancel("one-1", "enough")
      assert.strictEqual((yield* pass(Fiber.join(work))).status, "cancelled")
      assert.strictEqual((yield* pass(bring("one-1", () => Effect.die("it must not run")))).status, "cancelled")
    }).pipe(Effect.provide(services))
  )

  it.effect("goes on with one that somebody rolls back meanwhile", () =>
    Effect.gen(function* () {
      yield* create("one-1")
      const begun = yield* Deferred.make<void>()
      const work = yield* Effect.forkChild(
        bring("one-1", ({ run }) =>
          run === 1 ? Effect.andThen(Deferred.succeed(begun, undefined), Effect.never) : Effect.succeed(`run ${run}`)
        )
      )
      yield* pass(Deferred.await(begun))
      yield* Branch.rollback("one-1", "1")
      assert.strictEqual((yield* pass(Fiber.join(work))).result?.summary, "run 2")
    }).pipe(Effect.provide(services))
  )

  it.effect("keeps to one at a time where agents do not run in parallel", () =>
    Effect.gen(function* () {
      const flags = { ENABLE_PARALLEL_EXECUTION: false }
      yield* create("one-1", flags)
      yield* create("two-2", flags)
      let working = 0
      let most = 0
      const agent = () =>
        Effect.gen(function* () {
          most = Math.max(most, ++working)
          yield* Effect.sleep("10 seconds")
          working -= 1
          return "done"
        })
      yield* pass(Effect.all([bring("one-1", agent), bring("two-2", agent)], { concurrency: "unbounded" }))
      assert.strictEqual(most, 1)
    }).pipe(Effect.provide(services))
  )
})
