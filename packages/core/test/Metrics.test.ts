import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as Flags from "../src/Flags.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Handoffs from "../src/Handoffs.ts"
import * as LegacyFiles from "../src/LegacyFiles.ts"
import * as Measurement from "../src/Measurement.ts"
import * as Metrics from "../src/Metrics.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Transport from "../src/Transport.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import type * as WorkflowRun from "../src/WorkflowRun.ts"
import { pass } from "./support/time.ts"

const span = (start: number, end: number): Metrics.Span => ({ start, end })
const figures = (metrics: ReadonlyArray<WorkflowRun.Metric>) =>
  Object.fromEntries(metrics.map(({ name, ok, samples, value }) => [name, [value, ok, samples]]))
const facts = (given: Partial<Metrics.Facts>): Metrics.Facts => ({ ...Metrics.none, ...given })

describe("Metrics", () => {
  it("computes all seven, each with its threshold", () => {
    const run = {
      wall: 50,
      agents: [span(0, 10), span(10, 40), span(10, 50), span(20, 30)],
      blocked: [span(0, 4), span(2, 6), span(40, 42)]
    }
    const metrics = Metrics.compute(
      facts({
        runs: [run],
        resumes: { total: 10, retained: 10 },
        wakes: { sent: 200, delivered: 199 },
        handoffs: [10_000, 20_000],
        legacy: { total: 4, broken: 0 }
      })
    )
    assert.deepStrictEqual(figures(metrics), {
      workflow_time_saved: [0.4444, true, 4],
      orchestrator_blocked: [0.16, true, 1],
      context_retention: [1, true, 10],
      wake_delivery: [0.995, true, 200],
      parallel_peak: [3, true, 4],
      handoff_overhead: [15, true, 2],
      legacy_compatibility: [1, true, 4]
    })
    assert.deepStrictEqual(Metrics.check(metrics), { ok: true, held: 7, measured: 7 })
  })

  it("lets nothing pass that is just at or below its threshold, or one broken legacy file", () => {
    const metrics = Metrics.compute(
      facts({
        runs: [{ wall: 100, agents: [span(0, 60), span(60, 100), span(0, 33)], blocked: [span(0, 20)] }],
        resumes: { total: 10, retained: 9 },
        wakes: { sent: 100, delivered: 99 },
        handoffs: [20_000],
        legacy: { total: 100, broken: 1 }
      })
    )
    assert.deepStrictEqual(
      metrics.map(({ ok }) => ok),
      Array.from({ length: 7 }, () => false)
    )
  })

  it("passes nothing without data", () => {
    const metrics = Metrics.compute(Metrics.none)
    assert.deepStrictEqual(
      metrics.map(({ ok, samples, value }) => [ok, samples, value]),
      Array.from({ length: 7 }, () => ["n/a" as const, 0, undefined])
    )
    assert.deepStrictEqual(Metrics.check(metrics), { ok: false, held: 0, measured: 0 })
  })

  it("is enough with five, if the legacy files are among them", () => {
    const five = {
      runs: [{ wall: 10, agents: [span(0, 10), span(0, 10), span(0, 10)], blocked: [] }],
      wakes: { sent: 1, delivered: 1 }
    }
    const legacy = { total: 1, broken: 0 }
    assert.isTrue(Metrics.check(Metrics.compute(facts({ ...five, legacy }))).ok)
    assert.isFalse(Metrics.check(Metrics.compute(facts({ ...five, legacy: { total: 100, broken: 1 } }))).ok)
    assert.isFalse(Metrics.check(Metrics.compute(facts({ ...five, handoffs: [1] }))).ok)
    assert.isFalse(Metrics.check(Metrics.compute(facts({ wakes: five.wakes, legacy }))).ok)
  })
})

const file = `
name: team
runner: function
agents:
  - { name: plan, role: PLANNER, task_type: t, prompt: P }
  - { name: a, role: IMPLEMENTER, task_type: t, prompt: P, needs: [plan] }
  - { name: b, role: IMPLEMENTER, task_type: t, prompt: P, needs: [plan] }
  - { name: c, role: IMPLEMENTER, task_type: t, prompt: P, needs: [plan] }
`

/** What `sartor metrics` shows after a run of ten seconds an agent, under some flags. */
const measured = (
  flags: Flags.Some,
  more: Effect.Effect<unknown, unknown, Transport.Services | LegacyFiles.LegacyFiles> = Effect.void
) =>
  Effect.gen(function* () {
    const work: FunctionRunner.AgentFunction = () => Effect.as(Effect.sleep("10 seconds"), "done")
    const runner = AgentRunner.layer({ function: FunctionRunner.make({ plan: work, a: work, b: work, c: work }) })
    const workflow = yield* WorkflowFile.parse(file, { file: "team.yaml" })
    const document = yield* Effect.provide(pass(Workflow.run({ workflow, folder: "." })), runner)
    yield* more
    const ofRun = figures(document.metrics)
    return { ofRun, ofFleet: figures(yield* Measurement.ofFleet()) }
  }).pipe(
    Effect.provide(Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed(flags)))),
    Effect.provide(Layer.mergeAll(NodeServices.layer, Logger.layer([]), Layer.fresh(LegacyFiles.layerMemory)))
  )

const value = (figures: Record<string, ReadonlyArray<unknown>>, name: string) => Number(figures[name]?.[0])

describe("Measurement", () => {
  it.effect("finds in the journals of a run what it saved, and that nobody was kept waiting", () =>
    Effect.gen(function* () {
      const { ofFleet, ofRun } = yield* measured({})
      assert.approximately(value(ofRun, "workflow_time_saved"), 0.5, 0.05)
      assert.isBelow(value(ofRun, "orchestrator_blocked"), 0.05)
      assert.deepStrictEqual(ofRun["parallel_peak"], [3, true, 4])
      assert.deepStrictEqual(ofRun["wake_delivery"], [1, true, 4])
      assert.isBelow(value(ofRun, "handoff_overhead"), 1)
      assert.deepStrictEqual(ofRun["context_retention"], [undefined, "n/a", 0])
      for (const name of Object.keys(ofRun)) {
        assert.approximately(value(ofFleet, name) || 0, value(ofRun, name) || 0, 0.05, name)
      }
    })
  )

  it.effect("finds that the legacy way of working keeps its orchestrator waiting all the time", () =>
    Effect.gen(function* () {
      const { ofRun } = yield* measured(Flags.allOff)
      assert.isBelow(value(ofRun, "workflow_time_saved"), 0.01)
      assert.isAbove(value(ofRun, "orchestrator_blocked"), 0.9)
      assert.deepStrictEqual(ofRun["parallel_peak"], [1, false, 4])
      assert.deepStrictEqual(ofRun["wake_delivery"], [undefined, "n/a", 0])
    })
  )

  it.effect("counts a wake that nobody handled for a while as time in which its orchestrator was blocked", () =>
    Effect.gen(function* () {
      const runner = AgentRunner.layer({ function: FunctionRunner.make({ work: () => Effect.succeed("done") }) })
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ onWake: () => Effect.sleep("10 seconds") })
        const task = (id: string) => ({
          id,
          role: "AUDITOR",
          taskType: "t",
          runner: { type: "function" as const, name: "work" }
        })
        const handles = [yield* orchestrator.spawn(task("a-1")), yield* orchestrator.spawn(task("a-2"))]
        yield* pass(orchestrator.collect(handles))
      }).pipe(Effect.scoped, Effect.provide(runner))
      const { runs } = yield* Measurement.factsSince(0)
      const waited = runs.flatMap(({ blocked }) => blocked.map(({ end, start }) => end - start))
      // One is handled at once, the other after it: it alone has waited.
      assert.deepStrictEqual(waited.map((millis) => Math.round(millis / 10_000)).sort(), [1])
    }).pipe(
      Effect.provide(Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed({})))),
      Effect.provide(Logger.layer([]))
    )
  )

  it.effect("counts the time until a handoff is taken over, and whether its context could be read", () =>
    Effect.gen(function* () {
      const create = (sessionId: string) =>
        Handoffs.create({
          sessionId,
          from: "IMPLEMENTER",
          to: "AUDITOR",
          type: "ready_for_audit",
          content: {
            deliverable: { type: "t", location: "a.ts", summary: "S", artifacts: ["a.ts"] },
            nextSteps: { instructions: ["Look"], acceptanceCriteria: ["It works"] },
            context: { taskId: "t", phase: "implementation", scope: "all" }
          }
        })
      const more = Effect.gen(function* () {
        const [session] = yield* (yield* Sessions.Sessions).list()
        const { document } = yield* create(session?.session_id ?? "")
        yield* pass(Effect.sleep("30 seconds"))
        yield* Handoffs.accept(document.handoff.handoffId)
      })
      const { ofFleet } = yield* measured({}, more)
      assert.approximately(value(ofFleet, "handoff_overhead"), 7.5, 0.5)
      assert.deepStrictEqual(ofFleet["context_retention"], [1, true, 1])
    })
  )

  it.effect("asks the legacy files themselves whether they can be read", () =>
    Effect.gen(function* () {
      const more = Effect.flatMap(LegacyFiles.LegacyFiles, ({ update }) =>
        update("impl-1", () => [["status", "active"]])
      )
      const { ofFleet } = yield* measured({}, more)
      assert.deepStrictEqual(ofFleet["legacy_compatibility"], [1, true, 1])
    })
  )
})
