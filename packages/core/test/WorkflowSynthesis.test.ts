import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { Result } from "../src/Agent.ts"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Journal from "../src/Journal.ts"
import * as Questions from "../src/Questions.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import * as WorkflowRuns from "../src/WorkflowRuns.ts"
import { services } from "./support/fleet.ts"
import { pass } from "./support/time.ts"

const fleet = Layer.merge(services, NodeServices.layer)
const fails = Effect.fail(
  new AgentRunner.RunFailed({ status: "failed", code: "why", detail: "because", retryable: false })
)
const blocks = Effect.fail(
  new AgentRunner.RunFailed({ status: "blocked", code: "blocked", detail: "?", retryable: false })
)

const workflowOf = (audits: ReadonlyArray<string>, options: string) =>
  WorkflowFile.parse(
    [
      "name: audit",
      "runner: function",
      "agents:",
      "  - { name: plan, role: PLANNER, task_type: planning, prompt: Plan }",
      ...audits.map((name) => `  - { name: ${name}, role: AUDITOR, task_type: look, needs: [plan], prompt: Look }`),
      `  - { name: report, role: AUDITOR, task_type: synthesis, needs: [${audits.join(", ")}], prompt: Tell, synthesize: true, ${options} }`
    ].join("\n"),
    { file: "audit.yaml" }
  )

/** Functions by name; each is told how often it was executed before. */
const makeAgents = (agents: {
  readonly [name: string]: (before: number) => Effect.Effect<Result | string, unknown>
}) => {
  const executed: Array<string> = []
  const atWork = new Set<string>()
  const together: Array<string> = []
  const agent = (name: string) => () =>
    Effect.suspend(() => {
      const before = executed.filter((each) => each === name).length
      executed.push(name)
      atWork.add(name)
      together.push([...atWork].toSorted().join("+"))
      const work = agents[name]?.(before) ?? Effect.succeed(`${name} is done`)
      return Effect.ensuring(
        Effect.andThen(Effect.sleep("1 minute"), work),
        Effect.sync(() => atWork.delete(name))
      )
    })
  const names = ["plan", "report", ...Object.keys(agents)]
  const layer = AgentRunner.layer({
    function: FunctionRunner.make(Object.fromEntries(names.map((name) => [name, agent(name)])))
  })
  return { executed, together, layer }
}
const found = (name: string) => Effect.succeed(`${name} looked at 6 pages`)

describe("on_insufficient: sequential", () => {
  it.effect("runs those that failed or said nothing again, one at a time, once, before the synthesis stands", () =>
    Effect.gen(function* () {
      const agents = makeAgents({
        a: () => found("a"),
        b: (before) => (before === 0 ? fails : found("b")),
        c: (before) => (before === 0 ? Effect.succeed("done") : found("c")),
        d: () => fails,
        e: (before) => (before === 0 ? fails : found("e"))
      })
      const workflow = yield* workflowOf(["a", "b", "c", "d", "e"], "on_insufficient: sequential")
      const document = yield* pass(Effect.provide(Workflow.run({ workflow, folder: "." }), agents.layer))
      assert.deepStrictEqual(agents.executed.slice(-5), ["b", "c", "d", "e", "report"])
      assert.deepStrictEqual(agents.together.slice(-5), ["b", "c", "d", "e", "report"])
      assert.strictEqual(agents.executed.length, 11)
      const { census, status } = document.synthesis["report"] ?? { census: undefined, status: undefined }
      assert.strictEqual(status, "degraded")
      assert.deepStrictEqual(census?.by_agent, {
        a: "reported",
        b: "reported",
        c: "reported",
        d: "failed",
        e: "reported"
      })
      assert.deepStrictEqual(
        document.agents.map(({ name, status }) => [name, status]),
        [
          ["plan", "complete"],
          ["a", "complete"],
          ["b", "complete"],
          ["c", "complete"],
          ["d", "failed"],
          ["e", "complete"],
          ["report", "complete"]
        ]
      )
      assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
    }).pipe(Effect.provide(fleet))
  )

  it.effect("runs nobody again if enough reported, without the key, or who waits for a human", () =>
    Effect.gen(function* () {
      const executed = Effect.fnUntraced(function* (
        agents: ReturnType<typeof makeAgents>,
        audits: ReadonlyArray<string>,
        options: string
      ) {
        const workflow = yield* workflowOf(audits, options)
        yield* pass(Effect.provide(Workflow.run({ workflow, folder: ".", fresh: true }), agents.layer))
        return agents.executed.length
      })
      const half = makeAgents({ a: () => found("a"), b: () => fails })
      assert.strictEqual(yield* executed(half, ["a", "b"], "on_insufficient: sequential"), 4)
      const without = makeAgents({ a: () => fails, b: () => fails })
      assert.strictEqual(yield* executed(without, ["a", "b"], "retries: 0"), 4)
      const waiting = makeAgents({ a: () => blocks, b: () => blocks })
      assert.strictEqual(yield* executed(waiting, ["a", "b"], "on_insufficient: sequential"), 4)
    }).pipe(Effect.provide(fleet))
  )

  it.effect("is brought to its end by whoever goes on with the run, and gives no third chance", () =>
    Effect.gen(function* () {
      const agents = makeAgents({
        a: (before) => (before === 0 ? fails : found("a")),
        b: (before) => (before === 0 ? fails : before === 1 ? Effect.never : found("b")),
        c: () => fails
      })
      const workflow = yield* workflowOf(["a", "b", "c"], "on_insufficient: sequential")
      const run = Effect.provide(Workflow.run({ workflow, folder: ".", runId: "one" }), agents.layer)
      const fiber = yield* Effect.forkChild(run)
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(agents.executed.slice(-2), ["a", "b"])
      yield* Fiber.interrupt(fiber)
      const document = yield* pass(run)
      assert.deepStrictEqual(document.synthesis["report"]?.census.by_agent, {
        a: "reported",
        b: "reported",
        c: "failed"
      })
      const times = (name: string) => agents.executed.filter((each) => each === name).length
      // "b" was interrupted in its second chance, and went on with it.
      assert.deepStrictEqual([times("plan"), times("a"), times("b"), times("c"), times("report")], [1, 2, 3, 2, 1])
      const count = agents.executed.length
      assert.deepStrictEqual(yield* pass(run), document)
      assert.strictEqual(agents.executed.length, count)
    }).pipe(Effect.provide(fleet))
  )
})

describe("on_conflict: ask", () => {
  const claim = { topic: "cache", claim: "The cache helps.", severity: "high", confidence: 0.8 } as const
  const differing = () =>
    makeAgents({
      a: () => Effect.succeed({ summary: "Read the code", claims: [{ ...claim, evidence: ["a.ts:1"] }] }),
      b: () => Effect.succeed({ summary: "Timed it", claims: [{ ...claim, stance: "oppose", evidence: ["b.log:9"] }] })
    })

  it.effect("stops before the step, asks a human, and goes on with the answer as evidence", () =>
    Effect.gen(function* () {
      const agents = differing()
      const workflow = yield* workflowOf(["a", "b"], "on_conflict: ask")
      const run = Effect.provide(Workflow.run({ workflow, folder: ".", runId: "one" }), agents.layer)
      const waiting = yield* pass(run)
      assert.strictEqual(waiting.status, "blocked")
      assert.strictEqual(
        waiting.agents.at(-1)?.error?.message,
        '1 conflict waits for an answer: "sartor questions one"'
      )
      const [question] = yield* Questions.list("one")
      assert.exists(question)
      assert.deepStrictEqual([question.run_id, question.step, question.choices.length], ["one", "report", 2])
      yield* Questions.answer("one", question.conflict, { by: "ann", choice: 2, statement: "The log is right" })
      assert.deepStrictEqual(yield* Questions.list("one"), [])
      const answered = yield* WorkflowRuns.document("one")
      assert.strictEqual(answered.synthesis["report"]?.conflicts[0]?.resolution?.statement, "The log is right")
      const document = yield* pass(run)
      assert.strictEqual(document.status, "complete")
      assert.deepStrictEqual(document.synthesis, answered.synthesis)
      assert.deepStrictEqual(agents.executed.toSorted(), ["a", "b", "plan", "report"])
    }).pipe(Effect.provide(fleet))
  )

  it.effect("takes an answer to a run that has ended too, the last of several, and keeps them all", () =>
    Effect.gen(function* () {
      const workflow = yield* workflowOf(["a", "b"], "retries: 0")
      const ended = yield* pass(
        Effect.provide(Workflow.run({ workflow, folder: ".", runId: "one" }), differing().layer)
      )
      assert.strictEqual(ended.status, "complete")
      const conflict = ended.synthesis["report"]?.conflicts[0]?.id ?? ""
      const answer = (choice: number) => Questions.answer("one", conflict, { by: "ann", choice, statement: "So" })
      yield* answer(1)
      yield* answer(2)
      const document = yield* WorkflowRuns.document("one")
      assert.strictEqual(document.status, "complete")
      assert.strictEqual(document.synthesis["report"]?.conflicts[0]?.resolution?.side?.stance, "oppose")
      const state = yield* (yield* WorkflowRuns.open("one")).refresh
      assert.strictEqual(state.resolutions.length, 2)
    }).pipe(Effect.provide(fleet))
  )

  it.effect(
    "refuses an answer without words, to no conflict, to no run, or for a side that there is not, and writes nothing",
    () =>
      Effect.gen(function* () {
        const workflow = yield* workflowOf(["a", "b"], "on_conflict: ask")
        yield* pass(Effect.provide(Workflow.run({ workflow, folder: ".", runId: "one" }), differing().layer))
        const [question] = yield* Questions.list("one")
        const conflict = question?.conflict ?? ""
        const heads = yield* (yield* Journal.Journal).heads("workflow/")
        const tag = (run: string, id: string, options: Partial<Questions.Answer>) =>
          Questions.answer(run, id, { by: "ann", statement: "So", ...options }).pipe(
            Effect.flip,
            Effect.map((error) => error._tag)
          )
        assert.deepStrictEqual(
          [
            yield* tag("one", conflict, { statement: " " }),
            yield* tag("one", conflict, { by: "" }),
            yield* tag("one", conflict, { choice: 3 }),
            yield* tag("one", "x-1", {}),
            yield* tag("two", conflict, {}),
            yield* tag("../two", conflict, {})
          ],
          ["InvalidAnswer", "InvalidAnswer", "InvalidAnswer", "ConflictNotFound", "RunNotFound", "RunNotFound"]
        )
        assert.deepStrictEqual(yield* (yield* Journal.Journal).heads("workflow/"), heads)
      }).pipe(Effect.provide(fleet))
  )

  it.effect("tells the gaps of what the planner listed", () =>
    Effect.gen(function* () {
      const planned = { summary: "Two pages", files: ["index.html", { path: "about.html" }] }
      const layer = AgentRunner.layer({
        function: FunctionRunner.make({
          plan: () => Effect.succeed(planned),
          a: () => Effect.succeed({ summary: "Read", claims: [{ ...claim, evidence: ["index.html:4"] }] }),
          report: () => Effect.succeed("Told")
        })
      })
      const workflow = yield* workflowOf(["a"], "retries: 0")
      const { synthesis } = yield* pass(Effect.provide(Workflow.run({ workflow, folder: "." }), layer))
      assert.deepStrictEqual(
        synthesis["report"]?.insights.map(({ kind, statement }) => [kind, statement]),
        [["gap", "No claim is about 1 of the 2 that were to be looked at: about.html."]]
      )
    }).pipe(Effect.provide(fleet))
  )
})
