/**
 * What an operator should look at now, as far as it is told by journals: for whoever watches a fleet from outside of it.
 *
 * @since 0.1.0
 */
import { DateTime, Option } from "effect"
import * as Alert from "./Alert.ts"
import type { Session } from "./Session.ts"
import type { Pending } from "./Wakes.ts"
import * as WorkflowRun from "./WorkflowRun.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Seen {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly sessions: ReadonlyArray<Session>
  /** Wakes that are not acknowledged, oldest first. */
  readonly wakes: ReadonlyArray<Pending>
  /** Runs that have not ended, by their id. */
  readonly runs: ReadonlyMap<string, WorkflowRun.WorkflowRun>
}

/**
 * The alerts that there is reason for at this moment. What only a process can tell that is a part of it, such as how long an
 * agent has been silent or what was refused, is for `Orchestrator.alerts`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const standing = ({ now, runs, sessions, wakes }: Seen): ReadonlyArray<Alert.Alert> => [
  ...ofWakes(now, wakes),
  ...sessions.flatMap((session) => [...unkept(now, session), ...overdue(now, session)]),
  ...[...runs].flatMap(([runId, run]) => ofRun(runId, run))
]

/**
 * A running session whose time is over, and of whose end nobody has told.
 *
 * @category constructors
 * @since 0.1.0
 */
export const overdue = (
  now: number,
  { limits, run, runs, session_id, status }: Session
): ReadonlyArray<Alert.Alert> => {
  const began = runs.at(-1)?.started_at
  if (status !== "running" || began === undefined) return []
  const value = now - millis(began, now)
  return value <= limits.timeout + grace ? [] : [{ type: "no_wake", session_id, run, value, limit: limits.timeout }]
}

/** How long the worker of a run has to end it once its time is over, in milliseconds. */
const grace = 15_000

const unkept = (now: number, { run, runs, session_id, status, updated_at }: Session): ReadonlyArray<Alert.Alert> => {
  const limit = Alert.limits.checkpoint
  const value = now - millis(updated_at, now)
  // Whoever executes it outside keeps what it does elsewhere.
  const isLocal = status === "running" && runs.at(-1)?.worker.kind === "local"
  return !isLocal || value <= limit ? [] : [{ type: "no_checkpoint", session_id, run, value, limit }]
}

const ofWakes = (now: number, wakes: ReadonlyArray<Pending>): ReadonlyArray<Alert.Alert> => {
  const { depth, unacknowledged: limit } = Alert.limits
  return [...Map.groupBy(wakes, ({ orchestrator }) => orchestrator)].flatMap(([orchestrator, own]) => {
    const deep: ReadonlyArray<Alert.Alert> =
      own.length > depth ? [{ type: "queue_depth", orchestrator, value: own.length, limit: depth }] : []
    const ages = own.map(({ wake }) => ({ wake_id: wake.wake_id, value: now - millis(wake.timestamp, now) }))
    const [oldest] = ages.toSorted((a, b) => b.value - a.value)
    return oldest === undefined || oldest.value <= limit
      ? deep
      : [...deep, { type: "unacknowledged", orchestrator, ...oldest, limit }]
  })
}

const ofRun = (run_id: string, run: WorkflowRun.WorkflowRun): ReadonlyArray<Alert.Alert> => {
  const { confidence, conflicts, escalations } = Alert.limits
  const syntheses = WorkflowRun.synthesesOf(run)
  const unsure = syntheses.flatMap(([step, { confidence: value }]): ReadonlyArray<Alert.Alert> =>
    value < confidence ? [{ type: "low_confidence", run_id, step, value, limit: confidence }] : []
  )
  const unsettled = syntheses.flatMap(([, synthesis]) =>
    synthesis.conflicts.flatMap(({ id, resolution }) => (resolution === undefined ? [id] : []))
  )
  const count = (type: "conflicts" | "escalations", value: number, limit: number): ReadonlyArray<Alert.Alert> =>
    value < limit ? [] : [{ type, run_id, value, limit }]
  const blocked = [...run.finished.values()].filter(({ status }) => status === "blocked").length
  return [
    ...unsure,
    ...count("escalations", blocked, escalations),
    ...count("conflicts", new Set(unsettled).size, conflicts)
  ]
}

const millis = (text: string, otherwise: number): number =>
  Option.match(DateTime.make(text), { onNone: () => otherwise, onSome: DateTime.toEpochMillis })
