import { Clock, DateTime, Effect, Schema, type Scope } from "effect"
import type { Log, Logs, Queue } from "../Queue.ts"
import * as QueueLog from "../QueueLog.ts"
import { monotonicMillis } from "./clock.ts"
import * as signal from "./signal.ts"

export const make = Effect.fnUntraced(function* (
  fromLogs: (logs: Logs) => Effect.Effect<Queue["Service"], never, Scope.Scope>
) {
  const logs = new Map<string, Log>()
  /** Where the logs stood that were removed. */
  const removed = new Map<string, number>()
  const now = yield* Clock.currentTimeMillis
  return yield* fromLogs({
    open: (queue) =>
      Effect.sync(() => {
        let log = logs.get(queue)
        if (log === undefined) logs.set(queue, (log = makeLog(QueueLog.make())))
        return log
      }),
    names: Effect.sync(() =>
      [...logs].flatMap(([name, log]) => (log.revision() > (removed.get(name) ?? 0) ? [name] : []))
    ),
    remove: (queue) => Effect.sync(() => removed.set(queue, logs.get(queue)?.revision() ?? 0)),
    owner: { host: "memory", pid: 0, boot: "", started: "", since: DateTime.formatIso(DateTime.makeUnsafe(now)) },
    isGone: () => false
  })
})

/** A log in memory; records pass through JSON text on their way into it. */
export const makeLog = (state: QueueLog.QueueLog): Log => {
  const changes = signal.make()
  return {
    state,
    payload: (id) => Effect.sync(() => state.items.get(id)?.payload ?? null),
    glance: Effect.void,
    refresh: Effect.void,
    durable: () => Effect.void,
    append: Effect.fnUntraced(function* (records) {
      const at = yield* Clock.currentTimeMillis
      const heard = yield* monotonicMillis
      const applied = (yield* Effect.orDie(roundTrip(records))).map((record) => state.apply(record, at, heard))
      changes.notify()
      return applied
    }),
    revision: changes.revision,
    changed: changes.changed
  }
}

const Records = Schema.fromJsonString(Schema.Array(QueueLog.Record))
const roundTrip = (records: ReadonlyArray<QueueLog.Record>) =>
  Effect.flatMap(Schema.encodeEffect(Records)(records), Schema.decodeEffect(Records))
