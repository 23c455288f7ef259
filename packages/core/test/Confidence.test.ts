import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Claims from "../src/Claims.ts"
import * as Confidence from "../src/Confidence.ts"

const vote = (agent: string, confidence: number, ...sources: ReadonlyArray<string>): Confidence.Vote => ({
  agent,
  confidence,
  sources
})
const matched = (
  ...given: ReadonlyArray<{ readonly confidence: number; readonly stance?: "support" | "oppose" | "uncertain" }>
) => {
  const claims = given.flatMap((more, index) =>
    Claims.read(`agent-${index}`, [
      { summary: "s", claims: [{ topic: "t", claim: "c", evidence: [`e${index}`], ...more }] }
    ])
  )
  return { claim: "c", claims }
}

describe("Confidence", () => {
  it("leaves one agent's confidence as it is, but for certainty", () => {
    assert.deepStrictEqual(
      [0, 0.2, 0.5, 0.9, 1].map((confidence) => Confidence.round(Confidence.pool([vote("a", confidence)]))),
      [0.01, 0.2, 0.5, 0.9, 0.99]
    )
  })

  it("rises with evidence of one's own, less without any, not with the same", () => {
    const with_ = (...sources: ReadonlyArray<string>) =>
      Confidence.pool([vote("a", 0.7, "x"), vote("b", 0.7, ...sources)])
    assert.isAbove(with_("y"), with_("x", "y"))
    assert.isAbove(with_("y"), with_())
    assert.isAbove(with_(), with_("x"))
    assert.closeTo(with_("x"), 0.7, 1e-9)
  })

  it("counts an agent once", () => {
    assert.strictEqual(
      Confidence.pool([vote("a", 0.7, "x"), vote("a", 0.6, "y")]),
      Confidence.pool([vote("a", 0.7, "x")])
    )
  })

  it("never falls when someone who is surer than the prior joins, and always when someone doubts", () => {
    const any = fc.record({
      agent: fc.constantFrom("a", "b", "c", "d"),
      confidence: fc.constantFrom(0.3, 0.5, 0.8),
      sources: fc.array(fc.constantFrom("x", "y", "z"), { maxLength: 2 })
    })
    fc.assert(
      fc.property(fc.array(any, { minLength: 1 }), fc.constantFrom(0.36, 0.4), (votes, confidence) => {
        const before = Confidence.pool(votes)
        assert.isAtLeast(Confidence.pool([...votes, vote("new", confidence, "w")]), before)
        assert.isBelow(Confidence.pool([...votes, vote("new", 0.1, "x")]), before)
      })
    )
  })

  it("falls with opposition, doubt, rivals, and a serious claim that rests on nothing", () => {
    const base = Confidence.ofMatched(matched({ confidence: 0.9 }, { confidence: 0.8 }))
    const opposed = Confidence.ofMatched(matched({ confidence: 0.9 }, { confidence: 0.8, stance: "oppose" }))
    assert.isBelow(opposed, 0.7)
    assert.isAbove(opposed, 0.5)
    assert.strictEqual(Confidence.ofMatched(matched({ confidence: 0.9 }, { confidence: 0.9, stance: "oppose" })), 0.5)
    assert.isBelow(
      Confidence.ofMatched(matched({ confidence: 0.9 }, { confidence: 0.8 }, { confidence: 0.9, stance: "uncertain" })),
      base
    )
    assert.isBelow(
      Confidence.ofMatched(matched({ confidence: 0.9 }, { confidence: 0.8 }), Confidence.oddsOf(0.8)),
      base
    )
    const serious = Claims.read("a", [
      { summary: "s", claims: [{ topic: "t", claim: "c", confidence: 0.9, severity: "high" }] }
    ])
    assert.isBelow(Confidence.ofMatched({ claims: serious }), 0.9)
  })

  it("lets doubt take support away, never refute", () => {
    const prior = Confidence.assumptions.prior
    assert.closeTo(Confidence.ofMatched(matched({ confidence: 0.9, stance: "uncertain" })), prior, 1e-9)
    const doubts = Array.from({ length: 9 }, () => ({ confidence: 0.9, stance: "uncertain" as const }))
    assert.closeTo(Confidence.ofMatched(matched({ confidence: 0.6 }, ...doubts)), prior, 1e-9)
  })

  it("takes an agent at its word without a track record, and less the surer it was of what did not hold", () => {
    const record = (held: number) => ({ claims: 50, held, confidence: 0.9 })
    assert.strictEqual(Confidence.trusted(0.8, undefined), 0.8)
    assert.strictEqual(Confidence.trusted(0.8, record(48)), 0.8, "nobody is surer than they say")
    const trusts = [45, 40, 30, 25, 0].map((held) => Confidence.trusted(0.9, record(held)))
    assert.deepStrictEqual(
      trusts,
      trusts.toSorted((a, b) => b - a)
    )
    assert.closeTo(Confidence.trusted(0.9, record(30)), 0.65, 1e-9)
    assert.closeTo(Confidence.trusted(0.9, record(0)), 0.5, 1e-9)
    assert.isBelow(Confidence.trusted(0.1, record(45)), 0.2, "a doubt is moved in the same way")
    assert.isAbove(Confidence.trusted(0.9, { claims: 2, held: 0, confidence: 0.9 }), 0.7, "two claims say little")
    assert.strictEqual(Confidence.trusted(0.8, Confidence.trackRecord([])), 0.8)
    assert.deepStrictEqual(
      Confidence.trackRecord([
        { confidence: 0.9, held: true },
        { confidence: 0.7, held: false }
      ]),
      { claims: 2, held: 1, confidence: 0.8 }
    )
  })

  it("says which side of a claim stands, as it is said or as it is denied", () => {
    const standing = (support: number, oppose: number) =>
      Confidence.standing(matched({ confidence: support }, { confidence: oppose, stance: "oppose" }))
    assert.strictEqual(standing(0.9, 0.6).stance, "support")
    assert.strictEqual(standing(0.6, 0.9).stance, "oppose")
    assert.strictEqual(standing(0.6, 0.9).confidence, standing(0.9, 0.6).confidence)
    assert.strictEqual(Confidence.standing({ claims: [] }).confidence, Confidence.assumptions.prior)
  })

  it("says of a whole what share of it can be expected to hold", () => {
    const overall = (statements: ReadonlyArray<number>, reported: number, expected: number, contested = 0) =>
      Confidence.overall({ statements, reported, expected, files: { contested, known: 4 } })
    assert.strictEqual(overall([0.9, 0.5], 2, 2), 0.7)
    assert.strictEqual(overall([0.9, 0.5], 2, 4), 0.35)
    assert.isBelow(overall([0.9, 0.5], 2, 2, 1), 0.7)
    assert.strictEqual(overall([], 0, 3), 0)
  })

  it("is nearer the truth than averaging and voting, with independent agents and with copies", () => {
    const random = generator(7)
    const brier = { pool: 0, average: 0, majority: 0 }
    const questions = 4_000
    for (let question = 0; question < questions; question++) {
      const truth = random() < Confidence.assumptions.prior ? 1 : 0
      const agents = 3 + Math.floor(random() * 7)
      const votes: Array<Confidence.Vote> = []
      for (let agent = 0; agent < agents; agent++) {
        const copied = votes[Math.floor(random() * votes.length)]
        votes.push(
          copied !== undefined && random() < 0.3
            ? { ...copied, agent: `agent-${agent}` }
            : vote(`agent-${agent}`, posterior(truth, 0.5 + random(), random), `source-${agent}`)
        )
      }
      const average = votes.reduce((sum, each) => sum + each.confidence, 0) / agents
      const majority = votes.filter((each) => each.confidence > 0.5).length / agents
      brier.pool += (Confidence.pool(votes) - truth) ** 2 / questions
      brier.average += (average - truth) ** 2 / questions
      brier.majority += (majority - truth) ** 2 / questions
    }
    assert.isBelow(brier.pool, brier.average)
    assert.isBelow(brier.pool, brier.majority)
  })
})

/** What an agent believes that saw a true or false case through noise: more `skill`, less noise. */
const posterior = (truth: number, skill: number, random: () => number): number => {
  const noise = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const signal = (truth - 0.5) * skill + noise
  const { prior } = Confidence.assumptions
  return 1 / (1 + Math.exp(-(Math.log(prior / (1 - prior)) + signal * skill)))
}

/** Park and Miller's minimal standard generator. */
const generator = (seed: number) => {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
