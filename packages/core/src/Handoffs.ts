/**
 * Hands work over from one role to the next. The receiver reads the sender's session, or goes on in a fork of it, instead of
 * having its context sent again.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Option, Random, Schema } from "effect"
import * as Handoff from "./Handoff.ts"
import { Journal } from "./Journal.ts"
import type * as Recall from "./Recall.ts"
import * as Role from "./Role.ts"
import type * as Session from "./Session.ts"
import { SessionId } from "./SessionId.ts"
import { InvalidField, nowText, type SessionNotFound, Sessions } from "./Sessions.ts"
import type * as Spawn from "./Spawn.ts"
import type { TransportError } from "./TransportError.ts"
import { firstIssue } from "./internal/issues.ts"
import { isTransient } from "./internal/patience.ts"
import * as Replica from "./internal/Replica.ts"

/**
 * There is no handoff of that id.
 *
 * @category errors
 * @since 0.1.0
 */
export class HandoffNotFound extends Schema.TaggedError<HandoffNotFound>("@sartor/core/Handoffs/HandoffNotFound")(
  "HandoffNotFound",
  { handoff_id: Schema.String }
) {
  override get message() {
    return `There is no handoff ${JSON.stringify(this.handoff_id)}: "sartor handoff list" shows those that there are`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface CreateOptions {
  readonly from: string
  readonly to: string
  readonly type: Handoff.Type
  /** The session that holds the context. What the content leaves out is filled in from it. */
  readonly sessionId?: string | undefined
  /** What is handed over, in the form of the legacy files; its `handoff` is left aside. */
  readonly content?: unknown
}

/**
 * Hands work over, and answers the handoff once it is durable. Refused if it is not one of the five transitions, or something
 * that its transition needs is missing: the error says what.
 *
 * @category constructors
 * @since 0.1.0
 */
export const create = Effect.fn("Handoffs.create")(function* (options: CreateOptions) {
  const session = options.sessionId === undefined ? undefined : yield* (yield* Sessions).get(options.sessionId)
  const given = yield* decodeContent(options.content ?? {}).pipe(
    Effect.mapError((error) => {
      const { message, path } = firstIssue(error)
      return new InvalidField({ field: path.slice(1).replaceAll("/", "."), detail: message })
    })
  )
  const { handoff: _, ...content } = session === undefined ? given : filledIn(given, session)
  const from = yield* Role.parse(options.from)
  const to = yield* Role.parse(options.to)
  yield* Effect.fromResult(Handoff.check(options.type, from, to, content))
  while (true) {
    const at = yield* nowText
    const handoffId = yield* makeId
    const handoff = {
      from,
      to,
      timestamp: at,
      type: options.type,
      status: "pending" as const,
      handoffId,
      ...(session === undefined ? {} : { session_id: session.session_id, session_version: session.version })
    }
    const log = yield* open(handoffId)
    const before = yield* log.refresh
    if (before !== undefined) continue
    const made = yield* log
      .update(() => Effect.succeed([{ type: "created", at, document: { ...content, handoff } }]))
      .pipe(Effect.catchTag("IllegalHandoff", () => Effect.succeed(undefined)))
    if (made !== undefined) return made
  }
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const get = Effect.fn("Handoffs.get")(function* (id: string) {
  if (!isId(id)) return yield* new HandoffNotFound({ handoff_id: id })
  return yield* existing(id, yield* (yield* open(id)).refresh)
})

/**
 * All handoffs, the newest first. One that is damaged is left out, with a warning that names it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const list = Effect.fn("Handoffs.list")(function* (
  filter: { readonly status?: Handoff.Status | undefined; readonly to?: string | undefined } = {}
) {
  const heads = yield* (yield* Journal).heads("handoff/")
  const found = yield* Effect.forEach(
    heads,
    ({ key }) =>
      Effect.flatMap(open(idOf(key)), ({ refresh }) => refresh).pipe(
        Effect.catchTag("TransportError", (error) =>
          error.reason === "corrupt"
            ? Effect.as(Effect.logWarning(`Handoff ${idOf(key)} is left out: ${error.message}`), undefined)
            : Effect.fail(error)
        )
      ),
    { concurrency: 16 }
  )
  return found
    .flatMap((handoff) => (handoff === undefined ? [] : [handoff]))
    .filter(({ document: { handoff } }) => filter.status === undefined || handoff.status === filter.status)
    .filter(({ document: { handoff } }) => filter.to === undefined || handoff.to === filter.to.toUpperCase())
    .toSorted((a, b) => (a.document.handoff.timestamp < b.document.handoff.timestamp ? 1 : -1))
})

/**
 * What the receiver starts from: the handoff, and what the sender knew when it handed over. If the sender's session cannot be
 * read, `context` is `lost` and there are only the handoff's own fields and files.
 *
 * @category models
 * @since 0.1.0
 */
export interface Received {
  readonly handoff: Handoff.Handoff
  /** `none` if it was handed over without a session. */
  readonly context: "session" | "lost" | "none"
  readonly knows: ReadonlyArray<Recall.Entry>
}

/**
 * Takes the work over, and answers what to start from. Accepting again answers the same.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accept = Effect.fn("Handoffs.accept")(function* (id: string, query?: Recall.Query) {
  const { document } = yield* get(id)
  const knows = yield* readContext(document, query).pipe(
    Effect.asSome,
    // A transport that is away has lost nothing.
    Effect.catchIf(
      (error) => !isTransient(error),
      (error) => Effect.as(Effect.logWarning(`The context of ${id} cannot be read: ${error.message}`), Option.none())
    )
  )
  const context =
    document.handoff.session_id === undefined ? "none" : Option.isSome(knows) ? "session" : ("lost" as const)
  const handoff = yield* move(id, "accepted", (at) => ({ type: "accepted", at, context }))
  const received: Received = { handoff, context, knows: Option.getOrElse(knows, () => []) }
  return received
})

/**
 * Gives the work back, with the reason as a critical issue.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reject = Effect.fn("Handoffs.reject")(function* (id: string, reason: string) {
  if (!/\S/.test(reason)) return yield* new InvalidField({ field: "reason", detail: "say why it is rejected" })
  return yield* move(id, "rejected", (at) => ({ type: "rejected", at, reason }))
})

/**
 * Says that the work that was handed over is done.
 *
 * @category constructors
 * @since 0.1.0
 */
export const complete = Effect.fn("Handoffs.complete")(function* (id: string) {
  return yield* move(id, "completed", (at) => ({ type: "completed", at }))
})

/**
 * Takes over what somebody else has written down about a handoff: one that is not known becomes one of ours, and one that has
 * come further there moves on here. What is behind changes nothing. Answers the handoff.
 *
 * @category constructors
 * @since 0.1.0
 */
export const adopt = Effect.fn("Handoffs.adopt")(function* (document: Handoff.Document) {
  const { handoffId, status } = document.handoff
  const log = yield* open(handoffId)
  yield* log.refresh
  const adopted = yield* log
    .update(
      Effect.fnUntraced(function* (current) {
        const at = yield* nowText
        if (current === undefined) return [{ type: "created" as const, at, document }]
        const from = current.document.handoff.status
        if (Handoff.steps[status] <= Handoff.steps[from]) return []
        const accepted = { type: "accepted" as const, at, context: "none" as const }
        const reason = document.issues?.at(-1)?.description ?? "it was rejected in its file"
        const end =
          status === "completed"
            ? [{ type: "completed" as const, at }]
            : status === "rejected"
              ? [{ type: "rejected" as const, at, reason }]
              : []
        const isAccepted = from === "pending" && status !== "rejected"
        return [...(isAccepted ? [accepted] : []), ...end]
      })
    )
    .pipe(Effect.catchTag("IllegalHandoff", Effect.die))
  return yield* existing(handoffId, adopted)
})

/**
 * What to spawn so that the receiver resumes in the sender's context: a fork of its session at the version that was handed
 * over. Add a task type and a runner.
 *
 * @category constructors
 * @since 0.1.0
 */
export const taskOf = ({
  document
}: Handoff.Handoff): Pick<Spawn.Task, "forkedFrom" | "metadata" | "prompt" | "role"> => {
  const { handoffId, session_id, session_version, to } = document.handoff
  const { instructions = [] } = document.nextSteps ?? {}
  return {
    role: to,
    prompt: instructions.join("\n"),
    metadata: { handoff_id: handoffId },
    ...(session_id === undefined || session_version === undefined
      ? {}
      : { forkedFrom: { session_id: SessionId.make(session_id), version: session_version } })
  }
}

const readContext = (
  { handoff: { session_id, session_version } }: Handoff.Document,
  query: Recall.Query | undefined
): Effect.Effect<ReadonlyArray<Recall.Entry>, SessionNotFound | TransportError, Sessions> =>
  session_id === undefined
    ? Effect.succeed([])
    : Sessions.use((sessions) => sessions.context(session_id, { ...query, to: session_version }))

/** Appends what is to be so, unless it is. */
const move = Effect.fnUntraced(function* (id: string, status: Handoff.Status, record: (at: string) => Handoff.Record) {
  yield* get(id)
  const log = yield* open(id)
  yield* log.refresh
  const moved = yield* log.update((current) =>
    current?.document.handoff.status === status ? Effect.succeed([]) : Effect.map(nowText, (at) => [record(at)])
  )
  return yield* existing(id, moved)
})

const existing = (id: string, handoff: Handoff.Handoff | undefined) =>
  handoff === undefined ? Effect.fail(new HandoffNotFound({ handoff_id: id })) : Effect.succeed(handoff)

const open = Effect.fnUntraced(function* (id: string) {
  return replica(yield* Journal, keyOf(id))
})

/** What the content leaves out, as the session has it. */
const filledIn = (content: Handoff.Content, session: Session.Session): Handoff.Content => {
  const { metadata, prompt, result, session_id, task_type, version } = session
  const artifacts = (result?.files ?? []).map((file) => (typeof file === "string" ? file : file.path))
  const issues = result?.issues?.map(({ description, recommendation, severity }) => ({
    severity,
    description,
    ...(recommendation === undefined ? {} : { recommendation })
  }))
  return {
    ...content,
    context: { taskId: metadata["task_id"] ?? session_id, phase: task_type, scope: prompt, ...content.context },
    deliverable: {
      type: task_type,
      location: artifacts[0] ?? `session:${session_id}`,
      summary: result?.summary ?? prompt,
      artifacts,
      ...content.deliverable
    },
    nextSteps: {
      instructions: [`Go on from what session ${session_id} knew at version ${version}`],
      ...content.nextSteps
    },
    ...(issues === undefined || content.issues !== undefined ? {} : { issues })
  }
}

const makeId = Effect.gen(function* () {
  const millis = yield* Clock.currentTimeMillis
  const random = yield* Random.nextIntBetween(0, 2 ** 32)
  return `handoff_${millis}_${random.toString(16).padStart(8, "0")}`
})

/** Keys have no underscores; ids have them nowhere else. */
const keyOf = (id: string) => `handoff/${id.slice("handoff_".length).replace("_", "-")}`
const idOf = (key: string) => `handoff_${key.slice("handoff/".length).replace("-", "_")}`

const isId = Schema.is(Handoff.Id)
const decodeContent = Schema.decodeUnknownEffect(Handoff.Content)
const RecordJson: Schema.Codec<Handoff.Record, Schema.Json> = Schema.toCodecJson(Handoff.Record)
const replica = Replica.define<Handoff.Handoff | undefined, Handoff.Record, Schema.Json, Handoff.IllegalHandoff>({
  record: RecordJson,
  initial: undefined,
  apply: Handoff.apply
})
