/**
 * Lets Claude execute agents, put syntheses into words and match claims. What speaks to its API is loaded only where it is needed.
 *
 * @since 0.1.0
 */
import { Claims, Matching, type WorkflowFile, Wording } from "@sartor/core"
import { Effect, Layer, Option, Redacted } from "effect"
import * as Failure from "./Failure.ts"
import { variable } from "./Settings.ts"

/**
 * The runner of a workflow's Claude agents, or none if it has none or leaves them to others. Tools that do not exist, and a
 * missing key, are bad input: they are found before anything is started.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnerFor = Effect.fnUntraced(function* (
  { agents }: WorkflowFile.Workflow,
  { elsewhere, file }: { readonly elsewhere: boolean; readonly file: string }
) {
  const ours = agents.filter(({ runner }) => runner === "claude")
  const [first] = ours
  if (first === undefined) return {}
  const { ClaudeRunner, ToolNames } = yield* claude
  for (const { name, tools = [] } of ours) {
    const problem = ToolNames.problemIn(tools)
    if (problem !== undefined) {
      return yield* Failure.badInput(`agent "${name}": ${problem}`, { field: "tools", file })
    }
  }
  if (elsewhere) return {}
  return { claude: ClaudeRunner.make(yield* account(`agent "${first.name}" is executed by Claude`)) }
})

/**
 * The runner of any Claude agents, if there is a key for it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnerWithKey = Effect.gen(function* () {
  if (Option.isNone(yield* variable("ANTHROPIC_API_KEY"))) return {}
  const { ClaudeRunner } = yield* claude
  return { claude: ClaudeRunner.make(yield* account("Claude executes agents")) }
})

/**
 * The runner of one session that is for Claude; a missing key is bad input.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnerOf = Effect.fnUntraced(function* (sessionId: string) {
  const { ClaudeRunner } = yield* claude
  return { claude: ClaudeRunner.make(yield* account(`session ${sessionId} is executed by Claude`)) }
})

/**
 * What is wrong with the names of tools.
 *
 * @category constructors
 * @since 0.1.0
 */
export const problemInTools = (names: ReadonlyArray<string>): Effect.Effect<string | undefined> =>
  names.length === 0 ? Effect.succeed(undefined) : Effect.map(claude, ({ ToolNames }) => ToolNames.problemIn(names))

/**
 * How the claims of a run are matched.
 *
 * @category configuration
 * @since 0.1.0
 */
export const matchers = ["words", "exact", "claude"] as const

/**
 * The matcher of a run by its name.
 *
 * @category layers
 * @since 0.1.0
 */
export const matchingFor = Effect.fnUntraced(function* (name: (typeof matchers)[number]) {
  if (name === "claude") {
    const { ClaudeMatcher } = yield* claude
    return ClaudeMatcher.layer(yield* account("--match claude asks Claude"))
  }
  const matcher = name === "exact" ? Claims.exact : Wording.matcher()
  return Layer.succeed(Matching.Matching, { matcherFor: () => Effect.succeed(matcher) })
})

/**
 * Claude as a narrator.
 *
 * @category layers
 * @since 0.1.0
 */
export const narrator = Effect.gen(function* () {
  const { ClaudeNarrator } = yield* claude
  return ClaudeNarrator.layer(yield* account("--prose is written by Claude"))
})

const claude = Effect.promise(() => import("@sartor/core/claude"))

const account = Effect.fnUntraced(function* (why: string) {
  const key = yield* variable("ANTHROPIC_API_KEY")
  if (Option.isNone(key)) {
    return yield* Failure.badInput(`${why}, and ANTHROPIC_API_KEY is not set`, {
      field: "ANTHROPIC_API_KEY",
      hint: "set it to a key of the Claude API"
    })
  }
  return { apiKey: Redacted.make(key.value), baseUrl: Option.getOrUndefined(yield* variable("ANTHROPIC_BASE_URL")) }
})
