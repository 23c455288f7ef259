import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type * as Context from "../../src/claude/Context.ts"
import { clearResults, defaultLimit, dropTurns } from "../../src/claude/Context.ts"
import * as Tool from "../../src/claude/Tool.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import { done, entries, goOn, services, talk, work } from "../support/claude.ts"

const { call, say, think } = FakeClaude

/** Answers a page that is known by its number, and is long. */
const page = Tool.of("page", {
  description: "A page",
  input: Schema.Struct({ n: Schema.Number }),
  effects: "pure",
  run: ({ n }) => Effect.succeed(`page ${n}: ${"word ".repeat(1000)}`)
})
const reading = (count: number): ReadonlyArray<FakeClaude.Turn> =>
  Array.from({ length: count }, (_, n) => ({
    content: [think(`Thought ${n}`), say(`I read ${n}`), call("page", { n })]
  }))
const sizes = (fake: FakeClaude.FakeClaude) => fake.requests.map(({ body }) => JSON.stringify(body.messages).length)

layer(services, { excludeTestServices: true })("what is sent of a conversation", (it) => {
  const policies: { readonly [name: string]: Context.Policy } = {
    "clears old results": { type: "prune", prune: clearResults(1) },
    "drops old turns": { type: "prune", prune: dropTurns(1) },
    "is summarised": { type: "summarise" },
    "is compacted by the API": { type: "compact" }
  }
  for (const [name, policy] of Object.entries(policies)) {
    it.effect(`stays within its limit where it ${name}; the journal keeps everything`, () =>
      Effect.gen(function* () {
        const id = `impl-${name.replaceAll(" ", "-").toLowerCase()}`
        const limit = 30_000
        const summary = { content: [say("I have read some pages")] }
        const turns: ReadonlyArray<FakeClaude.Turn | ((request: FakeClaude.Request) => FakeClaude.Turn)> = reading(
          16
        ).map(
          (turn) => (request: FakeClaude.Request) =>
            JSON.stringify(request.body.messages.at(-1)).includes("Write a summary") ? summary : turn
        )
        const fake = yield* FakeClaude.make({
          conversations: [{ name: "talk", turns: [...turns, done], summary: "The API says: pages were read" }]
        })
        const session = yield* work(fake, { id, tools: [page], context: { limit, policy } })
        assert.deepStrictEqual([session.status, session.error], ["complete", undefined])
        assert.deepStrictEqual(
          fake.refused().map(({ refusal }) => refusal),
          []
        )
        // A summary is asked for over what is too long: it is the request after it that is short again.
        const own = fake.requests.filter(
          ({ body }) => body["tool_choice"] === undefined && body.compaction === undefined
        )
        for (const { body } of own) assert.isAtMost(JSON.stringify(body.messages).length, limit + 200)
        const all = JSON.stringify(yield* entries(id))
        for (let n = 0; n < 16; n++) assert.include(all, `page ${n}: word`)
        const last = JSON.stringify(fake.requests.at(-1)?.body.messages)
        assert.include(last, policy.type === "compact" ? "The API says" : "Do it")
        if (policy.type === "summarise") assert.include(last, "I have read some pages")
        assert.strictEqual(session.usage?.calls, fake.requests.length)
      })
    )
  }

  it.effect("is made much smaller each time, so that the prompt cache starts anew seldom", () =>
    Effect.gen(function* () {
      const fake = yield* talk([...reading(30), done])
      yield* work(fake, { id: "impl-seldom", tools: [page], context: { limit: 60_000 } })
      const cold = fake.requests.filter(({ usage = {} }, n) => {
        const before = fake.requests[n - 1]?.usage ?? {}
        const known = (before["cache_read_input_tokens"] ?? 0) + (before["cache_creation_input_tokens"] ?? 0)
        return (usage["cache_read_input_tokens"] ?? 0) < known
      })
      assert.isAtLeast(fake.requests.length, 31)
      assert.isAtMost(cold.length, 6)
      assert.isAtLeast(cold.length, 1)
      assert.isAtMost(Math.max(...sizes(fake)), 60_200)
    })
  )

  it.effect("is 100 KB at most, unless somebody says otherwise", () =>
    Effect.gen(function* () {
      const fake = yield* talk([...reading(24), done])
      yield* work(fake, { id: "impl-default", tools: [page] })
      assert.isAtMost(Math.max(...sizes(fake)), defaultLimit + 200)
      assert.isAtLeast(Math.max(...sizes(fake)), defaultLimit * 0.8)
    })
  )

  it.effect("S08: is all of a session of 99 KB, and less of one of 101 KB, which keeps everything", () =>
    Effect.gen(function* () {
      for (const [kilobytes, whole] of [
        [99, true],
        [101, false]
      ] as const) {
        const id = `impl-s08-${kilobytes}`
        const part = Tool.of("part", {
          description: "Part of a session",
          input: Schema.Struct({ n: Schema.Number }),
          effects: "pure",
          run: ({ n }) => Effect.succeed(`part ${n}: ${"x".repeat((kilobytes * 1024) / 4 - 400)}`)
        })
        const fake = yield* talk([...[0, 1, 2, 3].map((n) => ({ content: [call("part", { n })] })), done])
        assert.strictEqual((yield* work(fake, { id, tools: [part] })).status, "complete")
        const last = JSON.stringify(fake.requests.at(-1)?.body.messages)
        assert.isAtMost(last.length, defaultLimit + 200)
        assert.strictEqual(last.includes("part 0: x"), whole)
        assert.include(last, "part 3: x")
        assert.include(JSON.stringify(yield* entries(id)), "part 0: x")
      }
    })
  )

  it.effect("is a failure that says so, where the task alone is too large", () =>
    Effect.gen(function* () {
      const fake = yield* talk([done])
      const session = yield* work(fake, { id: "impl-huge", prompt: "x".repeat(120_000) })
      assert.deepStrictEqual([session.status, session.error?.code], ["failed", "context_too_large"])
      assert.lengthOf(fake.requests, 0)
    })
  )

  it.effect("keeps its promises over fifty suspensions: nothing is lost, nothing is asked for twice", () =>
    Effect.gen(function* () {
      const id = "impl-fifty"
      const rounds = 50
      const asking = Array.from({ length: rounds }, (_, n) => ({
        content: [think(`Thought ${n}`), call("page", { n }), call("ask_human", { question: `Question ${n}?` })]
      }))
      const fake = yield* talk([...asking, done])
      const setup = { id, tools: [page], runner: { tools: ["page", "ask_human"] } }
      let session = yield* work(fake, setup)
      for (let n = 0; n < rounds; n++) {
        assert.deepStrictEqual([session.status, session.error?.message], ["blocked", `Question ${n}?`])
        session = yield* goOn(fake, `Answer ${n}`, setup)
      }
      assert.strictEqual(session.status, "complete")
      assert.strictEqual(session.runs.length, rounds + 1)
      assert.deepStrictEqual(
        fake.refused().map(({ refusal }) => refusal),
        []
      )
      assert.lengthOf(fake.requests, rounds + 1)
      const kept = JSON.stringify(yield* entries(id))
      for (let n = 0; n < rounds; n++) {
        for (const text of [`Thought ${n}"`, `page ${n}: word`, `Question ${n}?`, `Answer ${n}"`])
          assert.include(kept, text)
      }
      assert.lengthOf(yield* Sessions.recall(id, { grep: "page 0: word" }), 1)
    })
  )
})
