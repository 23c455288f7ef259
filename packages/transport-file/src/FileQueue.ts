/**
 * Keeps each queue in a file of its own, shared by all processes of this machine.
 *
 * @since 0.1.0
 */
import { Effect, type Scope } from "effect"
import { Queue } from "@sartor/core"
import * as path from "node:path"
import * as LogFile from "./internal/LogFile.ts"
import * as Names from "./internal/Names.ts"
import * as ProcessIdentity from "./internal/ProcessIdentity.ts"
import * as QueueFile from "./internal/QueueFile.ts"
import * as Recent from "./internal/Recent.ts"
import { scanning, type Store } from "./internal/Store.ts"

/** Queues whose state is kept when nobody waits for them; one that was forgotten is read again. */
const maxRemembered = 256

/** How soon a change is seen where the system does not tell of it. */
const scanInterval = 250

/** @internal */
export const make = Effect.fnUntraced(function* (
  store: Store
): Effect.fn.Return<Queue.Queue["Service"], never, Scope.Scope> {
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
    const log = QueueFile.make(store, file)
    const look = () => LogFile.caught(log.look)
    const stop = store.hints.subscribe(path.dirname(file), (name) => {
      if (name === null || name === path.basename(file)) look()
    })
    stops.set(log, stop)
    return log
  }

  yield* scanning(
    scanInterval,
    Effect.sync(() => {
      store.hints.rearm()
      for (const log of logs.values()) LogFile.caught(log.look)
    })
  )

  const self = ProcessIdentity.owner(store.since)
  return Queue.fromLogs({
    open: (queue) => Effect.sync(() => logs.get(queue, () => open(queue)).queue),
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
    owner: self,
    isGone: ProcessIdentity.makeIsGone(self, store.monotonicMillis)
  })
})
