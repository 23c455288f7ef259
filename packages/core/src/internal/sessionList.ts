import type { Session } from "../Session.ts"
import type { Filter } from "../Sessions.ts"

/** Whether it is not deleted. */
export const isThere = <A extends Session>(session: A | undefined): session is A =>
  session !== undefined && session.closed !== true

export const matching = (filter: Filter) => (session: Session) =>
  (filter.status === undefined || session.status === filter.status) &&
  (filter.role === undefined || session.role === filter.role.toUpperCase()) &&
  (filter.orchestrator === undefined || session.orchestrator === filter.orchestrator) &&
  (filter.parentId === undefined || session.parent_id === filter.parentId)

export const newestFirst = (a: Session, b: Session) =>
  a.created_at === b.created_at ? (a.session_id < b.session_id ? -1 : 1) : a.created_at < b.created_at ? 1 : -1
