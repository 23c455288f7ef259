/**
 * Brings wakes from the journals of sessions to their orchestrators, at least once, and keeps the ledger.
 *
 * @since 0.1.0
 */
import { Cause, Context, type Duration, Effect, Exit, HashMap, HashSet, Layer, Schema } from "effect"
import * as Inbox from "./Inbox.ts"
import { Journal } from "./Journal.ts"
import { Queue, Rejected } from "./Queue.ts"
import type * as QueueLog from "./QueueLog.ts"
import { nowText, Sessions } from "./Sessions.ts"
import { TransportError } from "./TransportError.ts"
import * as Wake from "./Wake.ts"
import { own } from "./internal/own.ts"
import * as Replica from "./internal/Replica.ts"

/**
 * No session has sent a wake of that id.
 *
 * @category errors
 * @since 0.1.0
 */
export class WakeNotFound extends Schema.TaggedError<WakeNotFound>("@sartor/core/Wakes/WakeNotFound")("WakeNotFound", {
  wake_id: Schema.String
}) {
  override get message() {
    return `There is no wake ${JSON.stringify(this.wake_id)}: "sartor wake list" and "sartor wake dead" show what there is`
  }
}

/**
 * A wake that is committed and neither acknowledged nor dead.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pending {
  readonly wake: Wake.Wake
  readonly orchestrator: string
  /** How often it was delivered. */
  readonly attempt: number
  /** Where the queue has it; `unrelayed` if it was committed and not offered yet. */
  readonly state: "unrelayed" | "ready" | "in_flight" | "delayed"
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Dead {
  readonly wake_id: string
  readonly orchestrator: string
  readonly reason: string
  readonly at: string
  readonly original: Schema.Json
}

/**
 * The account of every wake ever sent, counted from the journals of sessions, the inboxes and the queues.
 *
 * @category models
 * @since 0.1.0
 */
export interface Audit {
  readonly committed: number
  readonly acknowledged: number
  readonly pending: number
  readonly dead: number
  readonly balanced: boolean
  /** Pending, but settled in the queue: nobody would ever be woken by it. */
  readonly missing: ReadonlyArray<string>
  /** In an inbox or a queue, but never committed by a session. */
  readonly unknown: ReadonlyArray<string>
  /** Committed or acknowledged more than once. */
  readonly repeated: ReadonlyArray<string>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface HandleOptions {
  /** Deliveries after which a wake is a dead letter; 5 by default. */
  readonly maxAttempts?: number | undefined
  /** How long a wake rests after its handler failed (1 is the first time). */
  readonly retryDelay?: ((attempt: number) => Duration.Input) | undefined
}

/**
 * @category services
 * @since 0.1.0
 */
export class Wakes extends Context.Service<
  Wakes,
  {
    /** Offers a committed wake to its orchestrator's queue. Offering it again changes nothing. */
    readonly relay: (orchestrator: string, wake: Wake.Wake) => Effect.Effect<void, TransportError>
    /** Offers what was committed and never relayed, because its sender died in between. Answers how many there were. */
    readonly reconcile: (orchestrator?: string) => Effect.Effect<number, TransportError>
    /**
     * Waits for a wake and handles it, with those of the same session that came before it and are still unacknowledged,
     * oldest first. Each is acknowledged once its handler has succeeded; a failure delivers it again later, and after the
     * last attempt it is a dead letter. A wake can come twice, with the same id. Answers those that it acknowledged.
     */
    readonly handle: <E, R>(
      orchestrator: string,
      handler: (wake: Wake.Wake, attempt: number) => Effect.Effect<void, E, R>,
      options?: HandleOptions
    ) => Effect.Effect<ReadonlyArray<Wake.Wake>, TransportError, R>
    /** Whether a wake is acknowledged or dead. */
    readonly isSettled: (orchestrator: string, wakeId: string) => Effect.Effect<boolean, TransportError>
    /** Says that a wake is dealt with, from any process. Saying it again changes nothing. */
    readonly acknowledge: (wakeId: string) => Effect.Effect<void, WakeNotFound | TransportError>
    /** What is neither acknowledged nor dead, oldest first. */
    readonly pending: (orchestrator?: string) => Effect.Effect<ReadonlyArray<Pending>, TransportError>
    readonly dead: (orchestrator?: string) => Effect.Effect<ReadonlyArray<Dead>, TransportError>
    /** Gives a dead letter another round of attempts. */
    readonly requeue: (wakeId: string) => Effect.Effect<void, WakeNotFound | TransportError>
    readonly audit: (orchestrator?: string) => Effect.Effect<Audit, TransportError>
  }
>()("@sartor/core/Wakes") {}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Wakes, never, Journal | Queue | Sessions> = Layer.effect(
  Wakes,
  Effect.gen(function* () {
    const journal = yield* Journal
    const queue = yield* Queue
    const sessions = yield* Sessions

    const inboxes = new Map<string, Replica.Replica<Inbox.Inbox, Inbox.Record, never>>()
    const inbox = (orchestrator: string) => {
      let replica = inboxes.get(orchestrator)
      if (replica === undefined) {
        const key = `inbox/${orchestrator}`
        replica = Replica.make({ journal, key, record: Inbox.Record, initial: Inbox.empty, apply: Inbox.apply })
        inboxes.set(orchestrator, replica)
      }
      return replica
    }

    const relay = Effect.fnUntraced(function* (orchestrator: string, wake: Wake.Wake, revive = false) {
      const message = { id: wake.wake_id, payload: encodeWake(wake), priority: Wake.rank[Wake.priorityOf(wake)] }
      yield* own(queue.offer(queueOf(orchestrator), message, { revive }))
    })

    const acknowledge = (orchestrator: string, wakeId: string) =>
      inbox(orchestrator).update((state) =>
        HashSet.has(state.acknowledged, wakeId)
          ? Effect.succeed([])
          : Effect.map(nowText, (at) => [{ type: "acknowledged" as const, at, wake_id: wakeId }])
      )

    const bury = (orchestrator: string, wakeId: string, reason: string, original: Schema.Json) =>
      inbox(orchestrator).update((state) =>
        Inbox.isSettled(state, wakeId)
          ? Effect.succeed([])
          : Effect.map(nowText, (at) => [{ type: "dead" as const, at, wake_id: wakeId, reason, original }])
      )

    const orchestrators = Effect.fnUntraced(function* (only: string | undefined) {
      if (only !== undefined) return [only]
      const names = new Set([
        ...(yield* sessions.list()).map((session) => session.orchestrator),
        ...(yield* journal.heads("inbox/")).map((head) => head.key.slice("inbox/".length))
      ])
      return [...names].sort()
    })

    /** Every wake that sessions have committed for an orchestrator, oldest session first, in the order of their journals. */
    const committed = Effect.fnUntraced(function* (orchestrator: string) {
      const owned = yield* sessions.list({ orchestrator })
      return owned.toReversed().flatMap((session) => session.wakes)
    })

    const pendingOf = Effect.fnUntraced(function* (orchestrator: string) {
      const state = yield* inbox(orchestrator).refresh
      const open = (yield* committed(orchestrator)).filter((wake) => !Inbox.isSettled(state, wake.wake_id))
      const queued = new Map((yield* own(queue.inspect(queueOf(orchestrator)))).map((item) => [item.id, item]))
      return open.map((wake): Pending => {
        const item = queued.get(wake.wake_id)
        const state = item === undefined || !isWaiting(item.state) ? "unrelayed" : item.state
        return { wake, orchestrator, attempt: item?.attempt ?? 0, state }
      })
    })

    const reconcile = Effect.fn("Wakes.reconcile")(function* (only?: string) {
      let relayed = 0
      for (const orchestrator of yield* orchestrators(only)) {
        for (const { state, wake } of yield* pendingOf(orchestrator)) {
          if (state !== "unrelayed") continue
          yield* relay(orchestrator, wake, true)
          relayed += 1
        }
      }
      return relayed
    })

    const handle = Effect.fnUntraced(function* <E, R>(
      orchestrator: string,
      handler: (wake: Wake.Wake, attempt: number) => Effect.Effect<void, E, R>,
      { maxAttempts = 5, retryDelay }: HandleOptions = {}
    ) {
      const delivery = yield* own(queue.take(queueOf(orchestrator), { maxAttempts, retryDelay }))
      const dead = (reason: string) =>
        Effect.andThen(bury(orchestrator, delivery.id, reason, delivery.payload), new Rejected({ reason }))
      const wake = yield* decodeWake(delivery.payload).pipe(
        Effect.catchTag("SchemaError", (error) => dead(`it is not a wake message: ${error.message}`))
      )
      const session = yield* sessions
        .get(wake.session_id)
        .pipe(Effect.catchTag("SessionNotFound", (error) => dead(error.message)))
      const position = session.wakes.findIndex((known) => known.wake_id === wake.wake_id)
      if (position < 0) return yield* dead(`session ${wake.session_id} never sent it`)
      const state = yield* inbox(orchestrator).refresh
      const handled: Array<Wake.Wake> = []
      for (const due of session.wakes.slice(0, position + 1)) {
        if (Inbox.isSettled(state, due.wake_id)) continue
        const exit = yield* Effect.exit(handler(due, delivery.attempt))
        if (Exit.isFailure(exit)) {
          if (Cause.hasInterruptsOnly(exit.cause) || delivery.attempt < maxAttempts) {
            return yield* Effect.failCause(exit.cause)
          }
          const why = messageOf(Cause.squash(exit.cause))
          return yield* dead(`its handler failed ${delivery.attempt} times, at last with: ${why}`)
        }
        yield* acknowledge(orchestrator, due.wake_id)
        if (due.wake_id !== wake.wake_id)
          yield* own(queue.settle(queueOf(orchestrator), due.wake_id, { type: "completed" }))
        handled.push(due)
      }
      return handled
    })

    const find = Effect.fnUntraced(function* (wakeId: string) {
      const session = yield* sessions
        .get(wakeId.slice(0, Math.max(wakeId.indexOf("/"), 0)))
        .pipe(Effect.catchTag("SessionNotFound", () => new WakeNotFound({ wake_id: wakeId })))
      const wake = session.wakes.find((wake) => wake.wake_id === wakeId)
      return wake === undefined ? yield* new WakeNotFound({ wake_id: wakeId }) : { session, wake }
    })

    return Wakes.of({
      relay: (orchestrator, wake) => relay(orchestrator, wake),
      reconcile,
      handle: (orchestrator, handler, options) =>
        Effect.scoped(handle(orchestrator, handler, options)).pipe(
          Effect.catch((error) =>
            error instanceof TransportError
              ? Effect.fail(error)
              : Effect.as(Effect.logWarning(`A wake of "${orchestrator}" was not handled: ${messageOf(error)}`), [])
          )
        ),
      isSettled: (orchestrator, wakeId) =>
        Effect.map(inbox(orchestrator).refresh, (state) => Inbox.isSettled(state, wakeId)),
      acknowledge: Effect.fn("Wakes.acknowledge")(function* (wakeId) {
        const { session } = yield* find(wakeId)
        yield* acknowledge(session.orchestrator, wakeId)
        yield* own(queue.settle(queueOf(session.orchestrator), wakeId, { type: "completed" }))
      }),
      pending: Effect.fn("Wakes.pending")(function* (only) {
        const lists = yield* Effect.forEach(yield* orchestrators(only), pendingOf)
        return lists.flat().sort((a, b) => (a.wake.timestamp < b.wake.timestamp ? -1 : 1))
      }),
      dead: Effect.fn("Wakes.dead")(function* (only) {
        const lists = yield* Effect.forEach(yield* orchestrators(only), (orchestrator) =>
          Effect.map(inbox(orchestrator).refresh, (state) =>
            [...HashMap.values(state.dead)].map(({ at, original, reason, wake_id }) => ({
              wake_id,
              orchestrator,
              reason,
              at,
              original
            }))
          )
        )
        return lists.flat().sort((a, b) => (a.at < b.at ? -1 : 1))
      }),
      requeue: Effect.fn("Wakes.requeue")(function* (wakeId) {
        const { session, wake } = yield* find(wakeId)
        yield* inbox(session.orchestrator).refresh
        yield* inbox(session.orchestrator).update((state) =>
          HashMap.has(state.dead, wakeId)
            ? Effect.map(nowText, (at) => [{ type: "requeued" as const, at, wake_id: wakeId }])
            : Effect.fail(new WakeNotFound({ wake_id: wakeId }))
        )
        yield* relay(session.orchestrator, wake, true)
      }),
      audit: Effect.fn("Wakes.audit")(function* (only) {
        const parts = yield* Effect.forEach(
          yield* orchestrators(only),
          Effect.fnUntraced(function* (orchestrator) {
            const wakes = yield* committed(orchestrator)
            const state = yield* inbox(orchestrator).refresh
            const queued = yield* own(queue.inspect(queueOf(orchestrator)))
            const pending = wakes.filter((wake) => !Inbox.isSettled(state, wake.wake_id))
            const settled = yield* Effect.filter(pending, (wake) =>
              Effect.map(own(queue.stateOf(queueOf(orchestrator), wake.wake_id)), isSettledInQueue)
            )
            return count(
              wakes,
              state,
              queued.map((item) => item.id),
              settled.map((wake) => wake.wake_id)
            )
          })
        )
        return total(parts)
      })
    })
  })
)

const queueOf = (orchestrator: string) => `wake/${orchestrator}`

const isWaiting = (state: QueueLog.State) => state === "ready" || state === "in_flight" || state === "delayed"
const isSettledInQueue = (state: QueueLog.State | undefined) => state === "completed" || state === "dead"

/** Adds up what the three sources say of one orchestrator. */
const count = (
  wakes: ReadonlyArray<Wake.Wake>,
  inbox: Inbox.Inbox,
  queued: ReadonlyArray<string>,
  missing: ReadonlyArray<string>
): Audit => {
  const ids = new Set(wakes.map((wake) => wake.wake_id))
  const seen = new Set<string>()
  const twice = wakes.flatMap(({ wake_id }) => (seen.size === seen.add(wake_id).size ? [wake_id] : []))
  const acknowledged = [...inbox.acknowledged]
  const dead = [...HashMap.keys(inbox.dead)]
  const unknown = [...new Set([...acknowledged, ...dead, ...queued])].filter((id) => !ids.has(id))
  const pending = [...ids].filter((id) => !Inbox.isSettled(inbox, id)).length
  const repeated = [...new Set([...twice, ...inbox.repeated])]
  return {
    committed: ids.size,
    acknowledged: acknowledged.length,
    pending,
    dead: dead.length,
    balanced:
      ids.size === acknowledged.length + pending + dead.length &&
      missing.length + unknown.length + repeated.length === 0,
    missing,
    unknown,
    repeated
  }
}

const total = (parts: ReadonlyArray<Audit>): Audit =>
  parts.reduce(
    (sum, part) => ({
      committed: sum.committed + part.committed,
      acknowledged: sum.acknowledged + part.acknowledged,
      pending: sum.pending + part.pending,
      dead: sum.dead + part.dead,
      balanced: sum.balanced && part.balanced,
      missing: [...sum.missing, ...part.missing],
      unknown: [...sum.unknown, ...part.unknown],
      repeated: [...sum.repeated, ...part.repeated]
    }),
    { committed: 0, acknowledged: 0, pending: 0, dead: 0, balanced: true, missing: [], unknown: [], repeated: [] }
  )

const encodeWake = Schema.encodeSync(Wake.Wake)
const decodeWake = Schema.decodeUnknownEffect(Wake.Wake)

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
