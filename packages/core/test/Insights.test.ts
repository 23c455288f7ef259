import { assert, describe, it } from "@effect/vitest"
import type { Claim } from "../src/Agent.ts"
import type { Report } from "../src/Census.ts"
import * as Insights from "../src/Insights.ts"
import { synthesize } from "../src/Synthesis.ts"

const says = (agent: string, ...claims: ReadonlyArray<Claim>): Report => ({
  agent,
  outcome: "complete",
  result: { summary: `What ${agent} found`, claims }
})
const statements = (kind: Insights.Kind, ...reports: ReadonlyArray<Report>) =>
  synthesize(reports)
    .insights.filter((insight) => insight.kind === kind)
    .map((insight) => insight.statement)

describe("Insights", () => {
  it("corroboration: one claim from evidence that has nothing in common", () => {
    const found = (agent: string, ...evidence: ReadonlyArray<string>) =>
      says(agent, { topic: "t", claim: "c", evidence })
    assert.deepStrictEqual(
      statements("corroboration", found("a", "x.ts:1"), found("b", "y.ts:2"), found("c", "x.ts:1")),
      ['a, b each found "c" ("t") from evidence of their own, 2 different sources.']
    )
    assert.deepStrictEqual(statements("corroboration", found("a", "x.ts:1"), found("b", "./x.ts:1:7")), [])
    assert.deepStrictEqual(statements("corroboration", found("a", "x.ts:1"), found("b")), [])
  })

  it("shared_cause: findings of several agents on different topics at one line, else in one file", () => {
    const line = statements(
      "shared_cause",
      says("a", { topic: "policy", claim: "inline script", evidence: ["index.html:12"] }),
      says("b", { topic: "speed", claim: "blocks rendering", evidence: ["index.html:12"] }),
      says("c", { topic: "speed", claim: "another line", evidence: ["index.html:99"] })
    )
    assert.deepStrictEqual(line, [
      'Findings of a, b on 2 topics meet at index.html:12 ("policy", "speed"): they may have one cause.'
    ])
    const file = statements(
      "shared_cause",
      says("a", { topic: "policy", claim: "inline script", evidence: ["index.html:1"] }),
      says("b", { topic: "speed", claim: "blocks rendering", evidence: ["index.html:2"] })
    )
    assert.match(file.join(), /meet at index\.html \(/)
  })

  it("shared_cause: is not one agent, nor one topic, nor an opposed claim", () => {
    const at = { topic: "t", evidence: ["a.ts:1"] }
    assert.deepStrictEqual(
      statements("shared_cause", says("a", { ...at, claim: "x" }, { ...at, topic: "u", claim: "y" })),
      []
    )
    assert.deepStrictEqual(
      statements("shared_cause", says("a", { ...at, claim: "x" }), says("b", { ...at, claim: "y" })),
      []
    )
    const opposing = says("b", { ...at, topic: "u", claim: "y", stance: "oppose" })
    assert.deepStrictEqual(statements("shared_cause", says("a", { ...at, claim: "x" }), opposing), [])
  })

  it("complementary_coverage: says what each agent alone looked at, in one line", () => {
    assert.deepStrictEqual(
      statements(
        "complementary_coverage",
        says("a", { topic: "t", claim: "x", evidence: ["both.html", "a.html:1", "a.css"] }),
        says("b", { topic: "u", claim: "y", evidence: ["both.html", "b.js"] })
      ),
      ["Of 4 files, 3 were looked at by one agent alone: only a looked at a.css, a.html; only b looked at b.js."]
    )
    assert.deepStrictEqual(
      statements(
        "complementary_coverage",
        says("a", { topic: "t", claim: "x" }),
        says("b", { topic: "u", claim: "y" })
      ),
      ["Of 2 topics, 2 were looked at by one agent alone: only a looked at t; only b looked at u."]
    )
    assert.deepStrictEqual(statements("complementary_coverage", says("a", { topic: "t", claim: "x" })), [])
  })

  it("complementary_coverage: counts no address among the files", () => {
    const [statement] = statements(
      "complementary_coverage",
      says("a", { topic: "t", claim: "x", evidence: ["a.html:1", "https://example.com/rule"] }),
      says("b", { topic: "u", claim: "y", evidence: ["b.html:1"] })
    )
    assert.include(statement, "Of 2 files")
  })

  it("gap: what was to be looked at and no claim is about, whatever its stance", () => {
    const reports = [
      says("a", { topic: "login", claim: "x", evidence: ["src/a.ts:1"] }),
      says("b", { topic: "t", claim: "y", stance: "oppose", evidence: ["docs/deep/b.md"] })
    ]
    const scope = ["./src/a.ts", "docs", "Login", "src/c.ts", "src/c.ts", "sr"]
    const found = synthesize(reports, { scope }).insights.filter(({ kind }) => kind === "gap")
    assert.deepStrictEqual(
      found.map(({ statement, supports }) => [statement, supports]),
      [["No claim is about 2 of the 5 that were to be looked at: sr, src/c.ts.", []]]
    )
    assert.isEmpty(synthesize(reports, { scope: ["src"] }).insights.filter(({ kind }) => kind === "gap"))
  })

  it("stays few and short, whatever comes in", () => {
    const reports = Array.from({ length: 40 }, (_, agent) =>
      says(
        `agent-${agent}`,
        ...Array.from({ length: 40 }, (_, index) => ({
          topic: `topic ${index} ${"long ".repeat(100)}`,
          claim: `claim ${index % 2 === 0 ? index : index + agent * 100}`,
          evidence: [`file-${index}.ts:${index}`, `file-of-${agent}.ts:${index}`]
        }))
      )
    )
    const { insights } = synthesize(reports)
    assert.isAtMost(insights.length, 2 * Insights.limit + 1)
    for (const { statement } of insights) assert.isBelow(statement.length, 2_000)
  })
})
