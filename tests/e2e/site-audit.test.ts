import { WorkflowRun } from "@sartor/core"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { json, run, temporaryFolder } from "../support/sartor.ts"

const example = join(import.meta.dirname, "..", "..", "examples", "01-site-audit")
const auditors = new Set(["security", "performance", "accessibility"])

describe("the site audit", () => {
  const cleanups: Array<() => void> = []
  const folder = temporaryFolder(cleanups)
  const data = ["--data-dir", join(folder, "data")]
  let document: WorkflowRun.Document
  let html = ""

  beforeAll(async () => {
    const file = join(folder, "report.html")
    const ended = await run(["run", join(example, "workflow.yaml"), ...data, "--json", "--html", file])
    assert.strictEqual(ended.code, 0, ended.stderr)
    document = Schema.decodeUnknownSync(WorkflowRun.Document)(JSON.parse(ended.stdout))
    html = readFileSync(file, "utf8")
  }, 60_000)
  afterAll(() => {
    for (const cleanup of cleanups) cleanup()
  })

  it("completes with every agent, the three audits at the same time", () => {
    assert.strictEqual(document.status, "complete")
    assert.deepStrictEqual(new Set(document.agents.map((agent) => agent.status)), new Set(["complete"]))
    const spans = document.agents.filter((agent) => auditors.has(agent.name))
    const lastStart = Math.max(...spans.map((agent) => Date.parse(agent.started_at ?? "")))
    const firstEnd = Math.min(...spans.map((agent) => Date.parse(agent.finished_at ?? "")))
    assert.strictEqual(spans.length, 3)
    assert.isBelow(lastStart, firstEnd)
  })

  it("keeps what the auditors disagree on, with both sides", () => {
    const synthesis = document.synthesis["report"]
    assert.strictEqual(synthesis?.census.reported, 3)
    const conflicts = synthesis?.conflicts ?? []
    assert.includeMembers(
      conflicts.map((conflict) => conflict.type),
      ["contradiction", "disagreement"]
    )
    for (const conflict of conflicts.filter(({ type }) => type !== "uncertainty")) {
      assert.isAbove(conflict.sides.length, 1, conflict.topic)
    }
  })

  it("accounts for every wake", async () => {
    const audit = await json(["wake", "audit", ...data])
    assert.isTrue(audit.balanced)
    assert.deepStrictEqual([audit.pending, audit.dead], [0, 0])
    assert.isAtLeast(audit.committed, 5)
  })

  it("ends in a page that names no other host, and that assistive technology can read", async () => {
    assert.notMatch(html, /<script|<link|<iframe|src=|@import|url\(http/)
    const require = createRequire(join(example, "package.json"))
    const { JSDOM } = require("jsdom")
    const { window } = new JSDOM(html, { runScripts: "outside-only" })
    window.eval(readFileSync(require.resolve("axe-core"), "utf8"))
    const { violations } = await window.axe.run(window.document, { rules: { "color-contrast": { enabled: false } } })
    assert.deepStrictEqual(
      violations.map(({ id }: { id: string }) => id),
      []
    )
  })
})
