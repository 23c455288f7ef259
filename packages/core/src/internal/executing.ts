import { Clock, Duration, Effect, Equal, Metric, Schema, Stream } from "effect"
import type * as Agent from "../Agent.ts"
import * as Alert from "../Alert.ts"
import { AgentRunner, type Assignment, type Event, type Line as AgentLine, RunFailed } from "../AgentRunner.ts"
import * as Outbox from "../Outbox.ts"
import type * as Permits from "../Permits.ts"
import { type Delivery, Rejected } from "../Queue.ts"
import * as Session from "../Session.ts"
import { type Open, Sessions } from "../Sessions.ts"
import * as Spawn from "../Spawn.ts"
import * as Steering from "../Steering.ts"
import * as Telemetry from "../Telemetry.ts"
import { TransportError } from "../TransportError.ts"
import type { Options } from "../Worker.ts"
import { assignmentOf, readsOthers } from "./assigning.ts"
import { attending } from "./attending.ts"
import { failureOf } from "./failure.ts"
import * as Line from "./line.ts"
import { nowText } from "./now.ts"
import { patiently } from "./patience.ts"
import { endingWake, findingWake } from "./runWake.ts"
import { makeRunWatch } from "./runWatch.ts"

/** The run belongs to somebody else now, or the session was cancelled: this worker stops and writes nothing more. */
export class Fenced extends Schema.TaggedError<Fenced>("@sartor/core/Worker/Fenced")("Fenced", {
  session_id: Schema.String,
  run: Schema.Natural
}) {
  override get message() {
    return `Run ${this.run} of session ${this.session_id} is over: another worker has it, or it was cancelled`
  }
}

/** The attempt failed and is recorded; failing the delivery with this brings the session back after the delay. */
export class TryAgain extends Schema.TaggedError<TryAgain>("@sartor/core/Worker/TryAgain")("TryAgain", {}) {}

/** Executes a run that was taken, to its end, and commits what happens in it. */
export const execute = Effect.fnUntraced(function* (
  options: Options,
  delivery: Delivery,
  session: Open,
  permit: Permits.Permit,
  /** How long it took to open the session. */
  opening: Duration.Duration
) {
  const since = (yield* Clock.currentTimeMillis) - Duration.toMillis(opening)
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
  }, unwaited)
  const reason = "its worker was shut down"
  /** What was being appended when the worker was shut down may have been: then the run is given back. */
  const giveBack = session.update(({ run, runs, status }, at) => {
    const isOurs = status === "running" && run === started?.run && Equal.equals(runs.at(-1)?.worker, worker)
    return Effect.succeed(isOurs ? [{ type: "suspended", at, run, reason }] : [])
  })
  const withdraw = Effect.andThen(session.refresh, giveBack).pipe(Effect.timeout("5 seconds"), Effect.ignore)
  // What is known may be out of date. Where it says that there is something to do, the append finds out.
  if (!Spawn.isDue(session.current())) yield* session.refresh
  const begun = yield* Effect.onInterrupt(begin, () => withdraw)
  if (started === undefined) return
  const { run, session_id } = begun
  const fenced = Effect.failSync(() => new Fenced({ session_id, run }))
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
    yield* Outbox.relay(begun, wake)
  })

  /** When the agent's work was over. */
  let over = begun.updated_at
  /** State, result and wake in one record; then the wake is offered. */
  const end = Effect.fnUntraced(function* (
    status: "complete" | "blocked" | "failed",
    result?: Agent.Result,
    error?: Agent.Problem
  ) {
    const { wake } = yield* commit((current) =>
      Effect.map(endingWake(current, status, result, error), (wake) => ({
        type: "ended" as const,
        at: over,
        run,
        status,
        wake,
        ...(wake.usage === undefined ? {} : { usage: wake.usage }),
        ...(result === undefined ? {} : { result }),
        ...(error === undefined ? {} : { error })
      }))
    )
    yield* Metric.update(Metric.withAttributes(Telemetry.runs, { status }), 1)
    yield* Outbox.relay(begun, wake)
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
  const alerts = yield* makeRunWatch(begun, { pulse, since, alert: alertOf(options) })
  const { timeout } = begun.limits
  const young = Math.min(youth, timeout)
  /** Ends the run where its limits do, or where it is over for others. Its first look comes after a while: most of it is for runs that last. */
  const minding = Effect.flatMap(Effect.sleep(young), () =>
    Effect.raceAllFirst([
      Line.watch(pulse, begun.limits),
      alerts.watching,
      attending(sessions.changes(session_id), check),
      Effect.andThen(delivery.lost, fenced),
      Effect.flatMap(Effect.sleep(timeout - young), () => tookTooLong(begun.limits))
    ])
  )
  const turns = yield* Line.makeTurns
  /** The agent's work is over. Whoever has its place now begins before its end is written, and those that end in the same turn hand on theirs. */
  const handOn = Effect.flatMap(nowText, (at) => {
    over = at
    return Effect.andThen(permit.giveBack, Effect.yieldNow)
  })
  const attempt = Effect.gen(function* () {
    if (begun.takeovers >= (begun.limits.takeovers ?? maxTakeovers)) return yield* diedOnIt(begun)
    let result: Agent.Result | undefined
    const assignment = yield* patiently(assignmentOf(begun))
    // Reading may have taken long enough for another worker to take over.
    if (readsOthers(begun)) yield* check
    yield* alerts.begun
    yield* Stream.runForEach(eventsOf(runner, assignment, line), (event) => {
      pulse.beat()
      if (event.type === "turn" || event.type === "checkpoint") alerts.kept()
      if (event.type !== "result") return record(event)
      result = event.result
      return Effect.void
    })
    return result ?? (yield* nothingHandedIn)
  }).pipe(
    Effect.catchIf(isTooLarge, ({ detail }) => tooMuch(`something too large to be kept: ${detail}`)),
    Effect.raceFirst(minding),
    Effect.exit,
    Effect.tap(() => handOn),
    Effect.flatten,
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
    yield* commit(() => Effect.succeed({ type: "attempt_failed", at: over, run, error }))
    yield* Metric.update(Metric.withAttributes(Telemetry.retries, { code }), 1)
    return yield* new TryAgain()
  })

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
    Effect.onInterrupt(() => suspend),
    Effect.ensuring(measured),
    Effect.annotateLogs({ run })
  )
})

/** What a runner tells, with every way of breaking off as a failure that can be recorded. */
const eventsOf = (runner: AgentRunner["Service"], assignment: Assignment, line: AgentLine) =>
  Stream.suspend(() => runner.execute(assignment, line)).pipe(
    Stream.catchCause((cause) => Stream.fail(failureOf(cause)))
  )

/**
 * Nothing that an agent does is kept before its beginning is. What a power cut undoes of a run that has kept nothing never was, and the
 * session is executed as before.
 */
const unwaited = { durable: false }

/** How long nobody minds a run, in milliseconds: of an agent that ends at once only its end matters. */
const youth = 100

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

/** Who hears of what an operator should look at: the log, where nobody else does. */
export const alertOf = ({ alert }: Options) =>
  alert ?? ((raised: Alert.Alert) => Effect.logWarning(Alert.message(raised)))

export const reject = ({ message }: { readonly message: string }) => new Rejected({ reason: message })
