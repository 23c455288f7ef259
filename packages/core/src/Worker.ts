/**
 * Takes a run, keeps it by its lease, executes it and commits what happens in it.
 *
 * @since 0.1.0
 */
import {
  Deferred,
  Duration,
  Effect,
  Exit,
  FiberMap,
  FiberSet,
  Option,
  Random,
  Schedule,
  Schema,
  Scope,
  Semaphore
} from "effect"
import type * as Alert from "./Alert.ts"
import { AgentRunner, type Delta } from "./AgentRunner.ts"
import type { Journal } from "./Journal.ts"
import * as Outbox from "./Outbox.ts"
import * as Permits from "./Permits.ts"
import { Queue } from "./Queue.ts"
import * as Roster from "./Roster.ts"
import * as Session from "./Session.ts"
import { type Open, Sessions } from "./Sessions.ts"
import * as Spawn from "./Spawn.ts"
import * as Telemetry from "./Telemetry.ts"
import type { TransportError } from "./TransportError.ts"
import type { Wakes } from "./Wakes.ts"
import * as Ahead from "./internal/ahead.ts"
import { alertOf, execute, reject } from "./internal/executing.ts"
import { own } from "./internal/own.ts"
import { isTransient } from "./internal/patience.ts"
import { untilEnded } from "./internal/untilEnded.ts"

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
  /** Executes this session, and leaves all others; whichever comes next by default. */
  readonly only?: string | undefined
  /** Where they wait; the dispatch queue of the orchestrator by default. */
  readonly queue?: string | undefined
  /**
   * What a run needs before it begins, alone or beside others, and may lend while it waits; without it nothing bounds how
   * many there are.
   */
  readonly permit?:
    | ((alone: boolean) => Effect.Effect<Permits.Permit, TransportError | Permits.NoHand, Queue | Scope.Scope>)
    | undefined
  /** The runs that may wait before an agent that spawns others is refused; 100 by default. */
  readonly capacity?: number | undefined
  /** Waited for before a run that was taken is begun: at a shut-down nothing is begun that another worker gives back. */
  readonly admit?: Effect.Effect<void> | undefined
  /** Hears of runs that an operator should look at. */
  readonly alert?: ((alert: Alert.Alert) => Effect.Effect<void>) | undefined
  /** Sees every record that this worker commits, the first of a run perhaps before it is on the device. What goes wrong in it harms no run. */
  readonly observe?: ((session: Session.Session, record: Session.Record) => Effect.Effect<void>) | undefined
  /** Hears what models say while they say it. What goes wrong in it harms no run. */
  readonly listen?: ((session: Session.Session, delta: Delta) => Effect.Effect<void>) | undefined
}

export { assignmentOf } from "./internal/assigning.ts"
export { Fenced } from "./internal/executing.ts"
export { dispatch, isDue, queueOf } from "./Spawn.ts"

/** The run was not begun here, and is for whoever comes next. */
class GivenBack extends Schema.TaggedError<GivenBack>("@sartor/core/Worker/GivenBack")("GivenBack", {
  /** What executes its agent is not here: it is left to others for a while. */
  foreign: Schema.optionalKey(Schema.String)
}) {}

/**
 * Takes one run and executes it to its end. Interrupting it suspends the session, ready to be resumed. It outlasts a
 * transport that is away for up to a minute.
 *
 * @category constructors
 * @since 0.1.0
 */
export const takeOne = Effect.fn("Worker.takeOne")((options: Options) =>
  Effect.catchTag(takeNext(options), "GivenBack", () => Effect.void)
)

const takeNext = (options: Options & { readonly picky?: boolean | undefined }) =>
  Effect.acquireUseRelease(
    Scope.make(),
    (scope) => Scope.provide(executeNext(options), scope),
    (scope, exit) => Scope.close(scope, isGivenBack(exit) ? Exit.interrupt() : exit)
  ).pipe(
    Effect.catchTag("TryAgain", () => Effect.void),
    Effect.catchTag("Fenced", (error) => Effect.logDebug(error.message)),
    Effect.catchTag("Rejected", (error) => Effect.logWarning(`A run cannot be dispatched: ${error.message}`)),
    Effect.catchTag("NoHand", () => new GivenBack())
  )

type Failures = Effect.Error<ReturnType<typeof takeNext>>

const isGivenBack = <A, E>(exit: Exit.Exit<A, E>) =>
  Option.exists(Exit.findErrorOption(exit), (error) => error instanceof GivenBack || error instanceof Permits.NoHand)

const executeNext = Effect.fnUntraced(
  function* (options: Options & { readonly picky?: boolean | undefined }) {
    const queue = yield* Queue
    const sessions = yield* Sessions
    // How often an attempt may fail is up to the session; a run whose worker died is always taken over.
    const { only } = options
    const take = { only, maxAttempts: Number.MAX_SAFE_INTEGER, retryDelay: backOff(yield* Random.next) }
    const delivery = yield* own(queue.take(options.queue ?? Spawn.queueOf(options.orchestrator), take))
    yield* options.admit ?? Effect.void
    const { alone = false, session_id, trace } = yield* Effect.mapError(decodeDispatched(delivery.payload), reject)
    const open = sessions.open(session_id, { patient: true, known: true })
    const taken = Effect.gen(function* () {
      const [reading, session] = yield* Effect.timed(
        Effect.mapError(open, (error) =>
          error._tag === "SessionNotFound" || isTransient(error) ? error : reject(error)
        )
      )
      if (options.picky === true) yield* leaveToOthers(session)
      const permit = yield* options.permit?.(alone) ?? Effect.succeed(Permits.unbounded)
      if (yield* wasAbandoned(session)) return
      yield* execute(options, delivery, session, permit, reading)
    })
    yield* taken.pipe(
      Effect.tapErrorTag("Rejected", ({ message: detail }) =>
        alertOf(options)({ type: "resume_failed", session_id, detail, value: 1, limit: 0 })
      ),
      Effect.withSpan("run", { attributes: { session_id, orchestrator: options.orchestrator } }),
      Telemetry.within(trace),
      Effect.annotateLogs({ session_id })
    )
  },
  // Nothing has to be run of a session that was deleted.
  Effect.catchTag("SessionNotFound", (error) => Effect.logInfo(error.message))
)

/** Gives a run back whose agent nothing here can execute: its orchestrator, or another worker, may. */
const leaveToOthers = Effect.fnUntraced(function* (session: Open) {
  const { executes = () => true } = yield* AgentRunner
  const { runner, session_id } = session.current()
  if (runner.type !== "external" && !executes(runner.type)) {
    return yield* new GivenBack({ foreign: `session ${session_id} is for a "${runner.type}" agent` })
  }
})

/** Cancels what the agent that spawned it did not live to cancel itself. Answers whether there was that to do. */
const wasAbandoned = Effect.fnUntraced(function* (session: Open) {
  const sessions = yield* Sessions
  const { parent_id, session_id } = session.current()
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
    /** How many of those that are not kept, and can be executed nowhere else; as many by default. */
    readonly here?: number | undefined
    /** The pool of the tree that the orchestrator belongs to; its own by default. */
    readonly pool?: string | undefined
    /** A permit that it has anyway, beside those of the pool. */
    readonly inherited?: Semaphore.Semaphore | undefined
  }
): Effect.fn.Return<never, never, Services | Scope.Scope> {
  const { concurrency, here = concurrency } = options
  return yield* work(options, yield* lanesOf(concurrency, here))
})

/**
 * Executes one session that is due until it has ended or is blocked, however many attempts it takes, and answers it. Where
 * another worker has taken it, it is waited for, and gone on with if that one dies. It asks for no permit, and is nobody's
 * orchestrator: the wake waits for that. Interrupting it suspends the session.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bring = Effect.fn("Worker.bring")(function* (
  id: string,
  options: Omit<Options, "orchestrator" | "only" | "queue" | "permit"> = {}
) {
  const sessions = yield* Sessions
  const session = yield* sessions.open(id, { patient: true })
  const due = yield* session.refresh
  if (Spawn.isDue(due)) yield* Spawn.dispatch(due)
  const { orchestrator } = due
  const aloneOf = Permits.aloneOf(orchestrator)
  let isHere = false
  const admit = Effect.sync(() => {
    isHere = true
  })
  const permit = (alone: boolean) =>
    alone ? Effect.andThen(Permits.provision(aloneOf, 1), Permits.acquire(aloneOf)) : Effect.succeed(Permits.unbounded)
  // What this one executes ends with its wake on its way, and not before.
  const elsewhere = Effect.andThen(
    untilEnded(sessions, id),
    Effect.suspend(() => (isHere ? Effect.never : Effect.void))
  )
  while (true) {
    const current = yield* session.refresh
    const { damaged_after: good, session_id, status } = current
    if (Session.isEnded(status) || status === "blocked") return current
    if (good !== undefined) return yield* new Session.SessionDamaged({ session_id, good })
    isHere = false
    yield* Effect.raceFirst(takeOne({ ...options, orchestrator, only: id, admit, permit }), elsewhere)
  }
})

/** How many runs at once this process takes from where all can, and of those that it has spawned for itself. */
const lanesOf = Effect.fnUntraced(function* (concurrency: number, here: number) {
  const lane = Effect.fnUntraced(function* (places: number, queueOf: (orchestrator: string) => string) {
    return { places, queueOf, hands: yield* Semaphore.make(places), ahead: yield* Ahead.make }
  })
  return [yield* lane(concurrency, Spawn.queueOf), yield* lane(here, Spawn.hereQueueOf)]
})

type Lane = Effect.Success<ReturnType<typeof lanesOf>>[number]

/**
 * @category models
 * @since 0.1.0
 */
export type Services = AgentRunner | Journal | Queue | Sessions | Wakes

/**
 * Executes runs of every orchestrator that is open, wherever it is, for as long as the scope is: so many at once in all,
 * each within its orchestrator's permits. Runs of one that is closed are suspended. Agents that nothing here executes are
 * left to others.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fn("Worker.serve")(function* (
  options: Omit<Options, "orchestrator" | "permit" | "admit"> & {
    /** How many runs this process executes at once. */
    readonly concurrency: number
    /** Serves only this one. */
    readonly orchestrator?: string | undefined
  }
): Effect.fn.Return<never, never, Services | Scope.Scope> {
  const lanes = yield* lanesOf(options.concurrency, options.concurrency)
  const served = yield* FiberMap.make<string, never, never>()
  const scope = yield* Effect.scope
  const { orchestrator: only } = options
  const look = Effect.gen(function* () {
    const open = yield* Roster.list
    const names = new Set(only === undefined ? open : open.filter((name) => name === only))
    for (const [name] of served) {
      // To suspend what it executes may take a while.
      if (!names.has(name)) yield* Effect.forkIn(FiberMap.remove(served, name), scope, { startImmediately: true })
    }
    for (const name of names) {
      const working = Effect.scoped(work({ ...options, orchestrator: name, picky: true }, lanes))
      yield* FiberMap.run(served, name, working, { onlyIfMissing: true })
    }
  })
  return yield* Effect.andThen(steadily(look, Schedule.spaced("500 millis")), Effect.never)
})

interface WorkOptions extends Options {
  readonly pool?: string | undefined
  readonly inherited?: Semaphore.Semaphore | undefined
  readonly picky?: boolean | undefined
}

const work = Effect.fnUntraced(function* (
  options: WorkOptions,
  lanes: ReadonlyArray<Lane>
): Effect.fn.Return<never, never, Services | Scope.Scope> {
  const pool = yield* Permits.open(options.pool ?? options.orchestrator, options.inherited)
  yield* Effect.forEach(lanes, (lane) => workIn(options, lane, pool), { concurrency: "unbounded", discard: true })
  return yield* Effect.never
})

/**
 * Takes one run after another while there is a hand for it, because one that would wait here may find one elsewhere; and
 * ahead of that where runs end soon.
 */
const workIn = Effect.fnUntraced(function* (
  options: WorkOptions,
  { ahead, hands, places, queueOf }: Lane,
  pool: Permits.Pool
): Effect.fn.Return<never, never, Services | Scope.Scope> {
  const { orchestrator } = options
  // Ended together: each may take its time.
  const running = yield* FiberSet.make<void, never>()
  // Where ends are written more slowly than runs are executed, these wait for those.
  const endings = yield* Semaphore.make(2 * places)
  const turn = Effect.gen(function* () {
    // Those that were taken together with the one before find their hands first.
    yield* Effect.yieldNow
    if (!ahead.isSensible()) yield* hands.withPermit(Effect.void)
    const begun = yield* Deferred.make<void, Failures>()
    let told = () => {}
    let ending = Effect.void
    const permit = (alone: boolean) =>
      Effect.flatMap(
        alone ? Permits.acquireAlone(hands, pool, orchestrator) : Permits.acquireWith(hands, pool),
        (permit) => {
          told = ahead.begun()
          const giveBack = Effect.uninterruptibleMask((restore) =>
            Effect.andThen(restore(endings.take(1)), () => {
              ending = Effect.asVoid(endings.release(1))
              return permit.giveBack
            })
          )
          return Effect.as(Deferred.succeed(begun, undefined), { ...permit, giveBack })
        }
      )
    const queue = queueOf(orchestrator)
    const ended = Effect.fnUntraced(function* (exit: Exit.Exit<void, Failures>) {
      told()
      yield* ending
      const early = yield* Deferred.done(begun, exit)
      if (early || Exit.isSuccess(exit)) return
      yield* Effect.logWarning("A run was not executed to its end, and will be taken again", exit.cause)
    })
    yield* FiberSet.run(running, Effect.flatMap(Effect.exit(takeNext({ ...options, permit, queue })), ended))
    yield* Deferred.await(begun)
  }).pipe(
    Effect.catchTag("GivenBack", ({ foreign }) =>
      foreign === undefined
        ? Effect.sync(ahead.refused)
        : Effect.delay(Effect.logInfo(`Left to other workers: ${foreign}, which nothing here executes`), "5 seconds")
    )
  )
  const turns = Array.from({ length: places }, () => steadily(turn, Schedule.forever))
  yield* Effect.all(turns, { concurrency: "unbounded", discard: true })
  return yield* Effect.never
})

/** Goes on after whatever went wrong: what failed is still there to be taken. */
const steadily = <R>(turn: Effect.Effect<unknown, unknown, R>, schedule: Schedule.Schedule<unknown>) =>
  turn.pipe(
    Effect.catchCause((cause) =>
      Effect.andThen(Effect.logWarning("Trying again in a second", cause), Effect.sleep("1 second"))
    ),
    Effect.repeat(schedule)
  )

/** A second after the first failed attempt, doubled up to a minute; spread, so that a fleet does not try again in step. */
const backOff = (spread: number) => (attempt: number) =>
  Duration.millis(Math.min(1000 * 2 ** Math.min(attempt - 1, 6), 60_000) * (0.75 + spread / 2))

const decodeDispatched = Schema.decodeUnknownEffect(Spawn.Dispatched)
