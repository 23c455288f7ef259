/**
 * Takes a run, keeps it by its lease, executes it and commits what happens in it.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Option, Random, Schema, Stream } from "effect"
import type * as Agent from "./Agent.ts"
import { AgentRunner, type Assignment, type Event, RunFailed } from "./AgentRunner.ts"
import * as Outbox from "./Outbox.ts"
import { type Delivery, Queue, Rejected } from "./Queue.ts"
import * as Recall from "./Recall.ts"
import * as Session from "./Session.ts"
import { SessionId } from "./SessionId.ts"
import { type Open, Sessions } from "./Sessions.ts"
import { TransportError } from "./TransportError.ts"
import { attending } from "./internal/attending.ts"
import { failureOf } from "./internal/failure.ts"
import { own } from "./internal/own.ts"
import { isTransient, patiently } from "./internal/patience.ts"
import { endingWake, findingWake } from "./internal/runWake.ts"

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
  /** Waited for before a run that was taken is begun: at a shut-down nothing is begun that another worker gives back. */
  readonly admit?: Effect.Effect<void> | undefined
  /** Sees every record that this worker commits, after it is durable. What goes wrong in it harms no run. */
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
 * Takes one run and executes it to its end. Interrupting it suspends the session, ready to be resumed. It outlasts a
 * transport that is away for up to a minute.
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
    yield* options.admit ?? Effect.void
    const { session_id } = yield* Effect.mapError(decodeDispatch(delivery.payload), reject)
    const open = sessions.open(session_id, { patient: true })
    const session = yield* Effect.mapError(open, (error) =>
      error._tag === "SessionNotFound" || isTransient(error) ? error : reject(error)
    )
    yield* execute(options, delivery, session)
  },
  // Nothing has to be run of a session that was deleted.
  Effect.catchTag("SessionNotFound", (error) => Effect.logInfo(error.message)),
  Effect.scoped,
  Effect.catchTag("TryAgain", () => Effect.void),
  Effect.catchTag("Fenced", (error) => Effect.logInfo(error.message)),
  Effect.catchTag("Rejected", (error) => Effect.logWarning(`A run cannot be dispatched: ${error.message}`))
)

const execute = Effect.fnUntraced(function* (options: Options, delivery: Delivery, session: Open) {
  const sessions = yield* Sessions
  const runner = yield* AgentRunner
  const { host, observe = () => Effect.void, pid } = options
  const tell = (session: Session.Session, record: Session.Record) =>
    Effect.catchCause(observe(session, record), (cause) => Effect.logWarning("An observer of the worker failed", cause))

  const worker = {
    kind: "local" as const,
    ...(host === undefined ? {} : { host }),
    ...(pid === undefined ? {} : { pid })
  }
  let started: Session.Record | undefined
  const begun = yield* session.update((current, at) => {
    started = isDue(current) ? { type: "started", at, run: current.run + 1, worker } : undefined
    return Effect.succeed(started === undefined ? [] : [started])
  })
  if (started === undefined) return
  const { run, session_id } = begun
  const fenced = new Fenced({ session_id, run })
  const isOurs = (current: Session.Session) => current.run === run && current.status === "running"
  const isTaken = (current: Session.Session) =>
    current.run > run || current.status === "cancelled" || current.reset_at > begun.version

  /** Appends while the run is still ours, and answers what it has appended. */
  const commit = Effect.fnUntraced(function* <R extends Session.Record, E>(
    decide: (current: Session.Session, at: string) => Effect.Effect<R, E>
  ) {
    let written: R | undefined
    const after = yield* session.update(
      Effect.fnUntraced(function* (current, at) {
        if (!isOurs(current)) return yield* fenced
        const record = yield* decide(current, at)
        written = record
        return [record]
      })
    )
    if (written === undefined) return yield* fenced
    yield* tell(after, written)
    return written
  })

  let events = 0
  let logged = 0
  const record = Effect.fnUntraced(function* (event: Exclude<Event, { type: "result" }>) {
    if (event.type === "log") {
      const text = event.text.slice(0, maxLog - logged)
      logged += text.length
      // A run does not end because nobody can be told what it said on the side.
      return yield* text === "" ? Effect.void : Effect.ignore(sessions.log(session_id, run, text), { log: true })
    }
    if (event.type === "turn") return yield* commit((_, at) => Effect.succeed({ ...event, at, run }))
    if (++events > maxEvents) return yield* tooMuch(`more than ${maxEvents} checkpoints and findings`)
    if (event.type === "checkpoint") return yield* commit((_, at) => Effect.succeed({ ...event, at, run }))
    const { wake } = yield* commit((current, at) =>
      Effect.map(findingWake(current, event), (wake) => ({ type: "finding" as const, at, run, wake }))
    )
    yield* Outbox.relay(begun.orchestrator, wake)
  })

  /** State, result and wake in one record; then the wake is offered. */
  const end = Effect.fnUntraced(function* (
    status: "complete" | "blocked" | "failed",
    result?: Agent.Result,
    error?: Agent.Problem
  ) {
    const { wake } = yield* commit((current, at) =>
      Effect.map(endingWake(current, status, result, error), (wake) => ({
        type: "ended" as const,
        at,
        run,
        status,
        wake,
        ...(wake.usage === undefined ? {} : { usage: wake.usage }),
        ...(result === undefined ? {} : { result }),
        ...(error === undefined ? {} : { error })
      }))
    )
    yield* Outbox.relay(begun.orchestrator, wake)
  })

  const check = session.refresh.pipe(
    Effect.catchTag("SessionNotFound", () => fenced),
    Effect.flatMap((current) => (isTaken(current) ? fenced : Effect.void))
  )
  const attempt = Effect.gen(function* () {
    let result: Agent.Result | undefined
    const assignment = yield* patiently(assignmentOf(begun))
    // Reading may have taken long enough for another worker to take over.
    yield* check
    yield* Stream.runForEach(eventsOf(runner, assignment), (event) => {
      if (event.type !== "result") return record(event)
      result = event.result
      return Effect.void
    })
    return result ?? (yield* nothingHandedIn)
  }).pipe(
    Effect.catchIf(isTooLarge, ({ detail }) => tooMuch(`something too large to be kept: ${detail}`)),
    Effect.timeoutOrElse({ duration: begun.limits.timeout, orElse: () => Effect.fail(tookTooLong(begun.limits)) }),
    Effect.flatMap((result) =>
      Effect.catchIf(end("complete", result), isTooLarge, ({ detail }) =>
        tooMuch(`a result too large to be kept: ${detail}`)
      )
    )
  )

  const fail = Effect.fnUntraced(function* ({ code, detail, retryable, status }: RunFailed) {
    const error = { code, message: detail.slice(0, maxDetail) }
    if (status === "blocked") return yield* end("blocked", undefined, error)
    if (!retryable || begun.failures >= begun.limits.retries) return yield* end("failed", undefined, error)
    yield* commit((_, at) => Effect.succeed({ type: "attempt_failed", at, run, error }))
    return yield* new TryAgain()
  })

  const takenOver = attending(sessions.changes(session_id), check)
  const fence = Effect.raceFirst(takenOver, Effect.andThen(delivery.lost, fenced))

  const suspend = commit((_, at) =>
    Effect.succeed({ type: "suspended", at, run, reason: "its worker was shut down" })
  ).pipe(
    Effect.timeout("5 seconds"),
    Effect.catch((error) => Effect.logDebug(`Session ${session_id} was not suspended`, error))
  )

  yield* tell(begun, started).pipe(
    Effect.andThen(attempt),
    Effect.catchTag("RunFailed", fail),
    Effect.raceFirst(fence),
    Effect.onInterrupt(() => suspend)
  )
})

/** What a runner tells, with every way of breaking off as a failure that can be recorded. */
const eventsOf = (runner: AgentRunner["Service"], assignment: Assignment) =>
  Stream.suspend(() => runner.execute(assignment)).pipe(Stream.catchCause((cause) => Stream.fail(failureOf(cause))))

/**
 * What a runner is given for a session: what it needs, and what it shares with the session that it was forked from.
 *
 * @category constructors
 * @since 0.1.0
 */
export const assignmentOf = Effect.fnUntraced(function* (session: Session.Session) {
  const inputs = yield* inputsOf(session)
  const shared = session.forked_from === undefined ? [] : yield* sharedOf(session)
  const checkpoints = shared.flatMap(({ record, version }) => {
    if (record.type !== "checkpoint") return []
    const { at, details, milestone, phase } = record
    return [{ version, phase, milestone, details, at }]
  })
  const told = shared.flatMap(({ record }) =>
    record.type === "resumed" && record.prompt !== undefined ? [{ at: record.at, text: record.prompt }] : []
  )
  const assignment: Assignment = {
    session: {
      ...session,
      checkpoints: [...checkpoints, ...session.checkpoints],
      told: [...told, ...session.told]
    },
    attempt: session.failures + 1,
    inputs
  }
  return assignment
})

const sharedOf = ({ session_id }: Session.Session) =>
  Effect.map(Recall.history(session_id), (known) =>
    Option.getOrElse(known, (): ReadonlyArray<Recall.Known> => []).filter((one) => one.session_id !== session_id)
  )

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

/** How many checkpoints and findings a run may have, and how many characters of stderr are kept of it. */
const maxEvents = 10_000
const maxLog = 1024 * 1024

/** How much of an error message is kept, in characters. */
const maxDetail = 16_000

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

const tooMuch = (what: string) =>
  new RunFailed({ status: "failed", code: "output_too_large", detail: `it handed in ${what}`, retryable: false })

const isTooLarge = (error: unknown): error is TransportError =>
  error instanceof TransportError && error.reason === "too_large"

const reject = ({ message }: { readonly message: string }) => new Rejected({ reason: message })

/** A second after the first failed attempt, doubled up to a minute; spread, so that a fleet does not try again in step. */
const backOff = (spread: number) => (attempt: number) =>
  Duration.millis(Math.min(1000 * 2 ** Math.min(attempt - 1, 6), 60_000) * (0.75 + spread / 2))

const Dispatch = Schema.Struct({ session_id: SessionId })
const decodeDispatch = Schema.decodeUnknownEffect(Dispatch)
const encodeDispatch = Schema.encodeSync(Dispatch)
