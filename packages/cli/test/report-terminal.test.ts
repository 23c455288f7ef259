import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { renderTerminal } from "../src/report/Terminal.ts"
import * as Text from "../src/report/Text.ts"
import { auditRun, troubledRun } from "./fixtures/audit-run.ts"
import { everywhere } from "./fixtures/everywhere.ts"

const plain = { color: false, width: 100 }
// oxlint-disable-next-line no-control-regex
const colour = /\u001b\[[0-9;]+m/g
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u206f]/
const oneLine = (text: string) => text.replace(/[\s|│]+/g, " ")

describe("renderTerminal", () => {
  it("shows the run, every agent with its status, time and attempts, and why one failed", () => {
    const text = renderTerminal(troubledRun, plain)
    assert.match(text, /^site-audit {2}degraded\n/)
    assert.include(text, "run site-audit-9z8y7x6w, started 22 Nov 2025, 10:51:03 UTC")
    assert.match(text, /^x performance .*4\.8 s failed, 3 attempts$/m)
    assert.include(text, "timeout: No result after 3 attempts of 1.5 s")
    assert.match(text, /^! accessibility .*970 ms blocked$/m)
    assert.match(text, /^\. fix .*skipped$/m)
    assert.match(text, /^\+ security .*6\.1 s$/m)
  })

  it("shows the figures of the run and of the sequential run", () => {
    const text = renderTerminal(auditRun, plain)
    assert.match(text, /^this run .* 8\.7 s$/m)
    assert.match(text, /^sum of agents .* 17\.1 s$/m)
    assert.include(text, "time saved 48.9 %")
    assert.match(text, /^sequential run .* 17\.4 s$/m)
    assert.include(text, "time saved 49.6 %; really executed, complete")
    assert.include(text, "3 expected = 3 reported + 0 failed + 0 missing + 0 placeholder")
  })

  it("lists the worst claims first and counts the rest", () => {
    const text = renderTerminal(auditRun, plain)
    assert.include(text, "Claims: 68 (8 critical, 25 high, 25 medium, 10 low)")
    assert.isBelow(text.indexOf("\ncritical"), text.indexOf("\nhigh"))
    assert.include(text, "and 58 more claims")
  })

  it("keeps every side of every conflict, side by side or one under another", () => {
    for (const width of [40, 60, 100, 160]) {
      const text = renderTerminal(auditRun, { color: false, width })
      for (const conflict of Object.values(auditRun.synthesis ?? {}).flatMap(({ conflicts }) => conflicts)) {
        assert.include(oneLine(text), conflict.topic)
        for (const side of conflict.sides) {
          assert.include(text, side.agents.join(" and "))
          // Columns interleave the words of two sides, so that only a word at a time can be looked for.
          for (const word of side.claim.split(" ").filter((word) => word.length < 20)) {
            assert.include(text, word)
          }
        }
      }
    }
    const wide = renderTerminal(auditRun, plain).split("\n")
    assert.isTrue(
      wide.some((line) => line.includes("performance supports 0.86") && line.includes("security supports 0.82"))
    )
    const narrow = renderTerminal(auditRun, { color: false, width: 60 }).split("\n")
    assert.isFalse(narrow.some((line) => line.includes("performance supports") && line.includes("security supports")))
  })

  it("uses colour codes only where colour is wanted, and nothing but colour codes", () => {
    const text = renderTerminal(auditRun, plain)
    assert.isFalse(control.test(text))
    assert.notMatch(text, /[─█│✓]/)
    const coloured = renderTerminal(auditRun, { color: true, width: 100 })
    assert.match(coloured, colour)
    assert.match(coloured, /[─█✓]/)
    assert.isFalse(control.test(coloured.replace(colour, "")))
    const drawn = renderTerminal(auditRun, { color: false, width: 100, unicode: true })
    assert.isFalse(control.test(drawn))
    assert.strictEqual(coloured.replace(colour, "").replace(/ +$/gm, ""), drawn)
  })

  it("lets no text steer the terminal", () => {
    const attack = "\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u0008\u202eabc\u001b[8mhidden\u001b]52;c;ZXZpbA==\u0007"
    for (const color of [true, false]) {
      const text = renderTerminal(everywhere(attack), { color, width: 80 })
      assert.isFalse(control.test(text.replace(colour, "")))
      assert.notInclude(text, "owned")
      assert.notInclude(text, "[8m")
      assert.notInclude(text, "ZXZpbA")
    }
  })

  it("is never wider than the width, whatever the texts", () => {
    const word = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 60 }),
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom(
        "日本語".repeat(30),
        "x".repeat(300),
        "👩‍👩‍👧‍👦".repeat(20),
        "e\u0301\u0302".repeat(50),
        "\u001b[31m",
        "\n"
      )
    )
    const texts = fc.array(word, { maxLength: 6 }).map((words) => words.join(" "))
    fc.assert(
      fc.property(texts, fc.integer({ min: 40, max: 200 }), fc.boolean(), (text, width, color) => {
        const lines = renderTerminal(everywhere(text), { color, width }).replace(colour, "").split("\n")
        for (const line of lines) {
          assert.isAtMost(Text.cells(line), width, line)
        }
      }),
      { numRuns: 300 }
    )
    for (let width = 40; width <= 200; width += 1) {
      for (const run of [auditRun, troubledRun]) {
        const lines = renderTerminal(run, { color: false, width }).split("\n")
        assert.isTrue(lines.every((line) => line.length <= width))
      }
    }
  })

  it("shows a run without agents, without times and without a synthesis", () => {
    const text = renderTerminal({ workflow: "empty", run_id: "r-1", status: "failed", agents: [] }, plain)
    assert.strictEqual(text, "empty  failed\nThe run had no agents.\nrun r-1\n")
    const timeless = { workflow: "w", run_id: "r", status: "complete", agents: [{ name: "a", status: "complete" }] }
    assert.match(renderTerminal(timeless, plain), /^\+ a/m)
  })

  it("stays short for a hundred agents and two thousand claims, and keeps those that failed", () => {
    const claims = Array.from({ length: 20 }, (_, index) => ({ topic: `t${index}`, claim: "word ".repeat(2_000) }))
    const agents = Array.from({ length: 100 }, (_, index) => ({
      name: `agent-${index}`,
      status: index === 77 ? "failed" : "complete",
      started_at: "2025-11-22T10:51:03.000Z",
      finished_at: "2025-11-22T10:51:05.000Z",
      result: { summary: "Looked.", claims }
    }))
    const text = renderTerminal({ workflow: "w", run_id: "r", status: "failed", agents }, plain)
    assert.isBelow(text.split("\n").length, 250)
    assert.include(text, "x agent-77")
    assert.include(text, "and 60 more agents")
    assert.include(text, "and 1,990 more claims")
  })
})
