import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Alerts from "../src/Alerts.ts"
import * as Role from "../src/Role.ts"
import type * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import type * as Synthesis from "../src/Synthesis.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import * as WorkflowRun from "../src/WorkflowRun.ts"
import { services } from "./support/fleet.ts"

const second = 1000
const minute = 60 * second
const none = { now: 0, sessions: [], wakes: [], runs: new Map<string, WorkflowRun.WorkflowRun>() }
const at = (millis: number) => new Date(millis).toISOString()
const told = (seen: Partial<Alerts.Seen>) =>
  Alerts.standing({ ...none, ...seen }).map(({ limit, type, value }) => [type, value, limit])

/** A session that has been running since the epoch, and kept something at a time. */
const running = (kept: number, worker: Session.Run["worker"] = { kind: "local" }) =>
  Effect.map(
    Sessions.Sessions.use((sessions) =>
      sessions.create({ role: "auditor", taskType: "x", limits: { timeout: 10 * minute } })
    ),
    (session): Session.Session => ({
      ...session,
      status: "running",
      run: 1,
      updated_at: at(kept),
      runs: [{ run: 1, started_at: at(0), worker }]
    })
  )

describe("standing alerts", () => {
  it.effect("tell of wakes that wait: more than 50, or one for more than a minute", () =>
    Effect.gen(function* () {
      const { session_id } = yield* running(0)
      const wake = (orchestrator: string, sent: number, index: number) => ({
        wake: {
          wake_id: `${session_id}/1/${index}`,
          session_id,
          agent_role: Role.Role.make("AUDITOR"),
          status: "finding" as const,
          timestamp: at(sent)
        },
        orchestrator,
        attempt: 0,
        state: "ready" as const
      })
      const many = (orchestrator: string, count: number, sent: number) =>
        Array.from({ length: count }, (_, index) => wake(orchestrator, sent, index))
      assert.deepStrictEqual(told({ now: minute, wakes: many("a", 50, 0) }), [])
      assert.deepStrictEqual(told({ now: minute, wakes: [...many("a", 30, 0), ...many("b", 30, 0)] }), [])
      assert.deepStrictEqual(told({ now: minute, wakes: many("a", 51, 0) }), [["queue_depth", 51, 50]])
      const late = [wake("a", 5 * second, 1), wake("a", second, 2), wake("b", 2 * minute, 3)]
      const [alert, ...others] = Alerts.standing({ ...none, now: 2 * minute, wakes: late })
      assert.deepInclude(alert, { type: "unacknowledged", wake_id: `${session_id}/1/2`, value: 119 * second })
      assert.deepStrictEqual(others, [])
    }).pipe(Effect.provide(services))
  )

  it.effect("tell of a run that has kept nothing for five minutes, and of one whose time is over", () =>
    Effect.gen(function* () {
      const session = yield* running(minute)
      assert.deepStrictEqual(told({ now: 6 * minute, sessions: [session] }), [])
      assert.deepStrictEqual(told({ now: 7 * minute, sessions: [session] }), [
        ["no_checkpoint", 6 * minute, 5 * minute]
      ])
      assert.deepStrictEqual(told({ now: 7 * minute, sessions: [yield* running(0, { kind: "external" })] }), [])
      const busy = yield* running(10 * minute)
      assert.deepStrictEqual(told({ now: 10 * minute + 15 * second, sessions: [busy] }), [])
      assert.deepStrictEqual(told({ now: 10 * minute + 16 * second, sessions: [busy] }), [
        ["no_wake", 10 * minute + 16 * second, 10 * minute]
      ])
      assert.deepStrictEqual(told({ now: 99 * minute, sessions: [{ ...busy, status: "complete" }] }), [])
    }).pipe(Effect.provide(services))
  )

  it.effect("tell of runs with three agents that wait for a human, five open conflicts, or an unsure synthesis", () =>
    Effect.gen(function* () {
      const agent = { role: "AUDITOR", task_type: "x", command: ["true"] }
      const workflow = yield* WorkflowFile.parse(
        JSON.stringify({
          name: "w",
          agents: [
            { ...agent, name: "a" },
            { ...agent, name: "report", needs: ["a"], synthesize: true }
          ]
        }),
        { file: "w.json" }
      )
      const run = (state: Partial<WorkflowRun.WorkflowRun>) =>
        told({ runs: new Map([["w-1", { ...WorkflowRun.empty, ...state }]]) })
      const blocked = (count: number) =>
        run({
          finished: new Map(
            Array.from({ length: count }, (_, index) => [
              String(index),
              { type: "finished", at: at(1), agent: String(index), fingerprint: "", status: "blocked", attempts: 1 }
            ])
          )
        })
      assert.deepStrictEqual(blocked(2), [])
      assert.deepStrictEqual(blocked(3), [["escalations", 3, 3]])
      const synthesized = (confidence: number, open: number) => {
        const conflicts = Array.from({ length: 9 }, (_, index) => ({
          id: String(index),
          ...(index < open ? {} : { resolution: {} })
        }))
        const synthesis = { confidence, conflicts } as unknown as Synthesis.Synthesis
        return run({
          begun: { type: "begun", at: at(0), run_id: "w-1", workflow, max_parallel: 3 },
          syntheses: new Map([["report", synthesis]])
        })
      }
      assert.deepStrictEqual(synthesized(0.5, 4), [])
      assert.deepStrictEqual(synthesized(0.4, 5), [
        ["low_confidence", 0.4, 0.5],
        ["conflicts", 5, 5]
      ])
    })
  )
})
