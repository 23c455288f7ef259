/**
 * Creates sessions, reads them, and writes their journals.
 *
 * @since 0.1.0
 */
import { Context, DateTime, Effect, Layer, Option, Schema, Stream } from "effect"
import * as Agent from "./Agent.ts"
import { type Entry, Journal } from "./Journal.ts"
import type { InvalidKey } from "./Key.ts"
import { Slug } from "./Key.ts"
import * as Role from "./Role.ts"
import * as Session from "./Session.ts"
import * as SessionId from "./SessionId.ts"
import { TransportError } from "./TransportError.ts"
import * as Wake from "./Wake.ts"
import * as Replica from "./internal/Replica.ts"

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
 * A field of what was given cannot be used.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidField extends Schema.TaggedError<InvalidField>("@sartor/core/Sessions/InvalidField")(
  "InvalidField",
  { field: Schema.String, detail: Schema.String }
) {
  override get message() {
    return `${this.field}: ${this.detail}`
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
 * One session, kept open: reads only what is new, appends on the newest version.
 *
 * @category models
 * @since 0.1.0
 */
export interface Open {
  /** Reads what others have written. */
  readonly refresh: Effect.Effect<Session.Session, SessionNotFound | TransportError>
  /**
   * Appends what is decided on the newest state, all or nothing. If someone else was faster it is decided again, on what
   * they wrote. `at` is the time to put into the records.
   */
  readonly update: <E, R>(
    decide: (session: Session.Session, at: string) => Effect.Effect<ReadonlyArray<Session.Record>, E, R>
  ) => Effect.Effect<Session.Session, E | SessionNotFound | Session.IllegalTransition | TransportError, R>
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
      Session.Session,
      SessionExists | InvalidField | Role.UnknownRole | SessionId.InvalidSessionId | TransportError
    >
    readonly get: (id: string) => Effect.Effect<Session.Session, SessionNotFound | TransportError>
    readonly open: (id: string) => Effect.Effect<Open, SessionNotFound | TransportError>
    /** Newest first. A session that cannot be read is left out, with a warning that names it. */
    readonly list: (filter?: Filter) => Effect.Effect<ReadonlyArray<Session.Session>, TransportError>
    /** Every record, oldest first, as written. */
    readonly history: (id: string) => Stream.Stream<Entry, SessionNotFound | TransportError>
    /** Emits the id of a session each time that its journal has grown. */
    readonly changes: (id?: string) => Stream.Stream<SessionId.SessionId, TransportError>
    readonly checkpoint: (
      id: string,
      checkpoint: { readonly phase: string; readonly milestone: string; readonly details?: string | undefined },
      run?: number
    ) => Effect.Effect<Session.Session, SessionNotFound | TransportError>
    /** Keeps a piece of an agent's stderr with the session; at most 1 MiB of a run. */
    readonly log: (id: SessionId.SessionId, run: number, text: string) => Effect.Effect<void, TransportError>
    readonly logs: (id: string) => Stream.Stream<LogChunk, SessionNotFound | TransportError>
  }
>()("@sartor/core/Sessions") {}

/**
 * A piece of what an agent wrote on stderr.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LogChunk = Schema.Struct({ at: Wake.Timestamp, run: Schema.Natural, text: Schema.String })

/**
 * @category models
 * @since 0.1.0
 */
export type LogChunk = typeof LogChunk.Type

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Sessions, never, Journal> = Layer.effect(
  Sessions,
  Effect.gen(function* () {
    const journal = yield* Journal

    const replica = (id: SessionId.SessionId) =>
      Replica.make<Session.Session | undefined, Session.Record, Schema.Json, Session.IllegalTransition>({
        journal,
        key: `session/${id}`,
        record: RecordJson,
        initial: undefined,
        apply: Session.apply
      })

    const open = Effect.fnUntraced(function* (input: string) {
      const id = yield* known(input)
      const log = replica(id)
      const existing = (session: Session.Session | undefined) =>
        session === undefined ? Effect.fail(new SessionNotFound({ session_id: id })) : Effect.succeed(session)
      const refresh = Effect.flatMap(log.refresh, existing)
      yield* refresh
      const opened: Open = {
        refresh,
        update: (decide) =>
          Effect.flatMap(
            log.update((session) =>
              Effect.flatMap(existing(session), (current) => Effect.flatMap(nowText, (at) => decide(current, at)))
            ),
            existing
          )
      }
      return opened
    })

    const create = Effect.fn("Sessions.create")(function* (options: CreateOptions) {
      const role = yield* Role.parse(options.role)
      const id =
        options.id === undefined ? yield* SessionId.make(role, options.taskType) : yield* SessionId.parse(options.id)
      const orchestrator = options.orchestrator ?? "main"
      if (!Schema.is(Slug)(orchestrator)) {
        return yield* new InvalidField({ field: "orchestrator", detail: "use lower-case words joined by hyphens" })
      }
      if (!/\S/.test(options.taskType)) return yield* new InvalidField({ field: "task_type", detail: "it is empty" })
      const parent = options.parentId === undefined ? undefined : yield* SessionId.parse(options.parentId)
      const at = yield* nowText
      const session = yield* replica(id)
        .update((existing) =>
          existing !== undefined
            ? Effect.fail(new SessionExists({ session_id: id }))
            : Effect.succeed([
                {
                  type: "created" as const,
                  at,
                  run: 0,
                  session_id: id,
                  role,
                  task_type: options.taskType,
                  prompt: options.prompt ?? "",
                  metadata: options.metadata ?? {},
                  orchestrator,
                  runner: options.runner ?? { type: "external" as const },
                  limits: { ...Agent.defaultLimits, ...options.limits },
                  inputs: options.inputs ?? {},
                  ...(options.name === undefined ? {} : { name: options.name }),
                  ...(parent === undefined ? {} : { parent_id: parent }),
                  ...(options.synthesis === undefined ? {} : { synthesis: options.synthesis })
                }
              ])
        )
        .pipe(Effect.catchTag("IllegalTransition", () => new SessionExists({ session_id: id })))
      return session ?? (yield* Effect.die(`session ${id} was created and is not there`))
    })

    const get = (id: string) => Effect.flatMap(open(id), (session) => session.refresh)

    const list = Effect.fn("Sessions.list")(function* (filter: Filter = {}) {
      const heads = yield* journal.heads("session/")
      const read = Effect.fnUntraced(
        function* (id: string) {
          return Option.some(yield* get(id))
        },
        Effect.catchTag("SessionNotFound", () => Effect.succeedNone),
        Effect.catchTag("TransportError", (error) =>
          error.reason === "corrupt" ? Effect.as(Effect.logWarning(error.message), Option.none()) : Effect.fail(error)
        )
      )
      const sessions = yield* Effect.forEach(heads, (head) => read(head.key.slice("session/".length)), {
        concurrency: 16
      })
      return sessions
        .filter(Option.isSome)
        .map((session) => session.value)
        .filter(
          (session) =>
            (filter.status === undefined || session.status === filter.status) &&
            (filter.role === undefined || session.role === filter.role.toUpperCase()) &&
            (filter.orchestrator === undefined || session.orchestrator === filter.orchestrator) &&
            (filter.parentId === undefined || session.parent_id === filter.parentId)
        )
        .sort((a, b) => (a.created_at < b.created_at ? 1 : -1))
    })

    return Sessions.of({
      create,
      get,
      open,
      list,
      history: (id) =>
        Stream.unwrap(Effect.map(get(id), (session) => orDie(journal.read(`session/${session.session_id}`)))),
      changes: (id = "") =>
        Stream.map(journal.watch(`session/${id}`), (head) =>
          SessionId.SessionId.make(head.key.slice("session/".length))
        ),
      checkpoint: Effect.fn("Sessions.checkpoint")(function* (id, { details = "", milestone, phase }, run) {
        const session = yield* open(id)
        return yield* session
          .update((current, at) => {
            const record = { type: "checkpoint" as const, at, run: run ?? current.run, phase, milestone, details }
            const stale = run !== undefined && run < current.run
            return Effect.succeed([stale ? { type: "late" as const, at, run, record } : record])
          })
          .pipe(Effect.catchTag("IllegalTransition", Effect.die))
      }),
      log: Effect.fnUntraced(function* (id, run, text) {
        const chunk = encodeLogChunk({ at: yield* nowText, run, text })
        yield* appendTo(journal, `log/${id}`, chunk)
      }),
      logs: (id) =>
        Stream.unwrap(
          Effect.map(get(id), (session) =>
            orDie(journal.read(`log/${session.session_id}`)).pipe(
              Stream.mapEffect((entry) => Effect.orDie(decodeLogChunk(entry.record)))
            )
          )
        )
    })
  })
)

/**
 * Makes a wake of a session's run, with its id chosen.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeWake = Effect.fnUntraced(function* (
  session: Session.Session,
  status: Wake.Status,
  details: Wake.Details = {}
) {
  const wake: Wake.Wake = {
    wake_id: yield* Wake.makeId(session.session_id, session.run),
    session_id: session.session_id,
    agent_role: session.role,
    status,
    timestamp: yield* nowText,
    run: session.run,
    ...details,
    priority: Wake.priorityOf({ status, priority: details.priority })
  }
  return wake
})

/**
 * The time as records carry it: RFC 3339, UTC, milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nowText: Effect.Effect<string> = Effect.map(DateTime.now, DateTime.formatIso)

const RecordJson: Schema.Codec<Session.Record, Schema.Json> = Schema.toCodecJson(Session.Record)
const decodeLogChunk = Schema.decodeUnknownEffect(LogChunk)
const encodeLogChunk = Schema.encodeSync(LogChunk)

const known = (id: string) => SessionId.parse(id).pipe(Effect.mapError(() => new SessionNotFound({ session_id: id })))

const orDie = <A, E>(stream: Stream.Stream<A, E | InvalidKey>) =>
  Stream.catchTag(stream, "InvalidKey", (error) => Stream.die(error))

/** Appends at whatever version the journal is at. */
const appendTo = Effect.fnUntraced(function* (journal: Journal["Service"], key: string, record: Schema.Json) {
  let expected = 0
  while (true) {
    const appended = yield* journal
      .append(key, expected, [record])
      .pipe(Effect.catchTag("VersionConflict", Effect.succeed), Effect.catchTag("InvalidKey", Effect.die))
    if (typeof appended === "number") return
    expected = appended.actual
  }
})
