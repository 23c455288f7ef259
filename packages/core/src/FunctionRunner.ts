/**
 * Executes agents that are functions in this process, registered under names so that a session finds its own again after
 * a restart.
 *
 * @since 0.1.0
 */
import { Effect, Queue, Stream } from "effect"
import type { Result } from "./Agent.ts"
import { type Assignment, type Event, type Execute, type Line, parseResult, RunFailed } from "./AgentRunner.ts"
import { failureOf } from "./internal/failure.ts"

/**
 * What a function agent gets.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task {
  readonly prompt: string
  readonly sessionId: string
  readonly run: number
  readonly attempt: number
  readonly inputs: Assignment["inputs"]
  readonly metadata: Assignment["session"]["metadata"]
  readonly checkpoints: Assignment["session"]["checkpoints"]
  readonly synthesis: unknown
  /** What it was told before this run, oldest first. */
  readonly told: Assignment["session"]["told"]
  readonly alive: Line["alive"]
  readonly hear: Line["hear"]
  readonly spawn: Line["spawn"]
  readonly collect: Line["collect"]
  /** Commits a checkpoint, a turn or a finding to the session while the agent works. */
  readonly emit: (event: Exclude<Event, { readonly type: "result" }>) => Effect.Effect<void>
}

/**
 * An agent: it answers its result, or just text, which becomes the summary. To block, fail with a `RunFailed` of status
 * `blocked`; any other failure is tried again.
 *
 * @category models
 * @since 0.1.0
 */
export type AgentFunction<R = never> = (task: Task) => Effect.Effect<Result | string, unknown, R>

/**
 * Makes the runner of the functions that it is given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R = never>(functions: {
  readonly [name: string]: AgentFunction<R>
}): Effect.Effect<Execute, never, R> =>
  Effect.map(Effect.context<R>(), (context) => (assignment, line = alone) => {
    const { session } = assignment
    const name = session.runner.type === "function" ? session.runner.name : ""
    const agent = new Map(Object.entries(functions)).get(name)
    if (agent === undefined) {
      const detail = `no function is registered under the name "${name}": give FunctionRunner.make one`
      return Stream.fail(new RunFailed({ status: "failed", code: "no_function", detail, retryable: false }))
    }
    return Stream.callback<Event, RunFailed>(
      (queue) =>
        Effect.suspend(() =>
          agent({
            prompt: session.prompt,
            sessionId: session.session_id,
            run: session.run,
            attempt: assignment.attempt,
            inputs: assignment.inputs,
            metadata: session.metadata,
            checkpoints: session.checkpoints,
            synthesis: session.synthesis,
            told: session.told,
            ...line,
            emit: (event) => Effect.asVoid(Queue.offer(queue, event))
          })
        ).pipe(
          Effect.provideContext(context),
          Effect.flatMap((answer) => parseResult(typeof answer === "string" ? { summary: answer } : answer)),
          Effect.flatMap((result) => Queue.offer(queue, { type: "result", result })),
          Effect.andThen(Queue.end(queue)),
          Effect.catchCause((cause) => Queue.fail(queue, failureOf(cause)))
        ),
      { bufferSize: 16 }
    )
  })

const alone: Line = {
  alive: Effect.void,
  hear: Effect.succeed([]),
  spawn: () => Effect.die("nobody is here to spawn an agent"),
  collect: () => Effect.succeed([])
}
