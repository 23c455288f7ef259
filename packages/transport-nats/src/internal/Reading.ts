/** Waits for a tail to be where it must be. */
import type { Queue, TransportError } from "@sartor/core"
import { Effect } from "effect"
import * as Calls from "./Calls.ts"
import type { Tail } from "./Tail.ts"

/** How long a call waits for what the server has, in all, in milliseconds. */
const patience = 10_000

export const until = (
  client: Calls.Client,
  operation: string,
  tail: Tail,
  signal: Queue.Signal,
  isThere: () => boolean
): Effect.Effect<void, TransportError.TransportError> =>
  Effect.gen(function* () {
    while (!isThere()) {
      const failure = tail.failure()
      if (failure !== undefined) return yield* failure
      yield* signal.changed(signal.revision())
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: patience + Calls.election(client),
      orElse: () =>
        Effect.fail(Calls.unavailable(operation, "the server does not send what it has: check that it runs"))
    })
  )
