import { Effect, Fiber, type Scope } from "effect"
import type { Log } from "../Queue.ts"

/**
 * What becomes of messages whose takers are in a hurry: they don't wait until it is written, so that it is written in one go with what follows in
 * the same turn. Who looks at the queue waits.
 */
export interface Settling {
  readonly begin: (log: Log, settle: Effect.Effect<void>) => Effect.Effect<void>
  /** Waits until what was said of messages of a log is written. */
  readonly settled: (log: Log) => Effect.Effect<void>
}

export const make: Effect.Effect<Settling, never, Scope.Scope> = Effect.gen(function* () {
  const writing = new Map<Log, Set<Fiber.Fiber<void>>>()

  const remember = (log: Log, fiber: Fiber.Fiber<void>) => {
    if (fiber.pollUnsafe() !== undefined) return
    const fibers = writing.get(log) ?? new Set()
    writing.set(log, fibers.add(fiber))
    fiber.addObserver(() => {
      fibers.delete(fiber)
      if (fibers.size === 0) writing.delete(log)
    })
  }
  const settled = (log: Log) =>
    Effect.suspend(() => {
      const fibers = writing.get(log)
      return fibers === undefined ? Effect.void : Effect.asVoid(Fiber.awaitAll(fibers))
    })

  yield* Effect.addFinalizer(() => Effect.forEach([...writing.keys()], settled, { discard: true }))
  return {
    begin: (log, settle) =>
      Effect.map(Effect.forkDetach(settle, { startImmediately: true, uninterruptible: true }), (fiber) =>
        remember(log, fiber)
      ),
    settled
  }
})
