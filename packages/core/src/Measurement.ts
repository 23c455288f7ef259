/**
 * Collects what the seven figures are computed from: journals of runs, sessions, inboxes and handoffs, and the legacy files.
 *
 * @since 0.1.0
 */
import { Effect, Option, Stream } from "effect"
import * as Handoffs from "./Handoffs.ts"
import { Journal } from "./Journal.ts"
import * as Legacy from "./LegacyFiles.ts"
import * as Metrics from "./Metrics.ts"
import type * as Session from "./Session.ts"
import { Sessions } from "./Sessions.ts"
import { Wakes } from "./Wakes.ts"
import * as WorkflowRun from "./WorkflowRun.ts"
import * as WorkflowRuns from "./WorkflowRuns.ts"
import * as facts from "./internal/facts.ts"

/**
 * The figures of everything that ran, or of what was begun at or after a time in milliseconds since the epoch.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofFleet = Effect.fn("Measurement.ofFleet")(function* (since: number = 0) {
  return Metrics.compute(yield* factsSince(since))
})

/**
 * What the figures are computed from.
 *
 * @category constructors
 * @since 0.1.0
 */
export const factsSince = Effect.fnUntraced(function* (since: number) {
  const sessions = (yield* (yield* Sessions).list()).filter(
    ({ created_at }) => (facts.millis(created_at) ?? 0) >= since
  )
  const { missing } = yield* (yield* Wakes).audit()
  const byOrchestrator = Map.groupBy(sessions, ({ orchestrator }) => orchestrator)
  const runs = yield* Effect.forEach(byOrchestrator, ([orchestrator, of]) => {
    const ids = new Set<string>(of.map(({ session_id }) => session_id))
    const gone = missing.filter((id) => ids.has(id.slice(0, id.indexOf("/")))).length
    return ofOrchestrator(orchestrator, of, gone, since)
  })
  return Metrics.add([...runs, yield* lost(since), yield* handedOver(since), yield* legacy(since)])
})

/** A run of a workflow, or the life of another orchestrator: from its first agent to its last. */
const ofOrchestrator = Effect.fnUntraced(function* (
  orchestrator: string,
  sessions: ReadonlyArray<Session.Session>,
  missing: number,
  since: number
) {
  const { ended, started_at } = yield* (yield* WorkflowRuns.open(orchestrator)).refresh
  const byId = new Map<string, Session.Session>(sessions.map((session) => [session.session_id, session]))
  const agents = sessions.map((session) => ({
    session,
    needs: Object.values(session.inputs).flatMap((id) => byId.get(id) ?? [])
  }))
  const ends = sessions.flatMap(({ runs }) => runs.at(-1)?.ended_at ?? [])
  return yield* facts.ofRun(
    {
      orchestrator,
      isWorkflow: started_at !== "",
      agents,
      started_at: started_at === "" ? sessions.map(({ created_at }) => created_at).sort()[0] : started_at,
      finished_at: started_at === "" ? (ends.length < sessions.length ? undefined : ends.sort().at(-1)) : ended?.at
    },
    missing,
    since
  )
})

/** Sessions that were not kept, and did not outlive their process: context that is lost. */
const lost = Effect.fnUntraced(function* (since: number) {
  const journal = yield* Journal
  const heads = yield* journal.heads("workflow/")
  const counts = yield* Effect.forEach(
    heads.filter(({ at }) => at >= since),
    ({ key }) =>
      journal.read(key).pipe(
        Stream.runCollect,
        Effect.catchTag("InvalidKey", Effect.die),
        Effect.map((entries) =>
          facts.lostOf(
            entries.flatMap(({ record }) => {
              const read = Option.getOrUndefined(WorkflowRun.decode(record))
              return read?.type === "spawned" ? [read] : []
            })
          )
        )
      )
  )
  const total = counts.reduce((sum, count) => sum + count, 0)
  return { ...Metrics.none, resumes: { total, retained: 0 } }
})

const handedOver = Effect.fnUntraced(function* (since: number) {
  const handoffs = yield* Handoffs.list()
  return Metrics.add(
    handoffs.map(({ accepted_at, context, document: { handoff } }): Metrics.Facts => {
      const from = facts.millis(handoff.timestamp)
      const to = facts.millis(accepted_at)
      if (from === undefined || to === undefined || from < since) return Metrics.none
      const total = context === "none" ? 0 : 1
      return {
        ...Metrics.none,
        handoffs: [Math.max(0, to - from)],
        resumes: { total, retained: context === "session" ? 1 : 0 }
      }
    })
  )
})

/** Whether what lies there now can be read as the scripts read it, and whether anything was refused. */
const legacy = Effect.fnUntraced(function* (since: number) {
  const files = yield* Effect.serviceOption(Legacy.LegacyFiles)
  if (Option.isNone(files)) return Metrics.none
  const statuses = yield* files.value.statuses
  const wakes = yield* files.value.wakes
  const damaged = [...statuses.damaged, ...wakes.damaged].map(({ message }) => message)
  const broken = new Set([...damaged, ...(yield* files.value.refusals(since))]).size
  const whole = statuses.found.filter(({ damaged }) => damaged === undefined).length + wakes.found.length
  return { ...Metrics.none, legacy: { total: whole + broken, broken } }
})
