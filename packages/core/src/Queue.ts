/**
 * Named durable queues: at least once, by priority and then by age, with leases, delayed retry and dead letters.
 *
 * @since 0.1.0
 */
import { Context, type Duration, type Effect, Layer, Schema, type Scope } from "effect"
import * as memoryQueue from "./internal/memoryQueue.ts"
import * as queueService from "./internal/queueService.ts"
import * as signal from "./internal/signal.ts"
import type { InvalidKey } from "./Key.ts"
import type * as QueueLog from "./QueueLog.ts"
import type { TransportError } from "./TransportError.ts"

/**
 * The longest id of a message, in UTF-16 code units, on every transport. An offer of a longer one fails as `too_large`.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxIdLength = 512

/**
 * The largest payload in bytes of JSON, on every transport. An offer of a larger one fails as `too_large`.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxPayloadBytes = 32 * 1024 * 1024

/**
 * What is offered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  /** Names the message for good: offering it again changes nothing and tells its state. At most `maxIdLength` characters. */
  readonly id: string
  /** At most `maxPayloadBytes` bytes of JSON. */
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
  /** Waits for the message of this id and leaves all others; whichever comes next by default. */
  readonly only?: string | undefined
  /** Failures after which a message is a dead letter; 10 by default. */
  readonly maxAttempts?: number | undefined
  /** How long a message rests after a failed attempt (1 is the first); a second, doubled up to a minute, by default. */
  readonly retryDelay?: ((attempt: number) => Duration.Input) | undefined
  /** How long a silent taker keeps a message; 15 seconds by default, renewed three times in that time. */
  readonly lease?: Duration.Input | undefined
  /**
   * Up to how many messages this process claims at once, for those who take here; 1 by default, and at least. Takers that need less than a
   * millisecond for a message do several times as many a second with 32. What is claimed ahead counts as in flight, and is given back once
   * nobody has taken here for a second; and what becomes of a message is written within the turn in which its scope
   * closes, and not before that has closed.
   */
  readonly prefetch?: number | undefined
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
    /**
     * Forgets the messages that were completed, or became dead letters, up to a time in milliseconds since the epoch. Their
     * ids can be offered as new ones.
     */
    readonly prune: (queue: string, until: QueueLog.Until) => Effect.Effect<void, InvalidKey | TransportError>
    /**
     * Forgets a queue with all that is in it: its ids are new again, holders have lost what they hold, and `names` leaves it
     * out until it is offered to again. What is offered meanwhile may go too, or fail as `unavailable`. Deleting an unknown queue does nothing.
     */
    readonly delete: (queue: string) => Effect.Effect<void, InvalidKey | TransportError>
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
  readonly state: QueueLog.View
  /** What was offered under an id; `null` once it is completed. */
  readonly payload: (id: string) => Effect.Effect<Schema.Json, TransportError>
  /** Applies what is known here of others' writes, without asking for more: an append decides, so that this may be behind. */
  readonly glance: Effect.Effect<void, TransportError>
  /** Applies all that other processes have written until now. */
  readonly refresh: Effect.Effect<void, TransportError>
  /** Waits until the offer of a message is durable, or all that `state` shows: whoever wrote it may not have waited. */
  readonly durable: (item?: QueueLog.Item<unknown>) => Effect.Effect<void, TransportError>
  /**
   * Writes records and applies them after what others wrote before. Answers which of them had an effect, once they are
   * durable; with `durable: false` as soon as they outlive this process, and they become durable soon after.
   */
  readonly append: (
    records: ReadonlyArray<QueueLog.Record>,
    options?: { readonly durable?: boolean | undefined }
  ) => Effect.Effect<ReadonlyArray<boolean>, TransportError>
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
  /** Removes a log that holds nothing, so that `names` leaves it out. An open one goes on: what is appended makes it anew. */
  readonly remove: (queue: string) => Effect.Effect<void, TransportError>
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
export const fromLogs = (logs: Logs): Effect.Effect<Queue["Service"], never, Scope.Scope> =>
  queueService.make(logs, {
    maxIdLength,
    maxPayloadBytes,
    full: (queue, capacity) => new QueueFull({ queue, capacity }),
    isRejected: Schema.is(Rejected)
  })

/**
 * Keeps queues in memory, as JSON text so that nothing passes which a real transport would lose.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Queue> = Layer.effect(Queue, memoryQueue.make(fromLogs))

/**
 * @category models
 * @since 0.1.0
 */
export interface Signal {
  /** How often it was notified. */
  readonly revision: () => number
  readonly notify: () => void
  /** Completes once `revision` differs from the one given. */
  readonly changed: (revision: number) => Effect.Effect<void>
}

/**
 * Lets fibres wait until something has changed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSignal: () => Signal = signal.make
