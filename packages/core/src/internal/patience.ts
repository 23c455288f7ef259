import { Effect, Schedule } from "effect"
import { TransportError } from "../TransportError.ts"

/** Whether the same call may succeed later: the store is away, or has no room. */
export const isTransient = (error: unknown): error is TransportError =>
  error instanceof TransportError && (error.reason === "unavailable" || error.reason === "storage_full")

/** For a minute: soon at first, then every five seconds. */
const whileItIsAway = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.upTo({ duration: "1 minute" })
)

/** Outlasts a transport that is away for a while. What it tries again must be safe to do twice. */
export const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, { schedule: whileItIsAway, while: isTransient })
