/**
 * Executes one run of a session, as a stream of what happens in it.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, Predicate, Schema, Stream } from "effect"
import * as Agent from "./Agent.ts"
import { pointTo } from "./internal/issues.ts"
import type { Session } from "./Session.ts"
import type { Priority } from "./Wake.ts"

/**
 * What a runner is given: the session with its journal so far, and what it depends on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Assignment {
  /** Its `run` is the one to execute, its `checkpoints` are those of earlier runs. */
  readonly session: Session
  /** 1, and one more for each attempt that failed. */
  readonly attempt: number
  /** The results of what it needs, by name. */
  readonly inputs: { readonly [name: string]: Agent.Result }
}

/**
 * Something that happened in a run. Of several results the last one counts.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | { readonly type: "turn"; readonly text: string }
  | { readonly type: "checkpoint"; readonly phase: string; readonly milestone: string; readonly details: string }
  | { readonly type: "finding"; readonly summary: string; readonly priority?: Priority }
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "result"; readonly result: Agent.Result }

/**
 * The run did not complete: it failed, or it is blocked and waits for somebody.
 *
 * @category errors
 * @since 0.1.0
 */
export class RunFailed extends Schema.TaggedError<RunFailed>("@sartor/core/AgentRunner/RunFailed")("RunFailed", {
  status: Schema.Literals(["failed", "blocked"]),
  /** For machines: `exit_1`, `timeout`, `output_too_large`, `invalid_result`, … */
  code: Schema.String,
  detail: Schema.String,
  /** Whether another attempt may succeed. */
  retryable: Schema.Boolean
}) {
  override get message() {
    return this.detail
  }
}

/**
 * How one kind of runner executes.
 *
 * @category models
 * @since 0.1.0
 */
export type Execute = (assignment: Assignment) => Stream.Stream<Event, RunFailed>

/**
 * Port: executes one run. Interrupting the stream stops the agent, with all that it has started, before it returns.
 *
 * @category services
 * @since 0.1.0
 */
export class AgentRunner extends Context.Service<AgentRunner, { readonly execute: Execute }>()(
  "@sartor/core/AgentRunner"
) {}

/**
 * Executes each session by the runner that it names: `{ command: CommandRunner.make(), function: FunctionRunner.make({…}) }`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R>(runners: {
  readonly [type in Agent.Runner["type"]]?: Effect.Effect<Execute, never, R>
}): Layer.Layer<AgentRunner, never, R> =>
  Layer.effect(
    AgentRunner,
    Effect.gen(function* () {
      const made = new Map<string, Execute>()
      for (const [type, runner] of Object.entries(runners)) {
        made.set(type, yield* runner)
      }
      return AgentRunner.of({
        execute: (assignment) => {
          const { type } = assignment.session.runner
          const execute = made.get(type)
          return execute !== undefined
            ? execute(assignment)
            : Stream.fail(
                new RunFailed({
                  status: "failed",
                  code: "no_runner",
                  detail: `nothing here executes "${type}" agents: give AgentRunner.layer a runner for them`,
                  retryable: false
                })
              )
        }
      })
    })
  )

/**
 * Reads a result that an agent hands in; names the part that is wrong by its JSON pointer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parseResult = (input: unknown): Effect.Effect<Agent.Result, RunFailed> =>
  isDeeperThan(input, maxDepth)
    ? Effect.fail(invalid(`it is nested more than ${maxDepth} levels deep`))
    : Effect.mapError(decodeResult(input), (error) => invalid(pointTo(error)))

const invalid = (why: string) =>
  new RunFailed({
    status: "failed",
    code: "invalid_result",
    detail: `its result is not valid: ${why}`,
    retryable: true
  })

/** Deeper than any result is, and far from what a call stack cannot follow. */
const maxDepth = 200

const isDeeperThan = (value: unknown, limit: number) => {
  let level = new Set([value])
  for (let depth = 0; depth <= limit; depth++) {
    level = new Set([...level].flatMap((each) => (Predicate.isObjectKeyword(each) ? Object.values(each) : [])))
    if (level.size === 0) return false
  }
  return true
}

const decodeResult = Schema.decodeUnknownEffect(Agent.Result)
