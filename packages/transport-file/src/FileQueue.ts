/**
 * Keeps each queue in a file of its own, shared by all processes of this machine.
 *
 * @since 0.1.0
 */
import { Effect, Random, Result, type Scope } from "effect"
import { Queue, type TransportError } from "@sartor/core"
import { ProcessIdentity } from "@sartor/core/node"
import * as path from "node:path"
import * as LogFile from "./internal/LogFile.ts"
import * as Names from "./internal/Names.ts"
import * as QueueFile from "./internal/QueueFile.ts"
import type * as QueueUpkeep from "./internal/QueueUpkeep.ts"
import * as Recent from "./internal/Recent.ts"
import * as Segments from "./internal/Segments.ts"
import { scanning, type Store } from "./internal/Store.ts"

/** Queues whose state is kept when nobody waits for them; one that was forgotten is read again. */
const maxRemembered = 256

/** How soon a change is seen where the system does not tell of it. */
const scanInterval = 250

/**
 * A log of less is not worth a compaction: it is read in some ten milliseconds. Above that, one is due when half of it is
 * superseded, so that a byte is rewritten twice at most in the long run.
 */
const compactAbove = 1024 * 1024

/** How long a segment is kept after its successor came, for those who are about to go on to that. */
const grace = 2_000

/** @internal */
export interface FileQueue {
  readonly service: Queue.Queue["Service"]
  /** Compacts a queue now, whatever its size. */
  readonly compact: (queue: string) => Effect.Effect<void, TransportError.TransportError>
  /** Removes what a queue does not need any more, without waiting for those who are about to go on. */
  readonly clean: (queue: string) => Effect.Effect<void, TransportError.TransportError>
}

/** @internal */
export const make = Effect.fnUntraced(function* (
  store: Store,
  options: QueueUpkeep.Options = { compactAbove }
): Effect.fn.Return<FileQueue, never, Scope.Scope> {
  const stops = new Map<QueueFile.QueueFile, () => void>()
  const logs = Recent.make<QueueFile.QueueFile>(maxRemembered, (log) => {
    if (!log.isIdle()) return false
    stops.get(log)?.()
    stops.delete(log)
    log.close()
    return true
  })
  const open = (queue: string) => {
    const file = Names.pathOf(store.queues, queue)
    const log = QueueFile.make(store, file, options, () => {
      const hint = () => LogFile.caught(log.hint)
      const stop = store.hints.subscribe(path.dirname(file), (name) => {
        if (name === null || Segments.isSegment(file, name)) hint()
      })
      stops.set(log, stop)
    })
    return log
  }

  yield* scanning(
    scanInterval,
    Effect.sync(() => {
      store.hints.rearm()
      for (const log of logs.values()) {
        LogFile.caught(log.look)
        log.tidy()
      }
    })
  )

  // One at a time, and never in the way of the scan.
  const compacted = Effect.gen(function* () {
    const isWasteful = (log: QueueFile.QueueFile) => Result.getOrElse(LogFile.caught(log.isWasteful), () => false)
    const found = [...logs.values()].find(isWasteful)
    if (found === undefined) return
    // Several processes find this at once, and one is enough.
    yield* Effect.sleep(yield* Random.nextIntBetween(0, scanInterval))
    if (isWasteful(found)) yield* found.compact
  })
  yield* scanning(
    scanInterval,
    Effect.catch(compacted, (error) => Effect.logWarning("A queue could not be compacted", error))
  )
  const cleaned = Effect.gen(function* () {
    const found = [...logs.values()].flatMap((log) => {
      const number = log.cluttered()
      return number === undefined ? [] : [Effect.ignore(log.clean(number))]
    })
    if (found.length === 0) return
    yield* Effect.sleep(grace)
    yield* Effect.all(found, { discard: true })
  })
  yield* Effect.forkScoped(Effect.forever(Effect.delay(cleaned, scanInterval)))

  const self = ProcessIdentity.owner(store.since)
  const get = (queue: string) => logs.get(queue, () => open(queue))
  const service = yield* Queue.fromLogs({
    open: (queue) => Effect.sync(() => get(queue).queue),
    names: LogFile.attempt("Queue.names", () => {
      const names: Array<string> = []
      const steps = Names.visit(store, store.queues, "", {
        onKey: (name, file) => {
          if ((LogFile.look(file)?.size ?? 0) > 0) names.push(name)
        },
        onOther: (file, kind) => store.warn(file, `is a ${kind}, not a log file, and was passed over; move it away`)
      })
      for (const _ of steps);
      return names
    }),
    remove: (queue) => Effect.suspend(() => get(queue).remove),
    owner: self,
    isGone: ProcessIdentity.makeIsGone(self, store.monotonicMillis)
  })
  return {
    service,
    compact: (queue) => Effect.suspend(() => get(queue).compact),
    clean: (queue) =>
      Effect.suspend(() => {
        const log = get(queue)
        return log.clean(log.cluttered() ?? 0)
      })
  }
})
