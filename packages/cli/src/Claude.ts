/**
 * Lets Claude execute agents. What speaks to its API is loaded only where a workflow has such agents.
 *
 * @since 0.1.0
 */
import type { WorkflowFile } from "@sartor/core"
import { Effect, Option, Redacted } from "effect"
import * as Failure from "./Failure.ts"
import { variable } from "./Settings.ts"

/**
 * The runner of a workflow's Claude agents, or none if it has none. Tools that do not exist, and a missing key, are bad
 * input: they are found before anything is started.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnerFor = Effect.fnUntraced(function* ({ agents }: WorkflowFile.Workflow, file: string) {
  const ours = agents.filter(({ runner }) => runner === "claude")
  const [first] = ours
  if (first === undefined) return {}
  const { ClaudeRunner, ToolNames } = yield* Effect.promise(() => import("@sartor/core/claude"))
  for (const { name, tools = [] } of ours) {
    const problem = ToolNames.problemIn(tools)
    if (problem !== undefined) {
      return yield* Failure.badInput(`agent "${name}": ${problem}`, { field: "tools", file })
    }
  }
  const key = yield* variable("ANTHROPIC_API_KEY")
  if (Option.isNone(key)) {
    return yield* Failure.badInput(`agent "${first.name}" is executed by Claude, and ANTHROPIC_API_KEY is not set`, {
      field: "ANTHROPIC_API_KEY",
      hint: "set it to a key of the Claude API"
    })
  }
  const baseUrl = Option.getOrUndefined(yield* variable("ANTHROPIC_BASE_URL"))
  return { claude: ClaudeRunner.make({ apiKey: Redacted.make(key.value), baseUrl }) }
})
