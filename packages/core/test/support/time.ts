import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Lets time pass, as fast as it can, until an effect has ended. */
export const pass = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let steps = 0; fiber.pollUnsafe() === undefined; steps++) {
      if (steps > 20_000) return yield* Effect.die(new Error("It has not ended, however much time has passed"))
      yield* TestClock.adjust("50 millis")
    }
    return yield* Fiber.join(fiber)
  })
