/**
 * Slows all agents of a pool down together: where one is told that there are too many calls, all wait.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Random } from "effect"

/**
 * @category models
 * @since 0.1.0
 */
export interface Pace {
  /** Waits as long as all have to. Those who have waited go on one after another, not at once. */
  readonly wait: Effect.Effect<void>
  /** Lets nobody begin a call for so long, in milliseconds. A shorter wait does not end a longer one. */
  readonly slowDown: (millis: number) => Effect.Effect<void>
}

/** How far apart those go on who have waited, as a part of what they waited. */
const spread = 0.25

/**
 * Makes the pace of a pool. Share one among all runners that use the same key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Pace> = Effect.sync(() => {
  let until = 0
  let waited = 0
  const wait: Effect.Effect<void> = Effect.gen(function* () {
    let now = yield* Clock.currentTimeMillis
    while (now < until) {
      const extra = (yield* Random.next) * spread * waited
      yield* Effect.sleep(until - now + extra)
      // Somebody who went first may have been told to wait again.
      const then = yield* Clock.currentTimeMillis
      if (then >= until) return
      now = then
    }
  })
  return {
    wait,
    slowDown: (millis) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (now + millis > until) {
          until = now + millis
          waited = millis
        }
      })
  }
})
