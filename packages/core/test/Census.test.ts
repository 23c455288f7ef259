import { assert, describe, it } from "@effect/vitest"
import * as Census from "../src/Census.ts"

const filler = [
  "done",
  "Done.",
  "All done!",
  "TODO",
  "todo: summary",
  "TBD",
  "n/a",
  "N.A.",
  "none",
  "null",
  "undefined",
  "ok",
  "OK 👍",
  "…",
  "✅",
  "-",
  "No output",
  "(no output)",
  "no results.",
  "placeholder",
  "This is a placeholder",
  "Task complete.",
  "The task has been completed successfully",
  "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
  "As an AI language model, I cannot audit sites",
  "I'm sorry, but I can't help with that",
  "<summary>",
  "[insert summary here]",
  "{{summary}}",
  "xxx",
  "test"
]
const real = [
  "No issues found",
  "Nothing found on 14 pages",
  "Yes",
  "No",
  "42",
  "Three faults in the login form",
  "Done: moved the styles into main.css",
  "I cannot find any unused rule",
  "All tests pass",
  "全部のページを調べた",
  "Todo list component has a leak"
]

describe("Census", () => {
  it("knows a placeholder from a short report", () => {
    assert.deepStrictEqual(
      filler.filter((summary) => !Census.isPlaceholder({ summary })),
      []
    )
    assert.deepStrictEqual(
      real.filter((summary) => Census.isPlaceholder({ summary })),
      []
    )
  })

  it("takes any claim, file or issue for a report, whatever the summary", () => {
    assert.isFalse(Census.isPlaceholder({ summary: "done", files: ["a.ts"] }))
    assert.isFalse(Census.isPlaceholder({ summary: "done", claims: [{ topic: "t", claim: "c" }] }))
    assert.isFalse(Census.isPlaceholder({ summary: "done", issues: [{ severity: "low", description: "d" }] }))
    assert.isTrue(Census.isPlaceholder({ summary: "done", claims: [], files: [], issues: [] }))
  })

  it("takes claims and issues that are filler themselves for none, but not what has evidence", () => {
    const claims = [{ topic: "t", claim: "TODO" }]
    assert.isTrue(Census.isPlaceholder({ summary: "done", claims }))
    assert.isTrue(Census.isPlaceholder({ summary: "done", issues: [{ severity: "low", description: "n/a" }] }))
    assert.isFalse(Census.isPlaceholder({ summary: "Six pages read", claims }))
    assert.isFalse(Census.isPlaceholder({ summary: "done", claims: [...claims, { topic: "t", claim: "It leaks" }] }))
    assert.isFalse(
      Census.isPlaceholder({ summary: "done", claims: [{ topic: "t", claim: "done", evidence: ["a.ts:4"] }] })
    )
  })

  it("settles every outcome", () => {
    const result = { summary: "Found three faults" }
    const outcomes = ["complete", "blocked", "failed", "cancelled", "skipped", "missing"] as const
    const census = Census.make(
      Census.settle([
        ...outcomes.map((outcome) => ({ agent: outcome, outcome, result })),
        { agent: "silent", outcome: "complete" },
        { agent: "empty", outcome: "complete", result: { summary: "n/a" } }
      ])
    )
    assert.deepStrictEqual(census, {
      expected: 8,
      reported: 1,
      failed: 3,
      missing: 3,
      placeholder: 1,
      by_agent: {
        blocked: "failed",
        cancelled: "failed",
        complete: "reported",
        empty: "placeholder",
        failed: "failed",
        missing: "missing",
        silent: "missing",
        skipped: "missing"
      }
    })
  })

  it("counts an invalid result as failed, without an exception", () => {
    const results = [
      null,
      "text",
      { claims: [] },
      { summary: "s", claims: null },
      { summary: "s", claims: [{ topic: 1 }] }
    ]
    for (const invalid of results) {
      const reports = JSON.parse(JSON.stringify([{ agent: "a", outcome: "complete", result: invalid }]))
      const [account] = Census.settle(reports)
      assert.deepStrictEqual([account?.state, account?.reason, account?.results], ["failed", "invalid_result", []])
    }
  })

  it("is complete with all, degraded with half, insufficient with fewer", () => {
    const status = (reported: number, expected: number) =>
      Census.status({ expected, reported, failed: expected - reported, missing: 0, placeholder: 0, by_agent: {} })
    assert.deepStrictEqual(
      [status(3, 3), status(2, 3), status(2, 4), status(1, 3), status(0, 1), status(0, 0)],
      ["complete", "degraded", "degraded", "insufficient", "insufficient", "insufficient"]
    )
  })

  it("counts several reports under one name as one agent", () => {
    const [account, ...others] = Census.settle([
      { agent: "a", outcome: "failed" },
      { agent: "a", outcome: "complete", result: { summary: "Found three faults" } }
    ])
    assert.deepStrictEqual([account?.state, account?.results.length, others.length], ["reported", 1, 0])
  })
})
