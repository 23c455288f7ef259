/**
 * Keeps the legacy files beside a transport: what sessions, wakes and handoffs come to is written there, and what scripts
 * write there is taken over.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, Duration, Result, Semaphore, Stream } from "effect"
import {
  Flags,
  type Journal,
  type LegacyFiles,
  type Queue,
  Sessions,
  type TransportError,
  Transport,
  type Wakes
} from "@sartor/core"
import * as Checking from "./Checking.ts"
import * as ForeignKeys from "./ForeignKeys.ts"
import * as Importing from "./Importing.ts"
import * as Lagging from "./Lagging.ts"
import * as LegacyDirectory from "./LegacyDirectory.ts"
import * as Mirroring from "./Mirroring.ts"
import * as Refusals from "./Refusals.ts"
import * as Touched from "./Touched.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends LegacyDirectory.Options {
  /** Whose data is mirrored; `default` by default. */
  readonly namespace?: string | undefined
  /** Whether others write who mirror nothing here, as workers on other machines; false by default. */
  readonly others?: boolean | undefined
  /** Whether it does nothing by itself, but only what it is asked for; false by default. */
  readonly manual?: boolean | undefined
  /** How often scripts are listened to while the layer lives; twice a second by default. */
  readonly interval?: Duration.Input | undefined
}

/**
 * Why a legacy file could not be read or written.
 *
 * @category models
 * @since 0.1.0
 */
export type Problem = Importing.Problem

/**
 * The mirror of a transport in the legacy files. It is made by every process that writes, never goes back, and can be made
 * again from the journals at any time. What goes wrong with it is logged as a warning and fails nothing.
 *
 * @category services
 * @since 0.1.0
 */
export class LegacyMirror extends Context.Service<
  LegacyMirror,
  {
    /** Takes over what scripts have written since the last time: acknowledgements, checkpoints, findings, feedback, handoffs. */
    readonly takeOver: Effect.Effect<ReadonlyArray<Problem>, TransportError.TransportError>
    /** Writes what this process has changed since the last time. */
    readonly project: Effect.Effect<ReadonlyArray<Problem>>
    /** Writes everything that is missing or older, of all sessions and handoffs, and answers what could not be. */
    readonly rebuild: Effect.Effect<ReadonlyArray<Problem>, TransportError.TransportError>
    /**
     * Makes the mirror again where it is missing, older or damaged, and answers what could not be made. What a damaged file
     * held is kept beside it.
     */
    readonly repair: Effect.Effect<ReadonlyArray<{ readonly message: string }>, TransportError.TransportError>
    /** What is wrong with the legacy files: those that cannot be read, and those of ours that say something else. */
    readonly verify: Effect.Effect<ReadonlyArray<Checking.Fault>, TransportError.TransportError>
    /** The agents that are no sessions of ours. */
    readonly agents: Effect.Effect<LegacyFiles.Found<LegacyFiles.Status>, TransportError.TransportError>
    /** Messages and findings of scripts that nobody has acknowledged yet, the oldest first. */
    readonly wakes: Effect.Effect<ReadonlyArray<LegacyFiles.Wake>, TransportError.TransportError>
    /** Says that a message or a finding of a script is dealt with; answers whether there is one of that id. */
    readonly acknowledge: (id: string) => Effect.Effect<boolean, LegacyFiles.Failure>
    /** What scripts have put into the status file of a session of ours. */
    readonly foreign: (session: string) => Effect.Effect<LegacyFiles.Fields, TransportError.TransportError>
  }
>()("@sartor/transport-file/legacy/LegacyMirror") {}

/**
 * Sessions and wakes over a transport, as `Transport.services` makes them, with the legacy files beside it: taken over once
 * when the layer is built, kept up in both directions while it lives, and written to a last time before it closes.
 *
 * @category layers
 * @since 0.1.0
 */
export const services = <E, R>(
  transport: Layer.Layer<Transport.Transport, E, R>,
  options: Options
): Layer.Layer<Services, E | Flags.InvalidFlag | TransportError.TransportError, R> => {
  const tracked = Touched.layer.pipe(Layer.provideMerge(Transport.ports(transport)))
  return layer(options).pipe(
    Layer.provideMerge(LegacyDirectory.layer(options)),
    Layer.provideMerge(Transport.servicesOver(tracked, Flags.layer)),
    Layer.provide(tracked)
  )
}

/**
 * @category models
 * @since 0.1.0
 */
export type Services =
  | Transport.Transport
  | Flags.Flags
  | Sessions.Sessions
  | Wakes.Wakes
  | LegacyFiles.LegacyFiles
  | LegacyMirror

/**
 * Sessions and wakes over a transport, without a mirror: the legacy files can still be read and written.
 *
 * @category layers
 * @since 0.1.0
 */
export const servicesUnmirrored = <E, R>(
  transport: Layer.Layer<Transport.Transport, E, R>,
  options: Options
): Layer.Layer<Services, E | Flags.InvalidFlag | TransportError.TransportError, R> =>
  Layer.mergeAll(Transport.services(transport), LegacyDirectory.layer(options), layerOff)

const layerOff: Layer.Layer<LegacyMirror> = Layer.succeed(
  LegacyMirror,
  LegacyMirror.of({
    takeOver: Effect.succeed([]),
    project: Effect.succeed([]),
    rebuild: Effect.succeed([]),
    repair: Effect.succeed([]),
    verify: Effect.succeed([]),
    agents: Effect.succeed({ found: [], damaged: [] }),
    wakes: Effect.succeed([]),
    acknowledge: () => Effect.succeed(false),
    foreign: () => Effect.succeed(new Map())
  })
)

/** The longest pause between two looks at what scripts have written, in milliseconds, unless a longer one is asked for. */
const longest = 2000

const layer = (
  options: Options
): Layer.Layer<
  LegacyMirror,
  never,
  Journal.Journal | Queue.Queue | Sessions.Sessions | Wakes.Wakes | LegacyFiles.LegacyFiles | Touched.Touched
> =>
  Layer.effect(
    LegacyMirror,
    Effect.gen(function* () {
      const context = yield* Effect.context<
        Journal.Journal | Queue.Queue | Sessions.Sessions | Touched.Touched | Wakes.Wakes | LegacyFiles.LegacyFiles
      >()
      const touched = yield* Touched.Touched
      const lock = yield* Semaphore.make(1)
      const provided = Effect.provide(context)

      const takeOver = lock.withPermit(provided(Effect.andThen(Lagging.find(options), Importing.takeOver(options))))
      /** One whose lock is held does not hold up the others, and is tried again with the next ones. */
      const projectOne = (one: Touched.One) =>
        Effect.tap(provided(Mirroring.project(options, one)), (problems) =>
          Effect.sync(() => {
            if (problems.some(({ _tag }) => _tag === "LockTimeout" || _tag === "TransportError")) touched.add(one)
          })
        )
      const project = lock.withPermit(
        Effect.suspend(() => {
          const all = touched.take()
          return Effect.forEach(all, projectOne, { concurrency: 16 }).pipe(
            Effect.map((results) => results.flat()),
            Effect.onInterrupt(() => Effect.sync(() => all.forEach(touched.add)))
          )
        })
      )
      const warned = new Set<string>()
      const warn = (problems: ReadonlyArray<{ readonly message: string }>) =>
        Effect.forEach(
          problems.filter(({ message }) => !warned.has(message)),
          ({ message }) => {
            warned.add(message)
            return Effect.andThen(
              Refusals.note(options.directory, message),
              Effect.logWarning(`The legacy files: ${message}`)
            )
          },
          { discard: true }
        )
      const tolerant = <A extends ReadonlyArray<Problem>>(work: Effect.Effect<A, TransportError.TransportError>) =>
        Effect.flatMap(Effect.result(work), (done) => warn(Result.isFailure(done) ? [done.failure] : done.success))

      const both = Effect.andThen(tolerant(takeOver), tolerant(project))
      /** What is missed is found by looking now and then. */
      const watching = Sessions.Sessions.use((sessions) =>
        Stream.runForEach(sessions.changes(), (id) => Effect.sync(() => touched.add({ kind: "session", id })))
      ).pipe(Effect.ignore, Effect.andThen(Effect.sleep("1 second")), Effect.forever)
      const automatic = Effect.gen(function* () {
        yield* tolerant(takeOver)
        yield* Effect.addFinalizer(() =>
          Effect.timeoutOrElse(tolerant(project), { duration: "10 seconds", orElse: () => Effect.void })
        )
        const interval = Duration.toMillis(Duration.fromInputUnsafe(options.interval ?? "500 millis"))
        // What takes long is done less often.
        const paced = Effect.flatMap(Effect.timed(both), ([took]) =>
          Effect.sleep(Math.max(interval, Math.min(10 * Duration.toMillis(took), longest)))
        )
        yield* Effect.forkScoped(Effect.delay(Effect.forever(paced), interval))
        if (options.others === true) yield* Effect.forkScoped(Effect.delay(watching, interval))
      })
      if (options.manual !== true) yield* automatic

      return LegacyMirror.of({
        takeOver,
        project,
        rebuild: lock.withPermit(provided(Mirroring.rebuild(options))),
        repair: lock.withPermit(provided(Checking.repair(options))),
        verify: Effect.gen(function* () {
          const faults = yield* Checking.files(options.directory)
          return [...faults, ...(yield* provided(Checking.mirror(options)))]
        }),
        agents: provided(Importing.agents),
        wakes: provided(Importing.wakes(options)),
        acknowledge: (id) => provided(Importing.acknowledge(options, id)),
        foreign: (session) => provided(ForeignKeys.read(session))
      })
    })
  )
