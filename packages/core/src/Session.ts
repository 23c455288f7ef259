/**
 * The durable record of one agent's work: its journal, the states it can be in, and how the one follows from the other.
 *
 * @since 0.1.0
 */
import { Option, Predicate, Result, Schema, Struct } from "effect"
import type { Problem, Result as AgentResult, Usage } from "./Agent.ts"
import { begin, change } from "./internal/sessionChange.ts"
import { at, remember, restored } from "./internal/sessionPast.ts"
import type { Created, Record, Status, Worker } from "./internal/sessionRecord.ts"
import { isTerminal, type Priority, Wake } from "./Wake.ts"

export { Created, Record, Status, Worker } from "./internal/sessionRecord.ts"

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
  /** The line of the legacy log that it was read from, if a script has made it. */
  readonly legacy_line?: string
}

/**
 * Something that a session was told and has not read yet. The version is that of the record.
 *
 * @category models
 * @since 0.1.0
 */
export interface Told {
  readonly version: number
  readonly at: string
  readonly text: string
  readonly priority?: Priority
  readonly expires_at?: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly run: number
  readonly started_at: string
  readonly ended_at?: string
  /** It failed and was tried again by the next run: between the two, somebody was at work. */
  readonly retried?: true
  readonly worker: typeof Worker.Type
}

/**
 * How a session stood at a version, from the newest one back: what a rollback goes back to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Past {
  readonly version: number
  readonly state: Pick<Session, "status" | "turns" | "failures" | "told"> & Partial<Pick<Session, "result" | "error">>
  readonly checkpoint?: Checkpoint
  /** The version before it in the journal. */
  readonly previous: Past | undefined
  /** The version before it in its history, which is another one after a rollback. */
  readonly before: Past | undefined
}

/**
 * A session as it stands now.
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
  /** Workers that died while they executed it, since it last made a step forward or somebody resumed it. */
  readonly takeovers: number
  readonly runs: ReadonlyArray<Run>
  readonly turns: number
  readonly checkpoints: ReadonlyArray<Checkpoint>
  readonly wakes: ReadonlyArray<Wake>
  /** The newest draft; it counts only for its own run. */
  readonly draft?: Wake
  readonly result?: AgentResult
  /** Why the last run, or attempt, did not complete. */
  readonly error?: Problem
  /** Of all its runs. A rollback takes none of it back: what was spent is spent. */
  readonly usage?: typeof Usage.Type
  /** What it was told when it was resumed, and what it has read since, oldest first. */
  readonly told: ReadonlyArray<{ readonly at: string; readonly text: string }>
  /** What it was told and has not read, oldest first. */
  readonly unread: ReadonlyArray<Told>
  /** The version of the newest rollback or resumption: a worker of before has lost it. */
  readonly reset_at: number
  /** The last version before a gap, or a record that is unreadable or impossible, until it is rolled back to there or further. */
  readonly damaged_after?: number
  /** Of a fork: the shared history is in its own journal. */
  readonly owns_history?: true
  readonly closed?: true
}

/**
 * A session as its journal tells it, with what it can be rolled back to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Whole extends Session {
  readonly past: Past
}

/**
 * It has no version or checkpoint of that name.
 *
 * @category errors
 * @since 0.1.0
 */
export class VersionNotFound extends Schema.TaggedError<VersionNotFound>("@sartor/core/Session/VersionNotFound")(
  "VersionNotFound",
  { session_id: Schema.String, wanted: Schema.String, newest: Schema.Natural, labels: Schema.Array(Schema.String) }
) {
  override get message() {
    const labels = this.labels.length === 0 ? "no checkpoints" : `the checkpoints ${this.labels.join(", ")}`
    return `Session ${this.session_id} has no version ${JSON.stringify(this.wanted)}: it has 1 to ${this.newest}, and ${labels}`
  }
}

/**
 * A part of its journal is damaged. Nothing was written, and nothing is overwritten.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionDamaged extends Schema.TaggedError<SessionDamaged>("@sartor/core/Session/SessionDamaged")(
  "SessionDamaged",
  { session_id: Schema.String, good: Schema.Natural }
) {
  override get message() {
    return `Session ${this.session_id} is damaged after version ${this.good}: go on from there, or from an earlier one`
  }
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
  cancelled: "cancelling it",
  resumed: "resuming it",
  told: "telling it something",
  heard: "reading what it was told",
  rolled_back: "rolling it back",
  inherited: "giving it a history",
  closed: "deleting it"
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
  told: ["created", "running", "suspended", "blocked"],
  heard: ["running"],
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
 * After a gap in the versions nothing is illegal until the session is rolled back to before it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apply = (
  session: Whole | undefined,
  record: Record,
  version: number
): Result.Result<Whole | undefined, IllegalTransition> => {
  if (session === undefined) {
    return record.type === "created"
      ? Result.succeed(begin(record, version))
      : Result.fail(new IllegalTransition({ session_id: "?", status: "not created", record: record.type }))
  }
  const whole =
    version === session.version + 1 || session.damaged_after !== undefined
      ? session
      : { ...session, damaged_after: session.version }
  const problem = objection(whole, record)
  if (problem !== undefined) {
    return whole.damaged_after === undefined ? Result.fail(problem) : Result.succeed(passOver(whole, record, version))
  }
  const target = record.type === "rolled_back" ? at(whole, record.to) : undefined
  const dropped = omitted(whole, record)
  const next: Whole = {
    ...(dropped.length === 0 ? whole : Struct.omit(whole, dropped)),
    version,
    updated_at: record.at,
    ...change(whole, record, version),
    ...target?.state,
    ...(target === undefined ? {} : restored(target))
  }
  return Result.succeed({ ...next, past: remember(whole, next, record, version, target) })
}

/** Why a record cannot follow. */
const objection = (session: Whole, record: Record) => {
  const { session_id, status } = session
  const illegal = { session_id, status, record: record.type }
  if (session.closed === true || allowed[record.type]?.includes(status) === false) return new IllegalTransition(illegal)
  if (!isOfRun(session, record)) return new IllegalTransition({ ...illegal, run: record.run })
  if (record.type === "rolled_back" && at(session, record.to) === undefined) return new IllegalTransition(illegal)
  return undefined
}

/** Of what came after a gap its runs and wakes count: runs are the fence, and wakes are in the ledger. */
const passOver = (session: Whole, record: Record, version: number): Whole => ({
  ...session,
  version,
  updated_at: record.at,
  run: Math.max(session.run, record.run),
  wakes:
    record.type === "ended" || record.type === "finding" || record.type === "cancelled"
      ? [...session.wakes, record.wake]
      : session.wakes
})

/**
 * What is left of a session after a record that cannot be read, or cannot follow: the last good version is the one before it.
 * Nothing is left where that is the first record.
 *
 * @category constructors
 * @since 0.1.0
 */
export const salvage = (
  session: Whole | undefined,
  record: unknown,
  version: number
): Option.Option<Whole | undefined> => {
  if (session === undefined) return Option.none()
  const { run, wake } = Predicate.isReadonlyObject(record) ? record : {}
  const wakes = Option.filter(decodeWake(wake), ({ wake_id }) =>
    session.wakes.every((known) => known.wake_id !== wake_id)
  )
  return Option.some({
    ...session,
    version,
    damaged_after: session.damaged_after ?? session.version,
    run: Math.max(
      session.run,
      Option.getOrElse(decodeRun(run), () => 0)
    ),
    wakes: [...session.wakes, ...Option.toArray(wakes)]
  })
}

const decodeRun = Schema.decodeUnknownOption(Schema.Natural)
const decodeWake = Schema.decodeUnknownOption(Wake)

/** What does not outlast a record: what went wrong before an end belongs to the attempts before it. */
const omitted = (session: Session, record: Record): ReadonlyArray<"error" | "result" | "damaged_after"> => {
  switch (record.type) {
    case "ended":
      return ["error", "result"]
    case "rolled_back":
      return session.damaged_after !== undefined && record.to <= session.damaged_after
        ? ["error", "result", "damaged_after"]
        : ["error", "result"]
    default:
      return []
  }
}

/**
 * The versions that its history consists of, without what was rolled back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const versionsOf = ({ past }: Whole): ReadonlySet<number> => {
  const versions = new Set<number>()
  for (let point: Past | undefined = past; point !== undefined; point = point.before) versions.add(point.version)
  return versions
}

/**
 * Finds a version by its number, or by the name `phase/milestone` of a checkpoint, the latest of that name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const versionOf = (session: Whole, wanted: string): Result.Result<number, VersionNotFound | SessionDamaged> => {
  const { checkpoints, damaged_after: good, session_id } = session
  const label = (point: Checkpoint) => `${point.phase}/${point.milestone}`
  const version = /^\d{1,15}$/.test(wanted)
    ? Number(wanted)
    : checkpoints.findLast((point) => label(point) === wanted)?.version
  if (version !== undefined && good !== undefined && version > good) {
    return Result.fail(new SessionDamaged({ session_id, good }))
  }
  if (version !== undefined && at(session, version) !== undefined) return Result.succeed(version)
  const labels = [...new Set(checkpoints.map(label))]
  return Result.fail(new VersionNotFound({ session_id, wanted, newest: session.version, labels }))
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
 * When the work began that led to where a session is: with its last run, or the first of the attempts that led to it. The
 * time in which nobody worked does not count.
 *
 * @category constructors
 * @since 0.1.0
 */
export const workedSince = ({ runs }: Session): string | undefined => {
  const interrupted = runs.slice(0, -1).findLastIndex((run) => run.retried !== true)
  return runs[interrupted + 1]?.started_at
}
