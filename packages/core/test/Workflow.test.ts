import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Transport from "../src/Transport.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"

const file = `
name: audit
runner: function
agents:
  - { name: plan, role: PLANNER, task_type: planning, prompt: Plan }
  - { name: security, role: AUDITOR, task_type: security, needs: [plan], prompt: Look }
  - { name: speed, role: AUDITOR, task_type: speed, needs: [plan], prompt: Look }
  - { name: report, role: AUDITOR, task_type: synthesis, needs: [security, speed], prompt: Tell, synthesize: true }
`
const parsed = WorkflowFile.parse(file, { file: "audit.yaml" })

const withAgents = (agents: { readonly [name: string]: FunctionRunner.AgentFunction }) =>
  AgentRunner.layer({ function: FunctionRunner.make(agents) })

const fleet = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Layer.merge(Transport.services(Transport.layerMemory), NodeServices.layer))

describe("Workflow", () => {
  it.live("runs agents after their needs, with their results, and synthesizes", () =>
    Effect.gen(function* () {
      const seen = new Map<string, FunctionRunner.Task>()
      const agent = (name: string) => (task: FunctionRunner.Task) =>
        Effect.sync(() => {
          seen.set(name, task)
          return { summary: `${name} is done`, claims: [{ topic: "t", claim: "The page is slow.", evidence: [name] }] }
        })
      const agents = Object.fromEntries(["plan", "security", "speed", "report"].map((name) => [name, agent(name)]))
      const document = yield* Workflow.run({ workflow: yield* parsed, folder: "." }).pipe(
        Effect.provide(withAgents(agents))
      )
      assert.strictEqual(document.status, "complete")
      assert.deepStrictEqual(
        document.agents.map(({ name, status, attempts }) => [name, status, attempts]),
        [
          ["plan", "complete", 1],
          ["security", "complete", 1],
          ["speed", "complete", 1],
          ["report", "complete", 1]
        ]
      )
      assert.strictEqual(seen.get("security")?.inputs["plan"]?.summary, "plan is done")
      assert.strictEqual(document.synthesis["report"]?.agreements.length, 1)
      assert.deepStrictEqual(seen.get("report")?.synthesis, document.synthesis["report"])
      const ledger = yield* (yield* Wakes.Wakes).audit()
      assert.deepStrictEqual([ledger.committed, ledger.acknowledged, ledger.balanced], [4, 4, true])
    }).pipe(fleet)
  )

  it.live("goes on where an interrupted run was, and runs no finished agent again", () =>
    Effect.gen(function* () {
      const counts = new Map<string, number>()
      const started = yield* Deferred.make<void>()
      const agent = (name: string, body: Effect.Effect<unknown>) => () =>
        Effect.gen(function* () {
          counts.set(name, (counts.get(name) ?? 0) + 1)
          yield* body
          return `${name} is done`
        })
      const agents = (speed: Effect.Effect<unknown>) =>
        withAgents({
          plan: agent("plan", Effect.void),
          security: agent("security", Effect.void),
          speed: agent("speed", speed),
          report: agent("report", Effect.void)
        })
      const workflow = yield* parsed
      const hangs = Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
      const first = yield* Effect.forkChild(Effect.provide(Workflow.run({ workflow, folder: "." }), agents(hangs)))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(first)
      const document = yield* Effect.provide(Workflow.run({ workflow, folder: "." }), agents(Effect.void))
      assert.strictEqual(document.status, "complete")
      assert.deepStrictEqual([...counts].sort(), [
        ["plan", 1],
        ["report", 1],
        ["security", 1],
        ["speed", 2]
      ])
      assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
    }).pipe(fleet)
  )
})
