/**
 * Takes a run, keeps it by its lease, executes it and commits what happens in it.
 *
 * @since 0.1.0
 */
import {
  Clock,
  Duration,
  Effect,
  Equal,
  Fiber,
  Metric,
  Option,
  Random,
  Schema,
  type Scope,
  Semaphore,
  Stream
} from "effect"
import type * as Agent from "./Agent.ts"
import * as Alert from "./Alert.ts"
import {
  AgentRunner,
  type Assignment,
  type Delta,
  type Event,
  type Line as AgentLine,
  RunFailed
} from "./AgentRunner.ts"
import type { Journal } from "./Journal.ts"
import * as Outbox from "./Outbox.ts"
import * as Permits from "./Permits.ts"
import { type Delivery, Queue, Rejected } from "./Queue.ts"
import * as Recall from "./Recall.ts"
import * as Session from "./Session.ts"
import { type Open, Sessions } from "./Sessions.ts"
import * as Spawn from "./Spawn.ts"
import * as Steering from "./Steering.ts"
import * as Telemetry from "./Telemetry.ts"
import { TransportError } from "./TransportError.ts"
import type { Wakes } from "./Wakes.ts"
import { attending } from "./internal/attending.ts"
import { failureOf } from "./internal/failure.ts"
import * as Line from "./internal/line.ts"
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
  /** What a run needs before it begins, and may lend while it waits; without it nothing bounds how many there are. */
  readonly permit?: Effect.Effect<Permits.Permit, TransportError, Queue | Scope.Scope> | undefined
  /** The runs that may wait before an agent that spawns others is refused; 100 by default. */
  readonly capacity?: number | undefined
  /** Waited for before a run that was taken is begun: at a shut-down nothing is begun that another worker gives back. */
  readonly admit?: Effect.Effect<void> | undefined
  /** Hears of agents that are silent for long, or have much to remember. */
  readonly alert?: ((alert: Alert.Alert) => Effect.Effect<void>) | undefined
  /** Sees every record that this worker commits, after it is durable. What goes wrong in it harms no run. */
  readonly observe?: ((session: Session.Session, record: Session.Record) => Effect.Effect<void>) | undefined
  /** Hears what models say while they say it. What goes wrong in it harms no run. */
  readonly listen?: ((session: Session.Session, delta: Delta) => Effect.Effect<void>) | undefined
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

export { dispatch, isDue, queueOf } from "./Spawn.ts"

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
    const delivery = yield* own(queue.take(Spawn.queueOf(options.orchestrator), take))
    yield* options.admit ?? Effect.void
    const permit = yield* options.permit ?? Effect.succeed(Permits.unbounded)
    const { session_id, trace } = yield* Effect.mapError(decodeDispatched(delivery.payload), reject)
    const open = sessions.open(session_id, { patient: true })
    const session = yield* Effect.mapError(open, (error) =>
      error._tag === "SessionNotFound" || isTransient(error) ? error : reject(error)
    )
    if (yield* wasAbandoned(session)) return
    yield* execute(options, delivery, session, permit).pipe(
      Effect.withSpan("run", { attributes: { session_id, orchestrator: options.orchestrator } }),
      Telemetry.within(trace),
      Effect.annotateLogs({ session_id })
    )
  },
  // Nothing has to be run of a session that was deleted.
  Effect.catchTag("SessionNotFound", (error) => Effect.logInfo(error.message)),
  Effect.scoped,
  Effect.catchTag("TryAgain", () => Effect.void),
  Effect.catchTag("Fenced", (error) => Effect.logDebug(error.message)),
  Effect.catchTag("Rejected", (error) => Effect.logWarning(`A run cannot be dispatched: ${error.message}`))
)

/** Cancels what the agent that spawned it did not live to cancel itself. Answers whether there was that to do. */
const wasAbandoned = Effect.fnUntraced(function* (session: Open) {
  const sessions = yield* Sessions
  const { parent_id, session_id } = yield* session.refresh
  if (parent_id === undefined) return false
  const parent = yield* Effect.catchTag(
    Effect.asSome(sessions.get(parent_id)),
    "SessionNotFound",
    () => Effect.succeedNone
  )
  if (Option.isNone(parent) || parent.value.status !== "cancelled") return false
  yield* Outbox.cancel(session_id, `${parent_id}, which spawned it, was cancelled`).pipe(
    Effect.catchTag("IllegalTransition", () => Effect.void)
  )
  return true
})

/**
 * Executes runs of an orchestrator for as long as the scope is open, so many at once, within what its pool of permits
 * allows on all processes. It outlasts whatever goes wrong. A run that waits for agents of its own leaves its place to them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = Effect.fn("Worker.run")(function* (
  options: Options & {
    /** How many runs this process executes at once. */
    readonly concurrency: number
    /** The pool of the tree that the orchestrator belongs to; its own by default. */
    readonly pool?: string | undefined
  }
): Effect.fn.Return<never, never, AgentRunner | Journal | Queue | Scope.Scope | Sessions | Wakes> {
  const { concurrency, orchestrator, pool = orchestrator } = options
  const hands = yield* Semaphore.make(concurrency)
  const scope = yield* Effect.scope
  const context = yield* Effect.context<AgentRunner | Journal | Queue | Sessions | Wakes>()

  const permit = Effect.map(Permits.acquireWith(hands, pool), ({ lend }): Permits.Permit => ({
    // Its own place is taken while it waits: somebody has to take what it waits for.
    lend: (wait) =>
      Effect.acquireUseRelease(
        relief,
        () => lend(wait),
        ({ retire }) => retire
      )
  }))
  const takeNext = (onTaken: () => void): Effect.Effect<void, unknown> => {
    const admit = Effect.andThen(Effect.sync(onTaken), options.admit ?? Effect.void)
    return Effect.provideContext(takeOne({ ...options, permit, admit }), context)
  }
  const relief: Effect.Effect<{ readonly retire: Effect.Effect<void> }> = Effect.gen(function* () {
    let idle = true
    let retired = false
    const turn = Effect.suspend(() => {
      idle = true
      return takeNext(() => {
        idle = false
      })
    })
    const fiber = yield* Effect.forkIn(
      steadily(turn, () => !retired),
      scope
    )
    return {
      retire: Effect.suspend(() => {
        retired = true
        return idle ? Fiber.interrupt(fiber) : Effect.void
      })
    }
  })
  const places = Array.from({ length: concurrency }, () =>
    steadily(
      takeNext(() => undefined),
      () => true
    )
  )
  yield* Effect.all(places, { concurrency: "unbounded", discard: true })
  return yield* Effect.never
})

const execute = Effect.fnUntraced(function* (
  options: Options,
  delivery: Delivery,
  session: Open,
  permit: Permits.Permit
) {
  const sessions = yield* Sessions
  const runner = yield* AgentRunner
  const { host, listen = () => Effect.void, observe = () => Effect.void, pid } = options
  const harmless = Effect.catchCause((cause) => Effect.logWarning("An observer of the worker failed", cause))
  const tell = (session: Session.Session, record: Session.Record) => harmless(observe(session, record))

  const worker = {
    kind: "local" as const,
    ...(host === undefined ? {} : { host }),
    ...(pid === undefined ? {} : { pid })
  }
  let started: Extract<Session.Record, { type: "started" }> | undefined
  const begin = session.update((current, at) => {
    const { damaged_after: good, session_id } = current
    if (good !== undefined) return Effect.fail(reject(new Session.SessionDamaged({ session_id, good })))
    const run = current.run + 1
    started = Spawn.isDue(current) ? { type: "started", at, run, worker } : undefined
    const unread = Steering.due(current, at).map(({ version }) => version)
    const heard: ReadonlyArray<Session.Record> =
      unread.length === 0 ? [] : [{ type: "heard", at, run, versions: unread }]
    return Effect.succeed(started === undefined ? [] : [started, ...heard])
  })
  const reason = "its worker was shut down"
  /** What was being appended when the worker was shut down may have been: then the run is given back. */
  const giveBack = session.update(({ run, runs, status }, at) => {
    const isOurs = status === "running" && run === started?.run && Equal.equals(runs.at(-1)?.worker, worker)
    return Effect.succeed(isOurs ? [{ type: "suspended", at, run, reason }] : [])
  })
  const withdraw = Effect.andThen(session.refresh, giveBack).pipe(Effect.timeout("5 seconds"), Effect.ignore)
  const begun = yield* Effect.onInterrupt(begin, () => withdraw)
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
    if (event.type === "delta") return yield* harmless(listen(begun, event))
    if (event.type === "turn") {
      yield* commit((_, at) => Effect.succeed({ ...event, at, run }))
      if (event.usage !== undefined) yield* Telemetry.countUsage(event.usage)
      return yield* turns.next
    }
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
    yield* Metric.update(Metric.withAttributes(Telemetry.runs, { status }), 1)
    yield* Outbox.relay(begun.orchestrator, wake)
  })

  const check = session.refresh.pipe(
    Effect.catchTag("SessionNotFound", () => fenced),
    Effect.flatMap((current) => (isTaken(current) ? fenced : Effect.void))
  )
  const hear = Effect.gen(function* () {
    const known = (yield* session.refresh).told.length
    const heard = yield* session.update((current, at) => {
      const versions = Steering.due(current, at).map(({ version }) => version)
      if (!isOurs(current)) return fenced
      return Effect.succeed(versions.length === 0 ? [] : [{ type: "heard", at, run, versions }])
    })
    return heard.told.slice(known)
  })
  const pulse = yield* Line.makePulse
  const line = yield* Line.make({ session: begun, hear, permit, pulse, capacity: options.capacity })
  const watching = Line.watch(pulse, begun.limits)
  const alert = options.alert ?? ((alert: Alert.Alert) => Effect.logWarning(Alert.message(alert)))
  const alerting = Effect.gen(function* () {
    const size = JSON.stringify([begun.prompt, begun.checkpoints, begun.told, begun.synthesis ?? null]).length
    const { silence: limit, state } = Alert.limits
    if (size > state) yield* alert({ type: "large_state", session_id, run, value: size, limit: state })
    yield* Line.quietFor(pulse, limit)
    yield* alert({ type: "stalled", session_id, run, value: limit, limit })
    return yield* Effect.never
  })
  const turns = yield* Line.makeTurns
  const attempt = Effect.gen(function* () {
    if (begun.takeovers >= (begun.limits.takeovers ?? maxTakeovers)) return yield* diedOnIt(begun)
    let result: Agent.Result | undefined
    const assignment = yield* patiently(assignmentOf(begun))
    // Reading may have taken long enough for another worker to take over.
    yield* check
    const working = Stream.runForEach(eventsOf(runner, assignment, line), (event) => {
      pulse.beat()
      if (event.type !== "result") return record(event)
      result = event.result
      return Effect.void
    })
    yield* Effect.raceFirst(working, Effect.raceFirst(watching, alerting))
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
    const { exhausted = "failed", retries } = begun.limits
    if (!retryable) return yield* end("failed", undefined, error)
    if (begun.failures >= retries) return yield* end(exhausted, undefined, error)
    yield* commit((_, at) => Effect.succeed({ type: "attempt_failed", at, run, error }))
    yield* Metric.update(Metric.withAttributes(Telemetry.retries, { code }), 1)
    return yield* new TryAgain()
  })

  const takenOver = attending(sessions.changes(session_id), check)
  const fence = Effect.raceFirst(takenOver, Effect.andThen(delivery.lost, fenced))

  const suspend = commit((_, at) => Effect.succeed({ type: "suspended", at, run, reason })).pipe(
    Effect.timeout("5 seconds"),
    Effect.catch((error) => Effect.logDebug(`Session ${session_id} was not suspended`, error))
  )

  const began = yield* Clock.currentTimeMillis
  const measured = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Metric.update(Telemetry.runSeconds, (now - began) / 1000)
  )
  yield* tell(begun, started).pipe(
    Effect.andThen(attempt),
    Effect.catchTag("RunFailed", fail),
    Effect.raceFirst(fence),
    Effect.onInterrupt(() => suspend),
    Effect.ensuring(measured),
    Effect.annotateLogs({ run })
  )
})

/** Goes on after whatever went wrong, as long as there is somebody to do so: what failed is still there to be taken. */
const steadily = (turn: Effect.Effect<void, unknown>, goesOn: () => boolean) =>
  turn.pipe(
    Effect.catchCause((cause) =>
      Effect.andThen(Effect.logWarning("Trying again in a second", cause), Effect.sleep("1 second"))
    ),
    Effect.repeat({ while: goesOn })
  )

/** What a runner tells, with every way of breaking off as a failure that can be recorded. */
const eventsOf = (runner: AgentRunner["Service"], assignment: Assignment, line: AgentLine) =>
  Stream.suspend(() => runner.execute(assignment, line)).pipe(
    Stream.catchCause((cause) => Stream.fail(failureOf(cause)))
  )

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

/** Workers that may die on a session, with no step forward in between. */
const maxTakeovers = 10

const diedOnIt = ({ takeovers }: Session.Session) =>
  new RunFailed({
    status: "blocked",
    code: "workers_died",
    detail: `${takeovers} workers died while they executed it: look at what it does, then resume it`,
    retryable: false
  })

const tooMuch = (what: string) =>
  new RunFailed({ status: "failed", code: "output_too_large", detail: `it handed in ${what}`, retryable: false })

const isTooLarge = (error: unknown): error is TransportError =>
  error instanceof TransportError && error.reason === "too_large"

const reject = ({ message }: { readonly message: string }) => new Rejected({ reason: message })

/** A second after the first failed attempt, doubled up to a minute; spread, so that a fleet does not try again in step. */
const backOff = (spread: number) => (attempt: number) =>
  Duration.millis(Math.min(1000 * 2 ** Math.min(attempt - 1, 6), 60_000) * (0.75 + spread / 2))

const decodeDispatched = Schema.decodeUnknownEffect(Spawn.Dispatched)
