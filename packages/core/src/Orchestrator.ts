/**
 * Spawns agents as background sessions, is woken by each of them, and collects what they hand in.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, identity, Layer, Metric, Option, PubSub, Semaphore, Stream } from "effect"
import * as Alert from "./Alert.ts"
import type { AgentRunner } from "./AgentRunner.ts"
import * as Flags from "./Flags.ts"
import type { Journal } from "./Journal.ts"
import * as Lease from "./Lease.ts"
import * as LegacyFiles from "./LegacyFiles.ts"
import * as Outbox from "./Outbox.ts"
import * as Permits from "./Permits.ts"
import { makeSignal, Queue, type Signal } from "./Queue.ts"
import * as Roster from "./Roster.ts"
import * as Session from "./Session.ts"
import { type SessionNotFound, Sessions } from "./Sessions.ts"
import * as Spawn from "./Spawn.ts"
import type { Report } from "./Census.ts"
import * as Telemetry from "./Telemetry.ts"
import type { TransportError } from "./TransportError.ts"
import { isTerminal, type Wake } from "./Wake.ts"
import { Wakes } from "./Wakes.ts"
import * as Worker from "./Worker.ts"
import { makeWatch } from "./internal/orchestratorWatch.ts"
import { own } from "./internal/own.ts"
import { interval, isPolled } from "./internal/polling.ts"
import { untilEnded } from "./internal/untilEnded.ts"
import { patiently } from "./internal/patience.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names its inbox, which has one owner at a time; `main` by default. */
  readonly name?: string | undefined
  /** How many runs of its whole tree of agents execute at once, on all processes; 5 by default. */
  readonly maxParallel?: number | undefined
  /** How many of them this process executes at once: as many as there may be by default, 0 to leave all to other workers. */
  readonly workers?: number | undefined
  /**
   * The pool of another orchestrator, of which an agent has started this one and waits for it: its tree stays within that
   * pool, with the permit of that agent besides. Workers in other processes don't help then.
   */
  readonly pool?: string | undefined
  /** How many runs may wait for a permit before `spawn` refuses; 100 by default. */
  readonly capacity?: number | undefined
  /**
   * Handles a wake before it is acknowledged: what this has committed survives a crash, what it failed to do is tried
   * again. It may see a wake twice, with the same id.
   */
  readonly onWake?: ((wake: Wake) => Effect.Effect<void, TransportError>) | undefined
  /** Hears of what an operator should look at; a warning in the log by default. */
  readonly onAlert?: ((alert: Alert.Alert) => Effect.Effect<void>) | undefined
  /** Sees every record that the workers commit. */
  readonly observe?: Worker.Options["observe"]
  readonly listen?: Worker.Options["listen"]
  /**
   * Whether sessions of before go on by themselves, which is the default; otherwise each goes on once it is adopted.
   */
  readonly resume?: boolean | undefined
  /** How long to wait for a live owner of the inbox; a second by default. */
  readonly wait?: Duration.Input | undefined
  readonly host?: string | undefined
  readonly pid?: number | undefined
}

export { AtCapacity, type Handle, inboxCapacity, report, type Task } from "./Spawn.ts"

/**
 * @category services
 * @since 0.1.0
 */
export class Orchestrator extends Context.Service<
  Orchestrator,
  {
    readonly name: string
    /** Completes if another orchestrator took the name over, because this one was silent for too long. It works no more. */
    readonly lost: Effect.Effect<void>
    /**
     * Creates a session and returns at once; it runs when a permit is free, in the order of spawning. With
     * `ENABLE_BACKGROUND_AGENTS` off it returns when the agent has ended.
     */
    readonly spawn: (task: Spawn.Task) => Effect.Effect<Spawn.Handle, Spawn.SpawnError>
    /** Gets a handle on a session, and puts it back into the queue if it still has to run. */
    readonly adopt: (sessionId: string) => Effect.Effect<Spawn.Handle, SessionNotFound | TransportError>
    /** Waits for all and reports on each, for `Synthesis.synthesize`. */
    readonly collect: (
      handles: ReadonlyArray<Spawn.Handle>
    ) => Effect.Effect<ReadonlyArray<Report>, SessionNotFound | TransportError>
    /** Every wake from now on, after it is acknowledged; for what must not miss one, use `onWake`. */
    readonly wakes: Stream.Stream<Wake>
    /** Every alert from now on. */
    readonly alerts: Stream.Stream<Alert.Alert>
    readonly cancel: (
      sessionId: string,
      reason: string
    ) => Effect.Effect<void, SessionNotFound | Session.IllegalTransition | TransportError>
  }
>()("@sartor/core/Orchestrator") {}

/**
 * Starts an orchestrator with its workers. They stop when the scope closes: every run is suspended then, and goes on when
 * an orchestrator of that name is started again, here or elsewhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fn("Orchestrator.make")(function* (options: Options = {}) {
  const { capacity = 100, maxParallel = 5, name = "main", onWake = () => Effect.void, resume = true } = options
  const { onAlert = (alert: Alert.Alert) => Effect.logWarning(Alert.message(alert)) } = options
  const sessions = yield* Sessions
  const wakes = yield* Wakes
  const context = yield* Effect.context<Queue | Sessions | Wakes>()
  const flags = yield* Flags.reading
  yield* Effect.flatMap(flags, LegacyFiles.required)
  /** Whether what takes the place of sessions that are not kept is there was settled by who made this. */
  const files = yield* Effect.serviceOption(LegacyFiles.LegacyFiles)
  const mayBeUnkept = (own: Flags.Some | undefined) =>
    Effect.flatMap(flags, (inForce) => LegacyFiles.required(Flags.both(inForce, own))).pipe(
      Option.isSome(files) ? Effect.provideService(LegacyFiles.LegacyFiles, files.value) : identity
    )
  const lost = yield* Lease.acquire(name, { wait: options.wait })

  const heard = yield* PubSub.sliding<Wake>(1024)
  /** By session, those who wait for its end here. */
  const waiting = new Map<string, { readonly signal: Signal; count: number }>()
  let spawning = 0
  /** One spawn begins in a turn of the event loop: many at once would hold up the agents that are at work. */
  const inTurn = (yield* Semaphore.make(1)).withPermit(Effect.yieldNow)
  /** What was spawned or adopted here. */
  const taken = new Set<string>()

  const alerts = yield* PubSub.sliding<Alert.Alert>(256)
  const alert = (alert: Alert.Alert) =>
    Effect.andThen(PubSub.publish(alerts, alert), onAlert(alert)).pipe(
      Effect.catchCause((cause) => Effect.logWarning("A listener of alerts failed", cause))
    )
  const watching = makeWatch(name, alert)

  const acknowledged = (wake: Wake) => {
    if (isTerminal(wake.status)) waiting.get(wake.session_id)?.signal.notify()
    return Effect.andThen(PubSub.publish(heard, wake), watching.acknowledged(wake))
  }
  const dispatch = (session: Session.Session, trace?: typeof Telemetry.Trace.Type) =>
    Effect.provideContext(Spawn.dispatch(session, trace), context)
  const pump = Effect.flatMap(wakes.handle(name, onWake), Effect.forEach(acknowledged))
  let closing = false
  const close = Effect.sync(() => {
    closing = true
    for (const { signal } of waiting.values()) signal.notify()
  })
  // Whoever has taken it over is open under the same name.
  const leave = Effect.suspend(() => (closing ? Effect.void : Effect.andThen(close, Roster.leave(name)))).pipe(
    Effect.timeout("2 seconds"),
    Effect.ignore({ log: true }),
    Effect.provideContext(context)
  )
  const admit = Effect.suspend(() => (closing ? Effect.never : Effect.void))
  const inherited = options.pool === undefined ? undefined : yield* Semaphore.make(1)
  const concurrency = options.workers ?? maxParallel
  const here = concurrency === 0 ? maxParallel : concurrency
  const work = Worker.run({ ...options, inherited, alert, orchestrator: name, admit, concurrency, here })
  /** Whether there is a session that nobody is woken by. */
  let polls = false
  const poll = Effect.flatMap(wakes.poll(name, onWake), Effect.forEach(acknowledged))
  const look = Effect.gen(function* () {
    const off = Flags.select(yield* flags, "ENABLE_WAKE_MESSAGING", { on: false, off: true })
    if (polls || off) yield* poll
    yield* Effect.sleep(interval)
  })
  // What somebody committed and could not offer, because it died in between.
  const reconcile = Effect.gen(function* () {
    if (options.pool === undefined) yield* Effect.provideContext(Roster.enter(name), context)
    yield* wakes.reconcile(name)
    const mine = yield* sessions.list({ orchestrator: name })
    const going = new Set<string>(mine.flatMap((session) => (isOver(session) ? [] : [session.session_id])))
    for (const [id, { signal }] of waiting) if (!going.has(id)) signal.notify()
    polls = mine.some((session) => isPolled(session) && !Session.isEnded(session.status))
    if (mine.some(isPolled)) yield* poll
    const due = mine.filter((session) => Spawn.isDue(session) && (resume || taken.has(session.session_id)))
    yield* Effect.forEach(due, (session) => dispatch(session), { discard: true })
    yield* Effect.provideContext(watching.look, context)
    yield* watching.overdue(mine)
  })

  if (!resume) yield* withdraw(Spawn.queueOf(name))
  if (options.pool === undefined) yield* Permits.provision(name, maxParallel)
  yield* reconcile
  yield* Effect.forkScoped(
    Effect.all([forever(pump), forever(look), forever(Effect.delay(reconcile, "5 seconds")), work], {
      concurrency: "unbounded",
      discard: true
    }).pipe(
      Effect.raceFirst(Effect.andThen(lost, close)),
      Effect.andThen(Effect.logWarning(`"${name}" was taken over, because it was silent for too long: it stops here`))
    )
  )
  // Comes before the fibre's end: an idle worker would take up what another has just given back.
  yield* Effect.addFinalizer(() => leave)

  /** Woken by the wake, or by who reconciles, in case it is late. Outlasts a transport that is away for a while. */
  const settled = Effect.fnUntraced(function* (id: string, signal: Signal) {
    let seen = signal.revision()
    const session = yield* sessions.open(id, { patient: true })
    let current = session.current()
    while (true) {
      if (isOver(current)) {
        const last = Session.terminalWake(current)
        if (last === undefined) return current
        if (yield* patiently(wakes.isSettled(current.orchestrator, last.wake_id))) return current
      }
      const told = signal.changed(seen)
      // Nobody tells here of what is acknowledged elsewhere.
      yield* current.orchestrator === name && !closing ? told : Effect.timeoutOption(told, "1 second")
      seen = signal.revision()
      const known = session.current()
      current = isOver(known) ? known : yield* session.refresh
    }
  })
  const awaiting = (id: string) =>
    Effect.suspend(() => {
      const entry = waiting.get(id) ?? { signal: makeSignal(), count: 0 }
      waiting.set(id, entry)
      entry.count += 1
      return Effect.ensuring(
        settled(id, entry.signal),
        Effect.sync(() => {
          entry.count -= 1
          if (entry.count === 0) waiting.delete(id)
        })
      )
    })
  const handle = (session: Session.Session): Spawn.Handle => ({
    name: session.name ?? session.session_id,
    sessionId: session.session_id,
    await: awaiting(session.session_id)
  })
  const start = Effect.fnUntraced(function* (session: Session.Session) {
    taken.add(session.session_id)
    polls ||= isPolled(session)
    if (Spawn.isDue(session)) yield* dispatch(session, Option.getOrUndefined(yield* Telemetry.trace))
    return handle(session)
  })

  return Orchestrator.of({
    name,
    lost,
    spawn: Effect.fn("Orchestrator.spawn")((task: Spawn.Task) =>
      Effect.acquireUseRelease(
        Effect.sync(() => spawning++),
        (before) =>
          Effect.provideContext(Spawn.refuseAtCapacity(name, capacity, before), context).pipe(
            Effect.andThen(mayBeUnkept(task.flags)),
            Effect.andThen(sessions.create({ ...task, orchestrator: name })),
            Effect.flatMap((session) => Effect.map(start(session), (handle) => ({ session, handle }))),
            Effect.tap(() => Metric.update(Telemetry.spawns, 1)),
            Effect.tapErrorTag("AtCapacity", watching.refused),
            Effect.tapErrorTag("SessionExists", ({ session_id }) => watching.collided(session_id))
          ),
        () => Effect.sync(() => (spawning -= 1))
      ).pipe(
        (spawn) => Effect.andThen(inTurn, spawn),
        Effect.flatMap(({ handle, session }) =>
          Spawn.returning(session, handle, untilEnded(sessions, session.session_id))
        )
      )
    ),
    adopt: Effect.fn("Orchestrator.adopt")(function* (sessionId) {
      return yield* start(yield* sessions.get(sessionId))
    }),
    collect: Effect.fn("Orchestrator.collect")(function* (handles) {
      const settle = (agent: Spawn.Handle) => Effect.map(agent.await, (session) => Spawn.report(agent.name, session))
      return yield* Effect.forEach(handles, settle, { concurrency: "unbounded" })
    }),
    wakes: Stream.fromPubSub(heard),
    alerts: Stream.fromPubSub(alerts),
    cancel: (sessionId, reason) => Effect.asVoid(Effect.provideContext(Outbox.cancel(sessionId, reason), context))
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  Orchestrator,
  Lease.Owned | LegacyFiles.LegacyFilesMissing | TransportError,
  Journal | Queue | Sessions | Wakes | AgentRunner
> => Layer.effect(Orchestrator, make(options))

const isOver = ({ status }: Session.Session) => Session.isEnded(status) || status === "blocked"

/** Takes out of a queue whatever is in it. */
const withdraw = Effect.fnUntraced(function* (name: string) {
  const queue = yield* Queue
  const waiting = yield* own(queue.inspect(name))
  yield* Effect.forEach(waiting, ({ id }) => own(queue.settle(name, id, { type: "completed" })), { discard: true })
})

/** Goes on after whatever went wrong, as long as it takes: what failed is still there to be taken. */
const forever = <R>(step: Effect.Effect<unknown, unknown, R>) =>
  step.pipe(
    Effect.catchCause((cause) =>
      Effect.andThen(Effect.logWarning("Trying again in a second", cause), Effect.sleep("1 second"))
    ),
    Effect.forever
  )
