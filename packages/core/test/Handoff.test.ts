import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as Deletion from "../src/Deletion.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Handoff from "../src/Handoff.ts"
import * as Handoffs from "../src/Handoffs.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Sessions from "../src/Sessions.ts"
import { services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

const content = {
  context: { taskId: "t-1" },
  deliverable: { type: "code", location: "src", summary: "Split the parser", artifacts: ["src/parse.ts"] },
  nextSteps: { instructions: ["Look for leaks"], constraints: [], acceptanceCriteria: [] },
  issues: [{ severity: "low" as const, description: "A name is odd" }],
  memory: { created: ["m-1"], referenced: ["m-0"] },
  custom: { kept: true }
}

/** A planner that has handed in its result. */
const planner = Effect.gen(function* () {
  const sessions = yield* Sessions.Sessions
  yield* sessions.create({ id: "planner-1", role: "planner", taskType: "arch", prompt: "Plan the parser" })
  yield* sessions.checkpoint("planner-1", { phase: "planning", milestone: "draft", details: "two modules" })
  yield* Outbox.send({ sessionId: "planner-1", status: "complete", summary: "Two modules, one for tokens" })
})
const plan = Handoffs.create({
  from: "planner",
  to: "implementer",
  type: "ready_for_implementation",
  sessionId: "planner-1"
})
const idOf = ({ document }: Handoff.Handoff) => document.handoff.handoffId

describe("a handoff", () => {
  it("is one of five transitions, and says all that is missing", () => {
    const roles = ["PLANNER", "IMPLEMENTER", "AUDITOR", "CLEANER", "ORCHESTRATOR"]
    const legal = Handoff.Type.literals.flatMap((type) =>
      roles.flatMap((from) =>
        roles
          .filter((to) => Result.isSuccess(Handoff.check(type, from, to, content)))
          .map((to) => `${from} ${type} ${to}`)
      )
    )
    assert.deepStrictEqual(legal, [
      "PLANNER ready_for_implementation IMPLEMENTER",
      "IMPLEMENTER ready_for_audit AUDITOR",
      "AUDITOR ready_for_cleanup CLEANER",
      "CLEANER complete ORCHESTRATOR",
      "IMPLEMENTER requires_replanning PLANNER",
      "AUDITOR requires_replanning PLANNER",
      "CLEANER requires_replanning PLANNER"
    ])
    const problem = (type: Handoff.Type, from: string, to: string, given: Handoff.Content) =>
      Result.getOrThrow(Result.flip(Handoff.check(type, from, to, given))).message
    assert.strictEqual(
      problem("ready_for_implementation", "PLANNER", "IMPLEMENTER", { deliverable: { summary: " " } }),
      "A handoff of type ready_for_implementation needs context.taskId, deliverable.summary, deliverable.location, nextSteps.instructions"
    )
    assert.strictEqual(
      problem("requires_replanning", "PLANNER", "CLEANER", {}),
      "A handoff of type requires_replanning comes from IMPLEMENTER or AUDITOR or CLEANER, not PLANNER, and goes to PLANNER, not CLEANER, and needs context.taskId, issues"
    )
  })

  it.effect("gives its receiver what the sender knew, without having it sent again", () =>
    Effect.gen(function* () {
      yield* planner
      const made = yield* plan
      const { handoff: head } = made.document
      assert.match(head.handoffId, /^handoff_\d+_[0-9a-f]{8}$/)
      assert.deepInclude(head, {
        from: "PLANNER",
        to: "IMPLEMENTER",
        status: "pending",
        session_version: 4
      })
      assert.strictEqual(String(head.session_id), "planner-1")
      assert.strictEqual(made.document.deliverable?.summary, "Two modules, one for tokens")
      // What comes later is not part of what was handed over.
      yield* (yield* Sessions.Sessions).checkpoint("planner-1", { phase: "planning", milestone: "late" })
      const { context, handoff, knows } = yield* Handoffs.accept(idOf(made))
      assert.deepStrictEqual([context, handoff.document.handoff.status], ["session", "accepted"])
      const milestones = knows.filter(({ kind }) => kind === "checkpoint").map(({ milestone }) => milestone)
      assert.deepStrictEqual(milestones, ["draft"])
    }).pipe(Effect.provide(services))
  )

  it.effect("lets its receiver resume in the sender's context, as a fork of its session", () =>
    Effect.gen(function* () {
      yield* planner
      const made = yield* plan
      const orchestrator = yield* Orchestrator.make()
      const handle = yield* orchestrator.spawn({
        ...Handoffs.taskOf(made),
        taskType: "build",
        runner: { type: "function", name: "build" }
      })
      const session = yield* pass(handle.await)
      assert.deepStrictEqual([session.role, session.result?.summary], ["IMPLEMENTER", "goes on from: two modules"])
      assert.strictEqual(session.metadata["handoff_id"], idOf(made))
    }).pipe(
      Effect.provide(
        AgentRunner.layer({
          function: FunctionRunner.make({
            build: ({ checkpoints }) =>
              Effect.succeed(`goes on from: ${checkpoints.map(({ details }) => details).join()}`)
          })
        })
      ),
      Effect.provide(services)
    )
  )

  it.effect("starts from its own fields where the sender's session is gone, and says so", () =>
    Effect.gen(function* () {
      yield* planner
      const made = yield* plan
      yield* Deletion.remove("planner-1", { force: true })
      const { context, handoff, knows } = yield* Handoffs.accept(idOf(made))
      assert.deepStrictEqual([context, knows], ["lost", []])
      assert.strictEqual(handoff.document.deliverable?.summary, "Two modules, one for tokens")
      assert.strictEqual((yield* Handoffs.get(idOf(made))).context, "lost")
    }).pipe(Effect.provide(services))
  )

  it.effect("is accepted, rejected with a reason or completed, once each, and never out of turn", () =>
    Effect.gen(function* () {
      const make = Handoffs.create({ from: "IMPLEMENTER", to: "AUDITOR", type: "ready_for_audit", content })
      const done = idOf(yield* make)
      assert.strictEqual(
        (yield* Effect.flip(Handoffs.complete(done))).message,
        `Handoff ${done} is pending: it cannot be completed now`
      )
      yield* Handoffs.accept(done)
      yield* Handoffs.accept(done)
      const completed = yield* Handoffs.complete(done)
      assert.deepStrictEqual(yield* Handoffs.complete(done), completed)
      assert.strictEqual((yield* Effect.flip(Handoffs.reject(done, "late")))._tag, "IllegalHandoff")
      const { document } = completed
      assert.deepStrictEqual([document["custom"], document.memory], [content.custom, content.memory])

      const back = idOf(yield* make)
      assert.strictEqual((yield* Effect.flip(Handoffs.reject(back, " ")))._tag, "InvalidField")
      const rejected = yield* Handoffs.reject(back, "The tests are missing")
      assert.deepStrictEqual(rejected.document.issues?.at(-1), {
        severity: "critical",
        description: "The tests are missing"
      })
      assert.strictEqual((yield* Effect.flip(Handoffs.accept(back)))._tag, "IllegalHandoff")
      assert.strictEqual((yield* Effect.flip(Handoffs.get("handoff_1_00000000")))._tag, "HandoffNotFound")
      assert.strictEqual((yield* Effect.flip(Handoffs.get("../etc")))._tag, "HandoffNotFound")
    }).pipe(Effect.provide(services))
  )

  it.effect("is refused with the field that is wrong", () =>
    Effect.gen(function* () {
      const make = (content: unknown) =>
        Effect.flip(Handoffs.create({ from: "IMPLEMENTER", to: "AUDITOR", type: "ready_for_audit", content }))
      const bad = yield* make({ ...content, nextSteps: { instructions: "one" } })
      assert.deepInclude(bad, { _tag: "InvalidField", field: "nextSteps.instructions" })
      assert.deepInclude(yield* make({}), { _tag: "InvalidHandoff", field: "context.taskId" })
    }).pipe(Effect.provide(services))
  )

  it.effect("is a link of its task's chain, and counted in the index", () =>
    Effect.gen(function* () {
      const steps = [
        ["PLANNER", "IMPLEMENTER", "ready_for_implementation"],
        ["IMPLEMENTER", "AUDITOR", "ready_for_audit"],
        ["AUDITOR", "CLEANER", "ready_for_cleanup"],
        ["CLEANER", "ORCHESTRATOR", "complete"]
      ] as const
      for (const [from, to, type] of steps) {
        const made = yield* Handoffs.create({ from, to, type, content })
        yield* TestClock.adjust("3 minutes")
        yield* Handoffs.accept(idOf(made))
        yield* Handoffs.complete(idOf(made))
      }
      const all = yield* Handoffs.list()
      const [chain] = Handoff.chains(all)
      assert.deepInclude(chain, { taskId: "t-1", outcome: "completed", duration_minutes: 12 })
      assert.deepStrictEqual(
        chain?.handoffs.map(({ duration_minutes, from }) => [from, duration_minutes]),
        steps.map(([from]) => [from, 3])
      )
      assert.deepInclude(Handoff.index(all), {
        total_handoffs: 4,
        total_chains: 1,
        by_date: { "1970-01-01": 4 },
        by_type: { ready_for_implementation: 1, ready_for_audit: 1, ready_for_cleanup: 1, complete: 1 }
      })
      assert.strictEqual((yield* Handoffs.list({ to: "auditor" })).length, 1)
    }).pipe(Effect.provide(services))
  )

  it.effect("accepted by two at once is accepted once; killed at any write, it is as before or as after", () =>
    Effect.gen(function* () {
      for (const when of ["before", "after"] as const) {
        const store = yield* Processes.makeStore
        const first = yield* Processes.start(store)
        const id = idOf(
          yield* Effect.provide(
            Handoffs.create({ from: "IMPLEMENTER", to: "AUDITOR", type: "ready_for_audit", content }),
            first.layer
          )
        )
        const doomed = yield* Processes.start(store, Processes.killAt(1, when))
        yield* Effect.ignore(Effect.provide(Handoffs.accept(id), doomed.layer))
        const accepts = Effect.all([Handoffs.accept(id), Handoffs.accept(id)], { concurrency: "unbounded" })
        const [one, two] = yield* Effect.provide(accepts, first.layer)
        assert.deepStrictEqual(one.handoff, two.handoff)
      }
    })
  )
})
