/**
 * The seven figures that say whether this way of working is worth it, computed from what really ran.
 *
 * @since 0.1.0
 */
import { Order } from "effect"
import type { Metric } from "./WorkflowRun.ts"

/**
 * A time in milliseconds since the epoch, up to another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * What the figures are computed from. Facts of several runs add up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Facts {
  readonly runs: ReadonlyArray<{
    /** How long it took, if it has ended. */
    readonly wall: number | undefined
    /** When each of its agents worked. */
    readonly agents: ReadonlyArray<Span>
    /** When its orchestrator could not go on: in a spawn that waits, or with a wake that nobody handled yet. */
    readonly blocked: ReadonlyArray<Span>
  }>
  /** Sessions that went on, and handoffs that were taken over; and of them, with all that was known before. */
  readonly resumes: { readonly total: number; readonly retained: number }
  /** Wakes that came to an end; what is still under way is neither. */
  readonly wakes: { readonly sent: number; readonly delivered: number }
  /** How long work was on its way from one role to the next, in milliseconds. */
  readonly handoffs: ReadonlyArray<number>
  /** Legacy files and calls of legacy scripts; and of them, what could not be read, written or locked. */
  readonly legacy: { readonly total: number; readonly broken: number }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const none: Facts = {
  runs: [],
  resumes: { total: 0, retained: 0 },
  wakes: { sent: 0, delivered: 0 },
  handoffs: [],
  legacy: { total: 0, broken: 0 }
}

/**
 * Puts facts together.
 *
 * @category constructors
 * @since 0.1.0
 */
export const add = (all: ReadonlyArray<Facts>): Facts =>
  all.reduce(
    (sum, facts) => ({
      runs: [...sum.runs, ...facts.runs],
      resumes: {
        total: sum.resumes.total + facts.resumes.total,
        retained: sum.resumes.retained + facts.resumes.retained
      },
      wakes: { sent: sum.wakes.sent + facts.wakes.sent, delivered: sum.wakes.delivered + facts.wakes.delivered },
      handoffs: [...sum.handoffs, ...facts.handoffs],
      legacy: { total: sum.legacy.total + facts.legacy.total, broken: sum.legacy.broken + facts.legacy.broken }
    }),
    none
  )

/**
 * The seven figures. One without data has no value, and is no pass.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compute = ({ handoffs, legacy, resumes, runs, wakes }: Facts): ReadonlyArray<Metric> => {
  const ended = runs.flatMap(({ agents, blocked, wall }) =>
    wall === undefined || wall <= 0 ? [] : [{ agents, blocked, wall }]
  )
  const wall = sum(ended.map(({ wall }) => wall))
  const worked = sum(ended.flatMap(({ agents }) => agents.map(length)))
  const blocked = sum(ended.map(({ blocked }) => covered(blocked)))
  const agents = runs.flatMap(({ agents }) => agents)
  const peaks = runs.map(({ agents }) => peak(agents))
  const atLeast = (value: number, threshold: number) => value >= threshold
  const above = (value: number, threshold: number) => value > threshold
  const below = (value: number, threshold: number) => value < threshold
  const ratio = { unit: "ratio" }
  return [
    metric({
      name: "workflow_time_saved",
      ...ratio,
      value: worked > 0 && wall > 0 ? 1 - wall / worked : undefined,
      target: 0.38,
      threshold: 0.25,
      holds: atLeast,
      samples: worked > 0 ? sum(ended.map(({ agents }) => agents.length)) : agents.length
    }),
    metric({
      name: "orchestrator_blocked",
      ...ratio,
      value: wall > 0 ? blocked / wall : undefined,
      target: 0.1,
      threshold: 0.2,
      holds: below,
      samples: ended.length
    }),
    metric({
      name: "context_retention",
      ...ratio,
      value: resumes.total > 0 ? resumes.retained / resumes.total : undefined,
      target: 0.95,
      threshold: 0.9,
      holds: above,
      samples: resumes.total
    }),
    metric({
      name: "wake_delivery",
      ...ratio,
      value: wakes.sent > 0 ? wakes.delivered / wakes.sent : undefined,
      target: 0.999,
      threshold: 0.99,
      holds: above,
      samples: wakes.sent
    }),
    metric({
      name: "parallel_peak",
      unit: "agents",
      value: agents.length > 0 ? Math.max(...peaks) : undefined,
      target: 5,
      threshold: 3,
      holds: atLeast,
      samples: agents.length
    }),
    metric({
      name: "handoff_overhead",
      unit: "seconds",
      value: handoffs.length > 0 ? sum(handoffs) / handoffs.length / 1000 : undefined,
      target: 15,
      threshold: 20,
      holds: below,
      samples: handoffs.length
    }),
    metric({
      name: "legacy_compatibility",
      ...ratio,
      value: legacy.total > 0 ? 1 - legacy.broken / legacy.total : undefined,
      target: 1,
      threshold: 1,
      holds: atLeast,
      samples: legacy.total
    })
  ]
}

/**
 * Whether the figures are good enough: five of the seven hold, and the legacy files are among them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = (
  metrics: ReadonlyArray<Metric>
): { readonly ok: boolean; readonly held: number; readonly measured: number } => {
  const held = metrics.filter(({ ok }) => ok === true)
  return {
    ok: held.length >= enough && held.some(({ name }) => name === "legacy_compatibility"),
    held: held.length,
    measured: metrics.filter(({ ok }) => ok !== "n/a").length
  }
}

const enough = 5

const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)
const length = ({ end, start }: Span) => Math.max(0, end - start)

/** How long at least one of the spans lasts. */
const covered = (spans: ReadonlyArray<Span>) => {
  let total = 0
  let until = Number.NEGATIVE_INFINITY
  for (const { end, start } of [...spans].sort(byStart)) {
    total += Math.max(0, end - Math.max(start, until))
    until = Math.max(until, end)
  }
  return total
}

const byStart = Order.mapInput(Order.Number, ({ start }: Span) => start)

/** The most spans that overlap; one that ends as another begins does not. */
const peak = (spans: ReadonlyArray<Span>) => {
  const steps = spans.flatMap(({ end, start }) => [
    { at: start, by: 1 },
    { at: end, by: -1 }
  ])
  let now = 0
  let most = 0
  for (const step of steps.sort((a, b) => a.at - b.at || a.by - b.by)) {
    now += step.by
    most = Math.max(most, now)
  }
  return most
}

const metric = ({
  holds,
  value,
  ...about
}: Pick<Metric, "name" | "unit" | "target" | "threshold" | "samples"> & {
  readonly value: number | undefined
  readonly holds: (value: number, threshold: number) => boolean
}): Metric => ({
  ...about,
  ...(value === undefined ? {} : { value: Math.round(value * 10_000) / 10_000 }),
  ok: value === undefined ? "n/a" : holds(value, about.threshold)
})
