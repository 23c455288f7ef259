/**
 * Finds, shows and cancels the runs of workflows.
 *
 * @since 0.1.0
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Effect, Option, Schema, Stream } from "effect"
import { Journal } from "./Journal.ts"
import { Slug } from "./Key.ts"
import * as Lease from "./Lease.ts"
import * as Metrics from "./Metrics.ts"
import * as Outbox from "./Outbox.ts"
import * as Session from "./Session.ts"
import { uniqueSuffix } from "./SessionId.ts"
import { InvalidField, nowText, Sessions } from "./Sessions.ts"
import { Wakes } from "./Wakes.ts"
import type { Workflow } from "./WorkflowFile.ts"
import * as WorkflowRun from "./WorkflowRun.ts"
import { own } from "./internal/own.ts"
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
 * Opens the journal of a run, whether it has begun or not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* (runId: string): Effect.fn.Return<Log, never, Journal> {
  const journal = yield* Journal
  return Replica.make({
    journal,
    key: `workflow/${runId}`,
    record: RecordJson,
    initial: WorkflowRun.empty,
    apply: WorkflowRun.apply
  })
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
  const { fresh = false, runId, workflow } = options
  if (runId !== undefined) {
    if (Schema.is(Slug)(runId)) return runId
    return yield* new InvalidField({ field: "run_id", detail: "use lower-case letters, digits and single hyphens" })
  }
  const journal = yield* Journal
  const key = `identity/${digest(JSON.stringify([workflow.name, workflow.vars])).slice(0, 32)}`
  while (true) {
    const known = yield* own(Stream.runCollect(journal.read(key)))
    const newest = known.at(-1)
    if (newest !== undefined) {
      const last = (yield* Effect.orDie(decodeIdentity(newest.record))).run_id
      const { ended } = yield* (yield* open(last)).refresh
      const over = ended !== undefined && ended.status !== "blocked"
      if (!over && !fresh) return last
      const owner = over ? Option.none() : yield* Lease.holder(last)
      if (Option.isSome(owner)) return yield* new Lease.Owned({ name: last, owner: owner.value })
    }
    const name = workflow.name.replace(/-+/g, "-").replace(/-$/, "")
    const chosen = `${name}-${yield* uniqueSuffix}`
    const written = yield* own(journal.append(key, newest?.version ?? 0, [{ run_id: chosen }])).pipe(
      Effect.as(true),
      Effect.catchTag("VersionConflict", () => Effect.succeed(false))
    )
    if (written) return chosen
  }
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
 * Lists all runs, newest first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const list = Effect.fn("WorkflowRuns.list")(function* () {
  const journal = yield* Journal
  const heads = yield* journal.heads("workflow/")
  const summaries = yield* Effect.forEach(heads, ({ key }) => summary(key.slice("workflow/".length)), {
    concurrency: 16
  })
  return summaries.flatMap(Option.toArray).sort((a, b) => (a.started_at < b.started_at ? 1 : -1))
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
    agents: { total: workflow.agents.length, ended: state.finished.size }
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
      const session_id = state.spawned.get(name)?.session_id
      if (session_id === undefined || ended.status === "skipped") return { ...about, ...ended }
      const session = yield* sessions
        .get(session_id)
        .pipe(Effect.catchTag("SessionNotFound", () => Effect.succeed(undefined)))
      if (session === undefined) return { ...about, ...ended }
      const { result, runs, status } = session
      const started = runs[0]
      const live =
        ended.status === "pending" ? { status: status === "running" ? ("running" as const) : ("pending" as const) } : {}
      return {
        ...about,
        session_id,
        ...(started === undefined ? {} : { started_at: started.started_at }),
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
    synthesis: Object.fromEntries(state.syntheses),
    metrics: Metrics.ofRun({ agents, ...times }, yield* wakes.audit(runId))
  }
  return found
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
  const sessions = yield* Sessions
  const log = Schema.is(Slug)(runId) ? yield* open(runId) : yield* new RunNotFound({ run_id: runId })
  if ((yield* log.refresh).begun === undefined) return yield* new RunNotFound({ run_id: runId })
  yield* log.update((state) =>
    state.ended !== undefined || state.cancelled !== undefined
      ? Effect.succeed([])
      : Effect.map(nowText, (at) => [{ type: "cancelled" as const, at, reason }])
  )
  for (const session of yield* sessions.list({ orchestrator: runId })) {
    if (Session.isEnded(session.status)) continue
    yield* Outbox.cancel(session.session_id, reason).pipe(
      // It ended by itself meanwhile.
      Effect.catchTag(["IllegalTransition", "SessionNotFound"], () => Effect.void)
    )
  }
  if (Option.isNone(yield* Lease.holder(runId))) {
    yield* log.update((state) =>
      state.ended !== undefined
        ? Effect.succeed([])
        : Effect.map(nowText, (at) => [{ type: "ended" as const, at, status: "cancelled" as const }])
    )
  }
  return yield* document(runId)
})

const Identity = Schema.Struct({ run_id: Schema.String })
const decodeIdentity = Schema.decodeUnknownEffect(Identity)
const RecordJson: Schema.Codec<WorkflowRun.Record, Schema.Json> = Schema.toCodecJson(WorkflowRun.Record)
const digest = (text: string) => bytesToHex(sha256(utf8ToBytes(text)))
