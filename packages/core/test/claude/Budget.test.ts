import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Budget from "../../src/Budget.ts"
import * as Cost from "../../src/claude/Cost.ts"
import * as Models from "../../src/claude/Models.ts"
import * as Tool from "../../src/claude/Tool.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import * as Resumption from "../../src/Resumption.ts"
import * as Workflow from "../../src/Workflow.ts"
import * as WorkflowFile from "../../src/WorkflowFile.ts"
import { done, runnerOf, services, talk, work } from "../support/claude.ts"

const { call } = FakeClaude
const look = Tool.of("look", {
  description: "Looks",
  input: Schema.Struct({ n: Schema.Number }),
  effects: "pure",
  run: ({ n }) => Effect.succeed(`seen ${n} ${"x".repeat(500)}`)
})
const looking = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ content: [call("look", { n })], outputTokens: 100 }))

const usage = (tokens: number, cost_usd = 0, calls = 1) => ({ input_tokens: tokens, output_tokens: 0, cost_usd, calls })

describe("a budget", () => {
  const of = (budget: Budget.Purse["budget"], used: number) => ({ of: "it", budget, used: usage(used, used / 100) })

  it("stops what could exceed it, and nothing that cannot", () => {
    assert.isUndefined(Budget.check(of({ tokens: 100 }, 60), usage(40)))
    assert.strictEqual(Budget.check(of({ tokens: 100 }, 61), usage(40))?.limit, "tokens")
    assert.isUndefined(Budget.check(of({ cost_usd: 1 }, 50), usage(0, 0.5)))
    assert.strictEqual(Budget.check(of({ cost_usd: 1 }, 50), usage(0, 0.51))?.limit, "cost_usd")
    assert.strictEqual(Budget.check(of({ turns: 1 }, 1), usage(1))?.limit, "turns")
    assert.isUndefined(Budget.check(of({}, 1e12), usage(1e12, 1e9)))
  })

  it.effect("is shared by those who spend at the same time, and given back when they have", () =>
    Effect.gen(function* () {
      const { reserve } = yield* Budget.makeReservations
      const purses = Effect.succeed([of({ tokens: 100 }, 0)])
      const first = reserve(purses, usage(60))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* first
          const second = yield* Effect.flip(Effect.scoped(reserve(purses, usage(60))))
          assert.strictEqual(second._tag, "BudgetReached")
          yield* Effect.scoped(reserve(purses, usage(40)))
        })
      )
      yield* Effect.scoped(reserve(purses, usage(100)))
    })
  )
})

describe("a price", () => {
  const tokens = (input: number, output: number, read = 0, written = 0) => ({
    input_tokens: input,
    output_tokens: output,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written
  })

  it("is the model's for each kind of token", () => {
    const model = Models.find(Models.table, "claude-opus-5-5")
    assert.strictEqual(Models.usageOf(model, tokens(1e6, 0)).cost_usd, 4)
    assert.strictEqual(Models.usageOf(model, tokens(0, 1e6)).cost_usd, 20)
    assert.closeTo(Models.usageOf(model, tokens(0, 0, 1e6)).cost_usd, 0.2, 1e-9)
    assert.strictEqual(Models.usageOf(model, tokens(0, 0, 0, 1e6)).cost_usd, 5)
  })

  it("is another for a long prompt, where the model has one", () => {
    const model = Models.find(Models.table, "claude-haiku-5-5")
    assert.closeTo(Models.usageOf(model, tokens(100_000, 0)).cost_usd, 0.01, 1e-9)
    assert.closeTo(Models.usageOf(model, tokens(50_000, 0, 51_000)).cost_usd, 0.05 * 0.5 + 0.051 * 0.05, 1e-9)
  })

  it("is that of the dated name too, and unknown for an unknown model", () => {
    assert.strictEqual(Models.find(Models.table, "claude-haiku-4-5-20251001"), Models.table["claude-haiku-4-5"])
    assert.isUndefined(Models.find(Models.table, "constructor"))
    assert.deepStrictEqual(Models.usageOf(undefined, tokens(1, 1)).cost_usd, 0)
  })
})

layer(services, { excludeTestServices: true })("an agent with a budget", (it) => {
  for (const [name, budget] of [
    ["tokens", { tokens: 20_000 }],
    ["dollars", { cost_usd: 0.17 }],
    ["turns", { turns: 3 }]
  ] as const) {
    it.effect(`stops before it exceeds it: ${name}`, () =>
      Effect.gen(function* () {
        const fake = yield* talk([...looking(40), done])
        const id = `impl-budget-${name}`
        const session = yield* work(fake, { id, tools: [look], runner: { budget } })
        assert.deepStrictEqual([session.status, session.error?.code], ["blocked", "budget"])
        assert.strictEqual(session.wakes.at(-1)?.status, "blocked")
        const { calls = 0, cost_usd = 0, input_tokens = 0, output_tokens = 0 } = session.usage ?? {}
        assert.strictEqual(calls, fake.requests.length)
        assert.isAtLeast(calls, 1)
        if ("tokens" in budget) assert.isAtMost(input_tokens + output_tokens, budget.tokens)
        if ("cost_usd" in budget) assert.isAtMost(cost_usd, budget.cost_usd)
        if ("turns" in budget) assert.strictEqual(calls, budget.turns)
      })
    )
  }

  it.effect("in dollars needs a price: that of one's own table counts", () =>
    Effect.gen(function* () {
      const fake = yield* talk([done])
      const runner = { budget: { cost_usd: 100 }, model: "our-own" }
      const unknown = yield* work(fake, { id: "impl-unknown", runner })
      assert.deepStrictEqual([unknown.status, unknown.error?.code], ["failed", "no_price"])
      assert.lengthOf(fake.requests, 0)
      const price = { input: 1, output: 2, cacheWrite: 3, cacheRead: 4, maxOutput: 20_000, adaptive: false }
      const known = yield* work(fake, { id: "impl-known", runner, models: { "our-own": price } })
      assert.strictEqual(known.status, "complete")
      const {
        cache_creation_input_tokens: written = 0,
        input_tokens = 0,
        output_tokens = 0
      } = fake.requests[0]?.usage ?? {}
      assert.closeTo(known.usage?.cost_usd ?? 0, (input_tokens + 3 * written + 2 * output_tokens) / 1e6, 1e-9)
    })
  )

  it.effect("of its whole workflow stops all of it, and goes on when the file gives more", () =>
    Effect.gen(function* () {
      const file = (tokens: number) => `
name: shared
budget: { tokens: ${tokens} }
agents:
${["a", "b", "c"].map((name) => `  - { name: ${name}, role: AUDITOR, task_type: x, runner: claude, prompt: Look }`).join("\n")}
`
      const conversations = ["a", "b", "c"].map((name) => ({
        name,
        when: `You are "${name}"`,
        turns: [...looking(6), done]
      }))
      const fake = yield* FakeClaude.make({ conversations })
      const run = (tokens: number) =>
        Effect.flatMap(WorkflowFile.parse(file(tokens), { file: "shared.yaml" }), (workflow) =>
          Workflow.run({ workflow, folder: "/" })
        ).pipe(Effect.provide(runnerOf(fake.url, { tools: [look], maxTokens: 500 })))
      const spent = () =>
        fake.requests.reduce(
          (
            sum,
            {
              usage: {
                input_tokens: a = 0,
                cache_read_input_tokens: b = 0,
                cache_creation_input_tokens: c = 0,
                output_tokens: d = 0
              } = {}
            }
          ) => sum + a + b + c + d,
          0
        )

      const first = yield* run(12_000)
      assert.strictEqual(first.status, "blocked")
      assert.isAtMost(spent(), 12_000)
      assert.isAtLeast(spent(), 5000)
      for (const { session_id, status } of first.agents) {
        if (status === "blocked" && session_id !== undefined) yield* Resumption.resume(session_id)
      }
      const second = yield* run(1_000_000)
      assert.strictEqual(second.run_id, first.run_id)
      assert.strictEqual(second.status, "complete")
      assert.deepStrictEqual(fake.refused(), [])

      const cost = yield* Cost.ofRun(second.run_id)
      assert.strictEqual(cost.bySession.size, 3)
      assert.strictEqual((cost.total?.input_tokens ?? 0) + (cost.total?.output_tokens ?? 0), spent())
      assert.strictEqual(cost.byModel.get(Models.defaultModel)?.calls, fake.requests.length)
    })
  )
})
