import { Deferred, Effect, type Scope } from "effect"

/**
 * Lets all who ask while an effect is at work share the next time that it is done: what they get was begun after they asked. It goes on
 * in the scope, whoever stops waiting.
 */
export const shared = <E>(effect: Effect.Effect<void, E>): Effect.Effect<Effect.Effect<void, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let busy = false
    let next: Deferred.Deferred<void, E> | undefined
    const work: Effect.Effect<void> = Effect.suspend(() => {
      const asked = next
      if (asked === undefined) {
        busy = false
        return Effect.void
      }
      next = undefined
      return Effect.andThen(Deferred.into(effect, asked), work)
    })
    return Effect.suspend(() => {
      next ??= Deferred.makeUnsafe<void, E>()
      const asked = Deferred.await(next)
      if (busy) return asked
      busy = true
      return Effect.andThen(Effect.forkIn(work, scope), asked)
    })
  })
