/**
 * Sends wakes for sessions from outside of a worker: commits them in the session's journal, then offers them.
 *
 * @since 0.1.0
 */
import { Effect, Equal, Schema } from "effect"
import * as Session from "./Session.ts"
import { InvalidField, makeWake, Sessions } from "./Sessions.ts"
import * as Wake from "./Wake.ts"
import { Wakes } from "./Wakes.ts"

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
  /** The run that it is sent from, if it is sent from inside one. */
  readonly run?: number | undefined
  /** Keys that the wire format does not name; kept and passed on. */
  readonly extra?: { readonly [key: string]: Schema.Json } | undefined
}

/**
 * That id was sent before with other content, or the run has ended already. Nothing was sent.
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
 * Sends a wake and answers it once it is durable; the same id and content again answers the first. A session without a
 * live run gets one. From inside a run that a worker supervises, an ending is kept as a draft: the exit code decides.
 *
 * @category constructors
 * @since 0.1.0
 */
export const send = Effect.fn("Outbox.send")(function* (message: Message) {
  const sessions = yield* Sessions
  const wakes = yield* Wakes
  const session = yield* sessions.open(message.sessionId)
  let sent: Wake.Wake | undefined
  let known = false

  const decide = Effect.fnUntraced(function* (current: Session.Session, at: string) {
    const { role, run, status, wakeId } = message
    if (role !== undefined && role.toUpperCase() !== current.role) {
      const detail = `session ${current.session_id} is a ${current.role}, not a ${role.toUpperCase()}`
      return yield* new InvalidField({ field: "role", detail })
    }
    const before = wakeId === undefined ? undefined : current.wakes.find((wake) => wake.wake_id === wakeId)
    if (before !== undefined) {
      sent = before
      known = true
      if (!isSame(before, message)) {
        const detail = `wake ${before.wake_id} was sent before with other content: send this one with an id of its own`
        return yield* new WakeConflict({ session_id: current.session_id, detail })
      }
      return []
    }
    const live = current.status === "running"
    const supervised = live && current.runs.at(-1)?.worker.kind === "local"
    if (Session.isEnded(current.status)) {
      const detail = `session ${current.session_id} is ${current.status}: a run wakes its orchestrator once`
      return yield* new WakeConflict({ session_id: current.session_id, detail })
    }
    if (supervised && Wake.isTerminal(status) && run !== current.run) {
      const detail = `run ${current.run} of session ${current.session_id} is executed by a worker, which ends it itself`
      return yield* new WakeConflict({ session_id: current.session_id, detail })
    }
    const target = live ? current : { ...current, run: current.run + 1 }
    const made = yield* makeWake(target, status, detailsOf(message))
    const wake: Wake.Wake = { ...message.extra, ...made, ...(wakeId === undefined ? {} : { wake_id: wakeId }) }
    if (JSON.stringify(wake).length > Wake.maxBytes) {
      return yield* new InvalidField({ field: "wake", detail: `it is larger than ${Wake.maxBytes} bytes` })
    }
    const common = { at, run: target.run, wake }
    if (supervised && Wake.isTerminal(status)) return [{ type: "draft" as const, ...common }]
    sent = wake
    const opening = { type: "started" as const, at, run: target.run, worker: { kind: "external" as const } }
    return [...(live ? [] : [opening]), recordOf(message, common)]
  })

  const after = yield* session.update(decide)
  if (sent === undefined) return after.draft
  if (!known) yield* wakes.relay(after.orchestrator, sent)
  return sent
})

/**
 * Ends a session for good, with a wake that says so. A worker that executes it stops at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cancel = Effect.fn("Outbox.cancel")(function* (sessionId: string, reason: string) {
  const sessions = yield* Sessions
  const wakes = yield* Wakes
  const session = yield* sessions.open(sessionId)
  const after = yield* session.update(
    Effect.fnUntraced(function* (current, at) {
      const wake = yield* makeWake(current, "failed", {
        summary: reason,
        error: { code: "cancelled", message: reason }
      })
      return [{ type: "cancelled" as const, at, run: current.run, reason, wake }]
    })
  )
  const wake = Session.terminalWake(after)
  if (wake !== undefined) yield* wakes.relay(after.orchestrator, wake)
  return after
})

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
  Object.entries({ ...message.extra, ...detailsOf(message) }).every(([key, value]) => Equal.equals(before[key], value))
