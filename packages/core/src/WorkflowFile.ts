/**
 * A workflow as people write it, in YAML or JSON: a flat list of agents whose `needs` make the graph.
 *
 * @since 0.1.0
 */
import { Effect, Schema, Struct } from "effect"
import { order as orderOf } from "./internal/graph.ts"
import { collect } from "./internal/workflowProblems.ts"
import { Budget, Flags, Name } from "./internal/workflowGrammar.ts"
import { checkNeeds } from "./internal/workflowNeeds.ts"
import { agentReader, readDrafts, readTop, readVariables } from "./internal/workflowReader.ts"
import { parse as parseTree } from "./internal/yamlTree.ts"
import * as Role from "./Role.ts"

/**
 * One agent of a workflow, with its variables and defaults filled in. Times are milliseconds.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Agent = Schema.Struct({
  name: Name,
  role: Role.Role,
  task_type: Schema.String,
  prompt: Schema.optionalKey(Schema.String),
  /** The agents that must have ended before this one starts. */
  needs: Schema.Array(Name),
  /** Who does the work. `function` is the one registered under the agent's name; `synthesis` merges the needs' results. */
  runner: Schema.Literals(["command", "claude", "function", "synthesis"]),
  /** There if and only if the runner is `command`. */
  command: Schema.optionalKey(Schema.NonEmptyArray(Schema.String)),
  model: Schema.optionalKey(Schema.String),
  tools: Schema.optionalKey(Schema.Array(Schema.String)),
  env: Schema.Record(Schema.String, Schema.String),
  /** As it is written: resolve it against the workflow file's folder, which it is when it is left out. */
  cwd: Schema.optionalKey(Schema.String),
  timeout: Schema.Natural,
  silence: Schema.optionalKey(Schema.Natural),
  retries: Schema.Natural,
  budget: Schema.optionalKey(Budget),
  flags: Schema.optionalKey(Flags),
  /** Whether the agent gets the synthesis of its needs, and starts when all have ended, however. */
  synthesize: Schema.Boolean,
  on_insufficient: Schema.optionalKey(Schema.Literals(["sequential"])),
  /** Whether a conflict that blocks stops the step until a human has answered. */
  on_conflict: Schema.optionalKey(Schema.Literals(["ask"]))
})

/**
 * @category models
 * @since 0.1.0
 */
export type Agent = typeof Agent.Type

/**
 * A workflow without mistakes: names are unique, needs exist and make no cycle. The same content gives the same value,
 * in whatever order its keys are written.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Workflow = Schema.Struct({
  name: Name,
  max_parallel: Schema.Natural,
  budget: Schema.optionalKey(Budget),
  /** How long the whole run may take, in milliseconds; without it, as long as it takes. */
  timeout: Schema.optionalKey(Schema.Natural),
  /** Every variable with the value that was used. */
  vars: Schema.Record(Schema.String, Schema.String),
  agents: Schema.NonEmptyArray(Agent)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Workflow = typeof Workflow.Type

/**
 * One thing that is wrong in a workflow file. Lines and columns begin at 1.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Problem = Schema.Struct({
  line: Schema.Natural,
  column: Schema.Natural,
  /** A JSON pointer to the value, or to where it is missing. */
  path: Schema.String,
  /** The key as its agent or the file has it, such as `retries` or `command[1]`; empty when it is about a whole. */
  field: Schema.String,
  message: Schema.String,
  hint: Schema.optionalKey(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Problem = typeof Problem.Type

/**
 * The file is not a workflow. All that is wrong with it is here, first line first, up to 200 problems.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidWorkflow extends Schema.TaggedError<InvalidWorkflow>("@sartor/core/WorkflowFile/InvalidWorkflow")(
  "InvalidWorkflow",
  { file: Schema.String, problems: Schema.Array(Problem) }
) {
  override get message() {
    return this.problems
      .map(({ column, hint, line, message }) => {
        const advice = hint === undefined ? "" : ` (${hint})`
        return `${this.file}:${line}:${column}: ${message}${advice}`
      })
      .join("\n")
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What the file is called in errors. */
  readonly file: string
  /** Values for variables that the file declares, instead of its own. */
  readonly vars?: { readonly [name: string]: string } | undefined
  /** Roles beside the built-in ones; those of `Role.Additional` by default. */
  readonly roles?: ReadonlyArray<string> | undefined
}

/**
 * Reads the text of a workflow file. It touches nothing else: no file, no program, no environment.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = Effect.fnUntraced(function* (
  text: string,
  options: Options
): Effect.fn.Return<Workflow, InvalidWorkflow> {
  const tree = parseTree(text)
  const problems = collect(tree)
  const source = { tree, problems }
  const roles = options.roles ?? (yield* Role.Additional)
  const top = readTop(source)
  const variables = readVariables(source, top.vars, options.vars)
  const drafts = readDrafts(source, top.agents)
  checkNeeds(source, drafts)
  const readAgent = agentReader(source, top, variables)
  const agents = yield* Effect.forEach(drafts, (draft) =>
    Effect.gen(function* () {
      const { role } = draft.entry
      return readAgent(draft, role === undefined ? undefined : yield* Effect.result(Role.parse(role)))
    })
  ).pipe(Effect.provideService(Role.Additional, roles))
  const [first, ...rest] = agents.filter((agent) => agent !== undefined)
  if (!problems.isEmpty() || top.name === undefined || variables === undefined || first === undefined) {
    return yield* new InvalidWorkflow({ file: options.file, problems: problems.sorted() })
  }
  return {
    name: top.name,
    max_parallel: top.max_parallel ?? 5,
    ...Struct.pick(top, ["budget", "timeout"]),
    vars: Object.fromEntries(variables),
    agents: [first, ...rest]
  }
})

/**
 * The names of the agents, each after its needs; among those that are free, in the order of the file.
 *
 * @category combinators
 * @since 0.1.0
 */
export const order = (workflow: Workflow): ReadonlyArray<string> => orderOf(workflow.agents)
