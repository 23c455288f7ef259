/**
 * What an operator should hear of while agents work: each a typed event, with the figure and its limit.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * The limits at which alerts are raised, in counts, milliseconds and characters.
 *
 * @category configuration
 * @since 0.1.0
 */
export const limits = {
  /** Wakes that are not acknowledged. */
  depth: 50,
  /** From a wake's sending to its acknowledgement. */
  response: 5_000,
  /** How long a wake may stay unacknowledged. */
  unacknowledged: 60_000,
  /** How long a running agent may say nothing. */
  silence: 120_000,
  /** What an agent is given of its session, as JSON. */
  state: 100 * 1024,
  /** From taking a run that goes on to giving it to its runner. */
  resume: 10_000,
  /** How long a running agent may do without a turn or a checkpoint: what a crash would cost. */
  checkpoint: 300_000,
  /** How sure a synthesis should be at least. */
  confidence: 0.5,
  /** Agents of one workflow that wait for a human. */
  escalations: 3,
  /** Conflicts in one workflow. */
  conflicts: 5
} as const

/** What happened once is counted as one, of which none is allowed. */
const figures = { value: Schema.Finite, limit: Schema.Finite }

/**
 * Something that an operator should look at.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Alert = Schema.Union([
  Schema.Struct({ type: Schema.tag("queue_depth"), orchestrator: Schema.String, ...figures }),
  Schema.Struct({
    type: Schema.tag("slow_response"),
    orchestrator: Schema.String,
    wake_id: Schema.String,
    ...figures
  }),
  Schema.Struct({
    type: Schema.tag("unacknowledged"),
    orchestrator: Schema.String,
    wake_id: Schema.String,
    ...figures
  }),
  Schema.Struct({
    type: Schema.tag("spawn_refused"),
    orchestrator: Schema.String,
    what: Schema.Literals(["dispatch", "inbox"]),
    ...figures
  }),
  Schema.Struct({ type: Schema.tag("stalled"), session_id: Schema.String, run: Schema.Natural, ...figures }),
  Schema.Struct({ type: Schema.tag("large_state"), session_id: Schema.String, run: Schema.Natural, ...figures }),
  Schema.Struct({ type: Schema.tag("slow_resume"), session_id: Schema.String, run: Schema.Natural, ...figures }),
  Schema.Struct({ type: Schema.tag("resume_failed"), session_id: Schema.String, detail: Schema.String, ...figures }),
  Schema.Struct({ type: Schema.tag("no_checkpoint"), session_id: Schema.String, run: Schema.Natural, ...figures }),
  Schema.Struct({ type: Schema.tag("no_wake"), session_id: Schema.String, run: Schema.Natural, ...figures }),
  Schema.Struct({ type: Schema.tag("id_collision"), session_id: Schema.String, ...figures }),
  Schema.Struct({ type: Schema.tag("low_confidence"), run_id: Schema.String, step: Schema.String, ...figures }),
  Schema.Struct({ type: Schema.tag("escalations"), run_id: Schema.String, ...figures }),
  Schema.Struct({ type: Schema.tag("conflicts"), run_id: Schema.String, ...figures })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Alert = typeof Alert.Type

/**
 * An alert in a sentence.
 *
 * @category constructors
 * @since 0.1.0
 */
export const message = (alert: Alert): string => {
  const { limit, value } = alert
  switch (alert.type) {
    case "queue_depth":
      return `${value} wakes of "${alert.orchestrator}" are not acknowledged, more than ${limit}`
    case "slow_response":
      return `"${alert.orchestrator}" took ${value} ms to acknowledge wake ${alert.wake_id}, more than ${limit}`
    case "unacknowledged":
      return `Wake ${alert.wake_id} of "${alert.orchestrator}" is not acknowledged after ${value} ms`
    case "spawn_refused":
      return `"${alert.orchestrator}" refused to spawn: ${value} in its ${alert.what}, and ${limit} are allowed`
    case "stalled":
      return `Nothing was heard of run ${alert.run} of session ${alert.session_id} for ${value} ms`
    case "large_state":
      return `Session ${alert.session_id} gives its agent ${value} characters, more than ${limit}`
    case "slow_resume":
      return `Session ${alert.session_id} was resumed as run ${alert.run} only after ${value} ms, more than ${limit}`
    case "resume_failed":
      return `Session ${alert.session_id} cannot be resumed: ${alert.detail}`
    case "no_checkpoint":
      return `Run ${alert.run} of session ${alert.session_id} has kept nothing for ${value} ms: a crash would lose that`
    case "no_wake":
      return `Run ${alert.run} of session ${alert.session_id} has not told of its end after ${value} ms, and was to within ${limit}`
    case "id_collision":
      return `A session ${alert.session_id} was to be created, and there is one: it was refused`
    case "low_confidence":
      return `The synthesis ${alert.step} of run ${alert.run_id} has confidence ${value.toFixed(2)}, less than ${limit}`
    case "escalations":
      return `${value} agents of run ${alert.run_id} wait for a human: "sartor questions" tells for what`
    case "conflicts":
      return `${value} conflicts in run ${alert.run_id}: "sartor report ${alert.run_id}" shows both sides of each`
  }
}
