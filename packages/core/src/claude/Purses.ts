/**
 * Whose budgets a session spends: its own, and its workflow's.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { addUsage, type Usage } from "../Agent.ts"
import type { Purse } from "../Budget.ts"
import { isOfWorkflow } from "../Resumption.ts"
import type { Session } from "../Session.ts"
import { Sessions } from "../Sessions.ts"
import * as WorkflowRuns from "../WorkflowRuns.ts"

/**
 * Reads the budgets with what is used of them, by all sessions and processes. What a workflow says now counts: somebody
 * may have given it more since the session was created.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pursesOf = Effect.fnUntraced(function* (session: Session) {
  const sessions = yield* Sessions
  const { metadata, name, orchestrator, runner, session_id } = session
  const begun = isOfWorkflow(session) ? (yield* (yield* WorkflowRuns.open(orchestrator)).refresh).begun : undefined
  const agent = begun?.workflow.agents.find((agent) => agent.name === name)
  const own = agent === undefined ? (runner.type === "claude" ? runner.budget : undefined) : agent.budget
  const shared = begun?.workflow.budget
  const purses: Array<Purse> = []
  if (own !== undefined) {
    purses.push({ of: `session ${session_id}`, budget: own, used: (yield* sessions.get(session_id)).usage })
  }
  if (shared !== undefined) {
    const all = yield* sessions.list({ orchestrator })
    const used = all.reduce<Usage | undefined>(
      (sum, { usage }) => (usage === undefined ? sum : addUsage(sum, usage)),
      undefined
    )
    purses.push({ of: `workflow ${metadata["workflow"] ?? orchestrator} (run ${orchestrator})`, budget: shared, used })
  }
  return purses
})
