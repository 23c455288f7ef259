import { Effect } from "effect"
import * as Alert from "../Alert.ts"
import type { Synthesis } from "../Synthesis.ts"
import type { WorkflowRun } from "../WorkflowRun.ts"

/** Raises an alert where an operator should look at a workflow, each once. */
export const makeWorkflowWatch = (run_id: string, alert: (alert: Alert.Alert) => Effect.Effect<void>) => {
  const conflicts = new Set<string>()
  const passed = { conflicts: false, escalations: false }
  const count = Effect.fnUntraced(function* (type: "conflicts" | "escalations", value: number) {
    const limit = Alert.limits[type]
    if (value < limit || passed[type]) return
    passed[type] = true
    yield* alert({ type, run_id, value, limit })
  })

  return {
    synthesized: Effect.fnUntraced(function* (step: string, synthesis: Synthesis) {
      const limit = Alert.limits.confidence
      const value = synthesis.confidence
      if (value < limit) yield* alert({ type: "low_confidence", run_id, step, value, limit })
      for (const { id, resolution } of synthesis.conflicts) if (resolution === undefined) conflicts.add(id)
      yield* count("conflicts", conflicts.size)
    }),
    finished: ({ finished }: WorkflowRun) =>
      count("escalations", [...finished.values()].filter(({ status }) => status === "blocked").length)
  }
}
