/**
 * Who executes a session that is created by hand: what a workflow file says of an agent, as flags.
 *
 * @since 0.1.0
 */
import { Agent, Timespan } from "@sartor/core"
import { Effect, Option, Path, Schema } from "effect"
import { Argument, type Command, Flag } from "effect/cli"
import * as Arguments from "./Arguments.ts"
import * as Claude from "./Claude.ts"
import * as Failure from "./Failure.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export const flags = {
  runner: Flag.Literals("runner", ["command", "claude"]).pipe(
    Flag.withDescription('Who executes it at "session resume"; without it somebody outside does, and sends wakes'),
    Flag.optional
  ),
  command: Argument.String("command").pipe(
    Argument.withDescription("With --runner command: its program and arguments, all of them after --"),
    Argument.variadic()
  ),
  cwd: Arguments.text("cwd", "folder", "With a runner: where it works; the current folder by default"),
  env: Arguments.many("env", "key=value", "With --runner command: a variable of its environment; may be given again"),
  model: Arguments.text("model", "name", "With --runner claude: the model"),
  tool: Arguments.many("tool", "name", "With --runner claude: a tool that it may use, such as read_file"),
  budget: Arguments.many("budget", "limit=n", "With --runner claude: tokens=N, cost_usd=N or turns=N"),
  timeout: Arguments.text("timeout", "time", "With a runner: how long an attempt may take; 30m by default"),
  silence: Arguments.text("silence", "time", "With a runner: how long it may say nothing; no limit by default"),
  retries: Flag.Int("retries").pipe(
    Flag.withMetavar("<n>"),
    Flag.withDescription("With a runner: further attempts after one that failed; 2 by default"),
    Flag.optional
  )
}

/**
 * @category models
 * @since 0.1.0
 */
export type Input = Command.Command.Config.Infer<typeof flags>

/** What each runner has a use for. */
const uses: { readonly [runner: string]: ReadonlyArray<keyof Input> } = {
  command: ["command", "cwd", "env", "timeout", "silence", "retries"],
  claude: ["cwd", "model", "tool", "budget", "timeout", "silence", "retries"]
}

/**
 * Checks what was given, and answers the fields of a session; none for one that is executed outside.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function* (input: Input, prompt: string | undefined) {
  const kind = Option.getOrUndefined(input.runner)
  yield* refuseUnused(input, kind)
  if (kind === undefined) return {}
  const path = yield* Path.Path
  const cwd = path.resolve(Option.getOrElse(input.cwd, () => "."))
  const timeout = yield* readTime("timeout", input.timeout)
  const silence = yield* readTime("silence", input.silence)
  const retries = Option.getOrUndefined(input.retries)
  if (retries !== undefined && !(retries >= 0 && retries <= 100)) {
    return yield* bad("retries", `--retries cannot be ${retries}: use a number from 0 to 100`)
  }
  const limits = { ...(timeout === undefined ? {} : { timeout }), ...(retries === undefined ? {} : { retries }) }
  const silent = silence === undefined ? {} : { silence }
  if (kind === "command") {
    const runner: Agent.Runner = {
      type: "command",
      command: yield* readCommand(input.command),
      cwd,
      env: yield* Arguments.readPairs("env", input.env)
    }
    return { runner, limits: { ...limits, ...silent } }
  }
  if (prompt === undefined || !/\S/.test(prompt)) {
    return yield* bad("prompt", "--runner claude needs a --prompt: it has nothing else to work from")
  }
  const problem = yield* Claude.problemInTools(input.tool)
  if (problem !== undefined) return yield* bad("tool", problem)
  const budget = yield* readBudget(input.budget)
  const runner: Agent.Runner = {
    type: "claude",
    workspace: cwd,
    ...(Option.isNone(input.model) ? {} : { model: input.model.value }),
    ...(input.tool.length === 0 ? {} : { tools: input.tool }),
    ...(budget === undefined ? {} : { budget }),
    ...silent
  }
  return { runner, limits }
})

const bad = (field: string, message: string, hint?: string) =>
  Failure.badInput(message, { field, ...(hint === undefined ? {} : { hint }) })

const refuseUnused = Effect.fnUntraced(function* (input: Input, kind: keyof typeof uses | undefined) {
  const isGiven = (value: Input[keyof Input]) => ("length" in value ? value.length > 0 : value._tag === "Some")
  const used = kind === undefined ? [] : (uses[kind] ?? [])
  for (const [field, value] of Object.entries(input)) {
    if (field === "runner" || used.some((name) => name === field) || !isGiven(value)) continue
    const wanted = Object.keys(uses).filter((runner) => uses[runner]?.some((name) => name === field))
    const what = field === "command" ? "a command" : `--${field}`
    const hint = `add ${wanted.map((runner) => `--runner ${runner}`).join(" or ")}`
    return yield* kind === undefined
      ? bad(field, `${what} is for a session with a runner`, hint)
      : bad(field, `${what} is not for --runner ${kind}`)
  }
})

const readCommand = Effect.fnUntraced(function* ([program, ...args]: ReadonlyArray<string>) {
  if (program === undefined) {
    return yield* bad("command", "--runner command needs a command", "write it last: -- node agent.mjs")
  }
  if (!/\S/.test(program)) return yield* bad("command", "the program of the command is blank")
  return [program, ...args] as const
})

const readTime = Effect.fnUntraced(function* (field: string, given: Option.Option<string>) {
  if (Option.isNone(given)) return undefined
  const millis = Option.getOrElse(Timespan.parse(given.value), () => 0)
  if (millis >= 1 && millis <= longest) return millis
  const range = `a time from 1ms to ${Timespan.format(longest)}, such as 10m`
  return yield* bad(field, `--${field} cannot be ${JSON.stringify(given.value)}: use ${range}`)
})

/** As in a workflow file. */
const longest = 10 * 24 * 3_600_000

const readBudget = Effect.fnUntraced(function* (given: ReadonlyArray<string>) {
  if (given.length === 0) return undefined
  const pairs = Object.entries(yield* Arguments.readPairs("budget", given))
  for (const [name, value] of pairs) {
    if (!Object.hasOwn(Agent.Budget.fields, name)) {
      return yield* bad("budget", `--budget knows no ${JSON.stringify(name)}: use tokens, cost_usd or turns`)
    }
    if (!(Number(value) > 0)) {
      return yield* bad("budget", `--budget ${name} cannot be ${JSON.stringify(value)}: use a number above 0`)
    }
  }
  return yield* decodeBudget(Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)]))).pipe(
    Effect.mapError(() => bad("budget", "--budget counts tokens and turns in whole numbers"))
  )
})

const decodeBudget = Schema.decodeUnknownEffect(Agent.Budget)
