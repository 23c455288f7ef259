import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric, Option, References, Tracer } from "effect"
import { NodeServices } from "@effect/platform-node"
import { TestClock } from "effect/testing"
import { PrometheusMetrics } from "effect/observability"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { services } from "./support/fleet.ts"
import { pass } from "./support/time.ts"

const agents = (work: FunctionRunner.AgentFunction) => AgentRunner.layer({ function: FunctionRunner.make({ work }) })
const task = (name: string, options: Partial<Orchestrator.Task> = {}): Orchestrator.Task => ({
  name,
  id: `impl-${name}`,
  role: "implementer",
  taskType: "work",
  runner: { type: "function", name: "work" },
  ...options
})

describe("telemetry", () => {
  it.effect(
    "has a span for the workflow, in it one for each session, in that one for each run, in that one for each turn",
    () =>
      Effect.gen(function* () {
        const spans: Array<Tracer.NativeSpan> = []
        const tracer = Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan(options)
            spans.push(span)
            return span
          }
        })
        const file =
          "name: one\nrunner: function\nagents: [{ name: work, role: PLANNER, task_type: x, prompt: Do it }]\n"
        const work = ({ attempt, emit }: FunctionRunner.Task) =>
          Effect.gen(function* () {
            yield* emit({ type: "turn", text: "first" })
            if (attempt === 1) return yield* Effect.fail("once")
            yield* emit({ type: "turn", text: "second" })
            return "done"
          })
        const workflow = yield* WorkflowFile.parse(file, { file: "one.yaml" })
        yield* pass(
          Workflow.run({ workflow, folder: "." }).pipe(
            Effect.provide(agents(work)),
            Effect.provide(Layer.merge(services, NodeServices.layer)),
            Effect.withTracer(tracer)
          )
        )
        /** The names from the root down, without those that are not of the four. */
        const pathOf = (span: Tracer.AnySpan): ReadonlyArray<string> => {
          const known = spans.find(({ spanId }) => spanId === span.spanId)
          if (known === undefined) return []
          const above = Option.match(known.parent, { onNone: () => [], onSome: pathOf })
          return ["workflow", "session", "run", "turn"].includes(known.name) ? [...above, known.name] : above
        }
        const paths = spans
          .filter(
            ({ name, status }) => ["workflow", "session", "run", "turn"].includes(name) && status._tag === "Ended"
          )
          .map((span) => pathOf(span).join(" > "))
        assert.deepStrictEqual(paths.toSorted(), [
          "workflow",
          "workflow > session",
          "workflow > session > run",
          "workflow > session > run",
          "workflow > session > run > turn",
          "workflow > session > run > turn",
          "workflow > session > run > turn"
        ])
      })
  )

  it.effect("counts runs, retries, wakes, spawns and what is in the queues, for Prometheus to read", () =>
    Effect.gen(function* () {
      const orchestrator = yield* Orchestrator.make({ capacity: 2, maxParallel: 1 })
      const handle = yield* orchestrator.spawn(task("one", { limits: { retries: 1 } }))
      yield* pass(handle.await)
      // Nothing is taken ahead by then.
      yield* TestClock.adjust("1 second")
      yield* orchestrator.spawn(task("slow"))
      yield* TestClock.adjust("1 second")
      for (const name of ["two", "three"]) yield* orchestrator.spawn(task(name))
      yield* Effect.flip(orchestrator.spawn(task("four")))
      yield* TestClock.adjust("10 seconds")
      const text = yield* PrometheusMetrics.format()
      const line = (pattern: RegExp) => assert.match(text, pattern)
      line(/sartor_runs_total\{.*status="complete".*\} 1/)
      line(/sartor_retries_total\{.*code="error".*\} 1/)
      line(/sartor_wakes_total\{.*status="complete".*\} 1/)
      line(/sartor_spawns_total(\{.*\})? 4/)
      line(/sartor_spawns_refused_total\{.*what="dispatch".*\} 1/)
      line(/sartor_queue_messages\{.*orchestrator="main",queue="dispatch",state="ready".*\} 2/)
      line(/sartor_queue_messages\{.*orchestrator="main",queue="permits",state="in_flight".*\} 1/)
      line(/sartor_wake_seconds_count(\{.*\})? 1/)
    }).pipe(
      Effect.provide(
        agents(({ attempt, sessionId }) =>
          sessionId === "impl-one" ? (attempt === 1 ? Effect.fail("once") : Effect.succeed("done")) : Effect.never
        )
      ),
      Effect.provide(services),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

  it.effect("logs with the session and the run that a line is about", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ fiber, message }) => {
        lines.push({ message: String(message), ...fiber.getRef(References.CurrentLogAnnotations) })
      })
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        yield* pass((yield* orchestrator.spawn(task("one"))).await)
      }).pipe(
        Effect.provide(agents(() => Effect.as(Effect.logWarning("from inside"), "done"))),
        Effect.provide(Layer.merge(services, Logger.layer([logger])))
      )
      assert.deepInclude(lines, { message: "from inside", session_id: "impl-one", run: 1 })
    })
  )
})
