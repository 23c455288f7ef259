/**
 * The figures that a process counts while it works, as Effect metrics: whatever exports those exports them, over OTLP or for
 * Prometheus. And the spans: workflow, session, run, turn.
 *
 * @since 0.1.0
 */
import { Effect, Metric, Option, Schema, Tracer } from "effect"
import type { Usage } from "./Agent.ts"
import type { Statistics } from "./Queue.ts"

const seconds = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800]

/**
 * Runs that came to an end, by `status`.
 *
 * @category metrics
 * @since 0.1.0
 */
export const runs = Metric.counter("sartor_runs_total", {
  description: "Runs that ended, by status",
  incremental: true
})

/**
 * How long a run took, in seconds.
 *
 * @category metrics
 * @since 0.1.0
 */
export const runSeconds = Metric.histogram("sartor_run_seconds", {
  description: "How long runs took",
  boundaries: seconds
})

/**
 * Attempts that failed and are tried again, by `code`.
 *
 * @category metrics
 * @since 0.1.0
 */
export const retries = Metric.counter("sartor_retries_total", {
  description: "Attempts that failed and are tried again, by code",
  incremental: true
})

/**
 * Wakes that were acknowledged, by `status`.
 *
 * @category metrics
 * @since 0.1.0
 */
export const wakes = Metric.counter("sartor_wakes_total", {
  description: "Wakes that were acknowledged, by status",
  incremental: true
})

/**
 * From the sending of a wake to its acknowledgement, in seconds.
 *
 * @category metrics
 * @since 0.1.0
 */
export const wakeSeconds = Metric.histogram("sartor_wake_seconds", {
  description: "From the sending of a wake to its acknowledgement",
  boundaries: seconds
})

/**
 * Agents that were spawned.
 *
 * @category metrics
 * @since 0.1.0
 */
export const spawns = Metric.counter("sartor_spawns_total", {
  description: "Agents that were spawned",
  incremental: true
})

/**
 * Spawns that were refused for want of room, by `what` was full.
 *
 * @category metrics
 * @since 0.1.0
 */
export const refusals = Metric.counter("sartor_spawns_refused_total", {
  description: "Spawns that were refused, by what was full",
  incremental: true
})

/**
 * Tokens that runs used, by `direction`.
 *
 * @category metrics
 * @since 0.1.0
 */
export const tokens = Metric.counter("sartor_tokens_total", {
  description: "Tokens that runs used, by direction",
  incremental: true
})

/**
 * What runs cost, in US dollars.
 *
 * @category metrics
 * @since 0.1.0
 */
export const cost = Metric.counter("sartor_cost_usd_total", { description: "What runs cost", incremental: true })

/**
 * Messages of the queues of an orchestrator, by `queue` (dispatch, wake, permits) and `state`. Of permits, those that are ready
 * are free and those in flight are held.
 *
 * @category metrics
 * @since 0.1.0
 */
export const messages = Metric.gauge("sartor_queue_messages", { description: "Messages of a queue, by state" })

/**
 * @category metrics
 * @since 0.1.0
 */
export const countUsage = Effect.fnUntraced(function* ({ cost_usd, input_tokens, output_tokens }: typeof Usage.Type) {
  yield* Metric.update(Metric.withAttributes(tokens, { direction: "input" }), input_tokens)
  yield* Metric.update(Metric.withAttributes(tokens, { direction: "output" }), output_tokens)
  yield* Metric.update(cost, cost_usd)
})

/**
 * @category metrics
 * @since 0.1.0
 */
export const measureQueue = Effect.fnUntraced(function* (
  orchestrator: string,
  queue: "dispatch" | "wake" | "permits",
  { dead, delayed, inFlight, ready }: Statistics
) {
  for (const [state, count] of Object.entries({ ready, delayed, in_flight: inFlight, dead })) {
    yield* Metric.update(Metric.withAttributes(messages, { orchestrator, queue, state }), count)
  }
})

/**
 * Where a trace goes on in another process.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Trace = Schema.Struct({ trace_id: Schema.String, span_id: Schema.String, sampled: Schema.Boolean })

/**
 * Where the present trace is, if there is one.
 *
 * @category tracing
 * @since 0.1.0
 */
export const trace: Effect.Effect<Option.Option<typeof Trace.Type>> = Effect.map(
  Effect.option(Effect.currentParentSpan),
  Option.map(({ sampled, spanId, traceId }) => ({ trace_id: traceId, span_id: spanId, sampled }))
)

/**
 * Makes what is done a part of a trace that began elsewhere.
 *
 * @category tracing
 * @since 0.1.0
 */
export const within =
  (trace: typeof Trace.Type | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    trace === undefined
      ? effect
      : Effect.provideService(
          effect,
          Tracer.ParentSpan,
          Tracer.externalSpan({ traceId: trace.trace_id, spanId: trace.span_id, sampled: trace.sampled })
        )
