/**
 * Following what other processes write: woken by their changes, and looking by itself in case one was missed.
 *
 * @since 0.1.0
 */
import { Effect, Queue, Stream } from "effect"

/**
 * Repeats a step, at once and then whenever something has changed or a second has passed, until it answers true.
 *
 * @category constructors
 * @since 0.1.0
 */
export const whenChanged = <E, E2, R, R2>(
  changes: Stream.Stream<unknown, E, R>,
  step: Effect.Effect<boolean, E2, R2>
): Effect.Effect<void, E | E2, R | R2> =>
  Effect.scoped(
    Effect.gen(function* () {
      const changed = yield* Queue.sliding<unknown, E>(1)
      yield* Effect.forkScoped(
        Stream.runForEach(changes, () => Queue.offer(changed, undefined)).pipe(
          Effect.catch((error) => Queue.fail(changed, error))
        ),
        { startImmediately: true }
      )
      while (!(yield* step)) yield* Effect.timeoutOption(Queue.take(changed), "1 second")
    })
  )
