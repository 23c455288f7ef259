import { type Cause, Deferred, Effect, Queue, Semaphore, Stream } from "effect"

/**
 * A stream of what an effect emits. `emit` returns once the consumer has come back for more: by then it has dealt with what
 * it got.
 */
export const handingOver = <A, E, R>(
  work: (emit: (value: A) => Effect.Effect<void>) => Effect.Effect<void, E, R>
): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const queue = yield* Queue.bounded<Handed<A>, E | Cause.Done>(1)
      const turn = yield* Semaphore.make(1)
      const emit = Effect.fnUntraced(function* (value: A) {
        const dealtWith = yield* Deferred.make<void>()
        yield* Queue.offer(queue, { value, dealtWith })
        yield* Deferred.await(dealtWith)
      }, turn.withPermit)
      yield* work(emit).pipe(
        Effect.matchCauseEffect({
          onFailure: (cause) => Queue.failCause(queue, cause),
          onSuccess: () => Queue.end(queue)
        }),
        Effect.forkScoped
      )
      let before: Handed<A> | undefined
      const pull = Effect.gen(function* () {
        if (before !== undefined) yield* Deferred.succeed(before.dealtWith, undefined)
        before = yield* Queue.take(queue)
        return [before.value] as const
      })
      return Stream.fromPull(Effect.succeed(pull))
    })
  )

interface Handed<A> {
  readonly value: A
  readonly dealtWith: Deferred.Deferred<void>
}
