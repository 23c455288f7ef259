/**
 * The durable record of one agent's work: its journal, the states it can be in, and how the one follows from the other.
 *
 * @since 0.1.0
 */
import { Result, Schema, Struct } from "effect"
import { Limits, Problem, Result as AgentResult, Runner, Usage } from "./Agent.ts"
import { Role } from "./Role.ts"
import { SessionId } from "./SessionId.ts"
import { isTerminal, Timestamp, Wake } from "./Wake.ts"

/**
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Literals(["created", "running", "suspended", "blocked", "complete", "failed", "cancelled"])

/**
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

/**
 * Where a run executes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Worker = Schema.Struct({
  /** `external` for a run that nobody supervises: it was opened by a wake. */
  kind: Schema.Literals(["local", "external"]),
  host: Schema.optionalKey(Schema.String),
  pid: Schema.optionalKey(Schema.Natural)
})

/**
 * What stands on a session from the start.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Created = Schema.Struct({
  type: Schema.tag("created"),
  at: Timestamp,
  run: Schema.Natural,
  session_id: SessionId,
  /** The agent's name in its workflow, or the label that the caller gave. */
  name: Schema.optionalKey(Schema.String),
  role: Role,
  task_type: Schema.String,
  prompt: Schema.String,
  metadata: Schema.Record(Schema.String, Schema.String),
  orchestrator: Schema.String,
  parent_id: Schema.optionalKey(SessionId),
  runner: Runner,
  limits: Limits,
  /** The sessions whose results the agent gets, by the name under which it gets them. */
  inputs: Schema.Record(Schema.String, SessionId),
  /** The synthesis that the agent gets. */
  synthesis: Schema.optionalKey(Schema.Json)
})

const common = { at: Timestamp, run: Schema.Natural }

/**
 * One record of a session's journal. Every record carries the run that wrote it: the run is the fence.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = Schema.Union([
  Created,
  Schema.Struct({ type: Schema.tag("started"), ...common, worker: Worker }),
  Schema.Struct({ type: Schema.tag("turn"), ...common, text: Schema.String }),
  Schema.Struct({
    type: Schema.tag("checkpoint"),
    ...common,
    phase: Schema.String,
    milestone: Schema.String,
    details: Schema.String
  }),
  Schema.Struct({ type: Schema.tag("finding"), ...common, wake: Wake }),
  /** A wake that an agent sent from inside a supervised run: merged into the one that ends the run. */
  Schema.Struct({ type: Schema.tag("draft"), ...common, wake: Wake }),
  /** An attempt that failed and is tried again. */
  Schema.Struct({ type: Schema.tag("attempt_failed"), ...common, error: Problem }),
  Schema.Struct({ type: Schema.tag("suspended"), ...common, reason: Schema.String }),
  /** The end of a run: state, result and wake in one record. */
  Schema.Struct({
    type: Schema.tag("ended"),
    ...common,
    status: Schema.Literals(["complete", "blocked", "failed"]),
    wake: Wake,
    result: Schema.optionalKey(AgentResult),
    error: Schema.optionalKey(Problem),
    usage: Schema.optionalKey(Usage)
  }),
  Schema.Struct({ type: Schema.tag("cancelled"), ...common, reason: Schema.String, wake: Wake }),
  /** What a helper of an earlier run wrote after a takeover: kept, but no state. */
  Schema.Struct({ type: Schema.tag("late"), ...common, record: Schema.Json })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Record = typeof Record.Type

/**
 * @category models
 * @since 0.1.0
 */
export interface Checkpoint {
  readonly version: number
  readonly phase: string
  readonly milestone: string
  readonly details: string
  readonly at: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly run: number
  readonly started_at: string
  readonly ended_at?: string
  /** It was given up at its end, to be taken up again by a worker. */
  readonly suspended?: true
  readonly worker: typeof Worker.Type
}

/**
 * A session as its journal tells it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session extends Omit<typeof Created.Type, "type" | "at"> {
  readonly status: Status
  readonly version: number
  readonly created_at: string
  readonly updated_at: string
  /** Attempts that failed, since somebody last unblocked it. */
  readonly failures: number
  readonly runs: ReadonlyArray<Run>
  readonly turns: number
  readonly checkpoints: ReadonlyArray<Checkpoint>
  readonly wakes: ReadonlyArray<Wake>
  /** The newest draft; it counts only for its own run. */
  readonly draft?: Wake
  readonly result?: AgentResult
  /** Why the last run, or attempt, did not complete. */
  readonly error?: Problem
  readonly usage?: typeof Usage.Type
}

/**
 * The session cannot do that in the state it is in. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class IllegalTransition extends Schema.TaggedError<IllegalTransition>("@sartor/core/Session/IllegalTransition")(
  "IllegalTransition",
  {
    session_id: Schema.String,
    status: Schema.String,
    record: Schema.String,
    /** The run of a record that is not of the session's present one. */
    run: Schema.optionalKey(Schema.Natural)
  }
) {
  override get message() {
    const what = impossible[this.record] ?? `"${this.record}"`
    return this.run === undefined
      ? `Session ${this.session_id} is ${this.status}: ${what} is not possible now`
      : `Session ${this.session_id} is ${this.status}, in another run: ${what} by run ${this.run} is not possible`
  }
}

const impossible: { readonly [type: string]: string } = {
  created: "creating it again",
  started: "starting it",
  turn: "another turn",
  checkpoint: "a checkpoint",
  finding: "a finding",
  draft: "a wake",
  attempt_failed: "another attempt",
  suspended: "suspending it",
  ended: "ending its run",
  cancelled: "cancelling it"
}

/** Which records may follow in which state; those that are not named may follow in any. */
const allowed: { readonly [type: string]: ReadonlyArray<Status> } = {
  created: [],
  started: ["created", "running", "suspended", "blocked"],
  turn: ["running"],
  finding: ["running"],
  draft: ["running"],
  attempt_failed: ["running"],
  suspended: ["running"],
  ended: ["running"],
  cancelled: ["created", "running", "suspended", "blocked"]
}

/**
 * Whether a session needs nothing more: no run of it is due or under way.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isEnded = (status: Status): boolean => allowed["cancelled"]?.includes(status) !== true

/** Whether a record is of the run that it would become state of. */
const isOfRun = (session: Session, { run, type }: Record) =>
  type === "late" || run === session.run + (type === "started" ? 1 : 0)

/**
 * Applies a record: the one place that says what a journal means. One that is illegal, or of another run, changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apply = (
  session: Session | undefined,
  record: Record,
  version: number
): Result.Result<Session | undefined, IllegalTransition> => {
  if (session === undefined) {
    return record.type === "created"
      ? Result.succeed(begin(record, version))
      : Result.fail(new IllegalTransition({ session_id: "?", status: "not created", record: record.type }))
  }
  const { session_id, status } = session
  if (allowed[record.type]?.includes(status) === false) {
    return Result.fail(new IllegalTransition({ session_id, status, record: record.type }))
  }
  if (!isOfRun(session, record)) {
    return Result.fail(new IllegalTransition({ session_id, status, record: record.type, run: record.run }))
  }
  // What went wrong before an end belongs to the attempts before it.
  const before = record.type === "ended" ? Struct.omit(session, ["error"]) : session
  return Result.succeed({ ...before, version, updated_at: record.at, ...change(session, record, version) })
}

const begin = ({ at, ...created }: typeof Created.Type, version: number): Session => ({
  ...Struct.omit(created, ["type"]),
  status: "created",
  version,
  created_at: at,
  updated_at: at,
  failures: 0,
  runs: [],
  turns: 0,
  checkpoints: [],
  wakes: []
})

const change = (session: Session, record: Record, version: number): Partial<Session> => {
  const end = (how: Partial<Run> = {}) =>
    session.runs.map((run) => (run.run === record.run ? { ...run, ...how, ended_at: record.at } : run))
  switch (record.type) {
    case "started": {
      const runs = [...session.runs, { run: record.run, started_at: record.at, worker: record.worker }]
      const failures = session.status === "blocked" ? 0 : session.failures
      return { status: "running", run: record.run, runs, failures }
    }
    case "turn":
      return { turns: session.turns + 1 }
    case "checkpoint": {
      const { at, details, milestone, phase } = record
      return { checkpoints: [...session.checkpoints, { version, phase, milestone, details, at }] }
    }
    case "finding":
      return { wakes: [...session.wakes, record.wake] }
    case "draft":
      return { draft: record.wake }
    case "attempt_failed":
      return { status: "suspended", runs: end(), failures: session.failures + 1, error: record.error }
    case "suspended":
      return { status: "suspended", runs: end({ suspended: true }) }
    case "ended": {
      const { error, result, usage } = record
      return {
        status: record.status,
        runs: end(),
        wakes: [...session.wakes, record.wake],
        ...(result === undefined ? {} : { result }),
        ...(error === undefined ? {} : { error }),
        ...(usage === undefined ? {} : { usage })
      }
    }
    case "cancelled":
      return {
        status: "cancelled",
        runs: end(),
        wakes: [...session.wakes, record.wake],
        error: { code: "cancelled", message: record.reason }
      }
    case "created":
    case "late":
      return {}
  }
}

/**
 * The wake that ended a run of a session, if it has ended.
 *
 * @category constructors
 * @since 0.1.0
 */
export const terminalWake = (session: Session): Wake | undefined =>
  session.wakes.findLast((wake) => isTerminal(wake.status) && wake.run === session.run)

/**
 * When the work began that led to where a session is: the first of its runs between which nobody killed or suspended it.
 * Attempts that failed count as work, the time in which nobody worked does not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const workedSince = ({ runs }: Session): string | undefined => {
  const interrupted = runs.slice(0, -1).findLastIndex((run) => run.ended_at === undefined || run.suspended === true)
  return runs[interrupted + 1]?.started_at
}
