import { Effect, Path } from "effect"
import type * as Agent from "../Agent.ts"
import type { Agent as Step } from "../WorkflowFile.ts"

/** Who executes an agent of a workflow, with paths that begin at the folder of its file. */
export const runnerOf = Effect.fnUntraced(function* (agent: Step, folder: string) {
  if (agent.runner === "claude") return yield* claudeOf(agent, folder)
  if (agent.command === undefined) return { type: "function" as const, name: agent.name }
  const path = yield* Path.Path
  const runner: Extract<Agent.Runner, { type: "command" }> = {
    type: "command",
    command: agent.command,
    cwd: path.resolve(folder, agent.cwd ?? "."),
    env: agent.env
  }
  return runner
})

const claudeOf = Effect.fnUntraced(function* ({ budget, cwd, model, silence, tools }: Step, folder: string) {
  const path = yield* Path.Path
  const runner: Extract<Agent.Runner, { type: "claude" }> = {
    type: "claude",
    workspace: path.resolve(folder, cwd ?? "."),
    ...(model === undefined ? {} : { model }),
    ...(tools === undefined ? {} : { tools }),
    ...(budget === undefined ? {} : { budget }),
    ...(silence === undefined ? {} : { silence })
  }
  return runner
})
