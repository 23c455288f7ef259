import { Clock, DateTime, Effect, Metric, Option } from "effect"
import * as Alert from "../Alert.ts"
import * as Alerts from "../Alerts.ts"
import * as Permits from "../Permits.ts"
import { Queue } from "../Queue.ts"
import type { Session } from "../Session.ts"
import * as Spawn from "../Spawn.ts"
import * as Telemetry from "../Telemetry.ts"
import type { Wake } from "../Wake.ts"
import { own } from "./own.ts"

/** Counts what an orchestrator does, and raises an alert where a limit is passed: once, until it is kept again. */
export const makeWatch = (orchestrator: string, alert: (alert: Alert.Alert) => Effect.Effect<void>) => {
  let deep = false
  let old = ""
  /** What was full, since the last look. */
  const full = new Set<Spawn.AtCapacity["what"]>()
  const late = new Set<string>()

  const acknowledged = Effect.fnUntraced(function* (wake: Wake) {
    const sent = Option.match(DateTime.make(wake.timestamp), { onNone: () => 0, onSome: DateTime.toEpochMillis })
    const value = Math.max(0, (yield* Clock.currentTimeMillis) - sent)
    yield* Metric.update(Metric.withAttributes(Telemetry.wakes, { status: wake.status }), 1)
    yield* Metric.update(Telemetry.wakeSeconds, value / 1000)
    const limit = Alert.limits.response
    if (value > limit) yield* alert({ type: "slow_response", orchestrator, wake_id: wake.wake_id, value, limit })
  })

  const look = Effect.gen(function* () {
    const queue = yield* Queue
    full.clear()
    const wakes = yield* own(queue.statistics(`wake/${orchestrator}`))
    yield* Telemetry.measureQueue(orchestrator, "wake", wakes)
    yield* Telemetry.measureQueue(orchestrator, "dispatch", yield* own(queue.statistics(Spawn.queueOf(orchestrator))))
    yield* Telemetry.measureQueue(orchestrator, "permits", yield* own(queue.statistics(Permits.queueOf(orchestrator))))
    const value = wakes.ready + wakes.delayed + wakes.inFlight
    if (value > Alert.limits.depth && !deep) {
      yield* alert({ type: "queue_depth", orchestrator, value, limit: Alert.limits.depth })
    }
    deep = value > Alert.limits.depth
    if (value === 0) return
    const now = yield* Clock.currentTimeMillis
    const oldest = (yield* own(queue.inspect(`wake/${orchestrator}`))).find(({ state }) => state !== "dead")
    const age = oldest === undefined ? 0 : now - oldest.offeredAt
    const limit = Alert.limits.unacknowledged
    if (oldest === undefined || age <= limit || oldest.id === old) return
    old = oldest.id
    yield* alert({ type: "unacknowledged", orchestrator, wake_id: oldest.id, value: age, limit })
  })

  const refused = Effect.fnUntraced(function* ({ capacity, what }: Spawn.AtCapacity) {
    yield* Metric.update(Metric.withAttributes(Telemetry.refusals, { what }), 1)
    // Whoever waits for room asks many times a second.
    if (full.has(what)) return
    full.add(what)
    yield* alert({ type: "spawn_refused", orchestrator, what, value: capacity, limit: capacity })
  })

  const collided = (session_id: string) => alert({ type: "id_collision", session_id, value: 1, limit: 0 })

  /** Of those that run, who should have told of an end by now. */
  const overdue = Effect.fnUntraced(function* (sessions: ReadonlyArray<Session>) {
    const now = yield* Clock.currentTimeMillis
    for (const session of sessions) {
      const key = `${session.session_id}/${session.run}`
      for (const found of late.has(key) ? [] : Alerts.overdue(now, session)) {
        late.add(key)
        yield* alert(found)
      }
    }
  })

  return { acknowledged, collided, look, overdue, refused }
}
