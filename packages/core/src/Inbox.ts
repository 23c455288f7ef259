/**
 * What an orchestrator has done with the wakes sent to it: the record that says what is acknowledged, never the queue.
 *
 * @since 0.1.0
 */
import { HashMap, HashSet, Result, Schema } from "effect"
import { Timestamp } from "./Wake.ts"

/**
 * One record of the journal `inbox/<orchestrator>`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = Schema.Union([
  Schema.Struct({ type: Schema.tag("acknowledged"), at: Timestamp, wake_id: Schema.String }),
  Schema.Struct({
    type: Schema.tag("dead"),
    at: Timestamp,
    wake_id: Schema.String,
    reason: Schema.String,
    /** What arrived, as it arrived. */
    original: Schema.Json
  }),
  Schema.Struct({ type: Schema.tag("requeued"), at: Timestamp, wake_id: Schema.String })
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
export interface Inbox {
  readonly acknowledged: HashSet.HashSet<string>
  readonly dead: HashMap.HashMap<string, Extract<Record, { type: "dead" }>>
  /** Ids that were acknowledged more than once. */
  readonly repeated: HashSet.HashSet<string>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const empty: Inbox = { acknowledged: HashSet.empty(), dead: HashMap.empty(), repeated: HashSet.empty() }

/**
 * Whether nothing is left to do about a wake.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isSettled = (inbox: Inbox, wakeId: string): boolean =>
  HashSet.has(inbox.acknowledged, wakeId) || HashMap.has(inbox.dead, wakeId)

/**
 * Applies a record: every one may follow on every other. What is acknowledged stays so, and is never dead.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apply = (inbox: Inbox, record: Record): Result.Result<Inbox, never> => {
  const id = record.wake_id
  switch (record.type) {
    case "acknowledged":
      return Result.succeed({
        acknowledged: HashSet.add(inbox.acknowledged, id),
        dead: HashMap.remove(inbox.dead, id),
        repeated: HashSet.has(inbox.acknowledged, id) ? HashSet.add(inbox.repeated, id) : inbox.repeated
      })
    case "dead":
      return Result.succeed(
        HashSet.has(inbox.acknowledged, id) ? inbox : { ...inbox, dead: HashMap.set(inbox.dead, id, record) }
      )
    case "requeued":
      return Result.succeed({ ...inbox, dead: HashMap.remove(inbox.dead, id) })
  }
}
