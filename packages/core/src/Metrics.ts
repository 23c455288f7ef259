/**
 * Figures of a run, computed from what really ran.
 *
 * @since 0.1.0
 */
import { DateTime } from "effect"
import type { Audit } from "./Wakes.ts"
import type { Document, Metric } from "./WorkflowRun.ts"

type Agents = Document["agents"]

/**
 * The metrics of one run: time saved, most agents at once, wakes delivered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofRun = (
  run: { readonly agents: Agents; readonly started_at: string; readonly finished_at?: string },
  audit: Audit
): ReadonlyArray<Metric> => {
  const spans = spansOf(run.agents)
  const sum = spans.reduce((total, span) => total + span.end - span.start, 0)
  const wall = run.finished_at === undefined ? 0 : millis(run.finished_at) - millis(run.started_at)
  return [
    metric("workflow_time_saved", "ratio", sum > 0 && wall > 0 ? 1 - wall / sum : undefined, 0.38, 0.25, spans.length),
    metric("parallel_peak", "agents", spans.length > 0 ? peak(spans) : undefined, 5, 3, spans.length),
    metric(
      "wake_delivery",
      "ratio",
      audit.committed > 0 ? audit.acknowledged / audit.committed : undefined,
      0.999,
      0.99,
      audit.committed
    )
  ]
}

interface Span {
  readonly start: number
  readonly end: number
}

const millis = (time: string) => DateTime.toEpochMillis(DateTime.makeUnsafe(time))

const spansOf = (agents: Agents): ReadonlyArray<Span> =>
  agents.flatMap(({ finished_at, started_at }) =>
    started_at === undefined || finished_at === undefined
      ? []
      : [{ start: millis(started_at), end: millis(finished_at) }]
  )

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

const metric = (
  name: string,
  unit: string,
  value: number | undefined,
  target: number,
  threshold: number,
  samples: number
): Metric => ({
  name,
  ...(value === undefined ? {} : { value: Math.round(value * 10_000) / 10_000 }),
  unit,
  target,
  threshold,
  ok: value === undefined ? "n/a" : value >= threshold,
  samples
})
