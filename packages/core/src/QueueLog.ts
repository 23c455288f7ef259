/**
 * What the records of a queue mean: a state machine that every process folds to the same result from the same log, so
 * that a queue needs no lock. The first claim of a message in log order wins; later ones are void.
 *
 * @since 0.1.0
 */
import { Option, type Schema } from "effect"
import { insert, makeLanes } from "./internal/lanes.ts"
import type { Owner, Record } from "./internal/queueRecord.ts"

export { Owner, Record, recordOf } from "./internal/queueRecord.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type State = "ready" | "delayed" | "in_flight" | "completed" | "dead"

/**
 * One message as the log tells it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Item<P = Schema.Json> {
  readonly id: string
  /** Position of the offer in the log: ties of priority are first in, first out. */
  readonly sequence: number
  readonly offeredAt: number
  /** Nothing once it is completed. */
  payload: P | undefined
  priority: number
  state: State
  /** Claims counted; one given back by an interruption is uncounted. */
  attempt: number
  due: number
  /** Why it failed last. */
  reason: string | undefined
  settledAt: number
  claim:
    | { readonly id: string; readonly owner: Owner; readonly lease: number; readonly at: number; heard: number }
    | undefined
}

/**
 * A claim that waits for the next message.
 *
 * @category models
 * @since 0.1.0
 */
export interface Awaiting {
  readonly claim: string
  /** It gets nothing that is written later, in milliseconds since the epoch. */
  readonly until: number
  readonly lease: number
  readonly owner: Owner
}

/**
 * What can be seen of a queue's state, whatever it keeps of the payloads.
 *
 * @category models
 * @since 0.1.0
 */
export interface View<P = unknown> {
  readonly items: ReadonlyMap<string, Item<P>>
  /** Messages that a claim holds. */
  readonly inFlight: ReadonlySet<Item<P>>
  /** Claims that wait for a message, the longest first. Where there are any, no message waits but for its time. */
  readonly awaiting: ReadonlyMap<string, Awaiting>
  /** Messages that wait for a time, soonest first. */
  readonly delayed: ReadonlyArray<Item<P>>
  /** How many messages are in each state. */
  readonly counts: Readonly<{ [state in State]: number }>
  /** How many messages are not settled yet. */
  readonly live: number
  /** When the message was offered that is ready for longest. */
  readonly oldest: Option.Option<number>
  /** The sequence of the newest offer; 0 before the first. */
  readonly newest: number
  /** Up to so many messages to hand out next, first to last, that `skip` does not hold; `now` is the wall clock. */
  readonly next: (now: number, skip: ReadonlySet<string>, count: number) => ReadonlyArray<Item<P>>
}

/**
 * The state of one queue. It is mutable: one log, one state, one reader.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueLog<P = Schema.Json> extends View<P> {
  /**
   * Applies a record; `at` is when it was written (wall clock), `heard` when it was read here (monotonic clock, in
   * milliseconds). Answers whether it had an effect: a void record changes nothing.
   */
  readonly apply: (record: Record<P>, at: number, heard: number) => boolean
  /** Records that lead an empty queue to this state, whatever happens here afterwards. */
  readonly snapshot: () => ReadonlyArray<Record<P>>
}

/**
 * Starts an empty queue.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <P = Schema.Json>(): QueueLog<P> => {
  const items = new Map<string, Item<P>>()
  const inFlight = new Set<Item<P>>()
  const awaiting = new Map<string, Awaiting>()
  const delayed: Array<Item<P>> = []
  const ready = makeLanes<P>()
  const counts = { ready: 0, delayed: 0, in_flight: 0, completed: 0, dead: 0 }
  let sequence = 0
  /** Messages that are ready and never waited for a time: every reader counts the same. */
  let prompt = 0

  const live = () => counts.ready + counts.delayed + counts.in_flight
  const add = (item: Item<P>) => {
    items.set(item.id, item)
    counts[item.state] += 1
  }
  const remove = (item: Item<P>) => {
    items.delete(item.id)
    counts[item.state] -= 1
  }
  const leave = (item: Item<P>) => {
    if (item.state === "delayed") delayed.splice(delayed.indexOf(item), 1)
    if (item.state === "in_flight") inFlight.delete(item)
    item.claim = undefined
  }
  const isPrompt = ({ due, state }: Item<P>) => state === "ready" && due <= 0
  const move = (item: Item<P>, state: State) => {
    if (isPrompt(item)) prompt -= 1
    counts[item.state] -= 1
    counts[state] += 1
    item.state = state
    if (isPrompt(item)) prompt += 1
    if (state === "ready") ready.add(item)
    if (state === "delayed") insert(delayed, item, (a, b) => a.due - b.due || a.sequence - b.sequence)
    if (state === "in_flight") inFlight.add(item)
  }
  const hold = (item: Item<P>, claim: NonNullable<Item<P>["claim"]>) => {
    item.attempt += 1
    item.claim = claim
    move(item, "in_flight")
  }
  /** Who has waited longest and still waits. Told by what is written, and by no clock: every reader finds the same one. */
  const nextInLine = (at: number) => {
    for (const waiting of awaiting.values()) {
      awaiting.delete(waiting.claim)
      if (at <= waiting.until) return waiting
    }
    return undefined
  }
  const wait = (item: Item<P>, due: number, at: number, heard: number) => {
    item.due = due
    const next = due > 0 ? undefined : nextInLine(at)
    if (next === undefined) return move(item, due > 0 ? "delayed" : "ready")
    hold(item, { id: next.claim, owner: next.owner, lease: next.lease, at, heard })
  }
  const release = (item: Item<P>, at: number, heard: number) => {
    leave(item)
    item.attempt -= 1
    wait(item, 0, at, heard)
  }
  const settle = (item: Item<P>, state: "completed" | "dead", at: number) => {
    leave(item)
    item.settledAt = at
    if (state === "completed") item.payload = undefined
    move(item, state)
  }
  const held = (item: Item<P>, claim: string | undefined) =>
    claim === undefined ? isLive(item.state) : item.claim?.id === claim

  const offered = (record: Extract<Record<P>, { type: "offered" }>, at: number, heard: number) => {
    const known = items.get(record.id)
    if (known !== undefined && (record.revive !== true || isLive(known.state))) return false
    if (record.capacity !== undefined && live() >= record.capacity) return false
    const item: Item<P> = {
      id: record.id,
      sequence: ++sequence,
      offeredAt: at,
      payload: record.payload,
      priority: record.priority,
      state: "completed",
      attempt: 0,
      due: 0,
      reason: undefined,
      settledAt: 0,
      claim: undefined
    }
    if (known !== undefined) remove(known)
    add(item)
    wait(item, record.due ?? 0, at, heard)
    return true
  }

  const pruned = (until: Until) => {
    const before = items.size
    for (const item of items.values()) if (isPrunable(item, until)) remove(item)
    return items.size < before
  }

  const kept = (
    { claim, offered: offeredAt, state, ...record }: Extract<Record<P>, { type: "kept" }>,
    at: number,
    heard: number
  ) => {
    if (items.has(record.id)) return false
    const item: Item<P> = {
      id: record.id,
      sequence: ++sequence,
      offeredAt,
      payload: record.payload,
      priority: record.priority ?? 0,
      state: "completed",
      attempt: record.attempt ?? 0,
      due: record.due ?? 0,
      reason: record.reason,
      settledAt: record.settled ?? 0,
      claim: claim === undefined ? undefined : { ...claim, heard }
    }
    add(item)
    if (state === "waiting") wait(item, item.due, at, heard)
    else move(item, state)
    return true
  }

  const claimed = (
    id: string,
    { claim, lease, over, owner }: Extract<Record<P>, { type: "claimed" }>,
    at: number,
    heard: number
  ) => {
    const item = items.get(id)
    if (item === undefined) return false
    const free = item.state === "ready" || item.state === "delayed"
    if (over === undefined ? !free : item.claim?.id !== over) return false
    leave(item)
    hold(item, { id: claim, owner, lease, at, heard })
    return true
  }

  const awaited = ({ claim, lease, owner, until }: Extract<Record<P>, { type: "awaited" }>) => {
    // What came first goes first: whoever waits takes that, and not what comes next.
    if (prompt > 0 || awaiting.has(claim)) return false
    for (const one of awaiting.values()) if (one.until < until - forgottenAfter) awaiting.delete(one.claim)
    awaiting.set(claim, { claim, until, lease, owner })
    return true
  }

  const withdrawn = ({ claim }: Extract<Record<P>, { type: "withdrawn" }>, at: number, heard: number) => {
    if (awaiting.delete(claim)) return true
    for (const item of inFlight) {
      if (item.claim?.id !== claim) continue
      release(item, at, heard)
      return true
    }
    return false
  }

  const apply = (record: Record<P>, at: number, heard: number) => {
    if (record.type === "offered") return offered(record, at, heard)
    if (record.type === "pruned") return pruned(record)
    if (record.type === "kept") return kept(record, at, heard)
    if (record.type === "awaited") return awaited(record)
    if (record.type === "withdrawn") return withdrawn(record, at, heard)
    if (record.type === "claimed") {
      const { id, more = [] } = record
      return [id, ...more].filter((id) => claimed(id, record, at, heard)).length > 0
    }
    const item = items.get(record.id)
    if (item === undefined) return false
    switch (record.type) {
      case "renewed":
        if (item.claim?.id !== record.claim) return false
        item.claim.heard = heard
        return true
      case "released":
        if (item.claim?.id !== record.claim) return false
        release(item, at, heard)
        return true
      case "retried":
        if (item.claim?.id !== record.claim) return false
        leave(item)
        item.reason = record.reason
        wait(item, record.due, at, heard)
        return true
      case "completed":
        if (!held(item, record.claim) && !(record.claim === undefined && item.state === "dead")) return false
        settle(item, "completed", at)
        return true
      case "dead":
        if (!held(item, record.claim)) return false
        settle(item, "dead", at)
        item.reason = record.reason
        return true
      case "requeued":
        if (item.state !== "dead") return false
        item.attempt = 0
        wait(item, 0, at, heard)
        return true
    }
  }

  const next = (now: number, skip: ReadonlySet<string>, count: number) => {
    for (let due = delayed[0]; due !== undefined && due.due <= now; due = delayed[0]) {
      leave(due)
      move(due, "ready")
    }
    return ready.first(skip, count)
  }

  return {
    items,
    inFlight,
    awaiting,
    delayed,
    counts,
    get live() {
      return live()
    },
    get oldest() {
      return ready.oldest()
    },
    get newest() {
      return sequence
    },
    apply,
    next,
    snapshot: () => [
      ...Array.from(items.values(), keep),
      ...Array.from(awaiting.values(), (waiting): Record<P> => ({ type: "awaited", ...waiting }))
    ]
  }
}

/**
 * Tells whether a message in this state is done with, until somebody starts it again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isSettled = (state: State): boolean => state === "completed" || state === "dead"

/**
 * Up to when what is settled may be forgotten, in milliseconds since the epoch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Until {
  readonly completed?: number | undefined
  readonly dead?: number | undefined
}

/**
 * Tells whether a message was settled so long ago that it may be forgotten.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isPrunable = ({ settledAt, state }: Item<unknown>, until: Until): boolean => {
  const limit = state === "completed" ? until.completed : state === "dead" ? until.dead : undefined
  return limit !== undefined && settledAt <= limit
}

/** What was awaited until so long before another claim is, in milliseconds, is left of a process that ended without a word. */
const forgottenAfter = 60_000

const keep = <P>(item: Item<P>): Record<P> => {
  const { attempt, claim, due, id, offeredAt: offered, payload, priority, reason, state } = item
  if (state === "completed") return { type: "kept", id, state, offered, settled: item.settledAt }
  return {
    type: "kept",
    id,
    state: state === "ready" || state === "delayed" ? "waiting" : state,
    offered,
    ...(payload === undefined ? {} : { payload }),
    ...(priority === 0 ? {} : { priority }),
    ...(attempt === 0 ? {} : { attempt }),
    ...(due === 0 ? {} : { due }),
    ...(reason === undefined ? {} : { reason }),
    ...(state === "dead" ? { settled: item.settledAt } : {}),
    ...(claim === undefined ? {} : { claim: { id: claim.id, owner: claim.owner, lease: claim.lease, at: claim.at } })
  }
}

const isLive = (state: State) => !isSettled(state)
