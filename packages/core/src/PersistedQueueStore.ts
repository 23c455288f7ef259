/**
 * Effect's `PersistedQueue` on any transport: the store that it asks for, made from a `Queue`.
 *
 * @since 0.1.0
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Cause, Clock, Duration, Effect, Exit, Layer, Predicate, Schema, Scope } from "effect"
import { PersistedQueue } from "effect/persistence"
import { own } from "./internal/own.ts"
import { Slug } from "./Key.ts"
import { Queue, Rejected } from "./Queue.ts"

/**
 * The queue that keeps what Effect calls `name`, which may be any string. A lower-case name as in keys becomes
 * `persisted/<name>`; any other `persisted/<readable>/<SHA-256 of the name>`: no two names share a queue.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keyOf = (name: string): string => {
  if (isSlug(name)) return `${prefix}${name}`
  const readable = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 64)
    .replaceAll(/^-|-$/g, "")
  // As JSON text, because UTF-8 makes all lone surrogates the same.
  return `${prefix}${readable === "" ? "queue" : readable}/${bytesToHex(sha256(utf8ToBytes(JSON.stringify(name))))}`
}

/**
 * Provides Effect's `PersistedQueueStore` from the transport's queues. Dead letters and statistics of a queue are those of
 * `keyOf(name)`. A handler that fails with `Queue.Rejected` makes its element a dead letter at once.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<PersistedQueue.PersistedQueueStore, never, Queue> = Layer.effect(
  PersistedQueue.PersistedQueueStore,
  Effect.map(Queue, (queue) =>
    PersistedQueue.PersistedQueueStore.of({
      offer: Effect.fnUntraced(function* ({ delay, element, id, name }) {
        const payload = yield* decodeJson(element)
        yield* own(queue.offer(keyOf(name), { id, payload, delay }))
      }, Effect.mapError(failure)),
      take: Effect.fnUntraced(function* ({ maxAttempts, name, retryDelay }) {
        while (true) {
          const delivery = yield* takeOne(queue, keyOf(name), maxAttempts, retryDelay)
          if (delivery.attempt <= maxAttempts) {
            return { id: delivery.id, attempts: delivery.attempt, element: delivery.payload }
          }
          yield* delivery.reject(`attempt ${maxAttempts} was the last one, and ended with its process`)
        }
      }, Effect.mapError(failure)),
      cleanup: Effect.fnUntraced(function* ({ failedTimeToLive, timeToLive }) {
        const now = yield* Clock.currentTimeMillis
        const until = { completed: ago(now, timeToLive), dead: ago(now, failedTimeToLive) }
        for (const name of yield* queue.names(prefix)) yield* own(queue.prune(name, until))
      }, Effect.mapError(failure))
    })
  )
)

/** Takes in a scope of its own, so that the delay of a retry is known, and a dead letter is told, before that one closes. */
const takeOne = Effect.fnUntraced(function* (
  queue: Queue["Service"],
  key: string,
  maxAttempts: number,
  retryDelay: (attempts: number) => Effect.Effect<Duration.Duration>
) {
  let attempt = 0
  let delay: Duration.Input = "1 second"
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => {
    const retries = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) && attempt < maxAttempts
    const delayed = retries ? Effect.map(retryDelay(attempt), (chosen) => (delay = chosen)) : Effect.void
    return Effect.ensuring(delayed, Scope.close(scope, settlement(exit)))
  })
  const delivery = yield* Scope.provide(own(queue.take(key, { maxAttempts, retryDelay: () => delay })), scope)
  attempt = delivery.attempt
  return { ...delivery, reject: (reason: string) => Scope.close(scope, Exit.fail(new Rejected({ reason }))) }
})

/** The factory tells a store by this tag that an element can never be decoded. */
const settlement = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(exit)) return exit
  for (const reason of exit.cause.reasons) {
    if (
      Cause.isFailReason(reason) &&
      Predicate.isTagged(reason.error, "~effect/persistence/PersistedQueue/DeadLetter")
    ) {
      return Exit.fail(new Rejected({ reason: `it cannot be decoded: ${because(reason.error)}` }))
    }
  }
  return exit
}

const because = (dead: object) => {
  const error = "cause" in dead && Cause.isCause(dead.cause) ? Cause.squash(dead.cause) : dead
  return error instanceof Error ? error.message : String(error)
}

const ago = (now: number, duration: Duration.Duration | undefined) =>
  duration === undefined || !Duration.isFinite(duration) ? undefined : now - Duration.toMillis(duration)

const failure = (error: Error) => new PersistedQueue.PersistedQueueError({ message: error.message, cause: error })

const prefix = "persisted/"
const isSlug: (name: string) => boolean = Schema.is(Slug)
const decodeJson = Schema.decodeUnknownEffect(Schema.Json)
