import { assert, describe, it } from "@effect/vitest"
import type { Workflow } from "@sartor/core"
import { Role, SessionId, WorkflowFile } from "@sartor/core"
import { Effect } from "effect"
import * as LiveView from "../src/LiveView.ts"
import * as Progress from "../src/Progress.ts"
import * as Text from "../src/report/Text.ts"

const at = "2026-01-31T12:00:00.000Z"
const id = SessionId.SessionId.make("auditor-test-1")

const parse = (count: number) =>
  WorkflowFile.parse(
    JSON.stringify({
      name: "audit",
      agents: Array.from({ length: count }, (_, index) => ({
        name: `agent-${index}`,
        role: "AUDITOR",
        task_type: "test",
        command: ["true"],
        ...(index === 2 ? { needs: ["agent-0", "agent-1"] } : {})
      }))
    }),
    { file: "audit.json" }
  )

const record = (agent: string, record: Extract<Workflow.Event, { type: "session" }>["record"]): Workflow.Event => ({
  type: "session",
  agent,
  session_id: id,
  record
})

const started = (agent: string) => record(agent, { type: "started", at, run: 1, worker: { kind: "local" } })

const finished = (agent: string): Workflow.Event => ({
  type: "finished",
  agent,
  remembered: false,
  finished: {
    type: "finished",
    at,
    agent,
    fingerprint: "",
    status: "complete",
    attempts: 1,
    started_at: at,
    finished_at: "2026-01-31T12:00:03.500Z"
  }
})

const ended = (agent: string) =>
  record(agent, {
    type: "ended",
    at,
    run: 1,
    status: "complete",
    result: { summary: "Nine \u001b[31mfaults\nfound" },
    wake: {
      wake_id: "auditor-test-1/1/x",
      session_id: id,
      agent_role: Role.Role.make("AUDITOR"),
      status: "complete",
      timestamp: at
    }
  })

const look = { color: false, unicode: false, width: 60, rows: 24 }

describe("the live view", () => {
  it.effect("has a line an agent: its state, its time, what it did last", () =>
    Effect.gen(function* () {
      let state = LiveView.initial(yield* parse(4), 0)
      const happens = (now: number, ...events: ReadonlyArray<Workflow.Event>) => {
        for (const event of events) state = LiveView.apply(state, event, now)
      }
      happens(0, { type: "begun", at, run_id: "audit-0k3f9d2m", resumed: false })
      happens(1000, started("agent-0"), started("agent-1"))
      happens(
        2000,
        record("agent-1", { type: "checkpoint", at, run: 1, phase: "testing", milestone: "axe", details: "7 pages" })
      )
      happens(4500, ended("agent-0"), finished("agent-0"))
      assert.deepStrictEqual(LiveView.frame(state, 6000, look), [
        "audit-0k3f9d2m  6.0s",
        "+ agent-0    3.5s  Nine faults found",
        "- agent-1    5.0s  checkpoint testing/axe: 7 pages",
        ". agent-2          needs agent-0 and agent-1",
        ". agent-3          waits for a place"
      ])
    })
  )

  it.effect("fits every terminal, and shows those at work where there is no room for all", () =>
    Effect.gen(function* () {
      let state = LiveView.initial(yield* parse(60), 0)
      state = LiveView.apply(state, started("agent-59"), 0)
      state = LiveView.apply(state, record("agent-59", { type: "turn", at, run: 1, text: "漢字".repeat(200) }), 0)
      for (const width of [20, 33, 60, 200]) {
        for (const rows of [4, 10, 100]) {
          for (const unicode of [true, false]) {
            const frame = LiveView.frame(state, 1000, { color: true, unicode, width, rows })
            assert.isAtMost(frame.length, Math.max(3, rows - 1))
            for (const line of frame) assert.isAtMost(Text.cells(Text.clean(line)), width, line)
            assert.isTrue(frame.some((line) => line.includes(width < 40 ? "agent-" : "agent-59")))
          }
        }
      }
    })
  )
})

describe("progress in lines", () => {
  it("tells the time since the beginning, the agent, and what happened", () => {
    const lines = Progress.lines({ since: 1000, names: ["agent-0", "a"] })
    assert.strictEqual(
      lines({ type: "begun", at, run_id: "audit-1", resumed: true }, 1000),
      "+0.0s   goes on with run audit-1"
    )
    assert.strictEqual(lines(started("a"), 2234), "+1.2s   a        started")
    assert.strictEqual(lines(ended("agent-0"), 3000), undefined)
    assert.strictEqual(lines(finished("agent-0"), 3000), "+2.0s   agent-0  complete after 3.5 s: Nine faults found")
    const failed = record("a", { type: "attempt_failed", at, run: 1, error: { code: "exit_1", message: "no\nluck" } })
    assert.strictEqual(lines(failed, 3000), "+2.0s   a        failed (exit_1), tries again: no luck")
  })
})
