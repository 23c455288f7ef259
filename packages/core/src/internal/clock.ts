import { Clock, Effect } from "effect"

/** A clock in milliseconds that never goes back, to be read where there is no effect. */
export const monotonic: Effect.Effect<() => number> = Effect.map(
  Clock.Clock,
  (clock) => () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
)

export const monotonicMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))
