/**
 * Brings wakes from the journals of sessions to their orchestrators, at least once, and keeps the ledger.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, HashMap, HashSet, Layer, Option, Schema } from "effect"
import * as Flags from "./Flags.ts"
import * as Inbox from "./Inbox.ts"
import { Journal } from "./Journal.ts"
import { Queue } from "./Queue.ts"
import type * as QueueLog from "./QueueLog.ts"
import type { Session } from "./Session.ts"
import { nowText, Sessions } from "./Sessions.ts"
import type { TransportError } from "./TransportError.ts"
import * as Wake from "./Wake.ts"
import * as Handling from "./internal/handling.ts"
import * as here from "./internal/here.ts"
import * as Ledger from "./internal/ledger.ts"
import { oldestFirst } from "./internal/oldestFirst.ts"
import { own } from "./internal/own.ts"
import * as Polling from "./internal/polling.ts"
import * as replicas from "./internal/replicas.ts"
import * as Shelf from "./internal/Shelf.ts"

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
    /**
     * Offers a wake that its session has committed to the orchestrator's queue. Offering it again changes nothing. Where
     * wake messaging is off nobody is woken: the orchestrator finds it by looking.
     */
    readonly relay: (session: Session, wake: Wake.Wake) => Effect.Effect<void, TransportError>
    /** Offers what was committed and never relayed, because its sender died in between. Answers how many there were. */
    readonly reconcile: (orchestrator?: string) => Effect.Effect<number, TransportError>
    /**
     * Waits for a wake and handles it, with those of the same session that came before it and are still unacknowledged,
     * oldest first. Each is acknowledged once its handler has succeeded; a failure delivers it again later, and after the
     * last attempt it is a dead letter; the later ones then begin with all of their attempts. A failure of the transport
     * is no attempt. A wake can come twice, with the same id. Answers those that it acknowledged.
     */
    readonly handle: <E, R>(
      orchestrator: string,
      handler: (wake: Wake.Wake, attempt: number) => Effect.Effect<void, E, R>,
      options?: HandleOptions
    ) => Effect.Effect<ReadonlyArray<Wake.Wake>, TransportError, R>
    /**
     * Looks once for wakes of sessions whose wake messaging is off, and handles them as `handle` does: oldest first, each
     * acknowledged once its handler has succeeded, a dead letter after the last attempt.
     */
    readonly poll: <E, R>(
      orchestrator: string,
      handler: (wake: Wake.Wake, attempt: number) => Effect.Effect<void, E, R>,
      options?: Pick<HandleOptions, "maxAttempts">
    ) => Effect.Effect<ReadonlyArray<Wake.Wake>, TransportError, R>
    /** Whether a wake is acknowledged, which it stays, or dead. */
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

    const shelf = Shelf.make(shelfLimit, (key) => replicas.inbox(journal, key))
    const inboxAt = (key: string) => {
      const { current, refresh, update } = shelf.get(key)
      const weigh = (state: Inbox.Inbox) => Effect.sync(() => shelf.weigh(key, 1 + HashSet.size(state.acknowledged)))
      return { current, refresh: Effect.tap(refresh, weigh), update }
    }
    const inbox = (orchestrator: string) => inboxAt(`inbox/${orchestrator}`)
    /** What nobody is woken by, and nothing is kept of, is settled in memory too. */
    const keyFor = ({ flags, orchestrator }: Session) => {
      const kept = `inbox/${orchestrator}`
      const off = Flags.select(flags, "ENABLE_WAKE_MESSAGING", { on: kept, off: `${here.prefix}${kept}` })
      return Flags.select(flags, "ENABLE_SESSION_PERSISTENCE", { on: kept, off })
    }

    const tallies: Handling.Desk["tallies"] = new Map()
    const offer = Effect.fnUntraced(function* (orchestrator: string, wake: Wake.Wake, revive = false) {
      const message = { id: wake.wake_id, payload: encodeWake(wake), priority: Wake.rank[Wake.priorityOf(wake)] }
      yield* own(queue.offer(queueOf(orchestrator), message, { revive }))
    })

    /** Its session is not kept: the inbox has to be what the ledger is counted from. */
    const receive = (orchestrator: string, wake: Wake.Wake) =>
      inbox(orchestrator).update((state) =>
        HashMap.has(state.received, wake.wake_id)
          ? Effect.succeed([])
          : Effect.map(nowText, (at) => [{ type: "received" as const, at, wake }])
      )

    const relay = ({ flags, orchestrator }: Session, wake: Wake.Wake) => {
      const offered = offer(orchestrator, wake)
      const woken = Flags.select(flags, "ENABLE_SESSION_PERSISTENCE", {
        on: offered,
        off: Effect.andThen(receive(orchestrator, wake), offered)
      })
      return Flags.select(flags, "ENABLE_WAKE_MESSAGING", { on: woken, off: Effect.void })
    }

    const acknowledge = (key: string, wakeId: string, takenAt?: string) =>
      inboxAt(key).update((state) =>
        HashSet.has(state.acknowledged, wakeId)
          ? Effect.succeed([])
          : Effect.map(nowText, (at) => [
              {
                type: "acknowledged" as const,
                at,
                wake_id: wakeId,
                ...(takenAt === undefined ? {} : { taken_at: takenAt })
              }
            ])
      )

    const bury = (key: string, wakeId: string, reason: string, original: Schema.Json) =>
      inboxAt(key).update((state) =>
        Inbox.isSettled(state, wakeId)
          ? Effect.succeed([])
          : Effect.map(nowText, (at) => [{ type: "dead" as const, at, wake_id: wakeId, reason, original }])
      )

    /**
     * By orchestrator, what sessions that are kept have committed for it: the oldest session first, in the order of its
     * journal. And by id, the wakes that nobody is woken by.
     */
    const committed = Effect.fnUntraced(function* (only: string | undefined) {
      const wakes = new Map<string, Array<Wake.Wake>>((yield* known(only)).map((name) => [name, []]))
      const polled = new Set<string>()
      for (const session of (yield* sessions.list({ orchestrator: only })).toReversed()) {
        if (!Polling.isKept(session)) continue
        const all = wakes.get(session.orchestrator) ?? []
        all.push(...session.wakes)
        wakes.set(session.orchestrator, all)
        if (Polling.isPolled(session)) for (const { wake_id } of session.wakes) polled.add(wake_id)
      }
      return { wakes, polled }
    })

    /** Those of whom an inbox or a queue is left, whether or not they have sessions. */
    const known = Effect.fnUntraced(function* (only: string | undefined) {
      if (only !== undefined) return [only]
      const inboxes = (yield* journal.heads("inbox/")).map((head) => head.key.slice("inbox/".length))
      const queues = (yield* queue.names("wake/")).map((name) => name.slice("wake/".length))
      return [...new Set([...inboxes, ...queues])].sort()
    })

    // The inbox is read last: what is committed and not settled there is pending, whatever happened meanwhile.
    const outstanding = Effect.fnUntraced(function* (only?: string) {
      const found: Array<Pending> = []
      const { polled, wakes } = yield* committed(only)
      for (const [orchestrator, of] of wakes) {
        const queued = new Map((yield* own(queue.inspect(queueOf(orchestrator)))).map((item) => [item.id, item]))
        const state = yield* inbox(orchestrator).refresh
        for (const wake of [...of, ...Inbox.receivedOf(state)]) {
          if (Inbox.isSettled(state, wake.wake_id)) continue
          const item = queued.get(wake.wake_id)
          found.push({ wake, orchestrator, attempt: item?.attempt ?? 0, state: stateOf(item?.state) })
        }
      }
      return { pending: found, polled }
    })

    const desk: Polling.Desk = {
      sessions,
      inbox: (session) => inboxAt(keyFor(session)).refresh,
      acknowledge: (session, id, takenAt) => acknowledge(keyFor(session), id, takenAt),
      bury: (session, wake, reason) => bury(keyFor(session), wake.wake_id, reason, encodeWake(wake)),
      failed: new Map()
    }

    const pending = Effect.fn("Wakes.pending")(function* (only?: string) {
      const here = (yield* Polling.due(desk, only)).filter(({ session }) => !Polling.isKept(session))
      const unkept = here.map(({ session, wake }): Pending => ({
        wake,
        orchestrator: session.orchestrator,
        attempt: 0,
        state: "unrelayed"
      }))
      return oldestFirst([...(yield* outstanding(only)).pending, ...unkept])
    })

    // The inbox and the queue are read first: what they know must then be committed.
    const audit = Effect.fn("Wakes.audit")(function* (only?: string) {
      const before = new Map<string, Pick<Ledger.Sources, "inbox" | "queued">>()
      for (const orchestrator of yield* known(only)) {
        const state = yield* inbox(orchestrator).refresh
        const queued = (yield* own(queue.inspect(queueOf(orchestrator)))).map((item) => item.id)
        before.set(orchestrator, { inbox: state, queued })
      }
      const { wakes } = yield* committed(only)
      const parts: Array<Audit> = []
      for (const orchestrator of new Set([...before.keys(), ...wakes.keys()])) {
        const sources = before.get(orchestrator) ?? { inbox: Inbox.empty, queued: [] }
        const received = Inbox.receivedOf(yield* inbox(orchestrator).refresh)
        const of = [...(wakes.get(orchestrator) ?? []), ...received]
        const lost = yield* Effect.filter(of, ({ wake_id }) =>
          Inbox.isSettled(sources.inbox, wake_id)
            ? Effect.succeed(false)
            : Effect.map(own(queue.stateOf(queueOf(orchestrator), wake_id)), isSettledInQueue)
        )
        const state = lost.length === 0 ? sources.inbox : yield* inbox(orchestrator).refresh
        const missing = lost.map((wake) => wake.wake_id).filter((id) => !Inbox.isSettled(state, id))
        parts.push(Ledger.count({ ...sources, committed: of, missing }))
      }
      return Ledger.total(parts)
    })

    const find = Effect.fnUntraced(function* (wakeId: string) {
      const session = yield* sessions
        .get(wakeId.slice(0, Math.max(wakeId.indexOf("/"), 0)))
        .pipe(Effect.catchTag("SessionNotFound", () => Effect.succeed(undefined)))
      const wake = session?.wakes.find((wake) => wake.wake_id === wakeId)
      if (session !== undefined && wake !== undefined) {
        return { orchestrator: session.orchestrator, key: keyFor(session), wake, polled: Polling.isPolled(session) }
      }
      for (const orchestrator of session === undefined ? yield* known(undefined) : []) {
        const received = HashMap.get((yield* inbox(orchestrator).refresh).received, wakeId)
        if (Option.isSome(received)) {
          return { orchestrator, key: `inbox/${orchestrator}`, wake: received.value.wake, polled: false }
        }
      }
      return yield* new WakeNotFound({ wake_id: wakeId })
    })

    return Wakes.of({
      relay,
      reconcile: Effect.fn("Wakes.reconcile")(function* (only) {
        const { pending, polled } = yield* outstanding(only)
        const unrelayed = oldestFirst(pending).filter(
          ({ state, wake }) => state === "unrelayed" && !polled.has(wake.wake_id)
        )
        yield* Effect.forEach(unrelayed, ({ orchestrator, wake }) => offer(orchestrator, wake, true), { discard: true })
        return unrelayed.length
      }),
      handle: (orchestrator, handler, options) => {
        const { refresh } = inbox(orchestrator)
        const desk: Handling.Desk = {
          orchestrator,
          name: queueOf(orchestrator),
          queue,
          sessions,
          inbox: refresh,
          tallies,
          acknowledge: (id, takenAt) => acknowledge(`inbox/${orchestrator}`, id, takenAt),
          bury: (id, reason, original) => bury(`inbox/${orchestrator}`, id, reason, original)
        }
        return Handling.handle(desk, handler, options)
      },
      poll: (orchestrator, handler, options) => Polling.handle(desk, orchestrator, handler, options),
      isSettled: Effect.fnUntraced(function* (orchestrator, wakeId) {
        if (HashSet.has(inbox(orchestrator).current().acknowledged, wakeId)) return true
        if (Inbox.isSettled(yield* inbox(orchestrator).refresh, wakeId)) return true
        return Inbox.isSettled(yield* inboxAt(`${here.prefix}inbox/${orchestrator}`).refresh, wakeId)
      }),
      acknowledge: Effect.fn("Wakes.acknowledge")(function* (wakeId) {
        const { key, orchestrator } = yield* find(wakeId)
        yield* acknowledge(key, wakeId)
        yield* own(queue.settle(queueOf(orchestrator), wakeId, { type: "completed" }))
      }),
      pending,
      dead: Effect.fn("Wakes.dead")(function* (only) {
        const lists = yield* Effect.forEach(yield* known(only), (orchestrator) =>
          Effect.map(inbox(orchestrator).refresh, ({ dead }) =>
            [...HashMap.values(dead)].map(({ at, original, reason, wake_id }): Dead => {
              return { wake_id, orchestrator, reason, at, original }
            })
          )
        )
        return lists.flat().sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1))
      }),
      requeue: Effect.fn("Wakes.requeue")(function* (wakeId) {
        const { key, orchestrator, polled, wake } = yield* find(wakeId)
        const { refresh, update } = inboxAt(key)
        yield* refresh
        yield* update((state) =>
          HashMap.has(state.dead, wakeId)
            ? Effect.map(nowText, (at) => [{ type: "requeued" as const, at, wake_id: wakeId }])
            : Effect.fail(new WakeNotFound({ wake_id: wakeId }))
        )
        if (!polled) yield* offer(orchestrator, wake, true)
      }),
      audit
    })
  })
)

/**
 * The queue of an orchestrator's wakes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const queueOf = (orchestrator: string): string => `wake/${orchestrator}`

/** How many acknowledgements of inboxes are kept in memory, so that reading them again costs only what is new. */
const shelfLimit = 1_000_000

const stateOf = (state: QueueLog.State | undefined): Pending["state"] =>
  state === "ready" || state === "in_flight" || state === "delayed" ? state : "unrelayed"
const isSettledInQueue = (state: QueueLog.State | undefined) => state === "completed" || state === "dead"
const encodeWake = Schema.encodeSync(Wake.Wake)
