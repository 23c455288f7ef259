import { Effect } from "effect"
import type { Report } from "../Census.ts"
import * as Matching from "../Matching.ts"
import * as Orchestrator from "../Orchestrator.ts"
import { Sessions } from "../Sessions.ts"
import * as Synthesis from "../Synthesis.ts"
import type { Agent } from "../WorkflowFile.ts"
import type { Finished, WorkflowRun } from "../WorkflowRun.ts"

/** The synthesis of what a step needs, as the run knows it: with the answers that humans gave, and what its needs were to look at. */
export const synthesisOf = Effect.fnUntraced(function* (run: WorkflowRun, step: Agent, needs: ReadonlyArray<Finished>) {
  const reports = yield* Effect.forEach(needs, reportOf)
  const agents = run.begun?.workflow.agents ?? []
  const before = new Set(agents.filter(({ name }) => step.needs.includes(name)).flatMap((agent) => agent.needs))
  const scope = yield* Effect.forEach(before, (name) => filesOf(run.finished.get(name)))
  const matcher = yield* Matching.matcherFor(reports)
  return Synthesis.synthesize(reports, { matcher, resolutions: run.resolutions, scope: scope.flat() })
})

/** How one agent of a run ended, as a synthesis takes it. */
export const reportOf = Effect.fnUntraced(function* (finished: Finished): Effect.fn.Return<Report, Errors, Sessions> {
  const { agent, error, session_id, status } = finished
  if (session_id === undefined) return { agent, outcome: status, ...(error === undefined ? {} : { problem: error }) }
  return Orchestrator.report(agent, yield* (yield* Sessions).get(session_id))
})

/** What an agent handed on to those that need it. */
const filesOf = Effect.fnUntraced(function* (finished: Finished | undefined) {
  if (finished?.session_id === undefined || finished.status !== "complete") return []
  const { result } = yield* (yield* Sessions).get(finished.session_id)
  return (result?.files ?? []).map((file) => (typeof file === "string" ? file : file.path))
})

type Errors = Effect.Error<ReturnType<Sessions["Service"]["get"]>>
