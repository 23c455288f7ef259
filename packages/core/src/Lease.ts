/**
 * Exclusive ownership of a name, across processes: one holder at a time, and a dead one is succeeded.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Exit, Option, Schema, Scope } from "effect"
import { Queue } from "./Queue.ts"
import { Owner } from "./QueueLog.ts"
import type { TransportError } from "./TransportError.ts"
import { own } from "./internal/own.ts"

/**
 * Somebody else holds it and is alive.
 *
 * @category errors
 * @since 0.1.0
 */
export class Owned extends Schema.TaggedError<Owned>("@sartor/core/Lease/Owned")("Owned", {
  name: Schema.String,
  owner: Owner
}) {
  override get message() {
    const { host, pid, since } = this.owner
    return `"${this.name}" is owned by process ${pid} on ${host} since ${since}: wait for it to end, or stop it`
  }
}

/**
 * Takes the lease for as long as the scope is open. Fails if a live holder keeps it for longer than `wait` (a second by
 * default); a holder that is proven dead is succeeded at once, one that is silent after its lease of 15 seconds.
 * Answers an effect that completes if the lease is lost to somebody else.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acquire = Effect.fn("Lease.acquire")(function* (
  name: string,
  options: { readonly wait?: Duration.Input | undefined } = {}
): Effect.fn.Return<Effect.Effect<void>, Owned | TransportError, Queue | Scope.Scope> {
  const queue = yield* Queue
  const key = queueOf(name)
  yield* own(queue.offer(key, { id: "owner", payload: null }, { revive: true }))
  while (true) {
    // Given back, never completed: whoever waits for it is handed it at once.
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.interrupt()))
    const taken = yield* own(queue.take(key, { maxAttempts: Number.MAX_SAFE_INTEGER, retryDelay: () => 0 })).pipe(
      Scope.provide(scope),
      Effect.timeoutOption(options.wait ?? "1 second")
    )
    if (Option.isSome(taken)) return taken.value.lost
    // It may have been taken just as the time was up.
    yield* Scope.close(scope, Exit.interrupt())
    const owner = yield* holder(name)
    if (Option.isSome(owner)) return yield* new Owned({ name, owner: owner.value })
    yield* own(queue.offer(key, { id: "owner", payload: null }, { revive: true }))
  }
})

/**
 * Who holds a lease now, unless it is proven dead.
 *
 * @category constructors
 * @since 0.1.0
 */
export const holder = Effect.fn("Lease.holder")(function* (
  name: string
): Effect.fn.Return<Option.Option<Owner>, TransportError, Queue> {
  const queue = yield* Queue
  const items = yield* own(queue.inspect(queueOf(name)))
  return Option.fromNullishOr(items.find((item) => item.id === "owner" && !item.abandoned)?.owner)
})

/**
 * The queue that a lease is a message of.
 *
 * @category constructors
 * @since 0.1.0
 */
export const queueOf = (name: string): string => `owner/${name}`
