import { Effect } from "effect"
import * as Session from "../Session.ts"
import type { Sessions } from "../Sessions.ts"
import { attending } from "./attending.ts"

/** Waits until a session has ended or is blocked, whether or not its wake is handled by then. */
export const untilEnded = Effect.fnUntraced(function* (sessions: Sessions["Service"], id: string) {
  const open = yield* sessions.open(id, { patient: true })
  let last = yield* open.refresh
  const look = Effect.flatMap(open.refresh, (current) => {
    last = current
    return Session.isEnded(current.status) || current.status === "blocked" ? Effect.fail("ended" as const) : Effect.void
  })
  yield* Effect.catch(attending(sessions.changes(id), look), (error) =>
    error === "ended" ? Effect.void : Effect.fail(error)
  )
  return last
})
