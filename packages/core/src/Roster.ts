/**
 * Tells workers in other processes which orchestrators there are to work for.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Schema } from "effect"
import { Slug } from "./Key.ts"
import { Queue } from "./Queue.ts"
import type { TransportError } from "./TransportError.ts"
import { own } from "./internal/own.ts"

/**
 * The queue that is the roster: an orchestrator that is open has a message in it, which nobody takes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const queueName = "roster"

/**
 * Opens an orchestrator to workers elsewhere. It stays open if its process is killed: what it has spawned goes on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const enter = (orchestrator: string): Effect.Effect<void, TransportError, Queue> =>
  Queue.use((queue) =>
    Effect.asVoid(own(queue.offer(queueName, { id: orchestrator, payload: null }, { revive: true })))
  )

/**
 * Closes it: workers suspend what they execute of its runs, and take no more of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const leave = (orchestrator: string): Effect.Effect<void, TransportError, Queue> =>
  Queue.use((queue) => Effect.asVoid(own(queue.settle(queueName, orchestrator, { type: "completed" }))))

/**
 * Forgets who has left.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tidy: Effect.Effect<void, TransportError, Queue> = Queue.use((queue) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => own(queue.prune(queueName, { completed: now })))
)

/**
 * The orchestrators that are open, the oldest first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const list: Effect.Effect<ReadonlyArray<string>, TransportError, Queue> = Queue.use((queue) =>
  Effect.map(own(queue.inspect(queueName)), (entries) =>
    entries.flatMap(({ id, state }) => (state === "ready" && isSlug(id) ? [id] : []))
  )
)

const isSlug: (name: string) => boolean = Schema.is(Slug)
