/**
 * One execution of a workflow, as its journal tells it: what was spawned, what ended how, what came out.
 *
 * @since 0.1.0
 */
import { Result as EffectResult, Schema } from "effect"
import { Problem, Result } from "./Agent.ts"
import { Some } from "./Flags.ts"
import { type Session, workedSince } from "./Session.ts"
import { SessionId } from "./SessionId.ts"
import { Resolution } from "./Resolution.ts"
import { Synthesis } from "./Synthesis.ts"
import { Timestamp } from "./Wake.ts"
import { Workflow } from "./WorkflowFile.ts"

/**
 * How an agent of a workflow can end; `skipped` if it was not run because something it needs did not complete.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AgentStatus = Schema.Literals(["complete", "blocked", "failed", "cancelled", "skipped"])

/**
 * @category models
 * @since 0.1.0
 */
export type AgentStatus = typeof AgentStatus.Type

/**
 * How a run can end. `degraded` if only what a synthesis needs has failed; `blocked` if it waits for a human.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Literals(["complete", "degraded", "blocked", "failed", "cancelled"])

/**
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

const Begun = Schema.Struct({
  type: Schema.tag("begun"),
  at: Timestamp,
  run_id: Schema.String,
  workflow: Workflow,
  /** Where the workflow file lies, and what it is called; for the record. */
  file: Schema.optionalKey(Schema.String),
  max_parallel: Schema.Natural
})

const Spawned = Schema.Struct({
  type: Schema.tag("spawned"),
  at: Timestamp,
  agent: Schema.String,
  session_id: SessionId,
  /** Of all that its result depends on: its entry, the results of its needs, the files in its command. */
  fingerprint: Schema.String,
  /** The flags that were off for it. */
  flags: Schema.optionalKey(Some)
})

const Finished = Schema.Struct({
  type: Schema.tag("finished"),
  at: Timestamp,
  agent: Schema.String,
  fingerprint: Schema.String,
  session_id: Schema.optionalKey(SessionId),
  status: AgentStatus,
  attempts: Schema.Natural,
  started_at: Schema.optionalKey(Timestamp),
  finished_at: Schema.optionalKey(Timestamp),
  error: Schema.optionalKey(Problem)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Spawned = typeof Spawned.Type

/**
 * One record of the journal `workflow/<run id>`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = Schema.Union([
  Begun,
  Spawned,
  Finished,
  Schema.Struct({
    type: Schema.tag("synthesized"),
    at: Timestamp,
    agent: Schema.String,
    synthesis: Synthesis
  }),
  Schema.Struct({ type: Schema.tag("answered"), at: Timestamp, resolution: Resolution }),
  Schema.Struct({ type: Schema.tag("cancelled"), at: Timestamp, reason: Schema.String }),
  Schema.Struct({ type: Schema.tag("ended"), at: Timestamp, status: Status })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Record = typeof Record.Type

/**
 * Reads a record as it was written; nothing for one that cannot be read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const decode = Schema.decodeUnknownOption(Record)

/**
 * @category models
 * @since 0.1.0
 */
export type Finished = typeof Finished.Type

/**
 * What a finished agent is, whichever agent it is.
 *
 * @category models
 * @since 0.1.0
 */
export type Ending = Omit<Finished, "type" | "at" | "agent" | "fingerprint">

/**
 * A run as far as it has come. What was begun last counts: a resumed run may have another definition.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkflowRun {
  /** How often it was begun. Who began it last owns it: whoever finds another number than its own must stop. */
  readonly generation: number
  readonly begun: typeof Begun.Type | undefined
  readonly started_at: string
  readonly spawned: ReadonlyMap<string, Spawned>
  /** How agents ended; nothing of one that was spawned anew since. */
  readonly finished: ReadonlyMap<string, Finished>
  readonly syntheses: ReadonlyMap<string, Synthesis>
  /** The answers to its conflicts, oldest first. */
  readonly resolutions: ReadonlyArray<Resolution>
  /** Why it was cancelled, if it was. */
  readonly cancelled: string | undefined
  readonly ended: { readonly status: Status; readonly at: string } | undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const empty: WorkflowRun = {
  generation: 0,
  begun: undefined,
  started_at: "",
  spawned: new Map(),
  finished: new Map(),
  syntheses: new Map(),
  resolutions: [],
  cancelled: undefined,
  ended: undefined
}

/**
 * Applies a record: every one may follow on every other.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apply = (run: WorkflowRun, record: Record): EffectResult.Result<WorkflowRun, never> => {
  switch (record.type) {
    case "begun":
      return EffectResult.succeed({
        ...run,
        generation: run.generation + 1,
        begun: record,
        started_at: run.started_at === "" ? record.at : run.started_at,
        ended: undefined
      })
    case "spawned": {
      const finished = new Map(run.finished)
      finished.delete(record.agent)
      return EffectResult.succeed({ ...run, spawned: new Map(run.spawned).set(record.agent, record), finished })
    }
    case "finished":
      return EffectResult.succeed({ ...run, finished: new Map(run.finished).set(record.agent, record) })
    case "synthesized":
      return EffectResult.succeed({ ...run, syntheses: new Map(run.syntheses).set(record.agent, record.synthesis) })
    case "answered":
      return EffectResult.succeed({ ...run, resolutions: [...run.resolutions, record.resolution] })
    case "cancelled":
      return EffectResult.succeed({ ...run, cancelled: record.reason })
    case "ended":
      return EffectResult.succeed({ ...run, ended: { status: record.status, at: record.at } })
  }
}

/**
 * How a session ended, or is blocked, as a run keeps it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const endingOf = (session: Session): Ending => {
  const { error, runs, session_id, status, updated_at } = session
  const ended = status === "complete" || status === "blocked" || status === "cancelled" ? status : ("failed" as const)
  const started = workedSince(session)
  return {
    session_id,
    status: ended,
    attempts: runs.length,
    ...(started === undefined ? {} : { started_at: started }),
    finished_at: runs.at(-1)?.ended_at ?? updated_at,
    ...(error === undefined || ended === "complete" ? {} : { error })
  }
}

/**
 * Whether a run has come to its end. One that is blocked waits for a human, and can go on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isOver = ({ ended }: WorkflowRun): boolean => ended !== undefined && ended.status !== "blocked"

/**
 * The syntheses of a run by agent, without those of agents that its workflow no longer has.
 *
 * @category constructors
 * @since 0.1.0
 */
export const synthesesOf = (run: WorkflowRun): ReadonlyArray<readonly [string, Synthesis]> =>
  (run.begun?.workflow.agents ?? []).flatMap(({ name, synthesize }) => {
    const synthesis = synthesize ? run.syntheses.get(name) : undefined
    return synthesis === undefined ? [] : [[name, synthesis] as const]
  })

/**
 * How a run ends, from how its agents and its syntheses did.
 *
 * @category constructors
 * @since 0.1.0
 */
export const statusOf = (run: WorkflowRun): Status => {
  const agents = run.begun?.workflow.agents ?? []
  const ended = (name: string) => run.finished.get(name)?.status
  if (run.cancelled !== undefined) return "cancelled"
  if (agents.some((agent) => ended(agent.name) === "blocked")) return "blocked"
  const forgiven = new Set(agents.filter((agent) => agent.synthesize).flatMap((agent) => agent.needs))
  const lost = agents.filter((agent) => ended(agent.name) !== "complete")
  if (lost.some((agent) => !forgiven.has(agent.name))) return "failed"
  const whole = synthesesOf(run).every(([, synthesis]) => synthesis.status === "complete")
  return lost.length === 0 && whole ? "complete" : "degraded"
}

/**
 * One agent in a run document; one that has not ended is `pending` or `running`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AgentDocument = Schema.Struct({
  name: Schema.String,
  role: Schema.String,
  task_type: Schema.String,
  needs: Schema.Array(Schema.String),
  session_id: Schema.optionalKey(SessionId),
  status: Schema.Union([AgentStatus, Schema.Literals(["pending", "running"])]),
  attempts: Schema.Natural,
  started_at: Schema.optionalKey(Timestamp),
  finished_at: Schema.optionalKey(Timestamp),
  result: Schema.optionalKey(Result),
  error: Schema.optionalKey(Problem)
})

/**
 * A figure with what it should be. Without data it has no value and `ok` is `n/a`, which is never a pass.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Metric = Schema.Struct({
  name: Schema.String,
  value: Schema.optionalKey(Schema.Finite),
  unit: Schema.String,
  target: Schema.Finite,
  threshold: Schema.Finite,
  ok: Schema.Union([Schema.Boolean, Schema.Literal("n/a")]),
  samples: Schema.Natural
})

/**
 * @category models
 * @since 0.1.0
 */
export type Metric = typeof Metric.Type

/**
 * What `sartor run --json` prints: the run, its agents with their results, the syntheses, the metrics.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Document = Schema.Struct({
  type: Schema.tag("run"),
  workflow: Schema.String,
  run_id: Schema.String,
  status: Schema.Union([Status, Schema.Literals(["running", "interrupted"])]),
  started_at: Timestamp,
  finished_at: Schema.optionalKey(Timestamp),
  max_parallel: Schema.Natural,
  agents: Schema.Array(AgentDocument),
  synthesis: Schema.Record(Schema.String, Synthesis),
  metrics: Schema.Array(Metric)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Document extends Schema.Schema.Type<typeof Document> {}
