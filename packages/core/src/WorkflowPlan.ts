/**
 * What going on with a run would do, before it does anything: who is remembered, who runs, and why.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import type { Workflow } from "./WorkflowFile.ts"
import { order } from "./WorkflowFile.ts"
import type { Finished, WorkflowRun } from "./WorkflowRun.ts"
import { fingerprintOf, isOf } from "./internal/fingerprint.ts"
import { isLost } from "./internal/lost.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Plan {
  /** Agents that have ended, and are not run again. */
  readonly remembered: ReadonlyArray<string>
  /** Agents that had ended, and run again because their own entry, or a file in their command, has changed. */
  readonly changed: ReadonlyArray<string>
  /** Agents that had ended, and run again if what they need comes to another result. */
  readonly dependent: ReadonlyArray<string>
  /** Agents that have not ended yet. */
  readonly open: ReadonlyArray<string>
  /** Agents that the workflow no longer has. */
  readonly dropped: ReadonlyArray<string>
}

/**
 * Compares a run with a workflow that is to go on with it. It changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fn("WorkflowPlan.make")(function* (run: WorkflowRun, workflow: Workflow, folder: string) {
  const remembered = new Map<string, Finished>()
  const changed: Array<string> = []
  const dependent: Array<string> = []
  const open: Array<string> = []
  for (const name of order(workflow)) {
    const agent = workflow.agents.find((agent) => agent.name === name)
    const known = run.finished.get(name)
    if (agent === undefined) continue
    const needs = agent.needs.flatMap((need) => remembered.get(need) ?? [])
    const lost = yield* isLost(run.spawned.get(name))
    if (known === undefined || lost || known.status === "skipped" || known.status === "blocked") open.push(name)
    else if (needs.length < agent.needs.length) dependent.push(name)
    else if (isOf(known.fingerprint, yield* fingerprintOf(agent, folder, needs))) remembered.set(name, known)
    else changed.push(name)
  }
  const names = new Set(workflow.agents.map(({ name }) => name))
  const plan: Plan = {
    remembered: [...remembered.keys()],
    changed,
    dependent,
    open,
    dropped: [...run.spawned.keys()].filter((name) => !names.has(name))
  }
  return plan
})
