import { Effect } from "effect"
import { InvalidKey } from "../Key.ts"
import { QueueFull } from "../Queue.ts"

/**
 * For keys that the services make themselves of checked parts, and for offers without a capacity: there these outcomes
 * would be a bug.
 */
export const own = <A, E, R>(effect: Effect.Effect<A, E | InvalidKey | QueueFull, R>): Effect.Effect<A, E, R> =>
  Effect.catch(effect, (error) =>
    error instanceof InvalidKey || error instanceof QueueFull ? Effect.die(error) : Effect.fail(error)
  )
