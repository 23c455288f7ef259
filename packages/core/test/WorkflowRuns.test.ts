import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Journal from "../src/Journal.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import * as WorkflowRun from "../src/WorkflowRun.ts"
import * as WorkflowRuns from "../src/WorkflowRuns.ts"
import { services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

const workflow = WorkflowFile.parse(
  `
name: two-
runner: function
agents:
  - { name: quick, role: AUDITOR, task_type: t, prompt: P }
  - { name: slow, role: AUDITOR, task_type: t, prompt: P, needs: [quick] }
`,
  { file: "two.yaml" }
)
const agents = AgentRunner.layer({
  function: FunctionRunner.make({ quick: () => Effect.succeed("done"), slow: () => Effect.never })
})
const fleet = Layer.merge(services, NodeServices.layer)

/** Begins a run, and interrupts it while `slow` works. */
const interrupted = Effect.fnUntraced(function* (runId: string) {
  const running = Workflow.run({ workflow: yield* workflow, folder: ".", runId })
  const fiber = yield* Effect.forkChild(Effect.provide(running, agents))
  yield* TestClock.adjust("1 minute")
  assert.strictEqual((yield* WorkflowRuns.document(runId)).status, "running")
  yield* Fiber.interrupt(fiber)
})

describe("WorkflowRuns", () => {
  it.effect("shows a run in any state, with its agents as they are", () =>
    Effect.gen(function* () {
      yield* interrupted("run-1")
      const document = yield* WorkflowRuns.document("run-1")
      assert.deepStrictEqual(
        [document.status, document.agents.map(({ attempts, name, status }) => [name, status, attempts])],
        [
          "interrupted",
          [
            ["quick", "complete", 1],
            ["slow", "pending", 1]
          ]
        ]
      )
      const encoded = Schema.encodeSync(Schema.toCodecJson(WorkflowRun.Document))(document)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(encoded)), JSON.parse(JSON.stringify(document)))
      assert.deepStrictEqual(yield* WorkflowRuns.list(), [
        {
          workflow: "two-",
          run_id: "run-1",
          status: "interrupted",
          started_at: document.started_at,
          max_parallel: 5,
          agents: { total: 2, ended: 1 }
        }
      ])
    }).pipe(Effect.provide(fleet))
  )

  it.effect("cancels one that nobody runs, with its agents, and handles their wakes: nobody else would", () =>
    Effect.gen(function* () {
      yield* interrupted("run-1")
      const document = yield* WorkflowRuns.cancel("run-1", "nobody needs it")
      assert.deepStrictEqual(
        [document.status, document.agents.map(({ error, status }) => [status, error?.message])],
        [
          "cancelled",
          [
            ["complete", undefined],
            ["cancelled", "nobody needs it"]
          ]
        ]
      )
      assert.deepStrictEqual(yield* WorkflowRuns.cancel("run-1", "twice"), document)
      const { balanced, pending } = yield* (yield* Wakes.Wakes).audit()
      assert.deepStrictEqual([balanced, pending], [true, 0])
      const again = Workflow.run({ workflow: yield* workflow, folder: ".", runId: "run-1" })
      assert.deepStrictEqual(yield* pass(Effect.provide(again, agents)), document)
    }).pipe(Effect.provide(fleet))
  )

  it.effect("cancels one whose canceller dies at any write, when it is cancelled again", () =>
    Effect.gen(function* () {
      for (let n = 1; n <= 9; n++) {
        for (const when of ["before", "after"] as const) {
          const store = yield* Processes.makeStore
          const first = yield* Processes.start(store)
          yield* Effect.provide(interrupted("run-1"), first.layer)
          const dying = yield* Processes.start(store, Processes.killAt(n, when))
          yield* pass(Effect.ignore(Effect.provide(WorkflowRuns.cancel("run-1", "enough"), dying.layer)))
          yield* dying.kill
          const second = yield* Processes.start(store)
          yield* Effect.gen(function* () {
            const document = yield* pass(WorkflowRuns.cancel("run-1", "again"))
            assert.deepStrictEqual(
              [document.status, document.agents.map(({ status }) => status)],
              ["cancelled", ["complete", "cancelled"]]
            )
            const { balanced, pending } = yield* (yield* Wakes.Wakes).audit()
            assert.deepStrictEqual([balanced, pending], [true, 0])
            assert.isEmpty(yield* (yield* Sessions.Sessions).list({ status: "suspended" }))
          }).pipe(Effect.provide(second.layer))
        }
      }
    }).pipe(Effect.provide(fleet))
  )

  it.effect("leaves a run that has ended as it ended", () =>
    Effect.gen(function* () {
      const one = AgentRunner.layer({
        function: FunctionRunner.make({ quick: () => Effect.succeed("done"), slow: () => Effect.succeed("done") })
      })
      const running = Workflow.run({ workflow: yield* workflow, folder: ".", runId: "run-1" })
      const document = yield* pass(Effect.provide(running, one))
      assert.deepStrictEqual(yield* WorkflowRuns.cancel("run-1", "late"), document)
    }).pipe(Effect.provide(fleet))
  )

  it.effect("says that there is no run, whatever was asked for", () =>
    Effect.gen(function* () {
      for (const id of ["nobody", "", "..", "a/b", "__proto__"]) {
        for (const asked of [WorkflowRuns.document(id), WorkflowRuns.cancel(id, "why")]) {
          const { message } = yield* Effect.flip(asked)
          assert.strictEqual(
            message,
            `There is no run ${JSON.stringify(id)}: "sartor runs list" shows those that there are`
          )
        }
      }
    }).pipe(Effect.provide(fleet))
  )

  it.effect("leaves out of the list what is damaged or has only been chosen", () =>
    Effect.gen(function* () {
      const journal = yield* Journal.Journal
      yield* interrupted("run-1")
      yield* journal.append("workflow/damaged", 0, [{ type: "begun", nonsense: true }])
      const chosen = yield* WorkflowRuns.choose({ workflow: yield* workflow })
      assert.match(chosen, /^two-[0-9a-z]{8}$/)
      assert.strictEqual(yield* WorkflowRuns.choose({ workflow: yield* workflow }), chosen)
      assert.deepStrictEqual(
        (yield* WorkflowRuns.list()).map(({ run_id }) => run_id),
        ["run-1"]
      )
    }).pipe(Effect.provide(fleet))
  )

  it.effect("chooses anew where the choice of before was deleted", () =>
    Effect.gen(function* () {
      const journal = yield* Journal.Journal
      const first = yield* WorkflowRuns.choose({ workflow: yield* workflow })
      for (const { key } of yield* journal.heads("identity/")) yield* journal.delete(key)
      assert.notStrictEqual(yield* WorkflowRuns.choose({ workflow: yield* workflow }), first)
    }).pipe(Effect.provide(fleet))
  )
})
