import { assert, describe, it } from "@effect/vitest"
import type { Claim } from "../src/Agent.ts"
import type { Report } from "../src/Census.ts"
import * as Resolution from "../src/Resolution.ts"
import { synthesize } from "../src/Synthesis.ts"

const says = (agent: string, ...claims: ReadonlyArray<Claim>): Report => ({
  agent,
  outcome: "complete",
  result: { summary: `What ${agent} found`, claims }
})
const claim: Claim = {
  topic: "cache",
  claim: "The cache helps.",
  severity: "high",
  confidence: 0.8,
  evidence: ["a.ts:1"]
}
const reports = [says("reader", claim), says("tester", { ...claim, stance: "oppose", evidence: ["b.log:9"] })]
const question = () => {
  const [found] = Resolution.questions(synthesize(reports))
  assert.exists(found)
  return found
}
const answered = (choice?: number) => {
  const resolution = Resolution.answer(question(), { by: "ann", choice, statement: "I measured it" })
  assert.exists(resolution)
  return resolution
}
const theConflict = (resolutions: ReadonlyArray<Resolution.Resolution>) => {
  const synthesis = synthesize(reports, { resolutions })
  const [conflict] = synthesis.conflicts
  assert.exists(conflict)
  return { conflict, synthesis }
}

describe("Resolution", () => {
  it("asks a human about what blocks, with the sides and their evidence as numbered choices", () => {
    const { choices, question: text } = question()
    assert.strictEqual(text, "cache: some hold it true and some hold it false; which is it?")
    assert.deepStrictEqual(
      choices.map(({ agents, evidence, number, stance }) => [number, agents, stance, evidence]),
      [
        [1, ["reader"], "support", ["a.ts:1"]],
        [2, ["tester"], "oppose", ["b.log:9"]]
      ]
    )
    assert.deepStrictEqual(Resolution.questions(synthesize([reports[0] ?? says("a")])), [])
  })

  it("makes of the answer evidence: it stands with its side, the conflict no longer blocks, and no side is removed", () => {
    const before = theConflict([])
    const { conflict, synthesis } = theConflict([answered(1)])
    assert.isFalse(conflict.blocking)
    assert.deepStrictEqual(conflict.resolution, {
      side: { claim: "The cache helps.", stance: "support" },
      by: "ann",
      statement: "I measured it",
      evidence: ["ann: I measured it"]
    })
    assert.deepStrictEqual(
      conflict.sides.map(({ agents, evidence }) => [agents, evidence]),
      [
        [["reader"], ["a.ts:1", "ann: I measured it"]],
        [["tester"], ["b.log:9"]]
      ]
    )
    assert.deepStrictEqual(conflict.minority, before.conflict.minority)
    assert.isAbove(synthesis.confidence, before.synthesis.confidence)
    assert.include(synthesis.summary, "0 blocking, 1 settled")
    assert.deepStrictEqual(Resolution.questions(synthesis), [])
  })

  it("can uphold none of the sides, in words of its own, and then adds to none", () => {
    const { conflict, synthesis } = theConflict([answered()])
    assert.isUndefined(conflict.resolution?.side)
    assert.deepStrictEqual(
      conflict.sides.map(({ evidence }) => evidence),
      [["a.ts:1"], ["b.log:9"]]
    )
    assert.strictEqual(synthesis.confidence, theConflict([]).synthesis.confidence)
  })

  it("settles nothing without evidence, for another conflict, or for a side that there is not", () => {
    const open = theConflict([]).conflict
    const good = answered(1)
    const bad: ReadonlyArray<Resolution.Resolution> = [
      { ...good, evidence: [" "] },
      JSON.parse(JSON.stringify({ ...good, evidence: [] })),
      { ...good, by: "" },
      { ...good, conflict: "x-000000000000" },
      { ...good, side: { claim: "The cache harms.", stance: "support" } }
    ]
    for (const resolution of bad) assert.deepStrictEqual(theConflict([resolution]).conflict, open)
    assert.isUndefined(Resolution.answer(question(), { by: "ann", choice: 3, statement: "?" }))
  })

  it("follows the last of several answers", () => {
    assert.strictEqual(theConflict([answered(1), answered(2)]).conflict.resolution?.side?.stance, "oppose")
  })

  it("settles a disagreement for one position, whose rivals then weigh less", () => {
    const differing = [
      says("a", { topic: "timeout", claim: "30 s", confidence: 0.7 }),
      says("b", { topic: "timeout", claim: "5 min", confidence: 0.7 })
    ]
    const [open] = synthesize(differing).conflicts
    assert.exists(open)
    const resolution = Resolution.answer(Resolution.question(open), {
      by: "ann",
      choice: 2,
      statement: "config.ts says so",
      evidence: ["config.ts:4"]
    })
    assert.exists(resolution)
    const settled = synthesize(differing, { resolutions: [resolution] })
    assert.deepStrictEqual(settled.conflicts[0]?.sides[1]?.evidence, ["ann: config.ts says so", "config.ts:4"])
    assert.deepStrictEqual(settled.conflicts[0]?.sides[0]?.evidence, [])
  })
})
