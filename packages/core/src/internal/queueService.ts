import { Clock, Effect } from "effect"
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

export const make = (logs: Logs, terms: Terms): Queue["Service"] => {
  const open = (queue: string): Effect.Effect<Log, InvalidKey | TransportError> =>
    isKey(queue) ? logs.open(queue) : Effect.fail(new InvalidKey({ key: queue }))
  const take = claiming.make(logs, terms.isRejected)

  const limited = ({ id, payload }: Message) => {
    if (id.length > terms.maxIdLength) {
      return tooLarge(`the id has ${id.length} characters, more than ${terms.maxIdLength}`)
    }
    const bytes = bytesOver(payload, terms.maxPayloadBytes)
    return bytes > terms.maxPayloadBytes
      ? tooLarge(`the payload has ${bytes} bytes, more than ${terms.maxPayloadBytes}`)
      : Effect.void
  }

  return {
    offer: Effect.fnUntraced(function* (queue, message, options = {}) {
      const log = yield* open(queue)
      yield* limited(message)
      yield* log.refresh
      const known = log.state.items.get(message.id)
      const revived = options.revive === true && known !== undefined && QueueLog.isSettled(known.state)
      if (known !== undefined && !revived) return yield* Effect.as(log.durable, known.state)
      const { capacity } = options
      if (capacity !== undefined && log.state.live >= capacity) return yield* terms.full(queue, capacity)
      const now = yield* Clock.currentTimeMillis
      const due = claiming.dueAfter(now, message.delay ?? 0)
      const [added] = yield* log.append([
        {
          type: "offered",
          id: message.id,
          payload: message.payload,
          priority: message.priority ?? 0,
          ...(due > now ? { due } : {}),
          ...(capacity === undefined ? {} : { capacity }),
          ...(revived ? { revive: true } : {})
        }
      ])
      if (added === true) return "added"
      const first = log.state.items.get(message.id)
      const full = first === undefined || (revived && QueueLog.isSettled(first.state))
      return full ? yield* terms.full(queue, capacity ?? 0) : first.state
    }),
    take: (queue, options = {}) => Effect.flatMap(open(queue), (log) => take(queue, log, options)),
    settle: Effect.fnUntraced(function* (queue, id, settlement) {
      const log = yield* open(queue)
      yield* log.refresh
      const item = log.state.items.get(id)
      if (item === undefined) return undefined
      const change = item.state !== "completed" && item.state !== settlement.type
      yield* change ? log.append([{ ...settlement, id }]) : log.durable
      return log.state.items.get(id)?.state
    }),
    requeue: Effect.fnUntraced(function* (queue, id) {
      const log = yield* open(queue)
      yield* log.refresh
      if (log.state.items.get(id)?.state !== "dead") return false
      yield* log.append([{ type: "requeued", id }])
      return true
    }),
    inspect: Effect.fnUntraced(function* (queue) {
      const log = yield* open(queue)
      yield* log.refresh
      log.state.next(yield* Clock.currentTimeMillis, none)
      return [...log.state.items.values()]
        .filter((item) => item.state !== "completed")
        .map((item) => inspected(item, logs.isGone))
    }),
    stateOf: Effect.fnUntraced(function* (queue, id) {
      const log = yield* open(queue)
      yield* log.refresh
      yield* log.durable
      return log.state.items.get(id)?.state
    }),
    prune: Effect.fnUntraced(function* (queue, { completed, dead }) {
      const log = yield* open(queue)
      yield* log.refresh
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
    statistics: Effect.fnUntraced(function* (queue) {
      const log = yield* open(queue)
      yield* log.refresh
      const now = yield* Clock.currentTimeMillis
      log.state.next(now, none)
      const count = { ready: 0, delayed: 0, in_flight: 0, completed: 0, dead: 0 }
      let oldest = now
      for (const item of log.state.items.values()) {
        count[item.state] += 1
        if (item.state === "ready") oldest = Math.min(oldest, item.offeredAt)
      }
      const { in_flight: inFlight, ...counts } = count
      return { ...counts, inFlight, oldestAge: now - oldest }
    }),
    names: (prefix = "") => Effect.map(logs.names, (names) => names.filter((name) => name.startsWith(prefix)).sort())
  }
}

const none: ReadonlySet<string> = new Set()

const tooLarge = (detail: string) =>
  Effect.fail(new TransportError({ operation: "Queue.offer", reason: "too_large", detail }))

const inspected = (item: QueueLog.Item, isGone: Logs["isGone"]): Inspected => ({
  id: item.id,
  state: item.state,
  attempt: item.attempt,
  priority: item.priority,
  offeredAt: item.offeredAt,
  payload: item.payload,
  owner: item.claim?.owner,
  abandoned: item.claim !== undefined && isGone(item.claim.owner),
  reason: item.reason
})
