import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Result } from "../src/Agent.ts"
import * as Alert from "../src/Alert.ts"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Journal from "../src/Journal.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Resumption from "../src/Resumption.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Transport from "../src/Transport.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { external, send, services } from "./support/fleet.ts"
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
const blocked = Effect.fail(
  new AgentRunner.RunFailed({ status: "blocked", code: "blocked", detail: "?", retryable: false })
)

/** A journal on memory that takes its time, once it is told to. */
const slow = { millis: 0 }
const slowly = Transport.services(
  Layer.effect(
    Journal.Journal,
    Effect.map(Journal.Journal, (journal) => ({
      ...journal,
      append: (...args) => Effect.andThen(Effect.sleep(slow.millis), journal.append(...args)),
      read: (...args) => Stream.unwrap(Effect.as(Effect.sleep(slow.millis), journal.read(...args)))
    }))
  ).pipe(Layer.provideMerge(Transport.layerMemory))
)

describe("an alert", () => {
  it.effect(
    "is raised when more than 50 wakes wait, when one waits for a minute, and when the answer takes 5 seconds",
    () =>
      Effect.gen(function* () {
        const raised: Array<Alert.Alert> = []
        let busy = true
        yield* Orchestrator.make({
          onWake: () => (busy ? Effect.never : Effect.void),
          onAlert: (alert) => Effect.sync(() => raised.push(alert))
        })
        yield* external("ext-001")
        for (let count = 0; count < 60; count++) yield* send("ext-001", "finding")
        yield* pass(Effect.sleep("70 seconds"))
        assert.deepStrictEqual(
          raised.map(({ limit, type }) => [type, limit]),
          [
            ["queue_depth", 50],
            ["unacknowledged", 60_000]
          ]
        )
        assert.match(
          raised.map(Alert.message).join("\n"),
          /^60 wakes of "main" are not acknowledged, more than 50\nWake ext-001/
        )
        busy = false
      }).pipe(Effect.provide(agents(() => Effect.never)), Effect.provide(services))
  )

  it.effect("is raised when a spawn is refused, an agent says nothing for two minutes, or has much to remember", () =>
    Effect.gen(function* () {
      const raised: Array<Alert.Alert> = []
      const orchestrator = yield* Orchestrator.make({
        capacity: 1,
        maxParallel: 1,
        onAlert: (alert) => Effect.sync(() => raised.push(alert))
      })
      yield* orchestrator.spawn(task("one", { prompt: "x".repeat(200_000) }))
      yield* TestClock.adjust("1 second")
      yield* orchestrator.spawn(task("two"))
      for (const name of ["three", "four"]) yield* Effect.flip(orchestrator.spawn(task(name)))
      yield* pass(Effect.sleep("3 minutes"))
      assert.deepStrictEqual(
        raised.map(({ type }) => type),
        ["large_state", "spawn_refused", "stalled"]
      )
    }).pipe(Effect.provide(agents(() => Effect.never)), Effect.provide(services))
  )

  it.effect("is raised when a run that goes on is given to its runner only after 10 seconds", () =>
    Effect.gen(function* () {
      const raised: Array<Alert.Alert> = []
      const orchestrator = yield* Orchestrator.make({ onAlert: (alert) => Effect.sync(() => raised.push(alert)) })
      const handle = yield* orchestrator.spawn(task("slow"))
      assert.strictEqual((yield* pass(handle.await)).status, "blocked")
      slow.millis = 11_000
      yield* pass(Resumption.resume("impl-slow", { prompt: "Go on" }))
      yield* pass(Effect.sleep("1 minute"))
      slow.millis = 0
      const late = raised.filter(({ type }) => type === "slow_resume")
      assert.deepStrictEqual(
        late.map((alert) => [alert.type === "slow_resume" && alert.run, alert.limit]),
        [[2, 10_000]]
      )
    }).pipe(Effect.provide(agents(() => blocked)), Effect.provide(slowly))
  )

  it.effect("is raised when a session cannot be resumed, because its journal is damaged", () =>
    Effect.gen(function* () {
      const raised: Array<Alert.Alert> = []
      const orchestrator = yield* Orchestrator.make({ onAlert: (alert) => Effect.sync(() => raised.push(alert)) })
      yield* (yield* Sessions.Sessions).create(task("torn"))
      yield* (yield* Journal.Journal).append("session/impl-torn", 1, [{ type: "nonsense" }])
      yield* orchestrator.adopt("impl-torn")
      yield* pass(Effect.sleep("10 seconds"))
      const [first] = raised
      assert.exists(first)
      assert.strictEqual(first.type, "resume_failed")
      assert.match(Alert.message(first), /^Session impl-torn cannot be resumed: .*damaged/)
    }).pipe(Effect.provide(agents(() => Effect.succeed("done"))), Effect.provide(services))
  )

  it.effect("is raised when a run keeps nothing for five minutes, and not while it does", () =>
    Effect.gen(function* () {
      const raised: Array<Alert.Alert> = []
      yield* Orchestrator.make({ onAlert: (alert) => Effect.sync(() => raised.push(alert)) }).pipe(
        Effect.flatMap((orchestrator) => orchestrator.spawn(task("busy")))
      )
      yield* pass(Effect.sleep("12 minutes"))
      assert.deepStrictEqual(
        raised.map(({ type, value }) => [type, value]),
        [["no_checkpoint", 300_000]]
      )
    }).pipe(
      Effect.provide(
        agents(({ emit }) =>
          Effect.gen(function* () {
            for (let minute = 0; minute < 6; minute++) {
              yield* emit({ type: "turn", text: "one more" })
              yield* Effect.sleep("1 minute")
            }
            // A sign of life, and nothing that is kept.
            while (true) yield* Effect.andThen(emit({ type: "log", text: "still here" }), Effect.sleep("1 minute"))
          })
        )
      ),
      Effect.provide(services)
    )
  )

  it.effect("is raised when nobody tells of the end of a run whose time is over", () =>
    Effect.gen(function* () {
      const raised: Array<Alert.Alert> = []
      yield* Orchestrator.make({ onAlert: (alert) => Effect.sync(() => raised.push(alert)) })
      yield* external("ext-late")
      yield* Resumption.resume("ext-late", {})
      yield* TestClock.adjust("31 minutes")
      assert.deepStrictEqual(
        raised.map(({ limit, type }) => [type, limit]),
        [["no_wake", 30 * 60_000]]
      )
      yield* Outbox.send({ sessionId: "ext-late", status: "complete", summary: "At last" })
    }).pipe(Effect.provide(agents(() => Effect.never)), Effect.provide(services))
  )

  it.effect("is raised when a session is to be created that there is", () =>
    Effect.gen(function* () {
      const raised: Array<Alert.Alert> = []
      const orchestrator = yield* Orchestrator.make({ onAlert: (alert) => Effect.sync(() => raised.push(alert)) })
      yield* orchestrator.spawn(task("twin"))
      assert.strictEqual((yield* Effect.flip(orchestrator.spawn(task("twin"))))._tag, "SessionExists")
      assert.deepStrictEqual(raised, [{ type: "id_collision", session_id: "impl-twin", value: 1, limit: 0 }])
    }).pipe(Effect.provide(agents(() => Effect.never)), Effect.provide(services))
  )

  it.effect(
    "is raised for a workflow with 3 agents that wait for a human, 5 conflicts, or little confidence, once each",
    () =>
      Effect.gen(function* () {
        const raised: Array<Alert.Alert> = []
        const names = ["a", "b", "c", "d", "e", "f"]
        const workflow = yield* WorkflowFile.parse(
          [
            "name: audit",
            "runner: function",
            "agents:",
            ...names.map((name) => `  - { name: ${name}, role: AUDITOR, task_type: look, prompt: Look }`),
            `  - { name: sum, role: AUDITOR, task_type: synthesis, needs: [${names.join(", ")}], synthesize: true }`
          ].join("\n"),
          { file: "audit.yaml" }
        )
        const says = (name: string, stance: "oppose" | "support"): Result => ({
          summary: `${name} looked at it`,
          claims: [1, 2, 3, 4, 5].map((n) => ({
            topic: `topic-${n}`,
            claim: "It holds.",
            stance,
            confidence: 0.5,
            evidence: [`${name}.log:${n}`]
          }))
        })
        const works: { readonly [name: string]: FunctionRunner.AgentFunction } = {
          a: () => Effect.succeed(says("a", "support")),
          b: () => Effect.succeed(says("b", "oppose")),
          ...Object.fromEntries(["c", "d", "e", "f"].map((name) => [name, () => blocked])),
          sum: () => Effect.succeed("summed up")
        }
        yield* pass(
          Workflow.run({
            workflow,
            folder: ".",
            onEvent: (event) => Effect.sync(() => event.type === "alert" && raised.push(event.alert))
          }).pipe(Effect.provide(AgentRunner.layer({ function: FunctionRunner.make(works) })))
        )
        assert.deepStrictEqual(
          raised.map(({ limit, type, value }) => [type, value >= limit]),
          [
            ["escalations", true],
            ["low_confidence", false],
            ["conflicts", true]
          ]
        )
      }).pipe(Effect.provide(Layer.merge(services, NodeServices.layer)))
  )
})
