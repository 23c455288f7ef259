import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import type { Report } from "../../src/Census.ts"
import * as ClaudeMatcher from "../../src/claude/ClaudeMatcher.ts"
import * as ClaudeNarrator from "../../src/claude/ClaudeNarrator.ts"
import * as Matching from "../../src/Matching.ts"
import * as Narrator from "../../src/Narrator.ts"
import { synthesize } from "../../src/Synthesis.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import { key, quick } from "../support/claude.ts"

const says = (agent: string, claim: string, topic = "search"): Report => ({
  agent,
  outcome: "complete",
  result: {
    summary: `What ${agent} found`,
    claims: [{ topic, claim, stance: "support", evidence: [`${agent}.log:1`] }]
  }
})
const reports = [
  says("security", "Reflected XSS."),
  says("review", "User input is not escaped in the results."),
  says("load", "It answers in 3 s.", "speed"),
  says("ops", "It answers in 4 s.", "speed")
]

const talk = (turns: FakeClaude.Conversation["turns"]) =>
  FakeClaude.make({ conversations: [{ name: "question", turns }], apiKey: key })
const options = ({ url }: FakeClaude.FakeClaude) => ({
  apiKey: Redacted.make(key),
  baseUrl: url,
  retry: quick,
  silence: "1 second" as const
})
const synthesized = (fake: FakeClaude.FakeClaude) =>
  Effect.map(Matching.matcherFor(reports), (matcher) => synthesize(reports, { matcher })).pipe(
    Effect.provide(ClaudeMatcher.layer(options(fake)))
  )

layer(Layer.merge(Logger.layer([]), Layer.empty), { excludeTestServices: true })("Claude, asked one thing", (it) => {
  it.effect("matches claims that have no word in common, and tells how sure it is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(synthesize(reports).agreements, [])
      const fake = yield* talk([FakeClaude.hand({ groups: [{ claims: [1, 2], sure: 0.9 }] })])
      const { agreements } = yield* synthesized(fake)
      assert.deepStrictEqual(
        agreements.map(({ agents, similarity, topic }) => [topic, [...agents].toSorted(), similarity]),
        [["search", ["review", "security"], 0.9]]
      )
      assert.lengthOf(fake.requests, 1)
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect(
    "is not believed where it is unsure, where numbers differ, across topics, or of numbers that there are not",
    () =>
      Effect.gen(function* () {
        for (const group of [
          { claims: [1, 2], sure: 0.5 },
          { claims: [3, 4], sure: 1 },
          { claims: [1, 3], sure: 1 },
          { claims: [1, 17, 0], sure: 1 }
        ]) {
          const fake = yield* talk([FakeClaude.hand({ groups: [group] })])
          assert.deepStrictEqual((yield* synthesized(fake)).agreements, [], JSON.stringify(group))
        }
      })
  )

  it.effect("asks about up to 200 claims in one request, and nothing where there is nothing to compare", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 300 }, (_, n) => says(`agent-${n}`, `Claim ${n} of many.`, `topic-${n >> 1}`))
      const none = FakeClaude.hand({ groups: [] })
      const fake = yield* talk([none])
      yield* Effect.provide(Matching.matcherFor(many), ClaudeMatcher.layer(options(fake)))
      assert.lengthOf(fake.requests, 2)
      const silent = yield* talk([none])
      yield* Effect.provide(Matching.matcherFor([says("one", "Alone.")]), ClaudeMatcher.layer(options(silent)))
      assert.lengthOf(silent.requests, 0)
    })
  )

  it.effect("leaves claims to be matched by their words where it does not answer", () =>
    Effect.gen(function* () {
      const fake = yield* talk([{ content: [FakeClaude.say("I would rather not.")] }])
      assert.deepStrictEqual((yield* synthesized(fake)).agreements, [])
      const same = [says("a", "The cache is cold."), says("b", "The cache is cold")]
      const cut = yield* talk([{ content: [FakeClaude.say("{")], stop: "max_tokens" }])
      const matcher = yield* Effect.provide(Matching.matcherFor(same), ClaudeMatcher.layer(options(cut)))
      assert.lengthOf(synthesize(same, { matcher }).agreements, 1)
    })
  )

  it.effect("puts a synthesis into words that cite it, and the summary stands where they do not", () =>
    Effect.gen(function* () {
      const synthesis = synthesize(reports)
      const [conflict] = synthesis.conflicts
      assert.exists(conflict)
      const told = (fake: FakeClaude.FakeClaude) =>
        Effect.provide(Narrator.narrate(synthesis, reports), ClaudeNarrator.layer(options(fake)))
      const fake = yield* talk([FakeClaude.hand({ paragraphs: [` How fast it is is open [${conflict.id}]. `] })])
      assert.deepStrictEqual(yield* told(fake), {
        text: `How fast it is is open [${conflict.id}].`,
        source: "narrator"
      })
      const sent = JSON.stringify(fake.requests[0]?.body.messages)
      for (const { id } of [...synthesis.conflicts, ...synthesis.insights]) assert.include(sent, id)
      assert.notInclude(sent, key)
      const liar = yield* talk([FakeClaude.hand({ paragraphs: ["All is well [x-00000000beef]."] })])
      const refused = yield* told(liar)
      assert.deepStrictEqual([refused.source, refused.text], ["summary", synthesis.summary])
      const down = yield* talk([{ content: [], stop: "refusal" }])
      assert.match((yield* told(down)).refused ?? "", /refusal/)
    })
  )
})
