/**
 * The durable record of one agent's work: its journal, the states it can be in, and how the one follows from the other.
 *
 * @since 0.1.0
 */
import { Option, Predicate, Result, Schema, Struct } from "effect"
import { addUsage, Limits, Problem, Result as AgentResult, Runner, Usage } from "./Agent.ts"
import { Some } from "./Flags.ts"
import { Role } from "./Role.ts"
import { SessionId } from "./SessionId.ts"
import { isTerminal, Priority, Timestamp, Wake } from "./Wake.ts"

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
  synthesis: Schema.optionalKey(Schema.Json),
  /** The session whose history up to a version comes before its own. */
  forked_from: Schema.optionalKey(Schema.Struct({ session_id: SessionId, version: Schema.Natural })),
  /** The flags that were off when it was spawned: its runs end the way they began. */
  flags: Schema.optionalKey(Some)
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
  Schema.Struct({
    type: Schema.tag("turn"),
    ...common,
    text: Schema.String,
    /** What the runner needs to go on from here; nobody else reads it. */
    entry: Schema.optionalKey(Schema.Json),
    usage: Schema.optionalKey(Usage)
  }),
  Schema.Struct({
    type: Schema.tag("checkpoint"),
    ...common,
    phase: Schema.String,
    milestone: Schema.String,
    details: Schema.String,
    /** The line of the legacy log that it was read from. */
    legacy_line: Schema.optionalKey(Schema.String)
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
  /** Somebody wants it to go on, and may have said something to it. */
  Schema.Struct({
    type: Schema.tag("resumed"),
    ...common,
    prompt: Schema.optionalKey(Schema.String),
    /** The flags that are off from here on. */
    flags: Schema.optionalKey(Some)
  }),
  /** Somebody tells it something, to be read between turns. */
  Schema.Struct({
    type: Schema.tag("told"),
    ...common,
    text: Schema.String,
    priority: Schema.optionalKey(Priority),
    /** It is not read after this. */
    expires_at: Schema.optionalKey(Timestamp),
    /** Takes the place of everything that was not read yet. */
    supersede: Schema.optionalKey(Schema.Boolean)
  }),
  /** It has read what it was told at these versions: from here on that is a part of its context. */
  Schema.Struct({ type: Schema.tag("heard"), ...common, versions: Schema.Array(Schema.Natural) }),
  /** From here on its history is that of an earlier version, and what follows. */
  Schema.Struct({ type: Schema.tag("rolled_back"), ...common, to: Schema.Natural }),
  /** The history that a fork shared with a session that is deleted. */
  Schema.Struct({
    type: Schema.tag("inherited"),
    ...common,
    entries: Schema.Array(Schema.Struct({ session_id: SessionId, version: Schema.Natural, record: Schema.Json }))
  }),
  /** It is being deleted: for everybody else it is gone. */
  Schema.Struct({ type: Schema.tag("closed"), ...common }),
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
  readonly past: Past
  /** The last version before a gap, or a record that is unreadable or impossible, until it is rolled back to there or further. */
  readonly damaged_after?: number
  /** Of a fork: the shared history is in its own journal. */
  readonly owns_history?: true
  readonly closed?: true
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
  session: Session | undefined,
  record: Record,
  version: number
): Result.Result<Session | undefined, IllegalTransition> => {
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
  const next: Session = {
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
const objection = (session: Session, record: Record) => {
  const { session_id, status } = session
  const illegal = { session_id, status, record: record.type }
  if (session.closed === true || allowed[record.type]?.includes(status) === false) return new IllegalTransition(illegal)
  if (!isOfRun(session, record)) return new IllegalTransition({ ...illegal, run: record.run })
  if (record.type === "rolled_back" && at(session, record.to) === undefined) return new IllegalTransition(illegal)
  return undefined
}

/** Of what came after a gap its runs and wakes count: runs are the fence, and wakes are in the ledger. */
const passOver = (session: Session, record: Record, version: number): Session => ({
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
  session: Session | undefined,
  record: unknown,
  version: number
): Option.Option<Session | undefined> => {
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

const at = ({ past }: Session, version: number): Past | undefined => {
  let point: Past | undefined = past
  while (point !== undefined && point.version > version) point = point.previous
  return point?.version === version ? point : undefined
}

/** What a version back is like: nobody works on it. */
const restored = (target: Past): Partial<Session> => {
  const checkpoints: Array<Checkpoint> = []
  for (let point: Past | undefined = target; point !== undefined; point = point.before) {
    if (point.checkpoint !== undefined) checkpoints.unshift(point.checkpoint)
  }
  return { checkpoints, ...(target.state.status === "running" ? { status: "suspended" as const } : {}) }
}

const remember = (
  session: Session,
  { error, failures, result, status, told, turns }: Session,
  record: Record,
  version: number,
  target: Past | undefined
): Past => {
  return {
    version,
    state: {
      status,
      turns,
      failures,
      told,
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error })
    },
    ...(record.type === "checkpoint" ? { checkpoint: checkpointOf(record, version) } : {}),
    previous: session.past,
    before: target ?? session.past
  }
}

const checkpointOf = (
  { at, details, legacy_line, milestone, phase }: Extract<Record, { type: "checkpoint" }>,
  version: number
): Checkpoint => ({
  version,
  phase,
  milestone,
  details,
  at,
  ...(legacy_line === undefined ? {} : { legacy_line })
})

/**
 * The versions that its history consists of, without what was rolled back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const versionsOf = ({ past }: Session): ReadonlySet<number> => {
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
export const versionOf = (
  session: Session,
  wanted: string
): Result.Result<number, VersionNotFound | SessionDamaged> => {
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

const begin = ({ at, ...created }: typeof Created.Type, version: number): Session => ({
  ...Struct.omit(created, ["type"]),
  status: "created",
  version,
  created_at: at,
  updated_at: at,
  failures: 0,
  takeovers: 0,
  runs: [],
  turns: 0,
  checkpoints: [],
  wakes: [],
  told: [],
  unread: [],
  reset_at: 0,
  past: {
    version,
    state: { status: "created", turns: 0, failures: 0, told: [] },
    previous: undefined,
    before: undefined
  }
})

const change = (session: Session, record: Record, version: number): Partial<Session> => {
  /** The run that was under way is over. */
  const stopped = () => ({ runs: session.status === "running" ? end() : session.runs })
  const end = (how: Partial<Run> = {}) =>
    session.runs.map((run) => (run.run === record.run ? { ...run, ...how, ended_at: record.at } : run))
  switch (record.type) {
    case "started": {
      const runs = [...session.runs, { run: record.run, started_at: record.at, worker: record.worker }]
      const died = session.status === "running" && session.runs.at(-1)?.worker.kind === "local"
      const counts =
        session.status === "blocked"
          ? { failures: 0, takeovers: 0 }
          : { failures: session.failures, takeovers: session.takeovers + (died ? 1 : 0) }
      return { status: "running", run: record.run, runs, ...counts }
    }
    case "turn": {
      const usage = record.usage === undefined ? session.usage : addUsage(session.usage, record.usage)
      return { turns: session.turns + 1, takeovers: 0, ...(usage === undefined ? {} : { usage }) }
    }
    case "checkpoint": {
      return { checkpoints: [...session.checkpoints, checkpointOf(record, version)], takeovers: 0 }
    }
    case "finding":
      return { wakes: [...session.wakes, record.wake] }
    case "draft":
      return { draft: record.wake }
    case "attempt_failed":
      return { status: "suspended", runs: end({ retried: true }), failures: session.failures + 1, error: record.error }
    case "suspended":
      return { status: "suspended", runs: end() }
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
    case "resumed": {
      const told = record.prompt === undefined ? [] : [{ at: record.at, text: record.prompt }]
      return {
        ...stopped(),
        status: "suspended",
        failures: 0,
        takeovers: 0,
        told: [...session.told, ...told],
        reset_at: version,
        ...(record.flags === undefined ? {} : { flags: record.flags })
      }
    }
    case "told": {
      const { at, expires_at, priority, supersede, text } = record
      const told: Told = {
        version,
        at,
        text,
        ...(priority === undefined ? {} : { priority }),
        ...(expires_at === undefined ? {} : { expires_at })
      }
      return { unread: supersede === true ? [told] : [...session.unread, told] }
    }
    case "heard": {
      const read = record.versions.flatMap((one) => session.unread.filter((told) => told.version === one))
      return {
        told: [...session.told, ...read.map(({ at, text }) => ({ at, text }))],
        // What is out of date by now is read no more either.
        unread: session.unread.filter(
          (told) => !read.includes(told) && (told.expires_at === undefined || told.expires_at > record.at)
        )
      }
    }
    case "rolled_back":
      return { ...stopped(), takeovers: 0, reset_at: version }
    case "inherited":
      return { owns_history: true }
    case "closed":
      return { closed: true }
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
