import { Schema } from "effect"

/**
 * Who holds a message: enough to tell on the same machine whether the process is still the same one.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Owner = Schema.Struct({
  host: Schema.String,
  pid: Schema.Natural,
  /** Identifies this boot of the machine. */
  boot: Schema.String,
  /** When the process started, in the machine's own units: a reused process id differs here. */
  started: Schema.String,
  /** When the process opened the queue, RFC 3339. */
  since: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export type Owner = typeof Owner.Type

const Offered = Schema.Struct({
  type: Schema.tag("offered"),
  id: Schema.String,
  priority: Schema.Int,
  /** Not before this time, in milliseconds since the epoch. */
  due: Schema.optionalKey(Schema.Number),
  /** Void where as many messages are not settled: decided by the order of the log, so that no race exceeds it. */
  capacity: Schema.optionalKey(Schema.Number),
  /** Starts a completed or dead id again; without it an offer of a known id is void. */
  revive: Schema.optionalKey(Schema.Boolean)
})

/** What a compacted log knows of a message instead of how it came about; void for a known id. */
const Kept = Schema.Struct({
  type: Schema.tag("kept"),
  id: Schema.String,
  /** Whether a message that waits is delayed is told by `due` and the clock. */
  state: Schema.Literals(["waiting", "in_flight", "completed", "dead"]),
  offered: Schema.Number,
  priority: Schema.optionalKey(Schema.Int),
  attempt: Schema.optionalKey(Schema.Natural),
  due: Schema.optionalKey(Schema.Number),
  reason: Schema.optionalKey(Schema.String),
  settled: Schema.optionalKey(Schema.Number),
  claim: Schema.optionalKey(Schema.Struct({ id: Schema.String, owner: Owner, lease: Schema.Number, at: Schema.Number }))
})

const Change = Schema.Union([
  Schema.Struct({
    type: Schema.tag("claimed"),
    id: Schema.String,
    /** Others that are claimed with it. */
    more: Schema.optionalKey(Schema.Array(Schema.String)),
    claim: Schema.String,
    /** The claim that this one takes over. */
    over: Schema.optionalKey(Schema.String),
    lease: Schema.Number,
    owner: Owner
  }),
  /** Claims the next message that anybody may have at once; void where there is one already. */
  Schema.Struct({
    type: Schema.tag("awaited"),
    claim: Schema.String,
    /** It claims nothing that is written after this time, in milliseconds since the epoch. */
    until: Schema.Number,
    lease: Schema.Number,
    owner: Owner
  }),
  /** Ends a claim that was awaited, and gives back what it has got meanwhile. */
  Schema.Struct({ type: Schema.tag("withdrawn"), claim: Schema.String }),
  Schema.Struct({ type: Schema.tag("renewed"), id: Schema.String, claim: Schema.String }),
  Schema.Struct({ type: Schema.tag("released"), id: Schema.String, claim: Schema.String }),
  Schema.Struct({
    type: Schema.tag("retried"),
    id: Schema.String,
    claim: Schema.String,
    due: Schema.Number,
    reason: Schema.String
  }),
  Schema.Struct({ type: Schema.tag("completed"), id: Schema.String, claim: Schema.optionalKey(Schema.String) }),
  Schema.Struct({
    type: Schema.tag("dead"),
    id: Schema.String,
    claim: Schema.optionalKey(Schema.String),
    reason: Schema.String
  }),
  Schema.Struct({ type: Schema.tag("requeued"), id: Schema.String }),
  /** Forgets the messages that were settled so up to these times, in milliseconds since the epoch. */
  Schema.Struct({
    type: Schema.tag("pruned"),
    completed: Schema.optionalKey(Schema.Number),
    dead: Schema.optionalKey(Schema.Number)
  })
])

/**
 * The schema of one line of a queue's log, for a log that keeps this of a payload: the JSON itself, or where it lies.
 *
 * @category schemas
 * @since 0.1.0
 */
export const recordOf = <P extends Schema.Top>(payload: P) =>
  Schema.Union([
    Schema.Struct({ ...Offered.fields, payload }),
    // Left out of a completed message.
    Schema.Struct({ ...Kept.fields, payload: Schema.optionalKey(payload) }),
    ...Change.members
  ])

/**
 * One line of a queue's log that holds the payloads.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = recordOf(Schema.Json)

/**
 * @category models
 * @since 0.1.0
 */
export type Record<P = Schema.Json> =
  | (typeof Offered.Type & { readonly payload: P })
  | (typeof Kept.Type & { readonly payload?: P })
  | typeof Change.Type
