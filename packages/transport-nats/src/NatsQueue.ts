/**
 * Keeps each queue on a subject of its own, shared by all processes of the fleet.
 *
 * @since 0.1.0
 */
import { Queue, type TransportError } from "@sartor/core"
import { ProcessIdentity } from "@sartor/core/node"
import { Clock, DateTime, Effect, Exit, Fiber, Random, Scope } from "effect"
import * as Acks from "./internal/Acks.ts"
import type { Blobs } from "./internal/Blobs.ts"
import * as Calls from "./internal/Calls.ts"
import * as QueueStream from "./internal/QueueStream.ts"
import type { NatsClient } from "./NatsClient.ts"

/** Queues whose state is kept when nobody waits for them; one that was forgotten is read again. */
const maxRemembered = 256

/** How often it is looked whether the state of a queue should be kept. */
const scanInterval = "1 second"

/** @internal */
export interface NatsQueue {
  readonly service: Queue.Queue["Service"]
  /** Keeps a queue's state now, whatever its size. */
  readonly compact: (queue: string) => Effect.Effect<void, TransportError.TransportError>
}

/** @internal */
export const make = Effect.fnUntraced(function* (
  client: NatsClient["Service"],
  blobs: Blobs,
  options: QueueStream.Options = { compactAbove: 4 * 1024 * 1024 }
): Effect.fn.Return<NatsQueue, never, Scope.Scope> {
  const context = yield* Effect.context<Scope.Scope>()
  // Closes after the service, which gives back what it holds: that is read back from here.
  const logs = yield* Scope.fork(yield* Scope.Scope)
  const acks = yield* Acks.make(client)
  /** The one that was used last. */
  let latest: { readonly name: string; readonly log: QueueStream.QueueStream } | undefined
  const opened = new Map<string, { readonly scope: Scope.Closeable; readonly log: QueueStream.QueueStream }>()
  const fork = Effect.runForkWith(context)

  /** Opens it in the scope, and on the clock, of the layer: the first one to ask may be gone soon. */
  const openNew = Effect.fnUntraced(function* (queue: string) {
    const scope = yield* Scope.fork(logs)
    const log = yield* QueueStream.make(client, acks, blobs, queue, options).pipe(
      Scope.provide(scope),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void))
    )
    opened.set(queue, { scope, log })
    if (opened.size > maxRemembered) {
      const idle = [...opened].find(([name, { log }]) => name !== queue && log.isIdle())
      if (idle !== undefined) {
        opened.delete(idle[0])
        if (latest?.name === idle[0]) latest = undefined
        yield* Scope.close(idle[1].scope, Exit.void)
      }
    }
    return log
  })
  /** Those that are being opened: whoever asks waits for the same, and it goes on if he stops waiting. */
  const opening = new Map<string, Fiber.Fiber<QueueStream.QueueStream, TransportError.TransportError>>()
  const open = (queue: string): Effect.Effect<QueueStream.QueueStream, TransportError.TransportError> =>
    Effect.suspend(() => {
      if (latest?.name === queue) return Effect.succeed(latest.log)
      const known = opened.get(queue)
      if (known !== undefined) {
        latest = { name: queue, log: known.log }
        // What was used last is forgotten last.
        opened.delete(queue)
        opened.set(queue, known)
        return Effect.succeed(known.log)
      }
      const begun = opening.get(queue)
      if (begun !== undefined) return Fiber.join(begun)
      const ended = Effect.ensuring(
        openNew(queue),
        Effect.sync(() => opening.delete(queue))
      )
      const fiber = fork(ended)
      if (fiber.pollUnsafe() === undefined) opening.set(queue, fiber)
      return Fiber.join(fiber)
    })

  const compacted = Effect.gen(function* () {
    const isWasteful = () => [...opened.values()].find(({ log }) => log.isWasteful())
    const found = isWasteful()
    if (found === undefined) return
    // Several processes find this at once, and one is enough.
    yield* Effect.sleep(yield* Random.nextIntBetween(0, 1_000))
    if (found.log.isWasteful()) yield* found.log.compact
  })
  yield* Effect.forkScoped(
    compacted.pipe(
      Effect.catch((error) => Effect.logWarning("The state of a queue could not be kept", error)),
      Effect.delay(scanInterval),
      Effect.forever
    )
  )

  const since = DateTime.formatIso(DateTime.makeUnsafe(yield* Clock.currentTimeMillis))
  const self = ProcessIdentity.owner(since)
  const clock = yield* Clock.Clock
  const service = yield* Queue.fromLogs({
    open: (queue) => Effect.map(open(queue), (log) => log.queue),
    names: Effect.map(
      Calls.ask(client, "Queue.names", client.names.queueStream, () =>
        client.manager.streams.info(client.names.queueStream, { subjects_filter: client.names.queues })
      ),
      ({ state }) => Object.keys(state.subjects ?? {}).map(client.names.keyOf)
    ),
    remove: (queue) => Effect.flatMap(open(queue), (log) => log.remove),
    owner: self,
    isGone: ProcessIdentity.makeIsGone(self, () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n))
  })
  return { service, compact: (queue) => Effect.flatMap(open(queue), (log) => log.compact) }
})
