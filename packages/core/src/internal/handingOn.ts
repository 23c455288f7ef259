import { Clock, Effect, Exit, FiberSet, Scope } from "effect"
import { laterInTurn } from "./laterInTurn.ts"

/**
 * Waits for something, and answers how it is given back: once. Nothing can be interrupted but the wait, so that nothing is held
 * that nobody gives back.
 */
export type Claim<E> = (
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
) => Effect.Effect<Effect.Effect<unknown>, E>

/** Something that is claimed. */
interface Held {
  readonly scope: Scope.Closeable
  /** When it was claimed, in milliseconds. */
  readonly since: number
}

/**
 * Claims for those in this process who wait for the same. What one gives back goes to who waits next here, without a word to
 * others; a second after it was claimed it goes back to where it was taken, so that others may have it.
 */
export const make = Effect.fnUntraced(function* <E>(take: Effect.Effect<unknown, E, Scope.Scope>) {
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const waiting = new Set<(exit: Exit.Exit<Held, E>) => void>()
  let taking = 0

  const close = ({ scope }: Held) => Scope.close(scope, Exit.interrupt())

  /** Not within the fibre that gives it: whoever gets it goes on first. */
  const passOn = (held: Held) =>
    Effect.callback<boolean>((resume) =>
      laterInTurn(() => {
        const [next] = waiting
        next?.(Exit.succeed(held))
        resume(Effect.succeed(next !== undefined))
      })
    )

  const takeNext = Effect.uninterruptibleMask(
    Effect.fnUntraced(function* (restore) {
      const scope = yield* Scope.make()
      const exit = yield* Effect.exit(restore(Scope.provide(take, scope)))
      const held = { scope, since: yield* Clock.currentTimeMillis }
      if (Exit.isSuccess(exit) && (yield* passOn(held))) return
      yield* close(held)
      if (Exit.isSuccess(exit)) return
      const failed = Exit.failCause(exit.cause)
      laterInTurn(() => {
        const all = [...waiting]
        for (const next of all) next(failed)
      })
      return yield* failed
    })
  )
  const takeWhileWanted = Effect.ensuring(
    Effect.ignore(Effect.whileLoop({ while: () => waiting.size > 0, body: () => takeNext, step: () => {} })),
    Effect.sync(() => {
      taking -= 1
    })
  )

  const giveBack = Effect.fnUntraced(function* (held: Held) {
    const young = (yield* Clock.currentTimeMillis) - held.since < maxTogether
    if (young && waiting.size > 0 && (yield* passOn(held))) return
    yield* close(held)
  })

  const wait = Effect.callback<Held, E>((resume) => {
    const next = (exit: Exit.Exit<Held, E>) => {
      waiting.delete(next)
      resume(exit)
    }
    waiting.add(next)
    if (taking < waiting.size) {
      taking += 1
      fork(takeWhileWanted)
    }
    return Effect.sync(() => waiting.delete(next))
  })

  const claim: Claim<E> = (restore) => Effect.map(restore(wait), giveBack)
  return claim
})

/** How long something stays in this process though others may wait for it, in milliseconds. */
const maxTogether = 1000
