import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { SessionId } from "../src/SessionId.ts"
import * as Synthesis from "../src/Synthesis.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import * as WorkflowRun from "../src/WorkflowRun.ts"

const at = "2026-01-01T00:00:00.000Z"
const workflow = WorkflowFile.parse(
  `
name: run
runner: function
agents:
  - { name: one, role: AUDITOR, task_type: t, prompt: P }
  - { name: two, role: AUDITOR, task_type: t, prompt: P }
  - { name: both, role: AUDITOR, task_type: t, needs: [one, two], synthesize: true }
`,
  { file: "run.yaml" }
)
const begun = Effect.map(workflow, (workflow): WorkflowRun.Record => ({
  type: "begun",
  at,
  run_id: "run-1",
  workflow,
  max_parallel: 5
}))
const finished = (agent: string, status: WorkflowRun.AgentStatus): WorkflowRun.Record => ({
  type: "finished",
  at,
  agent,
  fingerprint: "f",
  status,
  attempts: 1
})
const synthesized = (...outcomes: ReadonlyArray<"complete" | "failed">): WorkflowRun.Record => ({
  type: "synthesized",
  at,
  agent: "both",
  synthesis: Synthesis.synthesize(
    outcomes.map((outcome, index) => ({
      agent: String(index),
      outcome,
      ...(outcome === "complete" ? { result: { summary: "what was found", claims: [] } } : {})
    }))
  )
})
const fold = (records: ReadonlyArray<WorkflowRun.Record>) =>
  records.reduce((run, record) => Result.getOrThrow(WorkflowRun.apply(run, record)), WorkflowRun.empty)

describe("WorkflowRun", () => {
  it.effect("ends as its agents and its syntheses do", () =>
    Effect.gen(function* () {
      const statusOf = (...records: ReadonlyArray<WorkflowRun.Record>) =>
        Effect.map(begun, (begun) => WorkflowRun.statusOf(fold([begun, ...records])))
      const one = finished("one", "complete")
      const two = finished("two", "complete")
      const both = finished("both", "complete")
      const whole = synthesized("complete", "complete")
      assert.strictEqual(yield* statusOf(one, two, whole, both), "complete")
      for (const status of ["failed", "cancelled", "skipped"] as const) {
        const partly = synthesized("complete", "failed")
        assert.strictEqual(yield* statusOf(one, finished("two", status), partly, both), "degraded")
        assert.strictEqual(yield* statusOf(one, two, whole, finished("both", status)), "failed")
      }
      assert.strictEqual(yield* statusOf(one, two, synthesized("complete", "failed", "failed"), both), "degraded")
      assert.strictEqual(yield* statusOf(one, finished("two", "blocked"), whole, finished("both", "failed")), "blocked")
      const cancelled: WorkflowRun.Record = { type: "cancelled", at, reason: "why" }
      assert.strictEqual(yield* statusOf(one, finished("two", "blocked"), cancelled), "cancelled")
    })
  )

  it.effect("forgets how an agent ended once it is spawned anew, and is begun once more by each who takes it up", () =>
    Effect.gen(function* () {
      const spawned: WorkflowRun.Record = {
        type: "spawned",
        at,
        agent: "one",
        session_id: SessionId.make("one-1"),
        fingerprint: "f"
      }
      const run = fold([yield* begun, finished("one", "complete"), spawned, yield* begun])
      assert.deepStrictEqual([run.generation, run.finished.has("one"), run.spawned.get("one")], [2, false, spawned])
      const ended = (status: WorkflowRun.Status): WorkflowRun.Record => ({ type: "ended", at, status })
      assert.isFalse(WorkflowRun.isOver(run))
      assert.isFalse(WorkflowRun.isOver(fold([yield* begun, ended("blocked")])))
      assert.isTrue(WorkflowRun.isOver(fold([yield* begun, ended("failed")])))
      assert.isFalse(WorkflowRun.isOver(fold([yield* begun, ended("failed"), yield* begun])))
    })
  )
})
