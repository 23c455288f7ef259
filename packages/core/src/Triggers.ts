/**
 * The five reasons to roll back, measured over a sliding window from the journals, the legacy files and a probe of this
 * process; and what is done about them.
 *
 * @since 0.1.0
 */
import { Clock, Duration, Effect, Option, Schema } from "effect"
import * as Flags from "./Flags.ts"
import { Journal } from "./Journal.ts"
import * as Lease from "./Lease.ts"
import * as Legacy from "./LegacyFiles.ts"
import type { Session } from "./Session.ts"
import { Sessions } from "./Sessions.ts"
import { Wakes } from "./Wakes.ts"
import * as WorkflowRuns from "./WorkflowRuns.ts"
import { millis } from "./internal/facts.ts"

/**
 * What is done where a limit is passed: nothing, a warning, or the whole way back.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Policy = Schema.Literals(["off", "warn", "act"])

/**
 * @category models
 * @since 0.1.0
 */
export type Policy = typeof Policy.Type

/**
 * The limits. A ratio counts from ten samples on: one failure of two is no reason to roll back a fleet.
 *
 * @category configuration
 * @since 0.1.0
 */
export const limits = {
  wake_loss: 0.01,
  session_corruption: 0.05,
  /** In milliseconds. */
  unresponsive: 10_000,
  workflow_failures: 0.1,
  legacy_breakage: 0,
  samples: 10
} as const

/**
 * One of the five, as it is now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reading {
  readonly name: Exclude<keyof typeof limits, "samples">
  readonly value: number
  readonly limit: number
  readonly unit: "ratio" | "milliseconds" | "files"
  readonly samples: number
  readonly tripped: boolean
  /** Which they are, a few of them. */
  readonly details: ReadonlyArray<string>
}

/**
 * How far back is looked by default, in milliseconds.
 *
 * @category configuration
 * @since 0.1.0
 */
export const defaultWindow = 600_000

/**
 * Measures all five.
 *
 * @category constructors
 * @since 0.1.0
 */
export const measure = Effect.fn("Triggers.measure")(function* (
  options: {
    /** How far back is looked, in milliseconds. */
    readonly window?: number | undefined
    /** How long this process has not come to do anything, in milliseconds. */
    readonly lag?: number | undefined
    /** What else is known to be wrong with the legacy files. */
    readonly broken?: ReadonlyArray<string> | undefined
  } = {}
) {
  const { broken = [], lag = 0, window = defaultWindow } = options
  const now = yield* Clock.currentTimeMillis
  const since = now - window
  const sessions = (yield* (yield* Sessions).list()).filter(({ updated_at }) => (millis(updated_at) ?? 0) >= since)
  const readings: ReadonlyArray<Reading> = [
    yield* wakeLoss(sessions, since),
    yield* corruption(sessions, since),
    yield* unresponsive(sessions, now, lag),
    yield* failures(since),
    yield* breakage(since, broken)
  ]
  return readings
})

const wakeLoss = Effect.fnUntraced(function* (sessions: ReadonlyArray<Session>, since: number) {
  const wakes = yield* Wakes
  const sent = sessions.flatMap(({ wakes }) => wakes).filter(({ timestamp }) => (millis(timestamp) ?? 0) >= since)
  const { missing } = yield* wakes.audit()
  const gone = new Set([...missing, ...(yield* wakes.dead()).map(({ wake_id }) => wake_id)])
  const lost = sent.filter(({ wake_id }) => gone.has(wake_id)).map(({ wake_id }) => wake_id)
  return ratio("wake_loss", lost, sent.length)
})

const corruption = Effect.fnUntraced(function* (sessions: ReadonlyArray<Session>, since: number) {
  const heads = (yield* (yield* Journal).heads("session/")).filter(({ at }) => at >= since)
  const read = new Set<string>(sessions.map(({ session_id }) => session_id))
  const unreadable = heads.map(({ key }) => key.slice("session/".length)).filter((id) => !read.has(id))
  // One that is being deleted cannot be read either, and is no matter.
  const there = yield* Effect.filter(unreadable, (id) =>
    Sessions.use((service) => service.get(id)).pipe(
      Effect.as(false),
      Effect.catchTag("SessionNotFound", () => Effect.succeed(false)),
      Effect.catchTag("TransportError", ({ reason }) => Effect.succeed(reason === "corrupt"))
    )
  )
  const damaged = sessions.flatMap(({ damaged_after, session_id }) => (damaged_after === undefined ? [] : [session_id]))
  return ratio("session_corruption", [...damaged, ...there], sessions.length + there.length)
})

/** The longest that somebody alive lets a wake lie there, or that this process did not come to do anything. */
const unresponsive = Effect.fnUntraced(function* (sessions: ReadonlyArray<Session>, now: number, lag: number) {
  let worst = { value: lag, details: lag > limits.unresponsive ? ["this process"] : Array.of<string>() }
  const names = [...new Set(sessions.map(({ orchestrator }) => orchestrator))]
  for (const name of names) {
    if (Option.isNone(yield* Lease.holder(name))) continue
    for (const { state, wake } of yield* (yield* Wakes).pending(name)) {
      const age = now - (millis(wake.timestamp) ?? now)
      if (state !== "in_flight" && age > worst.value) worst = { value: age, details: [`${name}: wake ${wake.wake_id}`] }
    }
  }
  const reading: Reading = {
    name: "unresponsive",
    ...worst,
    limit: limits.unresponsive,
    unit: "milliseconds",
    samples: names.length,
    tripped: worst.value > limits.unresponsive
  }
  return reading
})

const failures = Effect.fnUntraced(function* (since: number) {
  const ended = (yield* WorkflowRuns.list(since)).filter(
    ({ finished_at, status }) => (millis(finished_at) ?? 0) >= since && status !== "cancelled"
  )
  const failed = ended.filter(({ status }) => status === "failed").map(({ run_id }) => run_id)
  return ratio("workflow_failures", failed, ended.length)
})

const breakage = Effect.fnUntraced(function* (since: number, broken: ReadonlyArray<string>) {
  const files = Option.getOrUndefined(yield* Effect.serviceOption(Legacy.LegacyFiles))
  const statuses = files === undefined ? { found: [], damaged: [] } : yield* files.statuses
  const wakes = files === undefined ? { found: [], damaged: [] } : yield* files.wakes
  const refused = files === undefined ? [] : yield* files.refusals(since)
  const details = [
    ...new Set([...broken, ...refused, ...[...statuses.damaged, ...wakes.damaged].map(({ message }) => message)])
  ]
  const reading: Reading = {
    name: "legacy_breakage",
    value: details.length,
    limit: limits.legacy_breakage,
    unit: "files",
    samples: statuses.found.length + wakes.found.length + statuses.damaged.length + wakes.damaged.length,
    tripped: details.length > limits.legacy_breakage,
    details: details.slice(0, few)
  }
  return reading
})

const ratio = (
  name: "wake_loss" | "session_corruption" | "workflow_failures",
  bad: ReadonlyArray<string>,
  samples: number
): Reading => {
  const value = samples === 0 ? 0 : Math.round((bad.length / samples) * 10_000) / 10_000
  const limit = limits[name]
  const tripped = samples >= limits.samples && value > limit
  return { name, value, limit, unit: "ratio", samples, tripped, details: bad.slice(0, few) }
}

const few = 5

/**
 * A reading in a sentence.
 *
 * @category constructors
 * @since 0.1.0
 */
export const message = ({ details, limit, name, unit, value }: Reading): string => {
  const shown = (figure: number) =>
    unit === "ratio" ? `${(figure * 100).toFixed(1)} %` : unit === "milliseconds" ? `${figure} ms` : `${figure} files`
  const which = details.length === 0 ? "" : `: ${details.join(", ")}`
  return `${name} is ${shown(value)}, more than ${shown(limit)}${which}`
}

/**
 * Measures for as long as the scope is open. With `warn` each reason is told once, until it is over; with `act` the first one
 * takes the whole fleet back, unless it is back already, and what was done is told.
 *
 * @category constructors
 * @since 0.1.0
 */
export const watch = Effect.fn("Triggers.watch")(function* <A, E, R>(options: {
  readonly policy: Policy
  /** How far back is looked, in milliseconds. */
  readonly window?: number | undefined
  /** How often, in milliseconds; every five seconds by default. */
  readonly interval?: number | undefined
  readonly broken?: Effect.Effect<ReadonlyArray<string>> | undefined
  readonly warn: (tripped: ReadonlyArray<Reading>) => Effect.Effect<void>
  /** Takes the fleet back: flags, files, checks. */
  readonly act: (reason: string) => Effect.Effect<A, E, R>
}) {
  const { broken = Effect.succeed([]), interval = 5000, policy, window } = options
  if (policy === "off") return yield* Effect.never
  const told = new Set<string>()
  const answers: { readonly [P in "warn" | "act"]: (fresh: ReadonlyArray<Reading>) => Effect.Effect<void, E, R> } = {
    warn: () => Effect.void,
    act: Effect.fnUntraced(function* (fresh) {
      const stored = yield* Flags.inForce
      if (Flags.names.every((name) => !stored[name])) return
      yield* options.act(fresh.map(message).join("; "))
    })
  }
  let rest = interval
  while (true) {
    const before = yield* Clock.currentTimeMillis
    yield* Effect.sleep(rest)
    const lag = (yield* Clock.currentTimeMillis) - before - rest
    const measured = Effect.flatMap(broken, (known) => measure({ window, lag, broken: known }))
    const [took, readings] = yield* Effect.timed(measured)
    // What takes long is done less often.
    rest = Math.max(interval, 20 * Duration.toMillis(took))
    const fresh = readings.filter(({ name, tripped }) => tripped && !told.has(name))
    told.clear()
    for (const { name, tripped } of readings) if (tripped) told.add(name)
    if (fresh.length === 0) continue
    yield* options.warn(fresh)
    yield* answers[policy](fresh)
  }
})
