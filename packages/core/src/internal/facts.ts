import { DateTime, Effect, Option, Schema, Stream } from "effect"
import * as Flags from "../Flags.ts"
import * as Inbox from "../Inbox.ts"
import { Journal } from "../Journal.ts"
import type { Facts, Span } from "../Metrics.ts"
import * as Metrics from "../Metrics.ts"
import * as Session from "../Session.ts"
import type { Spawned } from "../WorkflowRun.ts"
import * as here from "./here.ts"
import { own } from "./own.ts"

interface Run {
  readonly orchestrator: string
  readonly isWorkflow?: boolean | undefined
  readonly started_at?: string | undefined
  readonly finished_at?: string | undefined
  /** By agent, with the sessions that each of them needs. */
  readonly agents: ReadonlyArray<{ readonly session: Session.Session; readonly needs: ReadonlyArray<Session.Session> }>
  /** When each of them worked, where that is known better. */
  readonly spans?: ReadonlyArray<Span> | undefined
}

/** What one run, or one orchestrator, adds to the figures, from some time on. Of its wakes some may be known to be missing. */
export const ofRun = Effect.fnUntraced(function* (run: Run, missing: number, since = 0) {
  const { acknowledged, dead, taken } = yield* takenOf(run.orchestrator, since)
  const sessions = run.agents.map(({ session }) => session)
  const start = millis(run.started_at)
  const handled = sessions.flatMap(({ wakes }) => wakes.flatMap(({ wake_id }) => taken.get(wake_id) ?? []))
  const ended = millis(run.finished_at)
  // It went on for as long as it had something to handle.
  const end = ended === undefined || run.isWorkflow === true ? ended : Math.max(ended, ...handled)
  const facts: Facts = {
    runs: [
      {
        wall: start === undefined || end === undefined ? undefined : end - start,
        agents: run.spans ?? sessions.flatMap(workOf),
        blocked: [...sessions.flatMap(spawnOf), ...sessions.flatMap((session) => waitsOf(session, taken))].flatMap(
          (span) => within(span, start, end)
        )
      }
    ],
    resumes: Metrics.add(sessions.map(resumesOf)).resumes,
    wakes: { sent: acknowledged + dead + missing, delivered: acknowledged },
    handoffs: run.agents.flatMap(({ needs, session }) => {
      const done = needs.flatMap(({ runs }) => millis(runs.at(-1)?.ended_at) ?? [])
      const began = millis(session.created_at)
      return done.length === 0 || began === undefined ? [] : [Math.max(0, began - Math.max(...done))]
    }),
    legacy: Metrics.none.legacy
  }
  return facts
})

/** Agents whose sessions were not kept, and were lost with their process. */
export const lostOf = (spawned: ReadonlyArray<Spawned>): number => {
  const seen = new Set<string>()
  return spawned.filter(({ session_id }) => seen.size === seen.add(session_id).size).length
}

/** By wake, when somebody began to handle it; and how many an inbox has settled, one way and the other. */
const takenOf = Effect.fnUntraced(function* (orchestrator: string, since: number) {
  const journal = yield* Journal
  const taken = new Map<string, number>()
  const settled = new Map<string, "acknowledged" | "dead">()
  const read = (key: string, note: (record: Inbox.Record) => void) =>
    own(Stream.runForEach(journal.read(key), ({ record }) => Effect.sync(() => Option.map(decodeRecord(record), note))))
  const take = (record: Inbox.Record) => {
    if (record.type !== "acknowledged" && record.type !== "dead") return
    const at = millis(record.type === "acknowledged" ? (record.taken_at ?? record.at) : record.at)
    if (at !== undefined) taken.set(record.wake_id, at)
  }
  yield* read(`inbox/${orchestrator}`, (record) => {
    take(record)
    if (record.type === "requeued") settled.delete(record.wake_id)
    if (record.type !== "acknowledged" && record.type !== "dead") return
    // What is acknowledged is never dead.
    const known = settled.get(record.wake_id) === "acknowledged"
    if (!known && (millis(record.at) ?? 0) >= since) settled.set(record.wake_id, record.type)
  })
  yield* read(`${here.prefix}inbox/${orchestrator}`, take)
  const dead = [...settled.values()].filter((how) => how === "dead").length
  return { taken, dead, acknowledged: settled.size - dead }
})

const workOf = (session: Session.Session): ReadonlyArray<Span> => {
  const start = millis(Session.workedSince(session))
  const end = millis(session.runs.at(-1)?.ended_at)
  return start === undefined || end === undefined ? [] : [{ start, end }]
}

/** A spawn that waited for its agent. */
const spawnOf = (session: Session.Session): ReadonlyArray<Span> =>
  Flags.select(session.flags, "ENABLE_BACKGROUND_AGENTS", {
    on: [],
    off: spanOf(session.created_at, session.runs.at(-1)?.ended_at)
  })

/** The time that wakes were ready in and not being handled. */
const waitsOf = ({ wakes }: Session.Session, taken: ReadonlyMap<string, number>): ReadonlyArray<Span> =>
  wakes.flatMap(({ timestamp, wake_id }) => {
    const start = millis(timestamp)
    const end = taken.get(wake_id)
    return start === undefined || end === undefined ? [] : [{ start, end }]
  })

/** It goes on with all that it knew, unless its journal is damaged: then it goes on with less, or not at all. */
const resumesOf = (session: Session.Session): Facts => {
  const resumed = session.runs.slice(1).filter((_, index) => session.runs[index]?.retried !== true).length
  const damaged = session.damaged_after === undefined ? 0 : 1
  return { ...Metrics.none, resumes: { total: resumed + damaged, retained: resumed } }
}

const within = ({ end, start }: Span, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY) => {
  const span = { start: Math.max(start, from), end: Math.min(end, to) }
  return span.end > span.start ? [span] : []
}

const spanOf = (from: string | undefined, to: string | undefined): ReadonlyArray<Span> => {
  const start = millis(from)
  const end = millis(to)
  return start === undefined || end === undefined ? [] : [{ start, end }]
}

export const millis = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Option.getOrUndefined(Option.map(DateTime.make(time), DateTime.toEpochMillis))

const decodeRecord = Schema.decodeUnknownOption(Inbox.Record)
