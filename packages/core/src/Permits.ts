/**
 * Bounds how many runs of a tree of agents work at once, on all processes: one pool of permits, each of them a lease.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Schema, Scope, Semaphore } from "effect"
import { Queue } from "./Queue.ts"
import type { TransportError } from "./TransportError.ts"
import * as handingOn from "./internal/handingOn.ts"
import { own } from "./internal/own.ts"

/**
 * A permit in use. Whoever holds it may work; it goes back when its scope closes, or its process is gone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Permit {
  /**
   * Gives the permit back for as long as the effect takes, so that what is waited for may work, and takes one again before
   * it answers.
   */
  readonly lend: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E | TransportError, R>
  /** Gives it back for good, before its scope closes: the work is done, and is yet to be written and told. */
  readonly giveBack: Effect.Effect<void>
}

/**
 * For runs that nothing bounds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unbounded: Permit = { lend: (wait) => wait, giveBack: Effect.void }

/**
 * The queue that is the pool: a message is a permit, holding it is a lease.
 *
 * @category constructors
 * @since 0.1.0
 */
export const queueOf = (pool: string): string => `permits/${pool}`

/**
 * Sets how many permits a pool has. Only the owner of the tree's root does so, when it starts. A permit that is taken away
 * while it is held stops nobody: it does not come back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const provision = Effect.fn("Permits.provision")(function* (
  pool: string,
  count: number
): Effect.fn.Return<void, TransportError, Queue> {
  const queue = yield* Queue
  const name = queueOf(pool)
  const wanted = Array.from({ length: count }, (_, index) => `permit-${index + 1}`)
  const known = (yield* own(queue.inspect(name))).map(({ id }) => id)
  const offers = wanted.map((id) => own(queue.offer(name, { id, payload: null }, { revive: true })))
  const removals = known
    .filter((id) => !wanted.includes(id))
    .map((id) => own(queue.settle(name, id, { type: "completed" })))
  yield* Effect.all([...offers, ...removals], { concurrency: "unbounded", discard: true })
})

/**
 * Waits for a permit, and holds it until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acquire = (pool: string): Effect.Effect<Permit, TransportError, Queue | Scope.Scope> =>
  Effect.flatMap(Queue, (queue) => {
    const claimed = claim(queue, pool)
    return holding(claimed, claimed)
  })

/**
 * A pool as a process takes from it that executes many runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pool {
  readonly name: string
  /** Its permits go on to who waits in this process, and after a second back to all. */
  readonly claim: handingOn.Claim<TransportError>
}

/**
 * What is `inherited` counts as a permit too: that of an agent which waits for what is done with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* (
  name: string,
  inherited?: Semaphore.Semaphore
): Effect.fn.Return<Pool, never, Queue | Scope.Scope> {
  const queue = yield* Queue
  const shared = yield* handingOn.make(takeFrom(queue, name))
  return { name, claim: inherited === undefined ? shared : eitherOf(inherited, shared) }
})

/**
 * The hands of this process are full by now: what was taken is given back, and somebody else may have one free.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoHand extends Schema.TaggedError<NoHand>("@sartor/core/Permits/NoHand")("NoHand", {}) {
  override get message() {
    return "All places of this process are taken"
  }
}

/**
 * Waits for a permit in a process that has only so many hands: once there is a permit it needs a hand that is free, or it gives
 * the permit back. Who has lent both takes a hand before the permit, and never the other way round, so that no two of them
 * wait for each other.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acquireWith = (
  hands: Semaphore.Semaphore,
  { claim }: Pool
): Effect.Effect<Permit, NoHand | TransportError, Scope.Scope> => {
  const first: handingOn.Claim<NoHand | TransportError> = (restore) =>
    Effect.flatMap(claim(restore), (release) =>
      Effect.flatMap(hands.takeIfAvailable(1), (taken) =>
        // The hand is free before whoever gets the permit looks for one.
        taken ? Effect.succeed(Effect.andThen(hands.release(1), release)) : Effect.andThen(release, new NoHand())
      )
    )
  const again: handingOn.Claim<TransportError> = (restore) =>
    Effect.andThen(
      restore(hands.take(1)),
      claim(restore).pipe(
        Effect.onError(() => hands.release(1)),
        Effect.map((release) => Effect.andThen(hands.release(1), release))
      )
    )
  return holding(first, again)
}

/**
 * The pool of a tree's runs that work one at a time: a permit of it is held beside one of the tree's own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const aloneOf = (pool: string): string => `${pool}/alone`

/**
 * The same for a run that works alone: among those that do, one at a time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acquireAlone = Effect.fnUntraced(function* (
  hands: Semaphore.Semaphore,
  pool: Pool,
  /** Whose runs work one at a time; an agent that works alone may wait for those of its own. */
  orchestrator: string = pool.name
) {
  yield* provision(aloneOf(orchestrator), 1)
  const alone = yield* acquire(aloneOf(orchestrator))
  const shared = yield* acquireWith(hands, pool)
  // Taken again in the order of above: whoever has one of the pool never waits to be alone.
  const permit: Permit = {
    lend: (wait) => shared.lend(alone.lend(wait)),
    // The other one goes back when all is told: the next one that works alone begins after that.
    giveBack: shared.giveBack
  }
  return permit
})

const takeFrom = (queue: Queue["Service"], pool: string) =>
  own(queue.take(queueOf(pool), { maxAttempts: Number.MAX_SAFE_INTEGER, retryDelay: () => 0 }))

/** A permit is never completed, so that the next one has it at once. */
const claim =
  (queue: Queue["Service"], pool: string): handingOn.Claim<TransportError> =>
  (restore) =>
    Effect.flatMap(Scope.make(), (scope) => {
      const giveBack = Scope.close(scope, Exit.interrupt())
      const taken = restore(Scope.provide(takeFrom(queue, pool), scope))
      return Effect.as(
        Effect.onError(taken, () => giveBack),
        giveBack
      )
    })

/** Takes the permit that is inherited, or one that is shared if that comes before. */
const eitherOf =
  (inherited: Semaphore.Semaphore, shared: Pool["claim"]): Pool["claim"] =>
  (restore) =>
    Effect.suspend(() => {
      const won: Array<Effect.Effect<unknown>> = []
      const kept = (claim: Pool["claim"]) =>
        Effect.uninterruptibleMask((restore) => Effect.map(claim(restore), (release) => won.push(release)))
      const own: Pool["claim"] = (restore) => Effect.as(restore(inherited.take(1)), inherited.release(1))
      // Both may have come at once.
      const giveBack = (from: number) => Effect.suspend(() => Effect.all(won.splice(from), { discard: true }))
      return restore(Effect.raceFirst(kept(own), kept(shared))).pipe(
        Effect.onError(() => giveBack(0)),
        Effect.andThen(giveBack(1)),
        Effect.map(() => giveBack(0))
      )
    })

/** Holds something that can be lent, until the scope closes. To take it answers how it is given back. */
const holding = Effect.fnUntraced(function* <E, E2>(first: handingOn.Claim<E>, again: handingOn.Claim<E2>) {
  const lock = yield* Semaphore.make(1)
  let held: Effect.Effect<unknown> = Effect.void
  let lent = 0
  const release = Effect.suspend(() => {
    const open = held
    held = Effect.void
    return open
  })
  const hold = <E>(take: handingOn.Claim<E>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.map(take(restore), (open) => {
        held = open
      })
    )
  yield* Effect.addFinalizer(() => release)
  yield* hold(first)
  const permit = {
    lend: Effect.fnUntraced(function* <A, E3, R>(wait: Effect.Effect<A, E3, R>) {
      yield* lock.withPermit(Effect.suspend(() => (++lent === 1 ? release : Effect.void)))
      const exit = yield* Effect.exit(wait)
      yield* lock.withPermit(Effect.suspend(() => (--lent === 0 ? hold(again) : Effect.void)))
      return yield* exit
    }),
    giveBack: Effect.uninterruptible(Effect.asVoid(release))
  }
  return permit
})
