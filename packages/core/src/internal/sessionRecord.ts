import { Schema } from "effect"
import { Limits, Problem, Result as AgentResult, Runner, Usage } from "../Agent.ts"
import { Some } from "../Flags.ts"
import { Role } from "../Role.ts"
import { SessionId } from "../SessionId.ts"
import { Priority, Timestamp, Wake } from "../Wake.ts"

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
  Schema.Struct({
    type: Schema.tag("started"),
    ...common,
    worker: Worker,
    /** What was off when somebody outside began a run of it. */
    flags: Schema.optionalKey(Some)
  }),
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
