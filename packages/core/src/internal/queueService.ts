import { Array, Clock, type Duration, Effect, Option, type Schema, type Scope } from "effect"
import { InvalidKey, isKey } from "../Key.ts"
import type { Inspected, Log, Logs, Message, Queue, QueueFull } from "../Queue.ts"
import * as QueueLog from "../QueueLog.ts"
import { TransportError } from "../TransportError.ts"
import * as claiming from "./claiming.ts"
import { bytesOver } from "./jsonBytes.ts"

/** What the port says of itself, handed in so that it can use this module. */
export interface Terms {
  readonly maxIdLength: number
  readonly maxPayloadBytes: number
  readonly full: (queue: string, capacity: number) => QueueFull
  readonly isRejected: (error: unknown) => boolean
}

type Offered = Extract<QueueLog.Record, { readonly type: "offered" }>

type Options = NonNullable<Parameters<Queue["Service"]["offer"]>[2]>

type Offering = Effect.Effect<"added" | QueueLog.State, QueueFull | TransportError>

export const make = Effect.fnUntraced(function* (
  logs: Logs,
  terms: Terms
): Effect.fn.Return<Queue["Service"], never, Scope.Scope> {
  const open = (queue: string): Effect.Effect<Log, InvalidKey | TransportError> =>
    isKey(queue) ? logs.open(queue) : Effect.fail(new InvalidKey({ key: queue }))
  const { settled, take } = yield* claiming.make(logs, terms.isRejected)
  const refresh = (log: Log) => Effect.andThen(settled(log), log.refresh)

  const tooLong = ({ id, payload }: Message): TransportError | undefined => {
    if (id.length > terms.maxIdLength) {
      return tooLarge(`the id has ${id.length} characters, more than ${terms.maxIdLength}`)
    }
    const bytes = bytesOver(payload, terms.maxPayloadBytes)
    return bytes > terms.maxPayloadBytes
      ? tooLarge(`the payload has ${bytes} bytes, more than ${terms.maxPayloadBytes}`)
      : undefined
  }

  const isFull = ({ state }: Log, { capacity }: Offered) => capacity !== undefined && state.live >= capacity
  /** What becomes of an offer that need not be written: its id is known, or there is no room. */
  const unwritten = (log: Log, queue: string, offered: Offered): Offering | undefined => {
    const known = log.state.items.get(offered.id)
    if (known !== undefined && !(offered.revive === true && QueueLog.isSettled(known.state))) {
      return Effect.as(log.durable(), known.state)
    }
    return isFull(log, offered) ? Effect.fail(terms.full(queue, offered.capacity ?? 0)) : undefined
  }
  // Whether it is new is decided by the log. What seems to be known already is looked at as it is now.
  const offer = (log: Log, queue: string, offered: Offered): Offering =>
    log.state.items.has(offered.id) || isFull(log, offered)
      ? Effect.andThen(refresh(log), () => unwritten(log, queue, offered) ?? append(log, queue, offered))
      : append(log, queue, offered)
  const append = (log: Log, queue: string, offered: Offered): Offering =>
    Effect.flatMap(log.append([offered]), ([added]) =>
      // It may be neither: the queue was deleted while it was on its way, or there is room by now.
      added === true ? wasAdded : (unwritten(log, queue, offered) ?? offer(log, queue, offered))
    )

  return {
    offer: (queue, message, options = {}) =>
      Effect.flatMap(open(queue), (log) => {
        const error = tooLong(message)
        if (error !== undefined) return Effect.fail(error)
        const { delay, priority = 0 } = message
        // Nobody could read it back.
        if (!Number.isSafeInteger(priority))
          return Effect.die(new RangeError(`priority: ${priority} is no whole number`))
        return delay === undefined
          ? offer(log, queue, offeredOf(message, options))
          : Effect.flatMap(dueIn(delay), (due) => offer(log, queue, { ...offeredOf(message, options), ...due }))
      }),
    take: (queue, options = {}) => Effect.flatMap(open(queue), (log) => take(queue, log, options)),
    settle: Effect.fnUntraced(function* (queue, id, settlement) {
      const log = yield* open(queue)
      yield* refresh(log)
      const item = log.state.items.get(id)
      if (item === undefined) return undefined
      const change = item.state !== "completed" && item.state !== settlement.type
      yield* change ? log.append([{ ...settlement, id }]) : log.durable()
      return log.state.items.get(id)?.state
    }),
    requeue: Effect.fnUntraced(function* (queue, id) {
      const log = yield* open(queue)
      yield* refresh(log)
      if (log.state.items.get(id)?.state !== "dead") return false
      yield* log.append([{ type: "requeued", id }])
      return true
    }),
    inspect: Effect.fnUntraced(function* (queue) {
      const log = yield* open(queue)
      yield* refresh(log)
      log.state.next(yield* Clock.currentTimeMillis, none, 0)
      const live = [...log.state.items.values()].filter((item) => item.state !== "completed")
      return yield* Effect.forEach(live, (item) =>
        Effect.map(log.payload(item.id), (payload) => inspected(item, payload, logs.isGone))
      )
    }),
    stateOf: Effect.fnUntraced(function* (queue, id) {
      const log = yield* open(queue)
      yield* refresh(log)
      yield* log.durable()
      return log.state.items.get(id)?.state
    }),
    prune: Effect.fnUntraced(function* (queue, { completed, dead }) {
      const log = yield* open(queue)
      yield* refresh(log)
      for (const item of log.state.items.values()) {
        if (!QueueLog.isPrunable(item, { completed, dead })) continue
        yield* log.append([
          {
            type: "pruned",
            ...(completed === undefined ? {} : { completed }),
            ...(dead === undefined ? {} : { dead })
          }
        ])
        return
      }
    }),
    delete: Effect.fnUntraced(function* (queue) {
      const log = yield* open(queue)
      yield* refresh(log)
      const always = claiming.endOfTime
      for (const items of Array.chunksOf(log.state.items.values(), maxSettled)) {
        const live = items.filter(({ state }) => !QueueLog.isSettled(state))
        const settled = live.map(({ id }) => ({ type: "completed" as const, id }))
        // In one append, so that of a small queue nothing is left, or everything.
        yield* log.append([...settled, { type: "pruned", completed: always, dead: always }])
      }
      // Who waits for a message has nothing to wait for.
      const awaiting = [...log.state.awaiting.keys()]
      if (awaiting.length > 0) yield* log.append(awaiting.map((claim) => ({ type: "withdrawn", claim })))
      yield* logs.remove(queue)
    }),
    statistics: Effect.fnUntraced(function* (queue) {
      const log = yield* open(queue)
      yield* refresh(log)
      const now = yield* Clock.currentTimeMillis
      log.state.next(now, none, 0)
      const { in_flight: inFlight, ...counts } = log.state.counts
      const oldest = Option.getOrElse(log.state.oldest, () => now)
      return { ...counts, inFlight, oldestAge: Math.max(0, now - oldest) }
    }),
    names: (prefix = "") => Effect.map(logs.names, (names) => names.filter((name) => name.startsWith(prefix)).sort())
  }
})

const dueIn = (delay: Duration.Input) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const due = claiming.dueAfter(now, delay)
    return due > now ? { due } : {}
  })

const offeredOf = ({ id, payload, priority = 0 }: Message, { capacity: bound, revive }: Options): Offered => {
  const offered = { type: "offered" as const, id, payload, priority }
  const capacity = bound === Number.POSITIVE_INFINITY ? undefined : bound
  if (capacity === undefined && revive !== true) return offered
  return {
    ...offered,
    ...(capacity === undefined ? {} : { capacity }),
    // Said of every offer that may start one again: another process may know the id, and this one not yet.
    ...(revive === true ? { revive } : {})
  }
}

const wasAdded = Effect.succeed("added" as const)

const none: ReadonlySet<string> = new Set()

/** Messages that are deleted in one append: far from the largest one, whatever their ids. */
const maxSettled = 1000

const tooLarge = (detail: string) => new TransportError({ operation: "Queue.offer", reason: "too_large", detail })

const inspected = (item: QueueLog.Item<unknown>, payload: Schema.Json, isGone: Logs["isGone"]): Inspected => ({
  id: item.id,
  state: item.state,
  attempt: item.attempt,
  priority: item.priority,
  offeredAt: item.offeredAt,
  payload,
  owner: item.claim?.owner,
  abandoned: item.claim !== undefined && isGone(item.claim.owner),
  reason: item.reason
})
