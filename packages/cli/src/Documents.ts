/**
 * Sessions, wakes and runs as JSON documents: snake case, nothing but what is known.
 *
 * @since 0.1.0
 */
import type { Handoff, LegacyFiles, Session, Sessions, Wakes, Workflow } from "@sartor/core"
import { Projection, StatusFile } from "@sartor/transport-file/legacy"
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
 * A legacy agent in the form of a session.
 *
 * @category constructors
 * @since 0.1.0
 */
export const agent = ({ agent, damaged, fields, modified }: LegacyFiles.Status) => {
  const read = (key: string) => StatusFile.textOf(fields.get(key))
  const at = read("lastUpdate") || DateTime.formatIso(DateTime.makeUnsafe(modified))
  return {
    session_id: agent,
    role: read("role").toUpperCase(),
    task_type: read("currentTask"),
    status: Projection.meaningOf(read("status")),
    version: 0,
    run: 0,
    orchestrator: "main",
    runner: "external",
    origin: "legacy",
    metadata: Object.fromEntries([...fields].map(([key, value]) => [key, StatusFile.textOf(value)])),
    created_at: at,
    updated_at: at,
    ...(damaged === undefined ? {} : { damaged: damaged.message })
  }
}

/**
 * A message of a legacy agent in the form of a wake.
 *
 * @category constructors
 * @since 0.1.0
 */
export const agentWake = (wake: LegacyFiles.Wake) => ({
  wake_id: wake.wakeId,
  session_id: wake.agentId,
  agent_role: "OBSERVER",
  status: Projection.wakeStatusOf[wake.type],
  timestamp: wake.timestamp,
  summary: wake.message,
  priority: wake.priority,
  attempt: 0,
  orchestrator: "main",
  origin: "legacy",
  state: "ready"
})

/**
 * A session with what `session show` adds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sessionInFull = (
  shown: Session.Session,
  pending: ReadonlyArray<Wakes.Pending>,
  foreign: LegacyFiles.Fields
) => ({
  ...session(shown),
  legacy: foreign.size === 0 ? undefined : Object.fromEntries(foreign),
  checkpoints: shown.checkpoints,
  usage: shown.usage,
  result: shown.result,
  error: shown.status === "complete" ? undefined : shown.error,
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
