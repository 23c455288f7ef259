/**
 * Which tools an agent gets: those that its session names, out of the standard set and one's own.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as CommandTool from "./CommandTool.ts"
import * as FetchTool from "./FetchTool.ts"
import * as FileTools from "./FileTools.ts"
import * as FleetTools from "./FleetTools.ts"
import * as Tool from "./Tool.ts"
import * as ToolNames from "./ToolNames.ts"
import * as Workspace from "./Workspace.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** As a session names them: `read_file`, `run_command(npm test)`, `fetch(example.com)`; the harmless ones if left out. */
  readonly names?: ReadonlyArray<string> | undefined
  readonly workspace?: string | undefined
  /** One's own tools; all of them are given where `names` is left out. */
  readonly own?: ReadonlyArray<Tool.Tool> | undefined
}

/**
 * Opens the tools of a session.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* ({ names, own = [], workspace: folder }: Options) {
  const wanted = names ?? [...ToolNames.harmless, ...own.map(({ name }) => name)]
  const problem = ToolNames.problemIn(
    wanted,
    own.map(({ name }) => name)
  )
  if (problem !== undefined) return yield* new Tool.ToolFailed({ why: problem })
  const parsed = wanted.map(ToolNames.parse)
  const has = (name: string) => parsed.some((each) => each.name === name)
  const argumentsOf = (name: string) =>
    parsed.flatMap((each) => (each.name === name && each.argument !== "" ? [each.argument] : []))

  const tools: Array<Tool.Tool> = [...own, ...(yield* FleetTools.make)]
  if (folder !== undefined) {
    const workspace = yield* Workspace.open(folder)
    tools.push(...(yield* FileTools.make(workspace)))
    const allowed = argumentsOf("run_command").map((command) => command.split(/\s+/))
    if (has("run_command")) tools.push(yield* CommandTool.make(workspace, { allowed }))
  }
  if (has("fetch")) tools.push(FetchTool.make({ hosts: argumentsOf("fetch") }))
  const found = new Map(tools.toReversed().map((tool) => [tool.name, tool]))
  return [...new Set(parsed.map(({ name }) => name))].flatMap((name) => {
    const tool = found.get(name)
    return tool === undefined ? [] : [tool]
  })
})
