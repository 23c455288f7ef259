/**
 * Spawns agents as background sessions, is woken by each of them, and collects what they hand in.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, Layer, PubSub, Schema, Semaphore, Stream } from "effect"
import type { AgentRunner } from "./AgentRunner.ts"
import type { Journal } from "./Journal.ts"
import * as Lease from "./Lease.ts"
import * as Outbox from "./Outbox.ts"
import { makeSignal, Queue } from "./Queue.ts"
import type { UnknownRole } from "./Role.ts"
import * as Session from "./Session.ts"
import type { InvalidSessionId } from "./SessionId.ts"
import {
  type CreateOptions,
  type InvalidField,
  type SessionExists,
  type SessionNotFound,
  Sessions
} from "./Sessions.ts"
import type { Report } from "./Census.ts"
import type { TransportError } from "./TransportError.ts"
import { isTerminal, type Wake } from "./Wake.ts"
import { Wakes } from "./Wakes.ts"
import * as Worker from "./Worker.ts"
import { own } from "./internal/own.ts"
import { patiently } from "./internal/patience.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names its inbox, which has one owner at a time; `main` by default. */
  readonly name?: string | undefined
  /** How many runs execute at once; 5 by default. */
  readonly maxParallel?: number | undefined
  /** How many runs may wait for a permit before `spawn` refuses; 100 by default. */
  readonly capacity?: number | undefined
  /**
   * Handles a wake before it is acknowledged: what this has committed survives a crash, what it failed to do is tried
   * again. It may see a wake twice, with the same id.
   */
  readonly onWake?: ((wake: Wake) => Effect.Effect<void, TransportError>) | undefined
  /** Sees every record that the workers commit. */
  readonly observe?: Worker.Options["observe"]
  /**
   * Whether sessions of before go on by themselves, which is the default; otherwise each goes on once it is adopted.
   */
  readonly resume?: boolean | undefined
  /** How long to wait for a live owner of the inbox; a second by default. */
  readonly wait?: Duration.Input | undefined
  readonly host?: string | undefined
  readonly pid?: number | undefined
}

/**
 * The dispatch queue or the inbox is full. Nothing was created: wait for agents to end, or for wakes to be handled.
 *
 * @category errors
 * @since 0.1.0
 */
export class AtCapacity extends Schema.TaggedError<AtCapacity>("@sartor/core/Orchestrator/AtCapacity")("AtCapacity", {
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
 * The wakes that an orchestrator leaves unacknowledged before it refuses to spawn.
 *
 * @category configuration
 * @since 0.1.0
 */
export const inboxCapacity = 100

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
    /** Creates a session and returns at once; it runs when a permit is free, in the order of spawning. */
    readonly spawn: (
      task: Task
    ) => Effect.Effect<
      Handle,
      AtCapacity | SessionExists | InvalidField | UnknownRole | InvalidSessionId | TransportError
    >
    /** Gets a handle on a session, and puts it back into the queue if it still has to run. */
    readonly adopt: (sessionId: string) => Effect.Effect<Handle, SessionNotFound | TransportError>
    /** Waits for all and reports on each, for `Synthesis.synthesize`. */
    readonly collect: (
      handles: ReadonlyArray<Handle>
    ) => Effect.Effect<ReadonlyArray<Report>, SessionNotFound | TransportError>
    /** Every wake from now on, after it is acknowledged; for what must not miss one, use `onWake`. */
    readonly wakes: Stream.Stream<Wake>
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
  const queue = yield* Queue
  const sessions = yield* Sessions
  const wakes = yield* Wakes
  const context = yield* Effect.context<Queue | Sessions | Wakes>()
  const lost = yield* Lease.acquire(name, { wait: options.wait })

  const heard = yield* PubSub.sliding<Wake>(1024)
  const ended = makeSignal()
  const spawning = yield* Semaphore.make(1)
  /** What was spawned or adopted here. */
  const taken = new Set<string>()

  const acknowledged = (wake: Wake) => {
    if (isTerminal(wake.status)) ended.notify()
    return PubSub.publish(heard, wake)
  }
  const dispatch = (session: Session.Session) => Effect.provideContext(Worker.dispatch(session), context)
  const pump = Effect.flatMap(wakes.handle(name, onWake), Effect.forEach(acknowledged))
  let closing = false
  const close = Effect.sync(() => {
    closing = true
  })
  const admit = Effect.suspend(() => (closing ? Effect.never : Effect.void))
  const worker = Worker.takeOne({ ...options, orchestrator: name, admit })
  // What somebody committed and could not offer, because it died in between.
  const reconcile = Effect.gen(function* () {
    yield* wakes.reconcile(name)
    const mine = yield* sessions.list({ orchestrator: name })
    const due = mine.filter((session) => Worker.isDue(session) && (resume || taken.has(session.session_id)))
    yield* Effect.forEach(due, dispatch, { discard: true })
  })

  if (!resume) yield* withdraw(Worker.queueOf(name))
  yield* reconcile
  yield* Effect.forkScoped(
    Effect.forEach(
      [pump, Effect.delay(reconcile, "5 seconds"), ...Array.from({ length: maxParallel }, () => worker)],
      forever,
      { concurrency: "unbounded", discard: true }
    ).pipe(
      Effect.raceFirst(Effect.andThen(lost, close)),
      Effect.andThen(Effect.logWarning(`"${name}" was taken over, because it was silent for too long: it stops here`))
    )
  )
  // Comes before the fibre's end: an idle worker would take up what another has just given back.
  yield* Effect.addFinalizer(() => close)

  /** Woken by wakes; looks by itself every second, in case one is late. Outlasts a transport that is away for a while. */
  const settled = Effect.fnUntraced(function* (id: string) {
    const session = yield* sessions.open(id, { patient: true })
    while (true) {
      const seen = ended.revision()
      const current = yield* session.refresh
      if (Session.isEnded(current.status) || current.status === "blocked") {
        const last = Session.terminalWake(current)
        if (last === undefined) return current
        if (yield* patiently(wakes.isSettled(current.orchestrator, last.wake_id))) return current
      }
      yield* Effect.timeoutOption(ended.changed(seen), "1 second")
    }
  })
  const handle = (session: Session.Session): Handle => ({
    name: session.name ?? session.session_id,
    sessionId: session.session_id,
    await: settled(session.session_id)
  })
  const refuseAtCapacity = Effect.gen(function* () {
    const waiting = yield* own(queue.statistics(Worker.queueOf(name)))
    if (waiting.ready + waiting.delayed >= capacity) {
      return yield* new AtCapacity({ orchestrator: name, what: "dispatch", capacity })
    }
    const inbox = yield* own(queue.statistics(`wake/${name}`))
    if (inbox.ready + inbox.delayed + inbox.inFlight >= inboxCapacity) {
      return yield* new AtCapacity({ orchestrator: name, what: "inbox", capacity: inboxCapacity })
    }
  })
  const start = Effect.fnUntraced(function* (session: Session.Session) {
    taken.add(session.session_id)
    if (Worker.isDue(session)) yield* dispatch(session)
    return handle(session)
  })

  return Orchestrator.of({
    name,
    lost,
    spawn: Effect.fn("Orchestrator.spawn")(function* (task) {
      yield* refuseAtCapacity
      return yield* start(yield* sessions.create({ ...task, orchestrator: name }))
    }, spawning.withPermit),
    adopt: Effect.fn("Orchestrator.adopt")(function* (sessionId) {
      return yield* start(yield* sessions.get(sessionId))
    }),
    collect: Effect.fn("Orchestrator.collect")(function* (handles) {
      const settle = (agent: Handle) => Effect.map(agent.await, (session) => report(agent.name, session))
      return yield* Effect.forEach(handles, settle, { concurrency: "unbounded" })
    }),
    wakes: Stream.fromPubSub(heard),
    cancel: (sessionId, reason) => Effect.asVoid(Effect.provideContext(Outbox.cancel(sessionId, reason), context))
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Orchestrator, Lease.Owned | TransportError, Journal | Queue | Sessions | Wakes | AgentRunner> =>
  Layer.effect(Orchestrator, make(options))

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
