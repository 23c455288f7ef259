import { assert, describe, it } from "@effect/vitest"
import * as Metrics from "../src/Metrics.ts"
import type { Audit } from "../src/Wakes.ts"
import type { Document } from "../src/WorkflowRun.ts"

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}.000Z`
const agent = (name: string, start?: number, end?: number): Document["agents"][number] => ({
  name,
  role: "AUDITOR",
  task_type: "t",
  needs: [],
  status: "complete",
  attempts: 1,
  ...(start === undefined ? {} : { started_at: at(start) }),
  ...(end === undefined ? {} : { finished_at: at(end) })
})
const audit = (committed: number, acknowledged: number): Audit => ({
  committed,
  acknowledged,
  pending: committed - acknowledged,
  dead: 0,
  balanced: true,
  missing: [],
  unknown: [],
  repeated: []
})
const figures = (
  agents: Document["agents"],
  times: { readonly started_at: string; readonly finished_at?: string },
  ledger: Audit
) => Metrics.ofRun({ agents, ...times }, ledger).map(({ name, ok, samples, value }) => [name, value, ok, samples])

describe("Metrics", () => {
  it("measures the time that a run has saved, the most agents at once, and the wakes that were handled", () => {
    const agents = [agent("a", 0, 10), agent("b", 10, 40), agent("c", 10, 50), agent("d", 20, 30)]
    assert.deepStrictEqual(figures(agents, { started_at: at(0), finished_at: at(50) }, audit(200, 199)), [
      ["workflow_time_saved", 0.4444, true, 4],
      ["parallel_peak", 3, true, 4],
      ["wake_delivery", 0.995, true, 200]
    ])
  })

  it("passes nothing without data, nor what is below its threshold", () => {
    assert.deepStrictEqual(figures([agent("a"), agent("b", 3)], { started_at: at(0) }, audit(0, 0)), [
      ["workflow_time_saved", undefined, "n/a", 0],
      ["parallel_peak", undefined, "n/a", 0],
      ["wake_delivery", undefined, "n/a", 0]
    ])
    const one = figures([agent("a", 0, 10)], { started_at: at(0), finished_at: at(12) }, audit(100, 98))
    assert.deepStrictEqual(one, [
      ["workflow_time_saved", -0.2, false, 1],
      ["parallel_peak", 1, false, 1],
      ["wake_delivery", 0.98, false, 100]
    ])
  })
})
