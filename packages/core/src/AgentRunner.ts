/**
 * Executes one run of a session, as a stream of what happens in it.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, Predicate, Schema, Stream } from "effect"
import * as Agent from "./Agent.ts"
import type { Report } from "./Census.ts"
import { pointTo } from "./internal/issues.ts"
import type { Session } from "./Session.ts"
import type { SessionNotFound } from "./Sessions.ts"
import type { Handle, SpawnError, Task } from "./Spawn.ts"
import type { TransportError } from "./TransportError.ts"
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
  | {
      readonly type: "turn"
      readonly text: string
      /** What the runner needs to go on from here; kept, and read by nobody else. */
      readonly entry?: Schema.Json
      readonly usage?: Agent.Usage
    }
  /** What a model says, while it says it: told to whoever listens, and not kept. */
  | Delta
  | { readonly type: "checkpoint"; readonly phase: string; readonly milestone: string; readonly details: string }
  | { readonly type: "finding"; readonly summary: string; readonly priority?: Priority }
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "result"; readonly result: Agent.Result }

/**
 * A piece of an answer that is not whole yet. After `again` the pieces of this answer start anew.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delta {
  readonly type: "delta"
  readonly kind: "text" | "thinking" | "tool" | "again"
  readonly text: string
}

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
 * What an agent can do about others while it works.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  /** Says that it is at work, so that nobody takes it for silent: whatever it does otherwise says so too. */
  readonly alive: Effect.Effect<void>
  /** What it was told since it last asked, the most urgent first. From here on that is a part of its context: ask between turns. */
  readonly hear: Effect.Effect<ReadonlyArray<Session["told"][number]>>
  /**
   * Puts an agent of its own into the background, in the tree that it belongs to itself. The name says which one it is:
   * spawning it again, in this run or after a crash, answers the one that there is.
   */
  readonly spawn: (task: ChildTask) => Effect.Effect<Handle, SpawnError>
  /** Waits for all and reports on each. Meanwhile its permit is theirs. */
  readonly collect: (
    handles: ReadonlyArray<Handle>
  ) => Effect.Effect<ReadonlyArray<Report>, SessionNotFound | TransportError>
}

/**
 * The task of an agent that an agent spawns. Its id follows from its name and its parent's id.
 *
 * @category models
 * @since 0.1.0
 */
export type ChildTask = Omit<Task, "id" | "name" | "parentId"> & { readonly name: string }

/**
 * How one kind of runner executes. Whoever runs the stream makes each event durable before it asks for the next one, so
 * that a runner that is asked again knows what it has told to be kept. Without a line it executes the agent alone.
 *
 * @category models
 * @since 0.1.0
 */
export type Execute = (assignment: Assignment, line?: Line) => Stream.Stream<Event, RunFailed>

/**
 * Port: executes one run. Interrupting the stream stops the agent, with all that it has started, before it returns.
 *
 * @category services
 * @since 0.1.0
 */
export class AgentRunner extends Context.Service<
  AgentRunner,
  {
    readonly execute: Execute
    /** Which kinds of agents it executes; all of them where it does not say. */
    readonly executes?: ((type: Agent.Runner["type"]) => boolean) | undefined
  }
>()("@sartor/core/AgentRunner") {}

/**
 * Executes each session by the runner that it names: `{ command: CommandRunner.make(), function: FunctionRunner.make({…}) }`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R = never>(runners: {
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
        executes: (type) => made.has(type),
        execute: (assignment, line) => {
          const { type } = assignment.session.runner
          const execute = made.get(type)
          return execute !== undefined
            ? execute(assignment, line)
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
