import { Effect, Stream } from "effect"
import { TransportError } from "../TransportError.ts"

/**
 * Looks at once, whenever something has changed, and every five seconds, because a change may go unnoticed. It ends only
 * by what the look fails with, other than the transport.
 */
export const attending = <E, R>(
  changes: Stream.Stream<unknown, TransportError>,
  look: Effect.Effect<void, E | TransportError, R>
): Effect.Effect<never, E, R> => {
  const onChange = Effect.andThen(
    look,
    Stream.runForEach(changes, () => look)
  )
  const byItself = Effect.forever(Effect.delay(look, "5 seconds"))
  return Effect.raceFirst(outlasting(Effect.andThen(onChange, Effect.never)), outlasting(byItself))
}

/** Begins again a second after the transport has failed. */
const outlasting = <A, E, R>(effect: Effect.Effect<A, E | TransportError, R>): Effect.Effect<A, E, R> =>
  Effect.catch(effect, (error) =>
    error instanceof TransportError ? Effect.delay(outlasting(effect), "1 second") : Effect.fail(error)
  )
