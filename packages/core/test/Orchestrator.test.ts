import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Ref, Stream } from "effect"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Transport from "../src/Transport.ts"
import * as Wakes from "../src/Wakes.ts"

const services = Transport.services(Transport.layerMemory)
const running = (functions: { readonly [name: string]: FunctionRunner.AgentFunction }) =>
  AgentRunner.layer({ function: FunctionRunner.make(functions) })

const task = (name: string) => ({
  name,
  role: "auditor",
  taskType: name,
  prompt: `Look at ${name}`,
  runner: { type: "function" as const, name }
})

describe("Orchestrator", () => {
  it.live("spawns agents that run at the same time, and is woken by each", () =>
    Effect.gen(function* () {
      const orchestrator = yield* Orchestrator.make()
      const wakes = yield* Effect.forkChild(Stream.runCollect(Stream.take(orchestrator.wakes, 3)), {
        startImmediately: true
      })
      const handles = yield* Effect.forEach(["one", "two", "three"], (name) => orchestrator.spawn(task(name)))
      const reports = yield* orchestrator.collect(handles)
      assert.deepStrictEqual(
        reports.map((report) => [report.agent, report.outcome, report.result?.summary]),
        [
          ["one", "complete", "met"],
          ["two", "complete", "met"],
          ["three", "complete", "met"]
        ]
      )
      const heard = yield* Fiber.join(wakes)
      assert.deepStrictEqual(
        heard.map((wake) => wake.status),
        ["complete", "complete", "complete"]
      )
      const ledger = yield* (yield* Wakes.Wakes).audit()
      assert.deepStrictEqual([ledger.committed, ledger.acknowledged, ledger.balanced], [3, 3, true])
    }).pipe(
      Effect.provide(
        Layer.unwrap(
          Effect.gen(function* () {
            // Each waits for the other two: only three that run at once get through.
            const present = yield* Ref.make(0)
            const all = yield* Deferred.make<void>()
            const meet = () =>
              Effect.gen(function* () {
                if ((yield* Ref.updateAndGet(present, (n) => n + 1)) === 3) yield* Deferred.succeed(all, undefined)
                yield* Deferred.await(all)
                return "met"
              })
            return running({ one: meet, two: meet, three: meet })
          })
        ).pipe(Layer.provideMerge(services))
      )
    )
  )
})
