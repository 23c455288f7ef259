/**
 * Executes agents that are Claude, by the Messages API: a loop of our own, each step of which is committed to the session's
 * journal before the next begins. Killed at any point and run again, it goes on from its last step.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, type FileSystem, Option, type Path, type Redacted, Result, type Schema } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { Assignment, Execute, Line as AgentLine } from "../AgentRunner.ts"
import { makeReservations } from "../Budget.ts"
import { handingOver } from "../internal/handingOver.ts"
import { patiently } from "../internal/patience.ts"
import type { Journal } from "../Journal.ts"
import * as Recall from "../Recall.ts"
import type { Sessions } from "../Sessions.ts"
import type { Wakes } from "../Wakes.ts"
import * as Api from "./Api.ts"
import * as Asking from "./Asking.ts"
import type { Line } from "./Asking.ts"
import * as Block from "./Block.ts"
import type * as Calling from "./Calling.ts"
import * as Context from "./Context.ts"
import * as Conversation from "./Conversation.ts"
import * as Desk from "./Desk.ts"
import * as Models from "./Models.ts"
import * as Pace from "./Pace.ts"
import * as Prompt from "./Prompt.ts"
import * as Report from "./Report.ts"
import * as Tool from "./Tool.ts"
import * as Toolbox from "./Toolbox.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Where the API is; as `ANTHROPIC_BASE_URL` says if it is left out, else Anthropic's. */
  readonly baseUrl?: string | undefined
  /** For sessions that name none; `Models.defaultModel` if it is left out. */
  readonly model?: string | undefined
  /** Instead of `Models.table`. */
  readonly models?: Models.Table | undefined
  /** One's own tools, beside the standard set. */
  readonly tools?: ReadonlyArray<Tool.Tool> | undefined
  /** Added to the system prompt. */
  readonly instructions?: string | undefined
  /** What an agent hands in: JSON objects with at least a `summary`; `Report.Report` if it is left out. */
  readonly result?: Schema.Codec<unknown, unknown> | undefined
  /** The most tokens of one answer, thinking included: 16,000 by default. One that is cut off is asked for again with more. */
  readonly maxTokens?: number | undefined
  /** The most calls of one run: 200 by default. */
  readonly maxCalls?: number | undefined
  readonly context?: ContextOptions | undefined
  readonly effort?: Asking.Effort | undefined
  readonly retry?: Calling.Retry | undefined
  /** How long an answer may make no progress: two minutes by default. */
  readonly silence?: Duration.Input | undefined
  /** Shared with other runners that use the same key. */
  readonly pace?: Pace.Pace | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface ContextOptions {
  /** In bytes of JSON: 100 KB by default. */
  readonly limit?: number | undefined
  readonly policy?: Context.Policy | undefined
  /** Edits that the API itself makes of what is sent, such as `{ type: "clear_tool_uses_20250919" }`. */
  readonly edits?: Asking.Line["edits"] | undefined
}

/**
 * What a runner of Claude works with.
 *
 * @category models
 * @since 0.1.0
 */
export type Services =
  | Journal
  | Sessions
  | Wakes
  | FileSystem.FileSystem
  | Path.Path
  | ChildProcessSpawner.ChildProcessSpawner

/**
 * Makes the runner, for `AgentRunner.layer({ claude: ClaudeRunner.make({ apiKey }) })`. All its agents share one pace: where
 * one is told to slow down, all do.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Execute, never, Services> {
  const context = yield* Effect.context<Services>()
  const { edits = [], limit = Context.defaultLimit, policy = Context.defaultPolicy } = options.context ?? {}
  const line: Line = {
    api: Api.make(options),
    pace: options.pace ?? (yield* Pace.make),
    reservations: yield* makeReservations,
    format: Report.formatOf(options.result ?? Report.Report),
    maxTokens: options.maxTokens ?? 16_000,
    silence: options.silence ?? "2 minutes",
    retry: options.retry,
    limit,
    policy,
    effort: options.effort,
    edits
  }
  return (assignment, agentLine) =>
    handingOver((emit) =>
      Effect.flatMap(seat(options, assignment, agentLine, emit), (desk) =>
        converse(line, desk, options.maxCalls ?? 200)
      ).pipe(Effect.provideContext(context))
    )
})

/** Takes up a session where its journal ends. */
const seat = Effect.fnUntraced(function* (
  options: Options,
  assignment: Assignment,
  line: AgentLine | undefined,
  emit: Desk.Desk["emit"]
) {
  const { runner, session_id } = assignment.session
  if (runner.type !== "claude") return yield* Effect.die(`session ${session_id} is not for Claude`)
  const known = yield* Effect.mapError(patiently(Recall.history(session_id)), Asking.unreadable)
  const tools = yield* Toolbox.open({ names: runner.tools, workspace: runner.workspace, own: options.tools }).pipe(
    Effect.mapError(({ why }) => Desk.failed("bad_tools", why, false))
  )
  return Desk.make({
    assignment,
    line,
    known: Option.getOrElse(known, () => []),
    tools,
    modelName: runner.model ?? options.model ?? Models.defaultModel,
    table: options.models ?? Models.table,
    instructions: options.instructions,
    emit
  })
})

/** Does what comes next, until there is a result. What that is follows from the entries alone. */
const converse = Effect.fnUntraced(function* (shared: Line, desk: Desk.Desk, maxCalls: number) {
  const { assignment, commit, emit, entries, told } = desk
  const { runner } = assignment.session
  const line =
    runner.type === "claude" && runner.silence !== undefined ? { ...shared, silence: runner.silence } : shared
  yield* open(desk)
  let calls = 0
  while (true) {
    const { begun, calls: waiting, stop } = Conversation.openCalls(entries)
    if (waiting.length > 0) {
      yield* stop === "tool_use" ? act(line, desk, waiting, begun) : decline(desk, waiting, stop)
      continue
    }
    yield* desk.hear
    const untold = desk.untold()
    if (untold.length > 0) {
      yield* commit({ type: "asked", content: Prompt.told(untold), told: told().length }, untold.join("\n"))
      continue
    }
    if (Conversation.isFinished(entries)) {
      const result = yield* finish(line, desk)
      if (Option.isSome(result)) return yield* emit({ type: "result", result: result.value })
      continue
    }
    if (++calls > maxCalls) {
      return yield* Desk.failed("too_many_calls", `it was not done after ${maxCalls} calls in one run`, false)
    }
    yield* Asking.keepWithin(line, desk)
    yield* Asking.ask(line, desk)
  }
})

/** Begins the conversation, or says that from here on it is under other tools or another model. */
const open = Effect.fnUntraced(function* ({
  assignment,
  commit,
  definitions,
  entries,
  instructions,
  modelName,
  told
}: Desk.Desk) {
  const before = entries.findLast((entry) => entry.type === "opened")
  const tools = Desk.digestOf(definitions)
  if (before === undefined || before.model !== modelName || before.tools !== tools) {
    const system = before?.system ?? Prompt.system(assignment, instructions)
    yield* commit({ type: "opened", system, model: modelName, tools }, `(${modelName})`)
  }
  if (entries.some(({ type }) => type === "asked")) return
  const content = [...Prompt.task(assignment), ...Prompt.told(told())]
  yield* commit(
    { type: "asked", content, told: told().length },
    `Task: ${Block.textOf(content.slice(0, 1)).slice(0, 400)}`
  )
})

/** Makes calls, and commits their results as one. A question that was answered meanwhile has that answer as its result. */
const act = Effect.fnUntraced(function* (
  { limit }: Line,
  { assignment: { session }, commit, emit, entries, found, resumedAt, told, tools, untold }: Desk.Desk,
  calls: ReadonlyArray<Block.Call>,
  unknown: ReadonlySet<string>
) {
  const again = entries.findLastIndex(({ type }) => type === "answered") < resumedAt
  const outcome = yield* Tool.callAll({
    tools,
    calls,
    unknown,
    contextOf: ({ id }) => ({ session, callId: id, again, emit, found }),
    room: limit / 2,
    beginning: (id) => commit({ type: "began", calls: [id] }, "(A call with side effects begins)")
  })
  const answers = outcome.question === undefined ? [] : untold()
  const answered = new Set(outcome.results.map((block) => block["tool_use_id"]))
  const asking = calls.filter(({ id }) => !answered.has(id))
  const results = [
    ...outcome.results,
    ...(answers.length === 0 ? [] : asking.map(({ id }) => Block.result(id, answers.join("\n"))))
  ]
  if (results.length > 0) {
    const consumed = answers.length === 0 ? Conversation.toldIn(entries) : told().length
    const count = `(${results.length === 1 ? "a result" : `${results.length} results`})`
    yield* commit({ type: "results", content: results, told: consumed }, count)
  }
  if (outcome.question !== undefined && answers.length === 0) {
    return yield* Desk.blocked("question", outcome.question)
  }
})

/** Calls in an answer that did not end by asking for them are not made. */
const decline = ({ commit, entries }: Desk.Desk, calls: ReadonlyArray<Block.Call>, stop: string) => {
  const content = calls.map(({ id }) =>
    Block.result(id, `This call was not made: the answer ended with ${stop}.`, true)
  )
  return commit({ type: "results", content, told: Conversation.toldIn(entries) }, "(Calls that are not made)")
}

/** The result, or another word with Claude about it. */
const finish = Effect.fnUntraced(function* ({ format }: Line, { commit, entries }: Desk.Desk) {
  const last = entries.findLast((entry) => entry.type === "answered")
  const parsed = yield* Effect.result(format.parse(last === undefined ? "" : Block.textOf(last.content)))
  if (Result.isSuccess(parsed)) return Option.some(parsed.success)
  const since = entries.slice(entries.findLastIndex(({ type }) => type === "results") + 1)
  const corrections = since.filter((entry) => entry.type === "asked" && Prompt.isCorrection(entry.content)).length
  if (corrections >= maxCorrections) {
    return yield* Desk.failed("invalid_result", `its result is not valid: ${parsed.failure}`, false)
  }
  const content = Prompt.correction(parsed.failure)
  yield* commit({ type: "asked", content, told: Conversation.toldIn(entries) }, Block.textOf(content))
  return Option.none()
})

const maxCorrections = 2
