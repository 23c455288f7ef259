import { assert, describe, it } from "@effect/vitest"
import type { WorkflowRun } from "@sartor/core"
import * as Format from "../src/report/Format.ts"
import * as Model from "../src/report/Model.ts"
import type { ReportInput } from "../src/report/ReportInput.ts"
import { auditRun, troubledRun } from "./fixtures/audit-run.ts"

const at = (seconds: number) => new Date(Date.UTC(2025, 10, 22, 10, 0, seconds)).toISOString()
const agent = (name: string, from: number, to: number) => ({
  name,
  status: "complete",
  started_at: at(from),
  finished_at: at(to)
})
const run = (agents: ReportInput["agents"]): ReportInput => ({ workflow: "w", run_id: "r", status: "complete", agents })

describe("Model", () => {
  it("takes a run document as it is", () => {
    const accepts = (document: WorkflowRun.Document): ReportInput => document
    assert.isFunction(accepts)
  })

  it("measures wall time, the sum of the agents' times, what was saved and how many worked at once", () => {
    const { baseline, times } = Model.make({
      ...run([agent("a", 0, 6), agent("b", 0, 4), agent("c", 1, 4), agent("d", 6, 8)]),
      started_at: at(0),
      finished_at: at(9),
      baseline: { ...run([agent("a", 20, 26), agent("b", 26, 30)]), started_at: at(20), finished_at: at(38) }
    })
    assert.strictEqual(times.wall, 9_000)
    assert.strictEqual(times.sum, 15_000)
    assert.strictEqual(times.saved, 1 - 9 / 15)
    assert.strictEqual(times.peak, 3)
    assert.strictEqual(baseline?.wall, 18_000)
    assert.strictEqual(baseline?.sum, 10_000)
    assert.strictEqual(baseline?.savedAgainst, 0.5)
    assert.strictEqual(baseline?.peak, 1)
  })

  it("says that a run took longer instead of hiding a loss", () => {
    const { times } = Model.make({ ...run([agent("a", 0, 4)]), started_at: at(0), finished_at: at(5) })
    assert.strictEqual(times.saved, 1 - 5 / 4)
    assert.strictEqual(Format.saved(times.saved), "this run took 25.0 % longer")
  })

  it("has no figure where there is no time for it", () => {
    const empty = Model.make(run([]))
    assert.deepStrictEqual(empty.times, { wall: undefined, sum: undefined, saved: undefined, peak: 0, parts: [] })
    assert.strictEqual(empty.verdict, "The run had no agents.")
    const running = Model.make(run([agent("a", 0, 4), { name: "b", status: "running", started_at: at(1) }]))
    assert.strictEqual(running.times.wall, undefined)
    assert.strictEqual(running.times.sum, 4_000)
    const broken = Model.make(run([{ ...agent("a", 0, 4), started_at: "yesterday" }]))
    assert.strictEqual(broken.times.sum, undefined)
    assert.strictEqual(Format.saved(broken.times.saved), "cannot be compared")
  })

  it("counts an agent whose clock went back as no time, never as negative time", () => {
    const { agents, times } = Model.make(run([agent("a", 4, 2), agent("b", 0, 3)]))
    assert.strictEqual(times.sum, 3_000)
    assert.deepStrictEqual(
      agents.map(({ duration, name }) => [name, duration]),
      [
        ["b", 3_000],
        ["a", 0]
      ]
    )
  })

  it("sorts claims by severity, then by confidence, whatever order they came in", () => {
    const { claims } = Model.make(auditRun)
    const reversed = Model.make({ ...auditRun, agents: auditRun.agents.toReversed() }).claims
    assert.deepStrictEqual(claims, reversed)
    const ranks = claims.map(({ confidence, severity }) => Model.severities.indexOf(severity) - confidence / 2)
    assert.deepStrictEqual(
      ranks,
      ranks.toSorted((left, right) => left - right)
    )
    assert.deepStrictEqual(
      Model.countBySeverity(claims).map(({ severity }) => severity),
      ["critical", "high", "medium", "low"]
    )
  })

  it("resolves every claim that the synthesis cites", () => {
    const { agreements, claims, insights } = Model.make(auditRun)
    const known = new Set(claims.map(({ id }) => id))
    const cited = [...insights.flatMap(({ supports }) => supports), ...agreements.flatMap(({ claims }) => claims)]
    assert.isAbove(cited.length, 10)
    assert.deepStrictEqual(
      cited.filter((id) => !known.has(id)),
      []
    )
  })

  it("tells why an agent did not complete, and keeps it when the list is cut", () => {
    const { agents, verdict } = Model.make(troubledRun)
    assert.deepStrictEqual(
      agents.filter(({ tone }) => tone !== "good").map(({ name, reason }) => [name, reason]),
      [
        ["observe", undefined],
        ["performance", "timeout: No result after 3 attempts of 1.5 s"],
        ["accessibility", "question: May the audit submit the booking form of the live site?"],
        ["fix", "accessibility is blocked, performance failed"]
      ]
    )
    assert.include(verdict, "3 of 7 agents completed")
    assert.deepStrictEqual(
      Model.mostTelling(agents, 4).map(({ name }) => name),
      ["observe", "performance", "accessibility", "fix"]
    )
  })

  it("shows what two syntheses found alike only once", () => {
    const synthesis = auditRun.synthesis?.["report"]
    assert.isDefined(synthesis)
    const twice = Model.make({ ...auditRun, synthesis: { first: synthesis, second: synthesis } })
    assert.strictEqual(twice.conflicts.length, synthesis.conflicts.length)
    assert.strictEqual(twice.insights.length, synthesis.insights.length)
    assert.strictEqual(twice.censuses.length, 2)
  })
})

describe("Format", () => {
  it("writes durations as people say them", () => {
    assert.deepStrictEqual(
      [0, 840, 999.6, 1_000, 12_449, 59_949, 59_951, 185_000, 3_600_000, 7_380_000].map(Format.duration),
      ["0 ms", "840 ms", "1.0 s", "1.0 s", "12.4 s", "59.9 s", "1 min 00 s", "3 min 05 s", "1 h 00 min", "2 h 03 min"]
    )
    assert.strictEqual(Format.duration(undefined), "n/a")
  })

  it("never rounds up to certain or to all", () => {
    assert.strictEqual(Format.confidence(0.9984), ">0.99")
    assert.strictEqual(Format.confidence(1), "1.00")
    assert.strictEqual(Format.confidence(0.001), "<0.01")
    assert.strictEqual(Format.percent(0.9999), ">99.9 %")
    assert.strictEqual(Format.percent(1), "100.0 %")
    assert.strictEqual(Format.percent(-0.0001), "0.0 %")
  })

  it("divides any span into at most seven round moments", () => {
    for (const span of [1, 7, 950, 8_742, 61_000, 3_599_000, 3 * 86_400_000, 400 * 86_400_000]) {
      const ticks = Format.ticks(span)
      assert.isAtLeast(ticks.length, 2)
      assert.isAtMost(ticks.length, 7)
      assert.isAtMost(ticks.at(-1) ?? 0, span)
    }
    assert.deepStrictEqual(Format.ticks(0), [])
  })

  it("shows a metric without data as such", () => {
    assert.strictEqual(Format.measured(null, "ratio"), "n/a")
    assert.strictEqual(Format.measured(0.4892, "ratio"), "48.9 %")
    assert.strictEqual(Format.measured(23.4, "s"), "23.4 s")
    assert.strictEqual(Format.measured(2_000, "count"), "2,000")
  })
})
