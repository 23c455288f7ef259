import { Cause, Effect, Exit } from "effect"
import * as Flags from "../Flags.ts"
import * as Inbox from "../Inbox.ts"
import type { Session } from "../Session.ts"
import type { Sessions } from "../Sessions.ts"
import type { TransportError } from "../TransportError.ts"
import type * as Wake from "../Wake.ts"
import type { HandleOptions } from "../Wakes.ts"
import { nowText } from "./now.ts"
import { isTransient } from "./patience.ts"

/** What stands in for the queue of wakes where nobody is woken: the journals, looked at now and then. */
export interface Desk {
  readonly sessions: Sessions["Service"]
  readonly inbox: (session: Session) => Effect.Effect<Inbox.Inbox, TransportError>
  readonly acknowledge: (session: Session, wakeId: string, takenAt: string) => Effect.Effect<unknown, TransportError>
  readonly bury: (session: Session, wake: Wake.Wake, reason: string) => Effect.Effect<unknown, TransportError>
  /** How often the handlers of wakes failed here. */
  readonly failed: Map<string, number>
}

/** How often journals are looked at. */
export const interval = "250 millis"

/** Whether what a session comes to is found by looking, and wakes nobody. */
export const isPolled = ({ flags }: Session) => Flags.select(flags, "ENABLE_WAKE_MESSAGING", { on: false, off: true })

/** Whether a session has a journal that outlives this process. */
export const isKept = ({ flags }: Session) =>
  Flags.select(flags, "ENABLE_SESSION_PERSISTENCE", { on: true, off: false })

/** What was committed by such sessions and is neither acknowledged nor dead, the oldest session first. */
export const due = Effect.fnUntraced(function* ({ inbox, sessions }: Desk, orchestrator: string | undefined) {
  const found: Array<{ readonly session: Session; readonly wake: Wake.Wake }> = []
  for (const session of (yield* sessions.list({ orchestrator })).toReversed()) {
    if (!isPolled(session) || session.wakes.length === 0) continue
    const state = yield* inbox(session)
    for (const wake of session.wakes) if (!Inbox.isSettled(state, wake.wake_id)) found.push({ session, wake })
  }
  return found.sort((a, b) => (a.wake.timestamp < b.wake.timestamp ? -1 : a.wake.timestamp > b.wake.timestamp ? 1 : 0))
})

/** Handles what is due once. The later wakes of a session wait for the earlier ones. */
export const handle = Effect.fnUntraced(function* <E, R>(
  desk: Desk,
  orchestrator: string,
  handler: (wake: Wake.Wake, attempt: number) => Effect.Effect<void, E, R>,
  { maxAttempts = 5 }: Pick<HandleOptions, "maxAttempts"> = {}
): Effect.fn.Return<ReadonlyArray<Wake.Wake>, TransportError, R> {
  const handled: Array<Wake.Wake> = []
  const waiting = new Set<string>()
  for (const { session, wake } of yield* due(desk, orchestrator)) {
    if (waiting.has(session.session_id)) continue
    const attempt = (desk.failed.get(wake.wake_id) ?? 0) + 1
    const takenAt = yield* nowText
    const exit = yield* Effect.exit(handler(wake, attempt))
    if (Exit.isSuccess(exit)) {
      yield* desk.acknowledge(session, wake.wake_id, takenAt)
      desk.failed.delete(wake.wake_id)
      handled.push(wake)
      continue
    }
    const error = Cause.squash(exit.cause)
    if (isTransient(error)) return handled.length > 0 ? handled : yield* Effect.fail(error)
    const reason = error instanceof Error ? error.message : String(error)
    if (attempt < maxAttempts) {
      desk.failed.set(wake.wake_id, attempt)
      waiting.add(session.session_id)
      yield* Effect.logWarning(`Wake ${wake.wake_id} was not handled, and will be looked at again: ${reason}`)
      continue
    }
    yield* desk.bury(session, wake, `its handler failed ${attempt} times, at last with: ${reason}`)
    desk.failed.delete(wake.wake_id)
  }
  return handled
})
