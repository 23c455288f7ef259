/**
 * What an orchestrator has done with the wakes sent to it: the record that says what is acknowledged, never the queue.
 *
 * @since 0.1.0
 */
import { HashMap, HashSet, Result, Schema } from "effect"
import { Timestamp, Wake } from "./Wake.ts"

/**
 * One record of the journal `inbox/<orchestrator>`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = Schema.Union([
  Schema.Struct({
    type: Schema.tag("acknowledged"),
    at: Timestamp,
    wake_id: Schema.String,
    /** When somebody began to handle it: until then it only lay there. */
    taken_at: Schema.optionalKey(Timestamp)
  }),
  Schema.Struct({
    type: Schema.tag("dead"),
    at: Timestamp,
    wake_id: Schema.String,
    reason: Schema.String,
    /** What arrived, as it arrived. */
    original: Schema.Json
  }),
  Schema.Struct({ type: Schema.tag("requeued"), at: Timestamp, wake_id: Schema.String }),
  /** A wake of a session that is not kept: it stands nowhere else. */
  Schema.Struct({ type: Schema.tag("received"), at: Timestamp, wake: Wake }),
  /** The session is about to be deleted: what is settled of its wakes stands here, whether or not it is still there. */
  Schema.Struct({ type: Schema.tag("deleting"), at: Timestamp, session_id: Schema.String }),
  /** The session is deleted: from here on its wakes are only counted. */
  Schema.Struct({ type: Schema.tag("deleted"), at: Timestamp, session_id: Schema.String })
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
  /** The wakes of sessions that are not kept, by id, with their place in the order of coming. */
  readonly received: HashMap.HashMap<string, { readonly place: number; readonly wake: Wake }>
  /** Ids that were acknowledged more than once. */
  readonly repeated: HashSet.HashSet<string>
  /** Sessions that are being deleted. */
  readonly deleting: HashSet.HashSet<string>
  /** How many wakes of deleted sessions there were. */
  readonly deleted: { readonly acknowledged: number; readonly dead: number }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const empty: Inbox = {
  acknowledged: HashSet.empty(),
  dead: HashMap.empty(),
  received: HashMap.empty(),
  repeated: HashSet.empty(),
  deleting: HashSet.empty(),
  deleted: { acknowledged: 0, dead: 0 }
}

/**
 * Whether a wake is of a session that is being deleted: then it was committed, whether or not that can still be seen.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isDeleting = (inbox: Inbox, wakeId: string): boolean => HashSet.has(inbox.deleting, senderOf(wakeId))

const senderOf = (wakeId: string) => wakeId.slice(0, Math.max(wakeId.indexOf("/"), 0))

/**
 * Whether nothing is left to do about a wake.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isSettled = (inbox: Inbox, wakeId: string): boolean =>
  HashSet.has(inbox.acknowledged, wakeId) || HashMap.has(inbox.dead, wakeId)

/**
 * The wakes of sessions that are not kept, in the order of their coming.
 *
 * @category constructors
 * @since 0.1.0
 */
export const receivedOf = ({ received }: Inbox): ReadonlyArray<Wake> =>
  [...HashMap.values(received)].sort((a, b) => a.place - b.place).map(({ wake }) => wake)

/**
 * Applies a record: every one may follow on every other. What is acknowledged stays so, and is never dead.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apply = (inbox: Inbox, record: Record): Result.Result<Inbox, never> => {
  if (record.type === "deleting") {
    return Result.succeed({ ...inbox, deleting: HashSet.add(inbox.deleting, record.session_id) })
  }
  if (record.type === "deleted") return Result.succeed(forget(inbox, record.session_id))
  if (record.type === "received") {
    const { wake } = record
    const { received } = inbox
    if (HashMap.has(received, wake.wake_id)) return Result.succeed(inbox)
    const place = HashMap.size(received)
    return Result.succeed({ ...inbox, received: HashMap.set(received, wake.wake_id, { place, wake }) })
  }
  const id = record.wake_id
  switch (record.type) {
    case "acknowledged":
      return Result.succeed({
        ...inbox,
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

const forget = (inbox: Inbox, sessionId: string): Inbox => {
  const isKept = (id: string) => senderOf(id) !== sessionId
  const acknowledged = HashSet.filter(inbox.acknowledged, isKept)
  const dead = HashMap.filter(inbox.dead, (_, id) => isKept(id))
  return {
    acknowledged,
    dead,
    received: inbox.received,
    repeated: HashSet.filter(inbox.repeated, isKept),
    deleting: HashSet.remove(inbox.deleting, sessionId),
    deleted: {
      acknowledged: inbox.deleted.acknowledged + HashSet.size(inbox.acknowledged) - HashSet.size(acknowledged),
      dead: inbox.deleted.dead + HashMap.size(inbox.dead) - HashMap.size(dead)
    }
  }
}
