/**
 * Creates sessions, reads them, and writes their journals.
 *
 * @since 0.1.0
 */
import { Array as Arr, Context, Effect, Layer, Option, Schema, Stream } from "effect"
import * as Agent from "./Agent.ts"
import * as Flags from "./Flags.ts"
import { type AppendOptions, type Entry, type Head, Journal } from "./Journal.ts"
import type { InvalidKey } from "./Key.ts"
import * as Recall from "./Recall.ts"
import * as Role from "./Role.ts"
import * as Session from "./Session.ts"
import * as SessionId from "./SessionId.ts"
import { TransportError } from "./TransportError.ts"
import { createdOf, type InvalidField } from "./internal/creating.ts"
import * as here from "./internal/here.ts"
import { nowText } from "./internal/now.ts"
import { isTransient } from "./internal/patience.ts"
import * as replicas from "./internal/replicas.ts"
import { isThere, matching, newestFirst } from "./internal/sessionList.ts"
import * as Logs from "./internal/sessionLogs.ts"
import * as Notes from "./internal/sessionNotes.ts"
import { weightOf } from "./internal/sessionWeight.ts"
import * as Shelf from "./internal/Shelf.ts"

/**
 * There is no session of that id, or it was deleted.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionNotFound extends Schema.TaggedError<SessionNotFound>("@sartor/core/Sessions/SessionNotFound")(
  "SessionNotFound",
  { session_id: Schema.String }
) {
  override get message() {
    return `There is no session ${JSON.stringify(this.session_id)}`
  }
}

/**
 * A session of that id exists already. It was left as it is.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionExists extends Schema.TaggedError<SessionExists>("@sartor/core/Sessions/SessionExists")(
  "SessionExists",
  { session_id: Schema.String }
) {
  override get message() {
    return `Session ${this.session_id} exists already: choose another id, or leave it out to have one made`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface CreateOptions {
  /** Made by the convention `<role>-<task-type>-<unique-id>` when it is left out. */
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly role: string
  readonly taskType: string
  readonly prompt?: string | undefined
  readonly metadata?: { readonly [key: string]: string } | undefined
  /** Who is woken; `main` by default. */
  readonly orchestrator?: string | undefined
  readonly parentId?: string | undefined
  /** `external` by default: somebody outside does the work and sends wakes. */
  readonly runner?: Agent.Runner | undefined
  readonly limits?: Partial<Agent.Limits> | undefined
  readonly inputs?: { readonly [name: string]: SessionId.SessionId } | undefined
  readonly synthesis?: Schema.Json | undefined
  /** The session whose history up to a version comes before its own. */
  readonly forkedFrom?: Session.Session["forked_from"] | undefined
  /** Flags of its own: what it switches off is off for it, and what is off for all stays off. */
  readonly flags?: Flags.Some | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly status?: Session.Status | undefined
  readonly role?: string | undefined
  readonly orchestrator?: string | undefined
  readonly parentId?: string | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface OpenOptions {
  /** Whether reading and writing outlast a transport that is away for up to a minute; by default they fail at once. */
  readonly patient?: boolean | undefined
  /**
   * Whether what was read before will do to begin with, for who looks at what never changes, or is about to write: a write is
   * decided on the newest state all the same.
   */
  readonly known?: boolean | undefined
}

/**
 * One session, kept open: reads only what is new, appends on the newest version.
 *
 * @category models
 * @since 0.1.0
 */
export interface Open {
  /** As it was last read or written here. */
  readonly current: () => Session.Whole
  /** Reads what others have written. */
  readonly refresh: Effect.Effect<Session.Whole, SessionNotFound | TransportError>
  /**
   * Appends what is decided on the newest state, all or nothing. If someone else was faster it is decided again, on what
   * they wrote. `at` is the time to put into the records.
   */
  readonly update: <E, R>(
    decide: (session: Session.Whole, at: string) => Effect.Effect<ReadonlyArray<Session.Record>, E, R>,
    options?: AppendOptions
  ) => Effect.Effect<Session.Whole, E | SessionNotFound | Session.IllegalTransition | TransportError, R>
}

/**
 * @category services
 * @since 0.1.0
 */
export class Sessions extends Context.Service<
  Sessions,
  {
    readonly create: (
      options: CreateOptions
    ) => Effect.Effect<
      Session.Whole,
      SessionExists | InvalidField | Role.UnknownRole | SessionId.InvalidSessionId | TransportError
    >
    readonly get: (id: string) => Effect.Effect<Session.Whole, SessionNotFound | TransportError>
    readonly open: (id: string, options?: OpenOptions) => Effect.Effect<Open, SessionNotFound | TransportError>
    /** Newest first. A damaged session is left out, with a warning that names it. Reads only what is new. */
    readonly list: (filter?: Filter) => Effect.Effect<ReadonlyArray<Session.Session>, TransportError>
    /** Every record, oldest first, as written. */
    readonly history: (id: string) => Stream.Stream<Entry, SessionNotFound | TransportError>
    /** What a session knows: its history without what was rolled back, with what it shares with its origin. */
    readonly context: (
      id: string,
      query?: Recall.Query
    ) => Effect.Effect<ReadonlyArray<Recall.Entry>, SessionNotFound | TransportError>
    /** Emits the id of a session, of the one that is given or of any, each time that its journal has grown. */
    readonly changes: (id?: string) => Stream.Stream<SessionId.SessionId, TransportError>
    /** Names the version that it makes. One of another run than the present one is kept in the history, as late. */
    readonly checkpoint: (
      id: string,
      checkpoint: { readonly phase: string; readonly milestone: string; readonly details?: string | undefined },
      run?: number
    ) => Effect.Effect<Session.Whole, SessionNotFound | TransportError>
    /** Keeps a piece of an agent's stderr with the session. */
    readonly log: (id: SessionId.SessionId, run: number, text: string) => Effect.Effect<void, TransportError>
    readonly logs: (id: string) => Stream.Stream<Logs.LogChunk, SessionNotFound | TransportError>
  }
>()("@sartor/core/Sessions") {}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Sessions, never, Journal> = Layer.effect(
  Sessions,
  Effect.gen(function* () {
    const journal = yield* Journal
    const flags = yield* Flags.reading
    /** Sessions that are not kept: they live in the memory of this process. */
    const unkept = new Map<string, ReturnType<typeof replica>>()
    const logKeyOf = (id: string) => (unkept.has(id) ? `${here.prefix}log/${id}` : `log/${id}`)
    const keyOf = (id: string) => (unkept.has(id) ? hereKeyOf(id) : keptKeyOf(id))

    const replica = (id: string, key = keptKeyOf(id)) => replicas.session(journal, key)
    /** What was read before: of it, only what is new is read again. */
    const shelf = Shelf.make(shelfLimit, (id) => replica(id))
    const sizes = new WeakMap<object, number>()
    const warned = new Map<string, number>()

    const logOf = (id: string) => unkept.get(id) ?? shelf.get(id)

    const weigh = (id: string, session: Session.Whole | undefined) =>
      shelf.weigh(id, session === undefined ? 0 : weightOf(session, sizes))

    const read = Effect.fnUntraced(function* (id: SessionId.SessionId, log: ReturnType<typeof replica>) {
      const session = yield* log.refresh
      weigh(id, session)
      return isThere(session) ? session : yield* new SessionNotFound({ session_id: id })
    })

    const get = (input: string) => Effect.flatMap(known(input), (id) => read(id, logOf(id)))

    const open = Effect.fnUntraced(function* (input: string, { known: asKnown, patient }: OpenOptions = {}) {
      const id = yield* known(input)
      const replica = logOf(id)
      const log = patient === true ? replica.patient : replica
      const existing = (session: Session.Whole | undefined) => {
        weigh(id, session)
        return isThere(session) ? Effect.succeed(session) : Effect.fail(new SessionNotFound({ session_id: id }))
      }
      const refresh = Effect.flatMap(log.refresh, existing)
      const before = asKnown === true ? replica.current() : undefined
      const opened = isThere(before) ? before : yield* refresh
      const open: Open = {
        // It may be deleted by now.
        current: () => replica.current() ?? opened,
        refresh,
        update: (decide, options) =>
          Effect.flatMap(
            log.update(
              (session) =>
                Effect.flatMap(existing(session), (current) => Effect.flatMap(nowText, (at) => decide(current, at))),
              options
            ),
            existing
          )
      }
      return open
    })

    /** Nobody has the id yet, neither here nor where sessions are kept. */
    const inMemory = Effect.fnUntraced(function* (id: string) {
      const known = unkept.get(id)
      if (known !== undefined) return known
      if ((yield* replica(id).refresh) !== undefined) return yield* new SessionExists({ session_id: id })
      const log = replica(id, hereKeyOf(id))
      unkept.set(id, log)
      return log
    })

    const createOnce = Effect.fnUntraced(function* (options: CreateOptions) {
      const created = yield* createdOf(options, yield* flags)
      const id = created.session_id
      const log = yield* Flags.select(created.flags, "ENABLE_SESSION_PERSISTENCE", {
        on: Effect.sync(() => logOf(id)),
        off: inMemory(id)
      })
      // One of that id may have been deleted since it was read here.
      if (log.version() > 0) yield* log.refresh
      const session = yield* log
        .update((existing) =>
          existing === undefined ? Effect.succeed([created]) : new SessionExists({ session_id: id })
        )
        .pipe(Effect.catchTag("IllegalTransition", Effect.die))
      return session ?? (yield* Effect.die(`session ${id} was created and is not there`))
    })

    /** An unreadable session is told of once, until it changes. */
    const warn = (id: string, version: number, error: TransportError) => {
      if (warned.get(id) === version) return Effect.void
      warned.set(id, version)
      return Effect.logWarning(`Session ${id} is left out: ${error.message}`)
    }

    const shown = (head: Head, read: Array<Head>): Effect.Effect<Session.Session | undefined, TransportError> => {
      const { key, version } = head
      const id = idOf(key)
      if (!isSessionId(id)) return Effect.undefined
      const before = shelf.peek(id)
      if (before?.version() === version && before.current() !== undefined) return Effect.succeed(before.current())
      const noted = Notes.sessionOf(head)
      if (noted !== undefined) return Effect.succeed(noted)
      const log = shelf.pass(id)
      const reading = Effect.tap(log.refresh, (session) =>
        Effect.sync(() => {
          weigh(id, session)
          if (session !== undefined) read.push(...Notes.noted(head, session))
        })
      )
      return Effect.catchTag(reading, "TransportError", (error) =>
        isTransient(error) ? Effect.fail(error) : Effect.as(warn(id, version, error), undefined)
      )
    }

    const list = Effect.fn("Sessions.list")(function* (filter: Filter = {}) {
      const heads = yield* journal.heads("session/")
      // So many at once, each with a share: a fibre for each session would cost as much as the rest.
      const shares = Arr.split(heads, 16)
      const read: Array<Head> = []
      const showAll = (share: ReadonlyArray<Head>) => Effect.forEach(share, (head) => shown(head, read))
      const kept = yield* Effect.forEach(shares, showAll, { concurrency: "unbounded" })
      if (read.length >= Notes.worthwhile) yield* journal.note(read)
      const here = [...unkept.values()].map((log) => log.current())
      return [...kept.flat(), ...here].filter(isThere).filter(matching(filter)).sort(newestFirst)
    })

    /** Looks no further than the first record, so that a damaged session can still be shown. */
    const existing = Effect.fnUntraced(function* (input: string) {
      const id = yield* known(input)
      const first = yield* Stream.runHead(orDie(journal.read(keyOf(id))))
      return Option.isSome(first) ? id : yield* new SessionNotFound({ session_id: id })
    })

    return Sessions.of({
      create: Effect.fn("Sessions.create")((options: CreateOptions) =>
        options.id === undefined
          ? Effect.retry(createOnce(options), { times: 100, while: (error) => error._tag === "SessionExists" })
          : createOnce(options)
      ),
      get,
      open,
      list,
      history: (id) => Stream.unwrap(Effect.map(existing(id), (id) => orDie(journal.read(keyOf(id))))),
      context: Effect.fn("Sessions.context")(function* (input, query) {
        const id = (yield* get(input)).session_id
        const history = yield* Effect.provideService(Recall.history(id), Journal, journal)
        return Recall.select(
          id,
          Option.getOrElse(history, () => []),
          query
        )
      }),
      changes: (id) =>
        Stream.map(journal.watch(keyOf(id ?? "")), (head) => idOf(head.key)).pipe(
          Stream.filter(isSessionId),
          Stream.filter((changed) => id === undefined || changed === id)
        ),
      checkpoint: Effect.fn("Sessions.checkpoint")(function* (id, { details = "", milestone, phase }, run) {
        const session = yield* open(id)
        return yield* session
          .update((current, at) => {
            const record = { type: "checkpoint" as const, at, run: run ?? current.run, phase, milestone, details }
            return Effect.succeed([
              record.run === current.run ? record : { type: "late" as const, at, run: record.run, record }
            ])
          })
          .pipe(Effect.catchTag("IllegalTransition", Effect.die))
      }),
      log: (id, run, text) => Logs.append(journal, logKeyOf(id), run, text),
      logs: (id) => Stream.unwrap(Effect.map(existing(id), (id) => Logs.read(journal, logKeyOf(id))))
    })
  })
)

const keptKeyOf = (id: string) => `session/${id}`
const hereKeyOf = (id: string) => `${here.prefix}session/${id}`
const idOf = (key: string) => key.slice(key.indexOf("session/") + "session/".length)

/** How many characters of sessions are kept in memory, so that reading them again costs only what is new. */
const shelfLimit = 96 * 1024 * 1024

/**
 * Asks what a session knows, without resuming it: for agents that go on with another's work.
 *
 * @category constructors
 * @since 0.1.0
 */
export const recall = (
  id: string,
  query?: Recall.Query
): Effect.Effect<ReadonlyArray<Recall.Entry>, Flags.PersistenceOff | SessionNotFound | TransportError, Sessions> =>
  Sessions.use((sessions) =>
    Flags.requirePersistence(id, "recalled").pipe(
      Effect.andThen(sessions.get(id)),
      Effect.tap(({ flags }) => Flags.requirePersistence(id, "recalled", flags)),
      Effect.andThen(sessions.context(id, query))
    )
  )

export { InvalidField } from "./internal/creating.ts"
export { makeWake } from "./internal/makingWake.ts"
export { LogChunk } from "./internal/sessionLogs.ts"
export { nowText }

const isSessionId = Schema.is(SessionId.SessionId)

const known = (id: string) => SessionId.parse(id).pipe(Effect.mapError(() => new SessionNotFound({ session_id: id })))

const orDie = <A, E>(stream: Stream.Stream<A, E | InvalidKey>) =>
  Stream.catchTag(stream, "InvalidKey", (error) => Stream.die(error))
