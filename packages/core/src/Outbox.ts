/**
 * Sends wakes for sessions from outside of a worker: commits them in the session's journal, then offers them.
 *
 * @since 0.1.0
 */
import { Effect, Equal, Schema } from "effect"
import * as Flags from "./Flags.ts"
import * as Session from "./Session.ts"
import { InvalidField, makeWake, Sessions } from "./Sessions.ts"
import * as Wake from "./Wake.ts"
import { Wakes } from "./Wakes.ts"
import { firstIssue } from "./internal/issues.ts"

/**
 * What to send. Fields that are left out are filled in from the session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message extends Wake.Details {
  readonly sessionId: string
  readonly status: Wake.Status
  /** Refused if it is not the session's. */
  readonly role?: string | undefined
  /** Makes sending again the same wake. */
  readonly wakeId?: string | undefined
  /** When the sender wrote it; now, if it is left out. */
  readonly timestamp?: string | undefined
  /** The run that it is sent from, if it is sent from inside one. */
  readonly run?: number | undefined
  /** Keys that the wire format does not name; kept and passed on. */
  readonly extra?: { readonly [key: string]: Schema.Json } | undefined
}

/**
 * That id was sent before with other content, or the run is over. Nobody is woken.
 *
 * @category errors
 * @since 0.1.0
 */
export class WakeConflict extends Schema.TaggedError<WakeConflict>("@sartor/core/Outbox/WakeConflict")("WakeConflict", {
  session_id: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return this.detail
  }
}

/**
 * Whether the wakes of a session wake anybody: where wake messaging is off its orchestrator finds them by looking.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wakesNobody = ({ flags }: Session.Session): boolean =>
  Flags.select(flags, "ENABLE_WAKE_MESSAGING", { on: false, off: true })

/**
 * Sends a wake and answers it once it is durable; the same id and content again answers the first. A session without a
 * live run gets one. From inside a run that a worker supervises, an ending is kept as a draft: the exit code decides. From
 * inside a run that is over it fails, and is kept in the history, as late.
 *
 * @category constructors
 * @since 0.1.0
 */
export const send = Effect.fn("Outbox.send")(function* (message: Message) {
  const sessions = yield* Sessions
  const session = yield* sessions.open(message.sessionId)
  let outcome: Outcome | undefined
  const after = yield* session.update((current, at) =>
    Effect.map(decide(message, current, at), (decided) => {
      outcome = decided
      return decided.records
    })
  )
  if (outcome === undefined) return yield* Effect.die(`nothing was decided on a wake of ${message.sessionId}`)
  const { kind, wake } = outcome
  if (kind === "late") {
    const detail = `run ${message.run} of session ${after.session_id} is over: the wake is in its history, and wakes nobody`
    return yield* new WakeConflict({ session_id: after.session_id, detail })
  }
  if (kind === "sent") yield* relay(after, wake)
  return wake
})

interface Outcome {
  /** A draft wakes nobody yet, a late wake nobody any more. */
  readonly kind: "sent" | "draft" | "late"
  readonly wake: Wake.Wake
  readonly records: ReadonlyArray<Session.Record>
}

const decide = Effect.fnUntraced(function* (message: Message, current: Session.Session, at: string) {
  const { role, run, status, wakeId } = message
  const { session_id } = current
  if (role !== undefined && role.toUpperCase() !== current.role) {
    const detail = `session ${session_id} has the role ${current.role}, not ${role.toUpperCase()}`
    return yield* new InvalidField({ field: "role", detail })
  }
  if (wakeId !== undefined && !wakeId.startsWith(`${session_id}/`)) {
    const detail = `a wake of session ${session_id} has an id that begins with "${session_id}/": leave it out to have one made`
    return yield* new InvalidField({ field: "wake_id", detail })
  }
  const before = wakeId === undefined ? undefined : knownWake(current, wakeId)
  if (before !== undefined) {
    if (isSame(before.wake, message)) return before
    const detail = `wake ${wakeId} was sent before with other content: send this one with an id of its own`
    return yield* new WakeConflict({ session_id, detail })
  }
  const live = current.status === "running"
  const target = live || Session.isEnded(current.status) ? current.run : current.run + 1
  if (run !== undefined && run > target) {
    const detail = `session ${session_id} has had ${current.run} runs, and none of number ${run}`
    return yield* new WakeConflict({ session_id, detail })
  }
  if (run !== undefined && (run < target || Session.isEnded(current.status))) {
    const wake = yield* wakeOf(message, current, run)
    const late: Outcome = { kind: "late", wake, records: [{ type: "late", at, run, record: { type: status, wake } }] }
    return late
  }
  if (Session.isEnded(current.status)) {
    const detail = `session ${session_id} is ${current.status}, and a run wakes its orchestrator once: create a session for what is new`
    return yield* new WakeConflict({ session_id, detail })
  }
  const ends = Wake.isTerminal(status)
  const supervised = live && current.runs.at(-1)?.worker.kind === "local"
  if (supervised && ends && run === undefined) {
    const detail = `run ${current.run} of session ${session_id} is executed by a worker, which ends it itself`
    return yield* new WakeConflict({ session_id, detail })
  }
  const wake = yield* wakeOf(message, current, target)
  const common = { at, run: target, wake }
  const draft: Outcome = { kind: "draft", wake, records: [{ type: "draft", ...common }] }
  if (supervised && ends) return draft
  // Whoever begins a run outside begins it as things are now.
  const flags = Flags.select(yield* Flags.inForce, "ENABLE_WAKE_MESSAGING", { on: {}, off: Flags.noted(noWakes) })
  const opening = { type: "started" as const, at, run: target, worker: { kind: "external" as const }, ...flags }
  const sent: Outcome = { kind: "sent", wake, records: [...(live ? [] : [opening]), recordOf(message, common)] }
  return sent
})

const noWakes: Flags.Some = { ENABLE_WAKE_MESSAGING: false }

/** A wake that a session knows already: nothing is written again, and it is offered again. */
const knownWake = ({ draft, wakes }: Session.Session, wakeId: string): Outcome | undefined => {
  if (draft?.wake_id === wakeId) return { kind: "draft", wake: draft, records: [] }
  const wake = wakes.find((wake) => wake.wake_id === wakeId)
  return wake === undefined ? undefined : { kind: "sent", wake, records: [] }
}

const wakeOf = Effect.fnUntraced(function* (message: Message, session: Session.Session, run: number) {
  const made = yield* makeWake({ ...session, run }, message.status, detailsOf(message))
  const wake = yield* decodeWake({
    ...message.extra,
    ...made,
    ...(message.wakeId === undefined ? {} : { wake_id: message.wakeId }),
    ...(message.timestamp === undefined ? {} : { timestamp: message.timestamp })
  }).pipe(
    Effect.mapError((error) => {
      const { message, path } = firstIssue(error)
      return new InvalidField({ field: path.slice(1).replaceAll("/", "."), detail: message })
    })
  )
  if (Wake.bytesOf(wake) > Wake.maxBytes) {
    return yield* new InvalidField({ field: "wake", detail: `it is larger than ${Wake.maxBytes} bytes` })
  }
  return wake
})

/**
 * Ends a session for good, with a wake that says so, and with it every agent that it has spawned, and theirs. Workers that
 * execute them stop at once. Of one that is cancelled already only what is left of its agents is ended, and that is a failure.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cancel = Effect.fn("Outbox.cancel")(function* (sessionId: string, reason: string) {
  const sessions = yield* Sessions
  const cancelOne = Effect.fnUntraced(function* (id: string, why: string) {
    const session = yield* sessions.open(id)
    const after = yield* session.update(
      Effect.fnUntraced(function* (current, at) {
        const summary = why.slice(0, Wake.maxSummary)
        const wake = yield* makeWake(current, "failed", { summary, error: { code: "cancelled", message: summary } })
        return [{ type: "cancelled" as const, at, run: current.run, reason: why, wake }]
      })
    )
    const wake = Session.terminalWake(after)
    if (wake !== undefined) yield* relay(after, wake)
    return after
  })
  // First itself: from then on it spawns no more.
  const cancelled = yield* Effect.result(cancelOne(sessionId, reason))
  let parents: ReadonlyArray<string> = [sessionId]
  while (parents.length > 0) {
    const all = yield* sessions.list()
    const children = all.filter(({ parent_id }) => parent_id !== undefined && parents.includes(parent_id))
    yield* Effect.forEach(
      children.filter(({ status }) => !Session.isEnded(status)),
      ({ parent_id, session_id }) =>
        cancelOne(session_id, `${parent_id}, which spawned it, was cancelled: ${reason}`).pipe(
          // It ended by itself meanwhile.
          Effect.catchTag(["IllegalTransition", "SessionNotFound"], () => Effect.void)
        ),
      { discard: true }
    )
    parents = children.map(({ session_id }) => session_id)
  }
  return yield* Effect.fromResult(cancelled)
})

/**
 * Offers a wake that is committed. If that fails it is not lost: its orchestrator offers it itself, sooner or later.
 *
 * @category constructors
 * @since 0.1.0
 */
export const relay = Effect.fnUntraced(function* (session: Session.Session, wake: Wake.Wake) {
  const wakes = yield* Wakes
  yield* Effect.catch(wakes.relay(session, wake), (error) =>
    Effect.logWarning(`Wake ${wake.wake_id} is committed and will be offered later: ${error.message}`)
  )
})

const decodeWake = Schema.decodeUnknownEffect(Wake.Wake)

const detailsOf = ({ confidence, deliverables, error, next_role, priority, status, summary, usage }: Message) => ({
  ...(summary === undefined ? {} : { summary }),
  ...(deliverables === undefined ? {} : { deliverables }),
  ...(next_role === undefined ? {} : { next_role }),
  ...(priority === undefined ? {} : { priority }),
  ...(confidence === undefined ? {} : { confidence }),
  ...(usage === undefined ? {} : { usage }),
  ...(error === undefined
    ? status === "failed"
      ? { error: { code: "failed", message: summary ?? "" } }
      : {}
    : { error })
})

const recordOf = (
  { confidence, deliverables, status, summary = "", usage }: Message,
  common: { readonly at: string; readonly run: number; readonly wake: Wake.Wake }
): Session.Record => {
  if (status === "finding") return { type: "finding", ...common }
  const files = deliverables?.files ?? []
  const told = status === "complete" && /\S/.test(summary)
  return {
    type: "ended",
    ...common,
    status,
    ...(told ? { result: { summary, files, ...(confidence === undefined ? {} : { confidence }) } } : {}),
    ...(usage === undefined ? {} : { usage }),
    ...(status === "complete" ? {} : { error: common.wake.error ?? { code: status, message: summary } })
  }
}

/** Whether everything that is sent stands in the wake of before already. */
const isSame = (before: Wake.Wake, message: Message) =>
  before.status === message.status &&
  Object.entries({ ...message.extra, ...detailsOf(message) }).every(
    ([key, value]) => Object.hasOwn(before, key) && Equal.equals(before[key], value)
  )
