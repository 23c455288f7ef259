/**
 * What it takes to put an agent into the background: its task, the handle on it, and the queue in which its runs wait.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import type { Report } from "./Census.ts"
import * as Flags from "./Flags.ts"
import type { LegacyFilesMissing } from "./LegacyFiles.ts"
import { Queue } from "./Queue.ts"
import type { UnknownRole } from "./Role.ts"
import * as Session from "./Session.ts"
import { type InvalidSessionId, SessionId } from "./SessionId.ts"
import type { CreateOptions, InvalidField, SessionExists, SessionNotFound } from "./Sessions.ts"
import * as Telemetry from "./Telemetry.ts"
import type { TransportError } from "./TransportError.ts"
import * as here from "./internal/here.ts"
import { own } from "./internal/own.ts"

/**
 * What to run: a session's fields, with the runner that executes it. The name is how a synthesis shows the agent.
 *
 * @category models
 * @since 0.1.0
 */
export type Task = Omit<CreateOptions, "orchestrator" | "runner"> & {
  readonly runner: Exclude<Session.Session["runner"], { readonly type: "external" }>
}

/**
 * An agent in the background.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle {
  readonly name: string
  readonly sessionId: Session.Session["session_id"]
  /**
   * Waits until the agent has ended or is blocked and its wake is acknowledged, and answers its session. It does not fail
   * when the agent did.
   */
  readonly await: Effect.Effect<Session.Session, SessionNotFound | TransportError>
}

/**
 * Why an agent can't be spawned.
 *
 * @category errors
 * @since 0.1.0
 */
export type SpawnError =
  | AtCapacity
  | LegacyFilesMissing
  | SessionExists
  | InvalidField
  | UnknownRole
  | InvalidSessionId
  | TransportError

/**
 * The dispatch queue or the inbox is full. Nothing was created: wait for agents to end, or for wakes to be handled.
 *
 * @category errors
 * @since 0.1.0
 */
export class AtCapacity extends Schema.TaggedError<AtCapacity>("@sartor/core/Spawn/AtCapacity")("AtCapacity", {
  orchestrator: Schema.String,
  what: Schema.Literals(["dispatch", "inbox"]),
  capacity: Schema.Natural
}) {
  override get message() {
    const held = this.what === "dispatch" ? "runs that wait" : "wakes that are not acknowledged"
    return `"${this.orchestrator}" is at its limit of ${this.capacity} ${held}: spawn again when some are done`
  }
}

/**
 * The runs that wait for a permit before spawns are refused.
 *
 * @category configuration
 * @since 0.1.0
 */
export const dispatchCapacity = 100

/**
 * The wakes that an orchestrator leaves unacknowledged before spawns are refused.
 *
 * @category configuration
 * @since 0.1.0
 */
export const inboxCapacity = 100

/**
 * The queue in which the runs of an orchestrator wait.
 *
 * @category constructors
 * @since 0.1.0
 */
export const queueOf = (orchestrator: string): string => `dispatch/${orchestrator}`

/**
 * The queue in which those of its runs wait that are not kept: they execute in the process that spawned them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hereQueueOf = (orchestrator: string): string => `${here.prefix}${queueOf(orchestrator)}`

/**
 * Refuses where as many runs wait, or as many wakes are not acknowledged, as are allowed. Wakes are never refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refuseAtCapacity = Effect.fnUntraced(function* (
  orchestrator: string,
  capacity: number = dispatchCapacity,
  /** Runs that are about to wait too. */
  coming: number = 0
): Effect.fn.Return<void, AtCapacity | TransportError, Queue> {
  const queue = yield* Queue
  const waiting = yield* own(queue.statistics(queueOf(orchestrator)))
  const here = yield* own(queue.statistics(hereQueueOf(orchestrator)))
  if (waiting.ready + waiting.delayed + here.ready + here.delayed + coming >= capacity) {
    return yield* new AtCapacity({ orchestrator, what: "dispatch", capacity })
  }
  const inbox = yield* own(queue.statistics(`wake/${orchestrator}`))
  if (inbox.ready + inbox.delayed + inbox.inFlight >= inboxCapacity) {
    return yield* new AtCapacity({ orchestrator, what: "inbox", capacity: inboxCapacity })
  }
})

/**
 * Puts a session into the dispatch queue of its orchestrator; again, if it is there already, changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dispatch = Effect.fnUntraced(function* (session: Session.Session, trace?: typeof Telemetry.Trace.Type) {
  const queue = yield* Queue
  const { flags, orchestrator, session_id } = session
  const name = Flags.select(flags, "ENABLE_SESSION_PERSISTENCE", { on: queueOf, off: hereQueueOf })(orchestrator)
  const alone = Flags.select(flags, "ENABLE_PARALLEL_EXECUTION", { on: {}, off: { alone: true } })
  const payload = encodeDispatched({ session_id, ...alone, ...(trace === undefined ? {} : { trace }) })
  yield* own(queue.offer(name, { id: session_id, payload }, { revive: true }))
})

/**
 * Whether a session still has to be run by a worker. It has not while somebody outside is at it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isDue = ({ runner, runs, status }: Session.Session): boolean =>
  !Session.isEnded(status) &&
  status !== "blocked" &&
  runner.type !== "external" &&
  !(status === "running" && runs.at(-1)?.worker.kind === "external")

/**
 * What a message of the dispatch queue holds.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Dispatched = Schema.Struct({
  session_id: SessionId,
  /** It works one at a time with others of whom this is said. */
  alone: Schema.optionalKey(Schema.Boolean),
  /** The trace that its run is a part of. */
  trace: Schema.optionalKey(Telemetry.Trace)
})

/**
 * When whoever spawns an agent gets its handle: at once, or when it has ended. Its wake may be handled later: who spawns in a
 * handler of wakes would wait for itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const returning = (
  session: Session.Session,
  handle: Handle,
  ended: Effect.Effect<unknown, SessionNotFound | TransportError>
): Effect.Effect<Handle, TransportError> =>
  Flags.select(session.flags, "ENABLE_BACKGROUND_AGENTS", {
    on: Effect.succeed(handle),
    // One that is deleted meanwhile has ended too.
    off: Effect.as(
      Effect.catchTag(Effect.asVoid(ended), "SessionNotFound", () => Effect.void),
      handle
    )
  })

/**
 * What a session comes to, as a synthesis takes it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const report = (agent: string, session: Session.Session): Report => {
  const { error, result, status } = session
  return {
    agent,
    outcome:
      status === "complete" || status === "blocked" || status === "failed" || status === "cancelled"
        ? status
        : "missing",
    ...(result === undefined ? {} : { result }),
    ...(error === undefined || status === "complete" ? {} : { problem: error })
  }
}

const encodeDispatched = Schema.encodeSync(Dispatched)
