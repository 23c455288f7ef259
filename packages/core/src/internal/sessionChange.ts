import { Struct } from "effect"
import { addUsage } from "../Agent.ts"
import type { Checkpoint, Created, Record, Run, Session, Told, Whole } from "../Session.ts"

/** A session that was just created. */
export const begin = ({ at, ...created }: typeof Created.Type, version: number): Whole => ({
  ...Struct.omit(created, ["type"]),
  status: "created",
  version,
  created_at: at,
  updated_at: at,
  failures: 0,
  takeovers: 0,
  runs: [],
  turns: 0,
  checkpoints: [],
  wakes: [],
  told: [],
  unread: [],
  reset_at: 0,
  past: {
    version,
    state: { status: "created", turns: 0, failures: 0, told: [] },
    previous: undefined,
    before: undefined
  }
})

/** What a record that may follow makes of a session. */
export const change = (session: Session, record: Record, version: number): Partial<Session> => {
  /** The run that was under way is over. */
  const stopped = () => ({ runs: session.status === "running" ? end() : session.runs })
  const end = (how: Partial<Run> = {}) =>
    session.runs.map((run) => (run.run === record.run ? { ...run, ...how, ended_at: record.at } : run))
  switch (record.type) {
    case "started": {
      const runs = [...session.runs, { run: record.run, started_at: record.at, worker: record.worker }]
      const died = session.status === "running" && session.runs.at(-1)?.worker.kind === "local"
      const counts =
        session.status === "blocked"
          ? { failures: 0, takeovers: 0 }
          : { failures: session.failures, takeovers: session.takeovers + (died ? 1 : 0) }
      const flags = record.flags === undefined ? {} : { flags: { ...session.flags, ...record.flags } }
      return { status: "running", run: record.run, runs, ...counts, ...flags }
    }
    case "turn": {
      const usage = record.usage === undefined ? session.usage : addUsage(session.usage, record.usage)
      return { turns: session.turns + 1, takeovers: 0, ...(usage === undefined ? {} : { usage }) }
    }
    case "checkpoint": {
      return { checkpoints: [...session.checkpoints, checkpointOf(record, version)], takeovers: 0 }
    }
    case "finding":
      return { wakes: [...session.wakes, record.wake] }
    case "draft":
      return { draft: record.wake }
    case "attempt_failed":
      return { status: "suspended", runs: end({ retried: true }), failures: session.failures + 1, error: record.error }
    case "suspended":
      return { status: "suspended", runs: end() }
    case "ended": {
      const { error, result, usage } = record
      return {
        status: record.status,
        runs: end(),
        wakes: [...session.wakes, record.wake],
        ...(result === undefined ? {} : { result }),
        ...(error === undefined ? {} : { error }),
        ...(usage === undefined ? {} : { usage })
      }
    }
    case "cancelled":
      return {
        status: "cancelled",
        runs: end(),
        wakes: [...session.wakes, record.wake],
        error: { code: "cancelled", message: record.reason }
      }
    case "resumed": {
      const told = record.prompt === undefined ? [] : [{ at: record.at, text: record.prompt }]
      return {
        ...stopped(),
        status: "suspended",
        failures: 0,
        takeovers: 0,
        told: [...session.told, ...told],
        reset_at: version,
        ...(record.flags === undefined ? {} : { flags: record.flags })
      }
    }
    case "told": {
      const { at, expires_at, priority, supersede, text } = record
      const told: Told = {
        version,
        at,
        text,
        ...(priority === undefined ? {} : { priority }),
        ...(expires_at === undefined ? {} : { expires_at })
      }
      return { unread: supersede === true ? [told] : [...session.unread, told] }
    }
    case "heard": {
      const read = record.versions.flatMap((one) => session.unread.filter((told) => told.version === one))
      return {
        told: [...session.told, ...read.map(({ at, text }) => ({ at, text }))],
        // What is out of date by now is read no more either.
        unread: session.unread.filter(
          (told) => !read.includes(told) && (told.expires_at === undefined || told.expires_at > record.at)
        )
      }
    }
    case "rolled_back":
      return { ...stopped(), takeovers: 0, reset_at: version }
    case "inherited":
      return { owns_history: true }
    case "closed":
      return { closed: true }
    case "created":
    case "late":
      return {}
  }
}

/** A checkpoint as a session keeps it. */
export const checkpointOf = (
  { at, details, legacy_line, milestone, phase }: Extract<Record, { type: "checkpoint" }>,
  version: number
): Checkpoint => ({
  version,
  phase,
  milestone,
  details,
  at,
  ...(legacy_line === undefined ? {} : { legacy_line })
})
