/**
 * Named durable queues: at least once, by priority and then by age, with leases, delayed retry and dead letters.
 *
 * @since 0.1.0
 */
import {
  Cause,
  Clock,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  Random,
  Schema,
  type Scope
} from "effect"
import { InvalidKey, isKey } from "./Key.ts"
import * as QueueLog from "./QueueLog.ts"
import { TransportError } from "./TransportError.ts"

/**
 * What is offered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  /** Names the message for good: offering it again changes nothing and tells its state. At most 512 characters. */
  readonly id: string
  readonly payload: Schema.Json
  /** Higher is taken first; 0 by default. */
  readonly priority?: number | undefined
  /** Not handed out before this has passed. */
  readonly delay?: Duration.Input | undefined
}

/**
 * A message in the hands of a taker. How the scope of the take closes settles it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivery {
  readonly id: string
  readonly payload: Schema.Json
  readonly priority: number
  /** Starts at 1; claims given back by an interruption are not counted. */
  readonly attempt: number
  /** When it was first offered, in milliseconds since the epoch. */
  readonly offeredAt: number
  /** Completes if another taker took this message over, because this one was not heard of for longer than its lease. */
  readonly lost: Effect.Effect<void>
}

/**
 * How `take` treats failures.
 *
 * @category models
 * @since 0.1.0
 */
export interface TakeOptions {
  /** Failures after which a message is a dead letter; 10 by default. */
  readonly maxAttempts?: number | undefined
  /** How long a message rests after a failed attempt (1 is the first); a second, doubled up to a minute, by default. */
  readonly retryDelay?: ((attempt: number) => Duration.Input) | undefined
  /** How long a silent taker keeps a message; 15 seconds by default, renewed three times in that time. */
  readonly lease?: Duration.Input | undefined
}

/**
 * A message as `inspect` shows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inspected {
  readonly id: string
  readonly state: QueueLog.State
  readonly attempt: number
  readonly priority: number
  readonly offeredAt: number
  readonly payload: Schema.Json
  /** Who holds it, while it is in flight. */
  readonly owner: QueueLog.Owner | undefined
  /** Whether that holder is proven dead: the next taker gets the message. */
  readonly abandoned: boolean
  /** Why it failed last, or why it is dead. */
  readonly reason: string | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly ready: number
  readonly inFlight: number
  readonly delayed: number
  readonly dead: number
  readonly completed: number
  /** Age in milliseconds of the oldest message that is ready; 0 if there is none. */
  readonly oldestAge: number
}

/**
 * The queue holds as many messages as the offer allowed. Nothing was added.
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Schema.TaggedError<QueueFull>("@sartor/core/Queue/QueueFull")("QueueFull", {
  queue: Schema.String,
  capacity: Schema.Natural
}) {
  override get message() {
    return `Queue "${this.queue}" is full: it holds ${this.capacity} messages that are not settled`
  }
}

/**
 * Fail with this while holding a message that can never be handled: it becomes a dead letter at once, with the reason.
 *
 * @category errors
 * @since 0.1.0
 */
export class Rejected extends Schema.TaggedError<Rejected>("@sartor/core/Queue/Rejected")("Rejected", {
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

/**
 * What `settle` does to a message.
 *
 * @category models
 * @since 0.1.0
 */
export type Settlement = { readonly type: "completed" } | { readonly type: "dead"; readonly reason: string }

/**
 * Port that every transport package implements.
 *
 * @category services
 * @since 0.1.0
 */
export class Queue extends Context.Service<
  Queue,
  {
    /**
     * Adds a message durably, or tells the state of the one that has its id. `capacity` bounds the messages that are not
     * settled; `revive` starts an id again that is completed or dead.
     */
    readonly offer: (
      queue: string,
      message: Message,
      options?: { readonly capacity?: number | undefined; readonly revive?: boolean | undefined }
    ) => Effect.Effect<"added" | QueueLog.State, QueueFull | InvalidKey | TransportError>
    /**
     * Waits for a message and claims it until the scope closes: success completes it, failure retries it after a delay
     * (`Rejected` makes it a dead letter at once), interruption gives it back uncounted. Delivery is at least once.
     */
    readonly take: (
      queue: string,
      options?: TakeOptions
    ) => Effect.Effect<Delivery, InvalidKey | TransportError, Scope.Scope>
    /** Settles a message by id from any process, whoever holds it. Answers its state, or nothing for an unknown id. */
    readonly settle: (
      queue: string,
      id: string,
      settlement: Settlement
    ) => Effect.Effect<QueueLog.State | undefined, InvalidKey | TransportError>
    /** Makes a dead letter ready again, with its attempts forgotten. Answers whether there was one. */
    readonly requeue: (queue: string, id: string) => Effect.Effect<boolean, InvalidKey | TransportError>
    /** Lists the messages that are not completed, oldest first; dead letters with their reason and payload. */
    readonly inspect: (queue: string) => Effect.Effect<ReadonlyArray<Inspected>, InvalidKey | TransportError>
    /** The state of one message, completed ones included. */
    readonly stateOf: (
      queue: string,
      id: string
    ) => Effect.Effect<QueueLog.State | undefined, InvalidKey | TransportError>
    readonly statistics: (queue: string) => Effect.Effect<Statistics, InvalidKey | TransportError>
    /** Lists the names of the queues that start with a prefix, sorted. */
    readonly names: (prefix?: string) => Effect.Effect<ReadonlyArray<string>, TransportError>
  }
>()("@sartor/core/Queue") {}

/**
 * What a transport that keeps queues as logs gives to `fromLogs`: one open log.
 *
 * @category models
 * @since 0.1.0
 */
export interface Log {
  readonly state: QueueLog.QueueLog
  /** Applies what other processes have written. */
  readonly refresh: Effect.Effect<void, TransportError>
  /** Makes durable what `state` shows, where another process wrote it and may not have done so yet. */
  readonly durable: Effect.Effect<void, TransportError>
  /** Writes records durably and applies them after what others wrote before. Answers which of them had an effect. */
  readonly append: (records: ReadonlyArray<QueueLog.Record>) => Effect.Effect<ReadonlyArray<boolean>, TransportError>
  /** Grows whenever the state may have changed. */
  readonly revision: () => number
  /** Completes once `revision` differs from the one given. */
  readonly changed: (revision: number) => Effect.Effect<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Logs {
  readonly open: (queue: string) => Effect.Effect<Log, TransportError>
  readonly names: Effect.Effect<ReadonlyArray<string>, TransportError>
  readonly owner: QueueLog.Owner
  /** Whether the owner of a claim is proven dead, so that its lease need not be waited for. */
  readonly isGone: (owner: QueueLog.Owner) => boolean
}

/**
 * Makes a queue service from logs: all that a transport has to add is how to append and how to read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLogs = (logs: Logs): Queue["Service"] => {
  const open = (queue: string) => (isKey(queue) ? logs.open(queue) : Effect.fail(new InvalidKey({ key: queue })))
  /** Messages that a fibre of this process is about to claim, by queue: so that two of them do not race for one. */
  const picked = new Map<string, Set<string>>()
  const pickedIn = (queue: string) => {
    let set = picked.get(queue)
    if (set === undefined) picked.set(queue, (set = new Set()))
    return set
  }

  const claim = Effect.fnUntraced(function* (queue: string, log: Log, lease: number) {
    const skip = pickedIn(queue)
    while (true) {
      const revision = log.revision()
      yield* log.refresh
      const now = yield* Clock.currentTimeMillis
      const monotonic = yield* monotonicMillis
      const item = Option.orElse(log.state.next(now, skip), () => expired(log.state, monotonic, logs.isGone, skip))
      if (Option.isNone(item)) {
        yield* Effect.interruptible(Effect.timeoutOption(log.changed(revision), untilNext(log.state, now, monotonic)))
        continue
      }
      const { id } = item.value
      const nonce = (yield* Random.nextIntBetween(0, 2 ** 48)).toString(36)
      const over = item.value.claim?.id
      skip.add(id)
      yield* Effect.ensuring(
        log.append([
          { type: "claimed", id, claim: nonce, ...(over === undefined ? {} : { over }), lease, owner: logs.owner }
        ]),
        Effect.sync(() => skip.delete(id))
      )
      // Looked up again: the log may have been read anew meanwhile.
      const held = log.state.items.get(id)
      if (held?.claim?.id !== nonce) continue
      // Copied now: another process may settle the message at any time, and then its payload goes.
      const { attempt, offeredAt, payload, priority } = held
      return { nonce, message: { id, payload, priority, attempt, offeredAt } }
    }
  })

  const take: Queue["Service"]["take"] = Effect.fnUntraced(function* (queue, options = {}) {
    const log = yield* open(queue)
    const lease = Duration.toMillis(options.lease ?? "15 seconds")
    // Waiting can be interrupted; from the write of the claim to the finalizer that settles it nothing can.
    const { message, nonce } = yield* Effect.acquireRelease(claim(queue, log, lease), ({ message, nonce }, exit) =>
      settleBy(log, message.id, nonce, exit, options)
    )
    const { id } = message
    const isHeld = () => log.state.items.get(id)?.claim?.id === nonce
    const renewed = log.append([{ type: "renewed", id, claim: nonce }])
    yield* Effect.forkScoped(
      Effect.suspend(() => (isHeld() ? Effect.asVoid(renewed) : Effect.void)).pipe(
        Effect.catch((error) => Effect.logWarning(`Could not renew the lease of ${id}`, error)),
        Effect.delay(lease / 3),
        Effect.forever
      )
    )
    const lost = Effect.gen(function* () {
      while (isHeld()) yield* log.changed(log.revision())
    })
    return { ...message, lost }
  })

  return Queue.of({
    offer: Effect.fnUntraced(function* (queue, message, options = {}) {
      const log = yield* open(queue)
      yield* log.refresh
      const known = log.state.items.get(message.id)
      const revived = options.revive === true && (known?.state === "completed" || known?.state === "dead")
      if (known !== undefined && !revived) return yield* Effect.as(log.durable, known.state)
      const { capacity } = options
      if (capacity !== undefined && log.state.live >= capacity) return yield* new QueueFull({ queue, capacity })
      const delay = message.delay === undefined ? 0 : Duration.toMillis(message.delay)
      const now = yield* Clock.currentTimeMillis
      const [added] = yield* log.append([
        {
          type: "offered",
          id: message.id,
          payload: message.payload,
          priority: message.priority ?? 0,
          ...(delay > 0 ? { due: now + delay } : {}),
          ...(capacity === undefined ? {} : { capacity }),
          ...(revived ? { revive: true } : {})
        }
      ])
      if (added === true) return "added"
      const first = log.state.items.get(message.id)
      const full = first === undefined || (revived && QueueLog.isSettled(first.state))
      return full ? yield* new QueueFull({ queue, capacity: capacity ?? 0 }) : first.state
    }),
    take,
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
  })
}

/**
 * Keeps queues in memory, as JSON text so that nothing passes which a real transport would lose.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Queue> = Layer.effect(
  Queue,
  Effect.gen(function* () {
    const logs = new Map<string, Log>()
    const now = yield* Clock.currentTimeMillis
    return fromLogs({
      open: (queue) =>
        Effect.sync(() => {
          let log = logs.get(queue)
          if (log === undefined) logs.set(queue, (log = memoryLog()))
          return log
        }),
      names: Effect.sync(() => [...logs].flatMap(([name, log]) => (log.state.items.size > 0 ? [name] : []))),
      owner: { host: "memory", pid: 0, boot: "", started: "", since: DateTime.formatIso(DateTime.makeUnsafe(now)) },
      isGone: () => false
    })
  })
)

/**
 * Lets fibres wait until something has changed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSignal = () => {
  let revision = 0
  const waiters = new Set<() => void>()
  return {
    revision: () => revision,
    notify: () => {
      revision += 1
      const woken = [...waiters]
      waiters.clear()
      for (const wake of woken) wake()
    },
    changed: (seen: number): Effect.Effect<void> =>
      Effect.callback<void>((resume) => {
        if (seen !== revision) return resume(Effect.void)
        const wake = () => resume(Effect.void)
        waiters.add(wake)
        return Effect.sync(() => waiters.delete(wake))
      })
  }
}

const memoryLog = (): Log => {
  const state = QueueLog.make()
  const signal = makeSignal()
  return {
    state,
    refresh: Effect.void,
    durable: Effect.void,
    append: Effect.fnUntraced(function* (records) {
      const at = yield* Clock.currentTimeMillis
      const heard = yield* monotonicMillis
      const applied = (yield* Effect.orDie(roundTrip(records))).map((record) => state.apply(record, at, heard))
      signal.notify()
      return applied
    }),
    revision: signal.revision,
    changed: signal.changed
  }
}

const Records = Schema.fromJsonString(Schema.Array(QueueLog.Record))
const roundTrip = (records: ReadonlyArray<QueueLog.Record>) =>
  Effect.flatMap(Schema.encodeEffect(Records)(records), Schema.decodeEffect(Records))

const none: ReadonlySet<string> = new Set()

const monotonicMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

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

/** A message whose holder is dead, or was not heard of for longer than its lease. */
const expired = (
  state: QueueLog.QueueLog,
  monotonic: number,
  isGone: (owner: QueueLog.Owner) => boolean,
  skip: ReadonlySet<string>
): Option.Option<QueueLog.Item> => {
  for (const item of state.inFlight) {
    if (skip.has(item.id) || item.claim === undefined) continue
    if (monotonic - item.claim.heard > item.claim.lease || isGone(item.claim.owner)) return Option.some(item)
  }
  return Option.none()
}

/** How long nothing can become takeable by itself, in milliseconds. */
const untilNext = (state: QueueLog.QueueLog, now: number, monotonic: number) => {
  let wait = 60_000
  const due = state.delayed[0]
  if (due !== undefined) wait = Math.min(wait, due.due - now)
  for (const { claim } of state.inFlight) {
    if (claim !== undefined) wait = Math.min(wait, claim.heard + claim.lease - monotonic + 1, 1_000)
  }
  return Math.max(wait, 1)
}

const defaultRetryDelay = (attempt: number) => Math.min(1000 * 2 ** (attempt - 1), 60_000)

const settleBy = (
  log: Log,
  id: string,
  claim: string,
  exit: Exit.Exit<unknown, unknown>,
  { maxAttempts = 10, retryDelay = defaultRetryDelay }: TakeOptions
) =>
  Effect.gen(function* () {
    const item = log.state.items.get(id)
    if (item?.claim?.id !== claim) return
    const { attempt } = item
    if (Exit.isSuccess(exit)) return yield* log.append([{ type: "completed", id, claim }])
    if (Cause.hasInterruptsOnly(exit.cause)) return yield* log.append([{ type: "released", id, claim }])
    const error = Cause.squash(exit.cause)
    const reason = error instanceof Error ? error.message : String(error)
    if (isRejected(error) || attempt >= maxAttempts) return yield* log.append([{ type: "dead", id, claim, reason }])
    const now = yield* Clock.currentTimeMillis
    return yield* log.append([
      { type: "retried", id, claim, reason, due: now + Duration.toMillis(retryDelay(attempt)) }
    ])
  }).pipe(Effect.catch((error) => Effect.logWarning(`Could not settle ${id}: it will be delivered again`, error)))

const isRejected = Schema.is(Rejected)
