/**
 * Sessions, wakes and runs as JSON documents: snake case, nothing but what is known.
 *
 * @since 0.1.0
 */
import type { Handoff, Session, Sessions, Wakes, Workflow } from "@sartor/core"
import { DateTime, Predicate } from "effect"

/**
 * @category constructors
 * @since 0.1.0
 */
export const session = (session: Session.Session) => ({
  session_id: session.session_id,
  role: session.role,
  task_type: session.task_type,
  status: session.status,
  version: session.version,
  run: session.run,
  orchestrator: session.orchestrator,
  parent_id: session.parent_id,
  runner: session.runner.type,
  origin: "sartor",
  forked_from: session.forked_from,
  metadata: session.metadata,
  created_at: session.created_at,
  updated_at: session.updated_at
})

/**
 * A session with what `session show` adds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sessionInFull = (shown: Session.Session, pending: ReadonlyArray<Wakes.Pending>) => ({
  ...session(shown),
  checkpoints: shown.checkpoints,
  usage: shown.usage,
  pending_wakes: pending.map(wake)
})

/**
 * A wake as it is on the wire, with where it is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wake = ({ attempt, orchestrator, state, wake }: Wakes.Pending) => ({
  ...wake,
  attempt,
  orchestrator,
  origin: "sartor",
  state
})

/**
 * A record of a session's journal, its type under `kind`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const record = ({ at, record, version }: Entry) => {
  const { type: kind, ...fields } = Predicate.isReadonlyObject(record) ? record : { type: "unknown" }
  return { version, kind, at: DateTime.formatIso(DateTime.makeUnsafe(at)), ...fields }
}

/**
 * A handoff in the form of the legacy files, with what has become of it beside it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const handoff = ({ accepted_at, completed_at, context, document, rejected_at }: Handoff.Handoff) => ({
  ...document,
  handoff_id: document.handoff.handoffId,
  status: document.handoff.status,
  accepted_at,
  rejected_at,
  completed_at,
  context_read: context
})

interface Entry {
  readonly version: number
  readonly at: number
  readonly record: unknown
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const log = ({ at, run, text }: Sessions.LogChunk) => ({ at, run, text })

/**
 * Something that happened in a run, as one line of `--follow`. Records of a session come with their agent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const event = (event: Workflow.Event) => {
  switch (event.type) {
    case "session": {
      const { agent, record, session_id } = event
      // What a runner keeps for itself is in the history.
      const { entry: _, type, ...fields } = { entry: undefined, ...record }
      return { type, agent, ...fields, session_id }
    }
    case "finished": {
      const { type: _, ...finished } = event.finished
      const { fingerprint: __, ...shown } = finished
      return { type: event.type, ...shown, remembered: event.remembered }
    }
    default:
      return event
  }
}
