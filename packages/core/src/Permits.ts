/**
 * Bounds how many runs of a tree of agents work at once, on all processes: one pool of permits, each of them a lease.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Schema, Scope, Semaphore } from "effect"
import { Queue } from "./Queue.ts"
import type { TransportError } from "./TransportError.ts"
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
  /** Gives it back for good, before its scope closes: the work is done, and what is left is only told. */
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
  Effect.flatMap(Effect.context<Queue>(), (context) => {
    const claimed = Effect.provideContext(claim(pool), context)
    return holding(claimed, claimed)
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
 * The same, for a process that has only so many hands: once there is a permit it needs a hand that is free, or it gives
 * the permit back. Who has lent both takes a hand before the permit, and never the other way round, so that no two of them
 * wait for each other. What is `inherited` counts as a permit too: that of an agent which waits for what is done with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acquireWith = (
  hands: Semaphore.Semaphore,
  pool: string,
  inherited?: Semaphore.Semaphore
): Effect.Effect<Permit, NoHand | TransportError, Queue | Scope.Scope> =>
  Effect.flatMap(Effect.context<Queue>(), (context) => {
    const claimed = Effect.provideContext(claim(pool, inherited), context)
    const open = hands.release(1)
    const first = Effect.flatMap(claimed, (release) =>
      Effect.flatMap(hands.takeIfAvailable(1), (taken) =>
        taken ? Effect.succeed(Effect.andThen(release, open)) : Effect.andThen(release, new NoHand())
      )
    )
    const again = Effect.andThen(
      hands.take(1),
      claimed.pipe(
        Effect.onError(() => open),
        Effect.map((release) => Effect.andThen(release, open))
      )
    )
    return holding(first, again)
  })

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
  pool: string,
  inherited?: Semaphore.Semaphore,
  /** Whose runs work one at a time; an agent that works alone may wait for those of its own. */
  orchestrator: string = pool
) {
  yield* provision(aloneOf(orchestrator), 1)
  const alone = yield* acquire(aloneOf(orchestrator))
  const shared = yield* acquireWith(hands, pool, inherited)
  // Taken again in the order of above: whoever has one of the pool never waits to be alone.
  const permit: Permit = {
    lend: (wait) => shared.lend(alone.lend(wait)),
    giveBack: Effect.andThen(shared.giveBack, alone.giveBack)
  }
  return permit
})

/**
 * Takes a permit of the pool, or the one that is inherited if that is free before, and answers how it is given back: never
 * completed, so that the next one has it at once.
 */
const claim = (pool: string, inherited?: Semaphore.Semaphore) =>
  Effect.uninterruptibleMask(
    Effect.fnUntraced(function* (restore) {
      const queue = yield* Queue
      const take = queue.take(queueOf(pool), { maxAttempts: Number.MAX_SAFE_INTEGER, retryDelay: () => 0 })
      const pooled = yield* Scope.make()
      const kept = yield* Scope.make()
      const giveBack = (scope: Scope.Closeable) => Scope.close(scope, Exit.interrupt())
      const fromPool = Effect.as(Scope.provide(own(take), pooled), pooled)
      const fromKept = (permit: Semaphore.Semaphore) =>
        Effect.acquireRelease(permit.take(1), () => permit.release(1), { interruptible: true })
      const first =
        inherited === undefined
          ? fromPool
          : Effect.raceFirst(Effect.as(Scope.provide(fromKept(inherited), kept), kept), fromPool)
      const won = yield* Effect.onError(restore(first), () => Effect.andThen(giveBack(kept), giveBack(pooled)))
      // Both may have come at once.
      yield* giveBack(won === kept ? pooled : kept)
      return giveBack(won)
    })
  )

/** Holds something that can be lent, until the scope closes. To take it answers how it is given back. */
const holding = Effect.fnUntraced(function* <E, E2>(
  first: Effect.Effect<Effect.Effect<unknown>, E>,
  again: Effect.Effect<Effect.Effect<unknown>, E2>
) {
  const lock = yield* Semaphore.make(1)
  let held: Effect.Effect<unknown> = Effect.void
  let lent = 0
  const release = Effect.suspend(() => {
    const open = held
    held = Effect.void
    return open
  })
  const hold = <E>(take: Effect.Effect<Effect.Effect<unknown>, E>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.map(restore(take), (open) => {
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
