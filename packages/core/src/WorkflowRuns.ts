/**
 * Finds, shows and cancels the runs of workflows.
 *
 * @since 0.1.0
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Effect, Option, Result, Schema } from "effect"
import { Journal } from "./Journal.ts"
import { Slug } from "./Key.ts"
import * as Lease from "./Lease.ts"
import * as Metrics from "./Metrics.ts"
import * as Outbox from "./Outbox.ts"
import * as Roster from "./Roster.ts"
import * as Session from "./Session.ts"
import { uniqueSuffix } from "./SessionId.ts"
import { InvalidField, nowText, type OpenOptions, Sessions } from "./Sessions.ts"
import { type Audit, Wakes } from "./Wakes.ts"
import type { Workflow } from "./WorkflowFile.ts"
import * as WorkflowRun from "./WorkflowRun.ts"
import * as Facts from "./internal/facts.ts"
import { isTransient } from "./internal/patience.ts"
import * as Replica from "./internal/Replica.ts"

/**
 * There is no run of that id.
 *
 * @category errors
 * @since 0.1.0
 */
export class RunNotFound extends Schema.TaggedError<RunNotFound>("@sartor/core/WorkflowRuns/RunNotFound")(
  "RunNotFound",
  { run_id: Schema.String }
) {
  override get message() {
    return `There is no run ${JSON.stringify(this.run_id)}: "sartor runs list" shows those that there are`
  }
}

/**
 * The journal of a run, opened.
 *
 * @category models
 * @since 0.1.0
 */
export type Log = Replica.Replica<WorkflowRun.WorkflowRun, WorkflowRun.Record, never>

/**
 * Opens the journal of a run, whether it has begun or not. Patient, it outlasts a transport that is away for up to a
 * minute.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* (
  runId: string,
  { patient }: OpenOptions = {}
): Effect.fn.Return<Log, never, Journal> {
  const journal = yield* Journal
  const log = replica(journal, `workflow/${runId}`)
  return patient === true ? { ...log, ...log.patient } : log
})

/**
 * Chooses the run that a workflow goes on with: the one that is named, else the last one of the same name and variables if
 * it has not ended, else a new one. Two that start at once choose the same.
 *
 * @category constructors
 * @since 0.1.0
 */
export const choose = Effect.fnUntraced(function* (options: {
  readonly workflow: Workflow
  readonly runId?: string | undefined
  readonly fresh?: boolean | undefined
}) {
  const { runId, workflow } = options
  if (runId !== undefined) {
    if (!Schema.is(Slug)(runId)) {
      return yield* new InvalidField({ field: "run_id", detail: "use lower-case letters, digits and single hyphens" })
    }
    const { begun } = yield* (yield* open(runId)).refresh
    if (begun === undefined || begun.workflow.name === workflow.name) return runId
    const detail = `${runId} is a run of workflow "${begun.workflow.name}", not of "${workflow.name}": choose another id`
    return yield* new InvalidField({ field: "run_id", detail })
  }
  const identity = yield* identityOf(workflow)
  const before = yield* identity.refresh
  const chosen = yield* identity.update(
    Effect.fnUntraced(function* (last) {
      const { ended } = last === undefined ? WorkflowRun.empty : yield* (yield* open(last)).refresh
      const over = last === undefined || (ended !== undefined && ended.status !== "blocked")
      // Somebody who was faster has chosen just now: that is fresh enough.
      if (!over && !(options.fresh === true && last === before)) return []
      const owner = over ? Option.none() : yield* Lease.holder(last)
      if (last !== undefined && Option.isSome(owner)) return yield* new Lease.Owned({ name: last, owner: owner.value })
      const name = workflow.name.replace(/-+/g, "-").replace(/-$/, "")
      return [{ run_id: `${name}-${yield* uniqueSuffix}` }]
    })
  )
  return chosen ?? (yield* Effect.die(`no run was chosen for workflow ${workflow.name}`))
})

/**
 * The last run of a workflow with these variables, whether it has ended or not. It chooses none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lastOf = Effect.fnUntraced(function* (workflow: Workflow) {
  return yield* (yield* identityOf(workflow)).refresh
})

/** The journal of which run is the last one of a workflow with its variables. */
const identityOf = Effect.fnUntraced(function* ({ name, vars }: Workflow) {
  return identity(yield* Journal, `identity/${digest(JSON.stringify([name, vars])).slice(0, 32)}`)
})

/**
 * What `runs list` shows of a run.
 *
 * @category models
 * @since 0.1.0
 */
export type Summary = Pick<
  WorkflowRun.Document,
  "workflow" | "run_id" | "status" | "started_at" | "finished_at" | "max_parallel"
> & { readonly agents: { readonly total: number; readonly ended: number } }

/**
 * Lists all runs, or those that were last written to at or after a time in milliseconds since the epoch, newest first. One that is damaged is left out, with a warning that names it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const list = Effect.fn("WorkflowRuns.list")(function* (since: number = 0) {
  const journal = yield* Journal
  const heads = (yield* journal.heads("workflow/")).filter(({ at }) => at >= since)
  const summaries = yield* Effect.forEach(
    heads,
    ({ key }) =>
      Effect.catchIf(
        summary(key.slice("workflow/".length)),
        (error) => !isTransient(error),
        ({ message }) => Effect.as(Effect.logWarning(`A run is left out: ${message}`), Option.none<Summary>())
      ),
    { concurrency: 16 }
  )
  return summaries
    .flatMap(Option.toArray)
    .sort((a, b) => (a.started_at === b.started_at ? 0 : a.started_at < b.started_at ? 1 : -1))
})

const summary = Effect.fnUntraced(function* (runId: string) {
  const state = yield* (yield* open(runId)).refresh
  if (state.begun === undefined) return Option.none<Summary>()
  const { max_parallel, workflow } = state.begun
  return Option.some<Summary>({
    workflow: workflow.name,
    run_id: runId,
    status: yield* liveStatus(runId, state),
    started_at: state.started_at,
    ...(state.ended === undefined ? {} : { finished_at: state.ended.at }),
    max_parallel,
    agents: {
      total: workflow.agents.length,
      ended: workflow.agents.filter(({ name }) => state.finished.has(name)).length
    }
  })
})

/** A run that has not ended runs if somebody alive owns it. */
const liveStatus = Effect.fnUntraced(function* (runId: string, { ended }: WorkflowRun.WorkflowRun) {
  if (ended !== undefined) return ended.status
  return Option.isSome(yield* Lease.holder(runId)) ? ("running" as const) : ("interrupted" as const)
})

/**
 * The document of a run, ended or not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const document = Effect.fn("WorkflowRuns.document")(function* (runId: string) {
  const sessions = yield* Sessions
  const wakes = yield* Wakes
  if (!Schema.is(Slug)(runId)) return yield* new RunNotFound({ run_id: runId })
  const state = yield* (yield* open(runId)).refresh
  if (state.begun === undefined) return yield* new RunNotFound({ run_id: runId })
  const { max_parallel, workflow } = state.begun

  const agents = yield* Effect.forEach(
    workflow.agents,
    Effect.fnUntraced(function* ({ name, needs, role, task_type }) {
      const about = { name, role, task_type, needs }
      const { agent: _, at: __, fingerprint: ___, type: ____, ...ended } = state.finished.get(name) ?? pending
      const session_id = state.finished.get(name)?.session_id ?? state.spawned.get(name)?.session_id
      if (session_id === undefined || ended.status === "skipped") return { ...about, ...ended }
      const session = yield* sessions
        .get(session_id)
        .pipe(Effect.catchTag("SessionNotFound", () => Effect.succeed(undefined)))
      if (session === undefined) return { ...about, ...ended }
      const { result, runs, status } = session
      const started = Session.workedSince(session)
      const live =
        ended.status === "pending" ? { status: status === "running" ? ("running" as const) : ("pending" as const) } : {}
      return {
        ...about,
        session_id,
        ...(started === undefined ? {} : { started_at: started }),
        ...ended,
        ...live,
        attempts: Math.max(ended.attempts, runs.length),
        ...(result === undefined ? {} : { result })
      }
    }),
    { concurrency: 16 }
  )
  const times = { started_at: state.started_at, ...(state.ended === undefined ? {} : { finished_at: state.ended.at }) }
  const found: WorkflowRun.Document = {
    type: "run",
    workflow: workflow.name,
    run_id: runId,
    status: yield* liveStatus(runId, state),
    ...times,
    max_parallel,
    agents,
    synthesis: Object.fromEntries(WorkflowRun.synthesesOf(state)),
    metrics: Metrics.compute(yield* factsOf(runId, { agents, ...times }, yield* wakes.audit(runId)))
  }
  return found
})

/** What a run adds to the figures; the sessions that are left of it say the rest. */
const factsOf = Effect.fnUntraced(function* (
  orchestrator: string,
  run: Pick<WorkflowRun.Document, "agents" | "started_at" | "finished_at">,
  audit: Audit
) {
  const all = yield* (yield* Sessions).list({ orchestrator })
  const byName = new Map(
    run.agents.flatMap(({ name, session_id }) => {
      const session = all.find((session) => session.session_id === session_id)
      return session === undefined ? [] : [[name, session] as const]
    })
  )
  const agents = run.agents.flatMap(({ name, needs }) => {
    const session = byName.get(name)
    return session === undefined ? [] : [{ session, needs: needs.flatMap((need) => byName.get(need) ?? []) }]
  })
  const spans = run.agents.flatMap(({ finished_at, started_at }) => {
    const start = Facts.millis(started_at)
    const end = Facts.millis(finished_at)
    return start === undefined || end === undefined ? [] : [{ start, end }]
  })
  return yield* Facts.ofRun({ orchestrator, isWorkflow: true, ...run, agents, spans }, audit.missing.length)
})

const pending = {
  type: "finished" as const,
  at: "",
  agent: "",
  fingerprint: "",
  status: "pending" as const,
  attempts: 0
}

/**
 * Cancels a run with all its agents, from any process. Whoever executes it ends it; if nobody does, it is ended here.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cancel = Effect.fn("WorkflowRuns.cancel")(function* (runId: string, reason: string) {
  const log = Schema.is(Slug)(runId) ? yield* open(runId) : yield* new RunNotFound({ run_id: runId })
  const { begun, ended } = yield* log.refresh
  if (begun === undefined) return yield* new RunNotFound({ run_id: runId })
  if (ended !== undefined && ended.status !== "blocked" && ended.status !== "cancelled") return yield* document(runId)
  yield* log.update((state) =>
    WorkflowRun.isOver(state) || state.cancelled !== undefined
      ? Effect.succeed([])
      : Effect.map(nowText, (at) => [{ type: "cancelled" as const, at, reason }])
  )
  yield* cancelSessions(runId, reason)
  if (Option.isNone(yield* Lease.holder(runId))) {
    yield* bringToAnEnd(runId, log).pipe(Effect.catchTag("Owned", () => Effect.void))
  }
  return yield* document(runId)
})

/**
 * Cancels the sessions of a run that have not ended, but for those that are kept.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cancelSessions = Effect.fnUntraced(function* (
  runId: string,
  reason: string,
  keep: ReadonlySet<string> = new Set()
) {
  const sessions = yield* Sessions
  const all = yield* sessions.list({ orchestrator: runId })
  const live = all.filter(({ session_id, status }) => !Session.isEnded(status) && !keep.has(session_id))
  const cancelled = yield* Effect.forEach(live, ({ session_id }) =>
    Outbox.cancel(session_id, reason).pipe(
      Effect.asSome,
      // It ended by itself meanwhile.
      Effect.catchTag(["IllegalTransition", "SessionNotFound"], () => Effect.succeedNone)
    )
  )
  return cancelled.flatMap(Option.toArray)
})

/** Stands in for the orchestrator of a cancelled run that nobody executes: no one else would ever handle its wakes. */
const bringToAnEnd = Effect.fnUntraced(function* (runId: string, log: Log) {
  const sessions = yield* Sessions
  const wakes = yield* Wakes
  yield* Lease.acquire(runId)
  const ended = new Map<string, Session.Session>()
  for (const session of yield* sessions.list({ orchestrator: runId })) ended.set(session.session_id, session)
  yield* log.refresh
  yield* log.update((state) =>
    WorkflowRun.isOver(state)
      ? Effect.succeed([])
      : Effect.map(nowText, (at): ReadonlyArray<WorkflowRun.Record> => [
          ...endingsOf(state, ended).map((ending) => ({ type: "finished" as const, at, ...ending })),
          { type: "ended", at, status: "cancelled" }
        ])
  )
  for (const { wake } of yield* wakes.pending(runId)) yield* wakes.acknowledge(wake.wake_id)
  yield* Roster.leave(runId)
}, Effect.scoped)

/** How the agents ended of whom a cancelled run does not say so. */
const endingsOf = (state: WorkflowRun.WorkflowRun, sessions: ReadonlyMap<string, Session.Session>) =>
  (state.begun?.workflow.agents ?? []).flatMap(({ name }) => {
    const known = state.finished.get(name)
    if (known !== undefined && known.status !== "blocked") return []
    const spawned = state.spawned.get(name)
    const session = spawned === undefined ? undefined : sessions.get(spawned.session_id)
    const error = { code: "cancelled", message: state.cancelled ?? "" }
    const ending =
      session === undefined ? { status: "cancelled" as const, attempts: 0, error } : WorkflowRun.endingOf(session)
    return [{ agent: name, fingerprint: spawned?.fingerprint ?? "", ...ending }]
  })

const Identity = Schema.Struct({ run_id: Schema.String })
const identity = Replica.define<string | undefined, typeof Identity.Type, typeof Identity.Type, never>({
  record: Identity,
  initial: undefined,
  apply: (_, { run_id }) => Result.succeed(run_id)
})
const RecordJson: Schema.Codec<WorkflowRun.Record, Schema.Json> = Schema.toCodecJson(WorkflowRun.Record)
const replica = Replica.define({ record: RecordJson, initial: WorkflowRun.empty, apply: WorkflowRun.apply })
const digest = (text: string) => bytesToHex(sha256(utf8ToBytes(text)))
