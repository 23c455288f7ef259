import { Effect } from "effect"
import type * as Session from "../Session.ts"
import * as Wake from "../Wake.ts"
import { nowText } from "./now.ts"

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
