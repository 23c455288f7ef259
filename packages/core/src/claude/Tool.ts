/**
 * What Claude may do: a tool is a name, a schema of its input, what kind of side effects it has, and an effect.
 *
 * @since 0.1.0
 */
import { Cause, Duration, Effect, Schema } from "effect"
import type { Event } from "../AgentRunner.ts"
import { pointTo } from "../internal/issues.ts"
import { bytesOf } from "../internal/jsonBytes.ts"
import type { Session } from "../Session.ts"
import * as Block from "./Block.ts"
import { soundText } from "./Repair.ts"

/**
 * What is done with a call whose outcome is unknown, because the process died in it:
 *
 * - `pure`: it only looks; it is made again. Several of these run at once.
 * - `idempotent`: to do it twice is to do it once; it is made again, under the same `callId`
 * - `unsafe`: it is not made again; a human is asked what became of it
 *
 * @category models
 * @since 0.1.0
 */
export type Effects = "pure" | "idempotent" | "unsafe"

/**
 * Where a call comes from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Context {
  readonly session: Session
  /** The same each time that a call is made again: a key for what must happen once. */
  readonly callId: string
  /** Whether an earlier process may have made this call already. */
  readonly again: boolean
  /** Commits a checkpoint or a finding to the session, and returns once it is durable. */
  readonly emit: (event: Extract<Event, { readonly type: "checkpoint" | "finding" }>) => Effect.Effect<void>
  /** Findings of this session since Claude's last answer, as they are in its journal. */
  readonly found: ReadonlySet<string>
}

/**
 * It could not be done. Claude is told why, and goes on.
 *
 * @category errors
 * @since 0.1.0
 */
export class ToolFailed extends Schema.TaggedError<ToolFailed>("@sartor/core/claude/Tool/ToolFailed")("ToolFailed", {
  why: Schema.String
}) {
  override get message() {
    return this.why
  }
}

/**
 * Only a human can answer this call. The session is blocked until it is resumed with an answer, which is its result.
 *
 * @category errors
 * @since 0.1.0
 */
export class HumanNeeded extends Schema.TaggedError<HumanNeeded>("@sartor/core/claude/Tool/HumanNeeded")(
  "HumanNeeded",
  { question: Schema.String }
) {
  override get message() {
    return this.question
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: Schema.Json
  readonly effects: Effects
  readonly timeout: Duration.Input
  /** Makes a call, with input as it came. */
  readonly call: (input: unknown, context: Context) => Effect.Effect<string, ToolFailed | HumanNeeded>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<A, E, R> {
  readonly description: string
  /** Annotate its fields with descriptions: Claude reads them. */
  readonly input: Schema.Codec<A, unknown>
  readonly effects: Effects
  /** Two minutes by default. */
  readonly timeout?: Duration.Input | undefined
  /** Answers text, or a value that becomes JSON. What it fails with Claude is told. */
  readonly run: (input: A, context: Context) => Effect.Effect<string | Schema.Json, E, R>
}

/**
 * Makes a tool. What its effect needs is taken from where it is made.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E, R = never>(name: string, options: Options<A, E, R>): Effect.Effect<Tool, never, R> =>
  Effect.map(Effect.context<R>(), (context) => ({
    ...define(name, options, (effect) => Effect.provideContext(effect, context))
  }))

/**
 * Makes a tool that needs nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = <A, E>(name: string, options: Options<A, E, never>): Tool => define(name, options, (effect) => effect)

const define = <A, E, R>(
  name: string,
  { description, effects, input, run, timeout = "2 minutes" }: Options<A, E, R>,
  provide: <B, E2>(effect: Effect.Effect<B, E2, R>) => Effect.Effect<B, E2>
): Tool => {
  const decode = Schema.decodeUnknownEffect(input)
  return {
    name,
    description,
    inputSchema: inputSchemaOf(input),
    effects,
    timeout,
    call: (raw, context) =>
      decode(raw).pipe(
        Effect.mapError((error) => new ToolFailed({ why: `The input is not valid: ${pointTo(error)}` })),
        Effect.flatMap((decoded) => provide(run(decoded, context))),
        Effect.map((output) => (typeof output === "string" ? output : JSON.stringify(output))),
        Effect.mapError((error) =>
          error instanceof ToolFailed || error instanceof HumanNeeded ? error : new ToolFailed({ why: wordsOf(error) })
        )
      )
  }
}

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

const inputSchemaOf = (input: Schema.Constraint): Schema.Json => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(input)
  const whole: unknown = Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: definitions }
  return Schema.decodeUnknownSync(Schema.Json)(whole)
}

/**
 * What is sent of tools: always the same bytes for the same tools, so that the prompt cache holds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const definitionsOf = (tools: ReadonlyArray<Tool>): ReadonlyArray<Schema.Json> =>
  [...tools]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ description, inputSchema, name }) => ({ name, description, input_schema: inputSchema }))

/**
 * What calls came to: the results that can be given to Claude, and the question that holds up the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome {
  readonly results: ReadonlyArray<Block.Block>
  readonly question: string | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Round {
  readonly tools: ReadonlyArray<Tool>
  readonly calls: ReadonlyArray<Block.Call>
  readonly contextOf: (call: Block.Call) => Context
  /** How long all results together may be, in bytes of JSON. */
  readonly room: number
  /** Calls with side effects that an earlier process may have made. */
  readonly unknown: ReadonlySet<string>
  /** Is told of a call with side effects before it is made. */
  readonly beginning: (call: string) => Effect.Effect<void>
}

/** How many calls that only look are made at once. */
const concurrency = 8

/**
 * Makes the calls of one answer. Those that only look run together where they stand side by side; any other runs alone, in
 * its order. Nothing that goes wrong in a call ends the run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const callAll = Effect.fnUntraced(function* (round: Round) {
  const { beginning, calls, contextOf, room, tools, unknown } = round
  const known = new Map(tools.map((tool) => [tool.name, tool]))
  const length = Math.max(2000, Math.floor(room / Math.max(calls.length, 1)))
  const one = (call: Block.Call) => {
    const tool = known.get(call.name)
    if (tool === undefined) {
      const why = `There is no tool "${call.name}". There are: ${[...known.keys()].join(", ")}`
      return Effect.succeed(Block.result(call.id, why, true))
    }
    if (tool.effects === "unsafe" && unknown.has(call.id)) return Effect.succeed(outcomeUnknown(call))
    return (tool.effects === "unsafe" ? beginning(call.id) : Effect.void).pipe(
      Effect.andThen(callOne(tool, call, contextOf(call))),
      Effect.map((result) => (result instanceof HumanNeeded ? result : shortened(result, length)))
    )
  }
  const done: Array<Block.Block | HumanNeeded> = []
  for (const group of groupsOf(calls, (call) => known.get(call.name)?.effects === "pure")) {
    done.push(...(yield* Effect.forEach(group, one, { concurrency })))
  }
  const questions = done.flatMap((each) => (each instanceof HumanNeeded ? [each.question] : []))
  const outcome: Outcome = {
    results: done.flatMap((each) => (each instanceof HumanNeeded ? [] : [each])),
    question: questions.length === 0 ? undefined : questions.join("\n")
  }
  return outcome
})

const outcomeUnknown = ({ input, name }: Block.Call) =>
  new HumanNeeded({
    question:
      `The process died while it called "${name}" with ${JSON.stringify(input).slice(0, 1000)}. Did it happen, and what ` +
      "came of it? It is not done again by itself: what you answer is what Claude is told."
  })

const callOne = (tool: Tool, call: Block.Call, context: Context): Effect.Effect<Block.Block | HumanNeeded> =>
  Effect.suspend(() => tool.call(call.input, context)).pipe(
    Effect.timeoutOrElse({
      duration: tool.timeout,
      orElse: () =>
        Effect.fail(
          new ToolFailed({ why: `It took longer than ${Duration.format(Duration.fromInputUnsafe(tool.timeout))}` })
        )
    }),
    Effect.map((output) => Block.result(call.id, output === "" ? "(nothing)" : output)),
    Effect.catchTag("ToolFailed", ({ why }) => Effect.succeed(Block.result(call.id, why, true))),
    Effect.catchTag("HumanNeeded", Effect.succeed),
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterruptsOnly(cause),
      (cause) =>
        Effect.as(
          Effect.logWarning(`The tool "${tool.name}" broke`, cause),
          Block.result(call.id, "The tool itself broke. Do without it.", true)
        )
    ),
    Effect.withSpan("claude.tool", { attributes: { tool: tool.name, call: call.id } })
  )

const groupsOf = (calls: ReadonlyArray<Block.Call>, isPure: (call: Block.Call) => boolean) => {
  const groups: Array<Array<Block.Call>> = []
  for (const call of calls) {
    const last = groups.at(-1)
    if (last?.[0] !== undefined && isPure(last[0]) && isPure(call)) last.push(call)
    else groups.push([call])
  }
  return groups
}

/** Both ends of a result that is too long, in bytes of JSON: errors tend to stand at the end of what is printed. */
const shortened = (result: Block.Block, length: number): Block.Block => {
  const whole = soundText(String(result["content"]))
  let content = whole
  let half = Math.floor(Math.min(whole.length, length) / 2)
  while (bytesOf(JSON.stringify(content)) > length) {
    const left = whole.length - 2 * half
    content = soundText(
      `${whole.slice(0, half)}\n… (${left} characters are left out) …\n${whole.slice(whole.length - half)}`
    )
    half = Math.floor(half * 0.8)
  }
  return { ...result, content }
}
