/** Records of sessions, and arbitrary histories of them. */
import * as fc from "fast-check"
import { Result } from "effect"
import * as Agent from "../../src/Agent.ts"
import { Role } from "../../src/Role.ts"
import * as Session from "../../src/Session.ts"
import { SessionId } from "../../src/SessionId.ts"
import type { Wake } from "../../src/Wake.ts"

export const id = SessionId.make("auditor-a11y-0k3f9d2m")
const at = "2026-01-01T00:00:00.000Z"

export const wake = (status: Wake["status"], run: number, key: string): Wake => ({
  wake_id: `${id}/${run}/${key}`,
  session_id: id,
  agent_role: Role.make("AUDITOR"),
  status,
  timestamp: at,
  run
})

export const created: Session.Record = {
  type: "created",
  at,
  run: 0,
  session_id: id,
  role: Role.make("AUDITOR"),
  task_type: "a11y",
  prompt: "Look",
  metadata: {},
  orchestrator: "main",
  runner: { type: "function", name: "look" },
  limits: Agent.defaultLimits,
  inputs: {}
}

/** A record of any kind, of a run. */
export const recordOf = (type: Session.Record["type"], run: number, key: string): Session.Record => {
  const common = { at, run }
  const text = `${key} \u0000\ud83d\ude00 "__proto__"`
  switch (type) {
    case "created":
      return created
    case "started":
      return { type, ...common, worker: { kind: "local", host: "here", pid: 1 } }
    case "turn":
      return { type, ...common, text }
    case "checkpoint":
      return { type, ...common, phase: "testing", milestone: key, details: text }
    case "finding":
    case "draft":
      return { type, ...common, wake: wake("finding", run, key) }
    case "attempt_failed":
      return { type, ...common, error: { code: "error", message: text } }
    case "suspended":
      return { type, ...common, reason: text }
    case "ended":
      return { type, ...common, status: "complete", wake: wake("complete", run, key), result: { summary: text } }
    case "cancelled":
      return { type, ...common, reason: text, wake: wake("failed", run, key) }
    case "resumed":
      return { type, ...common, prompt: text }
    case "told":
      return { type, ...common, text, priority: "high" }
    case "heard":
      return { type, ...common, versions: [1, 2, 3] }
    case "rolled_back":
      return { type, ...common, to: 1 }
    case "inherited":
      return { type, ...common, entries: [] }
    case "closed":
      return { type, ...common }
    case "late":
      return { type, ...common, record: { ["__proto__"]: 1, text } }
  }
}

export const types = [
  "created",
  "started",
  "turn",
  "checkpoint",
  "finding",
  "draft",
  "attempt_failed",
  "suspended",
  "ended",
  "cancelled",
  "told",
  "heard",
  "late"
] as const

/** Attempts at records, most of them of the right run. */
export const attempts = fc.array(
  fc.record({
    type: fc.constantFrom(...types, "started" as const, "turn" as const, "checkpoint" as const, "finding" as const),
    ahead: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1)
  }),
  { maxLength: 40 }
)

/** The records of some attempts that a session takes, and what they make of it. */
export const takeLegal = (tried: ReadonlyArray<{ readonly type: Session.Record["type"]; readonly ahead: number }>) => {
  let state = Result.getOrThrow(Session.apply(undefined, created, 1))
  const records: Array<Session.Record> = [created]
  for (const [index, { ahead, type }] of tried.entries()) {
    const due = (state?.run ?? 0) + (type === "started" ? 1 : 0)
    const record = recordOf(type, Math.max(0, due + ahead), `k${index}`)
    const next = Session.apply(state, record, records.length + 1)
    if (Result.isFailure(next)) continue
    records.push(record)
    state = next.success
  }
  return { records, state }
}
