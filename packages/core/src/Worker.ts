/**
 * Takes a run, keeps it by its lease, executes it and commits what happens in it.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Random, Schema, Stream } from "effect"
import * as Agent from "./Agent.ts"
import { AgentRunner, type Event, RunFailed } from "./AgentRunner.ts"
import { type Delivery, Queue } from "./Queue.ts"
import * as Session from "./Session.ts"
import { SessionId } from "./SessionId.ts"
import { makeWake, type Open, Sessions } from "./Sessions.ts"
import type * as Wake from "./Wake.ts"
import { Wakes } from "./Wakes.ts"
import { own } from "./internal/own.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Whose runs to take. */
  readonly orchestrator: string
  /** Where this is, for the record. */
  readonly host?: string | undefined
  readonly pid?: number | undefined
  /** Sees every record that this worker commits, after it is durable. */
  readonly observe?: ((session: Session.Session, record: Session.Record) => Effect.Effect<void>) | undefined
}

/**
 * The run belongs to somebody else now, or the session was cancelled: this worker stops and writes nothing more.
 *
 * @category errors
 * @since 0.1.0
 */
export class Fenced extends Schema.TaggedError<Fenced>("@sartor/core/Worker/Fenced")("Fenced", {
  session_id: Schema.String,
  run: Schema.Natural
}) {
  override get message() {
    return `Run ${this.run} of session ${this.session_id} is over: another worker has it, or it was cancelled`
  }
}

/** The attempt failed and is recorded; failing the delivery with this brings the session back after the delay. */
class TryAgain extends Schema.TaggedError<TryAgain>("@sartor/core/Worker/TryAgain")("TryAgain", {}) {}

/**
 * Puts a session into the dispatch queue of its orchestrator; again, if it is there already, changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dispatch = Effect.fn("Worker.dispatch")(function* (session: Session.Session) {
  const queue = yield* Queue
  const payload = encodeDispatch({ session_id: session.session_id })
  yield* own(queue.offer(queueOf(session.orchestrator), { id: session.session_id, payload }, { revive: true }))
})

/**
 * The queue in which the runs of an orchestrator wait.
 *
 * @category constructors
 * @since 0.1.0
 */
export const queueOf = (orchestrator: string): string => `dispatch/${orchestrator}`

/**
 * Takes one run and executes it to its end. Interrupting it suspends the session, ready to be resumed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const takeOne = Effect.fn("Worker.takeOne")(
  function* (options: Options) {
    const queue = yield* Queue
    const sessions = yield* Sessions
    // How often an attempt may fail is up to the session; a run whose worker died is always taken over.
    const take = { maxAttempts: Number.MAX_SAFE_INTEGER, retryDelay: backOff(yield* Random.next) }
    const delivery = yield* own(queue.take(queueOf(options.orchestrator), take))
    const { session_id } = yield* Effect.orDie(decodeDispatch(delivery.payload))
    const session = yield* sessions.open(session_id)
    const { runner, status } = yield* session.refresh
    if (Session.isEnded(status) || status === "blocked" || runner.type === "external") return
    yield* execute(options, delivery, session)
  },
  Effect.scoped,
  Effect.catchTag("TryAgain", () => Effect.void),
  Effect.catchTag("Fenced", (error) => Effect.logInfo(error.message)),
  Effect.catchTag("SessionNotFound", (error) => Effect.logWarning(error.message))
)

const execute = Effect.fnUntraced(function* (options: Options, delivery: Delivery, session: Open) {
  const sessions = yield* Sessions
  const wakes = yield* Wakes
  const runner = yield* AgentRunner
  const { host, observe = () => Effect.void, pid } = options

  const begun = yield* session.update((current, at) =>
    Effect.succeed([
      {
        type: "started" as const,
        at,
        run: current.run + 1,
        worker: {
          kind: "local" as const,
          ...(host === undefined ? {} : { host }),
          ...(pid === undefined ? {} : { pid })
        }
      }
    ])
  )
  const { run, session_id } = begun
  yield* observe(begun, { type: "started", at: begun.updated_at, run, worker: { kind: "local" } })

  /** Appends while the run is still ours. */
  const commit = Effect.fnUntraced(function* <E>(
    decide: (current: Session.Session, at: string) => Effect.Effect<Session.Record, E>
  ) {
    let written: Session.Record | undefined
    const after = yield* session.update(
      Effect.fnUntraced(function* (current, at) {
        if (current.run !== run || current.status !== "running") return yield* new Fenced({ session_id, run })
        written = yield* decide(current, at)
        return [written]
      })
    )
    if (written !== undefined) yield* observe(after, written)
    return { after, written }
  })

  const record = (event: Exclude<Event, { type: "result" }>) => {
    switch (event.type) {
      case "log":
        return sessions.log(session_id, run, event.text)
      case "finding":
        return Effect.flatMap(
          commit((current, at) => {
            const { priority, summary } = event
            const details = { summary, ...(priority === undefined ? {} : { priority }) }
            return Effect.map(makeWake(current, "finding", details), (wake) => ({
              type: "finding" as const,
              at,
              run,
              wake
            }))
          }),
          ({ written }) => (written?.type === "finding" ? wakes.relay(begun.orchestrator, written.wake) : Effect.void)
        )
      default:
        return commit((_, at) => Effect.succeed({ ...event, at, run }))
    }
  }

  /** State, result and wake in one record; then the wake is offered. */
  const end = (status: "complete" | "blocked" | "failed", result?: Agent.Result, error?: Agent.Problem) =>
    Effect.flatMap(
      commit((current, at) =>
        Effect.map(makeWake(current, status, wakeDetails(current, result, error)), (wake) => ({
          type: "ended" as const,
          at,
          run,
          status,
          wake,
          ...(result === undefined ? {} : { result }),
          ...(error === undefined ? {} : { error })
        }))
      ),
      ({ written }) => (written?.type === "ended" ? wakes.relay(begun.orchestrator, written.wake) : Effect.void)
    )

  const attempt = Effect.gen(function* () {
    let result: Agent.Result | undefined
    const assignment = { session: begun, attempt: begun.failures + 1, inputs: yield* inputsOf(begun) }
    yield* Stream.runForEach(runner.execute(assignment), (event) => {
      if (event.type !== "result") return record(event)
      result = event.result
      return Effect.void
    })
    return result ?? (yield* nothingHandedIn)
  }).pipe(
    Effect.timeoutOrElse({ duration: begun.limits.timeout, orElse: () => Effect.fail(tookTooLong(begun.limits)) })
  )

  const fail = Effect.fnUntraced(function* ({ code, detail, retryable, status }: RunFailed) {
    const error = { code, message: detail }
    if (status === "blocked") return yield* end("blocked", undefined, error)
    if (!retryable || begun.failures >= begun.limits.retries) return yield* end("failed", undefined, error)
    yield* commit((_, at) => Effect.succeed({ type: "attempt_failed", at, run, error }))
    return yield* new TryAgain()
  })

  const takenOver = Effect.gen(function* () {
    const changes = Stream.filter(sessions.changes(session_id), (id) => id === session_id)
    return yield* Stream.runForEach(changes, () =>
      Effect.flatMap(session.refresh, (current) =>
        current.run > run || current.status === "cancelled" ? new Fenced({ session_id, run }) : Effect.void
      )
    )
  })
  const lost = Effect.andThen(delivery.lost, Effect.fail(new Fenced({ session_id, run })))
  const fence = Effect.andThen(Effect.all([takenOver, lost], { concurrency: 2, discard: true }), Effect.never)

  const suspend = commit((_, at) =>
    Effect.succeed({ type: "suspended", at, run, reason: "its worker was shut down" })
  ).pipe(
    Effect.timeout("5 seconds"),
    Effect.catch((error) => Effect.logDebug(`Session ${session_id} was not suspended`, error))
  )

  yield* attempt.pipe(
    Effect.flatMap((result) => end("complete", result)),
    Effect.catchTag("RunFailed", fail),
    Effect.raceFirst(fence),
    Effect.onInterrupt(() => suspend)
  )
})

/** What the agent gets of the sessions that it needs. */
const inputsOf = Effect.fnUntraced(
  function* (session: Session.Session) {
    const sessions = yield* Sessions
    const inputs = yield* Effect.forEach(Object.entries(session.inputs), ([name, id]) =>
      Effect.map(sessions.get(id), ({ result }) => [name, result] as const)
    )
    return Object.fromEntries(inputs.flatMap(([name, result]) => (result === undefined ? [] : [[name, result]])))
  },
  Effect.catchTag("SessionNotFound", (error) =>
    Effect.fail(new RunFailed({ status: "failed", code: "input_missing", detail: error.message, retryable: false }))
  )
)

/** What the wake tells of the result; a draft that the agent sent itself is merged into it. */
const wakeDetails = (session: Session.Session, result?: Agent.Result, error?: Agent.Problem): Wake.Details => {
  const draft = session.draft?.run === session.run ? session.draft : undefined
  const files = [
    ...(result?.files ?? []).map((file) => (typeof file === "string" ? file : file.path)),
    ...(draft?.deliverables?.files ?? [])
  ]
  const summary = (result?.summary ?? error?.message ?? "").slice(0, maxSummary)
  return {
    ...(draft?.next_role === undefined ? {} : { next_role: draft.next_role }),
    ...(result?.confidence === undefined ? {} : { confidence: result.confidence }),
    ...(error === undefined ? {} : { error: { ...error, message: error.message.slice(0, maxSummary) } }),
    summary: summary === "" ? (draft?.summary ?? "") : summary,
    deliverables: {
      ...draft?.deliverables,
      files: [...new Set(files)].slice(0, maxFiles)
    }
  }
}

/** A wake stays far below its limit; the whole is in the session. */
const maxSummary = 4000
const maxFiles = 500

const nothingHandedIn = new RunFailed({
  status: "failed",
  code: "invalid_result",
  detail: "it ended without a result",
  retryable: true
})

const tookTooLong = ({ timeout }: Agent.Limits) =>
  new RunFailed({
    status: "failed",
    code: "timeout",
    detail: `it was still running after ${Duration.format(Duration.millis(timeout))} and was stopped`,
    retryable: true
  })

/** A second after the first failed attempt, doubled up to a minute; spread, so that a fleet does not try again in step. */
const backOff = (spread: number) => (attempt: number) =>
  Duration.millis(Math.min(1000 * 2 ** Math.min(attempt - 1, 6), 60_000) * (0.75 + spread / 2))

const Dispatch = Schema.Struct({ session_id: SessionId })
const decodeDispatch = Schema.decodeUnknownEffect(Dispatch)
const encodeDispatch = Schema.encodeSync(Dispatch)
