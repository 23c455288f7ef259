import { Cause, Effect, Exit, Result, Schema, Scope } from "effect"
import * as Inbox from "../Inbox.ts"
import { type Delivery, type Queue, Rejected } from "../Queue.ts"
import type { Session } from "../Session.ts"
import type { Sessions } from "../Sessions.ts"
import type { TransportError } from "../TransportError.ts"
import * as Wake from "../Wake.ts"
import type { HandleOptions } from "../Wakes.ts"
import { pointTo } from "./issues.ts"
import { nowText } from "./now.ts"
import { own } from "./own.ts"
import { isTransient } from "./patience.ts"

/** What the handling of the wakes of one orchestrator stands on. */
export interface Desk {
  readonly orchestrator: string
  /** The name of the queue that its wakes come through. */
  readonly name: string
  readonly queue: Queue["Service"]
  readonly sessions: Sessions["Service"]
  readonly inbox: Effect.Effect<Inbox.Inbox, TransportError>
  readonly acknowledge: (wakeId: string, takenAt: string) => Effect.Effect<unknown, TransportError>
  /** Of wakes that are not settled yet: how often their handlers failed here, and how often they waited for others. */
  readonly tallies: Map<string, { readonly failed: number; readonly waited: number }>
  /** Makes a dead letter of a message, unless it is acknowledged. */
  readonly bury: (wakeId: string, reason: string, original: Schema.Json) => Effect.Effect<unknown, TransportError>
}

export type Handler<E, R> = (wake: Wake.Wake, attempt: number) => Effect.Effect<void, E, R>

/** What came of a delivery: the wakes that were acknowledged, and how its scope is to be closed. */
interface Outcome {
  readonly handled: ReadonlyArray<Wake.Wake>
  readonly exit: Exit.Exit<unknown, unknown>
}

/**
 * Takes a message and deals with it. It is the message's fault if its handler fails, however that fails, but not if the
 * transport does: then it is given back, uncounted.
 */
export const handle = <E, R>(desk: Desk, handler: Handler<E, R>, { maxAttempts = 5, retryDelay }: HandleOptions = {}) =>
  Effect.acquireUseRelease(
    Scope.make(),
    Effect.fnUntraced(function* (scope) {
      // The attempts are counted here: the inbox says what is dead, the queue only follows.
      const take = desk.queue.take(desk.name, { maxAttempts: Number.MAX_SAFE_INTEGER, retryDelay })
      const delivery = yield* Scope.provide(own(take), scope)
      const { exit, handled } = yield* deal(desk, delivery, handler, maxAttempts)
      yield* Scope.close(scope, exit)
      return handled
    }),
    (scope, exit) => Scope.close(scope, Exit.hasDies(exit) ? exit : Exit.interrupt())
  )

const deal = Effect.fnUntraced(function* <E, R>(
  desk: Desk,
  delivery: Delivery,
  handler: Handler<E, R>,
  maxAttempts: number
): Effect.fn.Return<Outcome, TransportError, R> {
  const { attempt, id, payload } = delivery
  const reject = (reason: string) => Effect.as(desk.bury(id, reason, payload), rejected([], reason))
  const decoded = yield* Effect.result(decodeWake(payload))
  if (Result.isFailure(decoded)) return yield* reject(`it is not a wake message: ${pointTo(decoded.failure)}`)

  const wake = decoded.success
  const session = yield* findSession(desk, wake)
  if (typeof session === "string") {
    return yield* attempt < maxAttempts ? again([], wake, session) : reject(session)
  }
  const inbox = yield* desk.inbox
  const tallyOf = (wakeId: string) => desk.tallies.get(wakeId) ?? { failed: 0, waited: 0 }
  const deliveries = attempt - tallyOf(id).waited
  const handled: Array<Wake.Wake> = []
  const position = session.wakes.findIndex((known) => known.wake_id === wake.wake_id)
  for (const due of session.wakes.slice(0, position + 1)) {
    if (Inbox.isSettled(inbox, due.wake_id)) continue
    const isOwn = due.wake_id === wake.wake_id
    // Whoever handled it the last time died of it.
    let reason = `it was delivered ${deliveries - 1} times, and its handler never came to an end`
    if (deliveries <= maxAttempts) {
      // Through whichever delivery it failed before.
      const times = Math.max(isOwn ? deliveries : 1, 1 + tallyOf(due.wake_id).failed)
      const takenAt = yield* nowText
      const exit = yield* Effect.exit(handler(due, times))
      if (Exit.isSuccess(exit)) {
        yield* desk.acknowledge(due.wake_id, takenAt)
        desk.tallies.delete(due.wake_id)
        if (!isOwn) yield* own(desk.queue.settle(desk.name, due.wake_id, { type: "completed" }))
        handled.push(due)
        continue
      }
      const error = Cause.squash(exit.cause)
      const why = messageOf(error)
      if (isTransient(error)) {
        return handled.length > 0 ? { handled, exit: Exit.interrupt() } : yield* Effect.fail(error)
      }
      desk.tallies.set(due.wake_id, { ...tallyOf(due.wake_id), failed: times })
      if (!isOwn) desk.tallies.set(id, { ...tallyOf(id), waited: tallyOf(id).waited + 1 })
      if (times < maxAttempts) return yield* again(handled, due, why)
      reason = `its handler failed in ${times} deliveries, at last with: ${why}`
    }
    yield* desk.bury(due.wake_id, reason, encodeWake(due))
    desk.tallies.delete(due.wake_id)
    if (isOwn) return rejected(handled, reason)
    yield* own(desk.queue.settle(desk.name, due.wake_id, { type: "dead", reason }))
    desk.tallies.delete(id)
    // This one has only waited: it begins anew, with all of its attempts.
    yield* own(desk.queue.settle(desk.name, id, { type: "dead", reason: `${due.wake_id} came before it` }))
    yield* own(desk.queue.requeue(desk.name, id))
    return { handled, exit: Exit.void }
  }
  return { handled, exit: Exit.void }
})

/** The session that has sent a wake, or why there is none here, as far as can be told. */
const findSession = (
  { inbox, orchestrator, sessions }: Desk,
  wake: Wake.Wake
): Effect.Effect<Pick<Session, "wakes"> | string, TransportError> =>
  sessions.open(wake.session_id, { known: true }).pipe(
    Effect.flatMap((open) => (hasSent(open.current(), wake) ? Effect.succeed(open.current()) : open.refresh)),
    Effect.map((session): Pick<Session, "wakes"> | string => {
      if (session.orchestrator !== orchestrator) {
        return `session ${session.session_id} wakes "${session.orchestrator}", not "${orchestrator}"`
      }
      return hasSent(session, wake) ? session : `session ${session.session_id} never sent it`
    }),
    Effect.catchTag("SessionNotFound", (error) =>
      Effect.map(inbox, (state): Pick<Session, "wakes"> | string => {
        const wakes = Inbox.receivedOf(state).filter(({ session_id }) => session_id === wake.session_id)
        return wakes.some(({ wake_id }) => wake_id === wake.wake_id) ? { wakes } : error.message
      })
    ),
    Effect.catchIf(
      (error) => !isTransient(error),
      ({ message }) => Effect.succeed(`its session cannot be read: ${message}`)
    )
  )

const hasSent = ({ wakes }: Session, { wake_id }: Wake.Wake) => wakes.some((known) => known.wake_id === wake_id)

/** Delivered again, after a rest. */
const again = (handled: ReadonlyArray<Wake.Wake>, { wake_id }: Wake.Wake, why: string) =>
  Effect.as(Effect.logWarning(`Wake ${wake_id} was not handled, and will be delivered again: ${why}`), {
    handled,
    exit: Exit.fail(why)
  })

const rejected = (handled: ReadonlyArray<Wake.Wake>, reason: string): Outcome => ({
  handled,
  exit: Exit.fail(new Rejected({ reason }))
})

const decodeWake = Schema.decodeUnknownEffect(Wake.Wake)
const encodeWake = Schema.encodeSync(Wake.Wake)

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
