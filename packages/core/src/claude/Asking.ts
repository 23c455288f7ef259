/**
 * Asks Claude once, within the budgets, and commits what came.
 *
 * @since 0.1.0
 */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { type Duration, Effect, Option, Schema } from "effect"
import { RunFailed } from "../AgentRunner.ts"
import type { Reservations } from "../Budget.ts"
import { patiently } from "../internal/patience.ts"
import type { TransportError } from "../TransportError.ts"
import type { Answer, Api } from "./Api.ts"
import type { ApiError } from "./ApiError.ts"
import * as Block from "./Block.ts"
import * as Calling from "./Calling.ts"
import { askForSummary, bytesOf, clearThenDrop, lastExchange, type Policy } from "./Context.ts"
import * as Conversation from "./Conversation.ts"
import { answerOf, blocked, type Desk, failed } from "./Desk.ts"
import * as Models from "./Models.ts"
import type { Pace } from "./Pace.ts"
import { pursesOf } from "./Purses.ts"
import { repair } from "./Repair.ts"
import type { Format } from "./Report.ts"

/**
 * How Claude is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly api: Api
  readonly pace: Pace
  readonly reservations: Reservations
  readonly format: Format
  readonly maxTokens: number
  readonly silence: Duration.Input
  readonly retry: Calling.Retry | undefined
  readonly limit: number
  readonly policy: Policy
  readonly effort: Effort | undefined
  /** The API's own context editing. */
  readonly edits: ReadonlyArray<{ readonly [field: string]: Schema.Json }>
}

/**
 * How much effort Claude puts into an answer; the model's own default if it is left out.
 *
 * @category models
 * @since 0.1.0
 */
export type Effort = "low" | "medium" | "high" | "xhigh" | "max"

interface Asked {
  readonly messages: ReadonlyArray<Block.Message>
  readonly maxTokens: number
  readonly fields: { readonly [name: string]: Schema.Json }
  /** Whether whoever listens hears the answer. */
  readonly aloud: boolean
}

/** Sends messages and answers with what they used; `use` commits it while the budgets still hold it reserved. */
const send = Effect.fnUntraced(
  function* <A, R>(
    line: Line,
    desk: Desk,
    { aloud, fields, maxTokens, messages }: Asked,
    use: (answer: Answer, usage: ReturnType<typeof Models.usageOf>) => Effect.Effect<A, RunFailed, R>
  ) {
    const { assignment, definitions, emit, entries, model, modelName } = desk
    const { run, session_id } = assignment.session
    const opened = entries.find((entry) => entry.type === "opened")
    const repaired = repair(messages)
    if (repaired.repairs.length > 0) {
      yield* Effect.logWarning(`The history of session ${session_id} was repaired: ${repaired.repairs.join("; ")}`)
    }
    const body: { readonly [name: string]: Schema.Json } = {
      model: modelName,
      max_tokens: maxTokens,
      system: [{ type: "text", text: opened?.type === "opened" ? opened.system : "", cache_control: ephemeral }],
      messages: marked(repaired.messages),
      ...(definitions.length === 0 ? {} : { tools: definitions }),
      // Otherwise thinking may come unseen, and look like silence.
      ...(model?.adaptive === true ? { thinking: { type: "adaptive", display: "summarized" } } : {}),
      ...fields
    }
    const sent = Math.ceil(utf8ToBytes(JSON.stringify(body)).length / bytesPerToken)
    const purses = patiently(pursesOf(assignment.session)).pipe(
      Effect.tap((purses) =>
        model === undefined && purses.some(({ budget }) => budget.cost_usd !== undefined)
          ? Effect.fail(
              failed(
                "no_price",
                `nothing is known of what ${modelName} costs: a budget in dollars needs a price`,
                false
              )
            )
          : Effect.void
      )
    )
    yield* line.reservations.reserve(purses, Models.worstCase(model, sent, maxTokens))
    const answer = yield* Calling.call(
      { body, betas: betasOf(body) },
      {
        api: line.api,
        pace: line.pace,
        silence: line.silence,
        retry: line.retry,
        name: `${session_id}/${run}/${entries.length}`,
        onDelta: aloud ? emit : () => Effect.void
      }
    ).pipe(Effect.mapError((error) => givenUp(error, line.retry)))
    return yield* use(answer, Models.usageOf(model, answer.tokens))
  },
  Effect.scoped,
  Effect.catchTag("BudgetReached", ({ message }) => Effect.fail(blocked("budget", message))),
  Effect.catchTag(["TransportError", "SessionNotFound"], (error) => Effect.fail(unreadable(error)))
)

/** About so many bytes are a token of anything; of most texts more. */
const bytesPerToken = 3

const ephemeral = { type: "ephemeral" } as const

/** Marks for the prompt cache: where this request ends, and where the one before it ended. */
const marked = (messages: ReadonlyArray<Block.Message>): Schema.Json => {
  const users = messages.flatMap(({ role }, index) => (role === "user" ? [index] : []))
  const ends = new Set(users.slice(-2))
  return messages.map(({ content, role }, index) => ({
    role,
    content: ends.has(index)
      ? content.map((block, place) => (place === content.length - 1 ? { ...block, cache_control: ephemeral } : block))
      : content
  }))
}

/** What a request needs beyond what everybody may use. */
const betasOf = (body: { readonly [name: string]: Schema.Json }): ReadonlyArray<string> => {
  const text = JSON.stringify([body["context_management"], body["messages"]])
  return [
    ...(body["compaction"] !== undefined || text.includes(`"type":"compaction"`) ? ["compact-2026-09-04"] : []),
    ...(body["context_management"] === undefined ? [] : ["context-management-2025-06-27"]),
    ...(text.includes(`"type":"compact_20260112"`) ? ["compact-2026-01-12"] : [])
  ]
}

const givenUp = (error: ApiError, retry: Calling.Retry | undefined): RunFailed => {
  const code = `api_${error.kind}`
  return error.kind === "spend_limit" || error.kind === "unauthorized"
    ? blocked(code, error.message)
    : failed(code, error.message, Calling.mayTryAgain(error, retry))
}

/**
 * The journal could not be read or written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unreadable = (error: TransportError | { readonly message: string }): RunFailed =>
  failed("transport", error.message, true)

/**
 * Asks for the next answer and commits it. One that is no answer is kept aside, and is a failure, or is asked for again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ask = Effect.fnUntraced(function* (line: Line, desk: Desk) {
  const { entries, model } = desk
  const most = model?.maxOutput ?? line.maxTokens * 4
  const maxTokens = Math.min(line.maxTokens * 2 ** Conversation.cutOff(entries, "max_tokens"), most)
  const asked: Asked = {
    messages: Conversation.messagesOf(entries),
    maxTokens,
    fields: {
      output_config: {
        format: { type: "json_schema", schema: line.format.schema },
        ...(line.effort === undefined ? {} : { effort: line.effort })
      },
      ...(line.edits.length === 0 ? {} : { context_management: { edits: line.edits } })
    },
    aloud: true
  }
  return yield* send(line, desk, asked, (answer, usage) =>
    accepted.has(answer.stop_reason)
      ? desk.commit({ type: "answered", ...answerOf(answer, usage) }, wordsOf(answer), usage)
      : Effect.andThen(
          desk.commit(
            { type: "dropped", ...answerOf(answer, usage) },
            `(${answer.stop_reason || "no reason"}) ${wordsOf(answer)}`,
            usage
          ),
          whyDropped(answer, maxTokens >= most)
        )
  )
})

/** What stops an answer that is part of a conversation. */
const accepted: ReadonlySet<string> = new Set(["end_turn", "stop_sequence", "tool_use", "pause_turn", "compaction"])

const whyDropped = ({ stop_detail: why, stop_reason }: Answer, isLongest: boolean): Effect.Effect<void, RunFailed> => {
  const because = why === undefined ? "" : `: ${why}`
  switch (stop_reason) {
    case "max_tokens":
      return isLongest
        ? Effect.fail(failed("max_tokens", "its answer is longer than an answer can be; give it a smaller task", false))
        : Effect.void
    case "model_context_window_exceeded":
      return Effect.void
    case "refusal":
      return Effect.fail(failed("refusal", `Claude refused to go on${because}`, false))
    default: {
      const reason = stop_reason === "" ? "without a reason" : `for a reason that is not known: ${stop_reason}`
      return Effect.fail(failed("unknown_stop", `Claude stopped ${reason}`, true))
    }
  }
}

const decodeSummary = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ summary: Schema.String })))

/** An answer in few words, for people: of a result its summary. */
const wordsOf = ({ content }: Answer): string => {
  const calls = Block.callsOf(content).map(({ input, name }) => `${name} ${JSON.stringify(input).slice(0, 200)}`)
  const text = Block.textOf(content)
  const summary = Option.getOrUndefined(decodeSummary(text))?.summary
  return [summary ?? text, ...calls]
    .filter((part) => part !== "")
    .join("\n")
    .slice(0, 4000)
}

/**
 * Makes what is sent fit into its limit, by the policy; into half of what it was, where the model's own window was too small.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keepWithin = Effect.fnUntraced(function* (line: Line, desk: Desk) {
  const { entries } = desk
  const exceeded = Conversation.cutOff(entries, "model_context_window_exceeded") > 0
  const before = bytesOf(entries)
  const limit = exceeded ? Math.min(line.limit, Math.floor(before / 2)) : line.limit
  if (before <= limit) return
  const from = lastExchange(entries)
  if (line.policy.type === "summarise" && from !== undefined) yield* summarise(line, desk, from)
  if (line.policy.type === "compact" && from !== undefined) yield* compact(line, desk)
  const ways = line.policy.type === "prune" ? [line.policy.prune, clearThenDrop(1)] : [clearThenDrop(1)]
  for (const prune of ways) {
    const pruned = bytesOf(entries) <= limit ? undefined : prune(entries, limit)
    if (pruned !== undefined) yield* desk.commit(pruned, "(Earlier turns are no longer sent.)")
  }
  const after = bytesOf(entries)
  if (after > limit) {
    const detail = `what is to be sent has ${after} bytes, and its limit is ${limit}: give it a smaller task or a larger limit`
    return yield* failed("context_too_large", detail, false)
  }
})

/** Where there is no summary nothing is committed but what it cost, and the conversation is pruned instead. */
const summarise = (line: Line, desk: Desk, from: number) => {
  const messages = [
    ...Conversation.messagesOf(desk.entries.slice(0, from)),
    { role: "user" as const, content: [Block.text(askForSummary)] }
  ]
  const fields = desk.definitions.length === 0 ? {} : { tool_choice: { type: "none" } }
  return send(line, desk, { messages, maxTokens: summaryTokens, fields, aloud: false }, (answer, usage) => {
    const text = Block.textOf(answer.content)
    const { model, tokens } = answer
    return answer.stop_reason === "end_turn" && text.trim() !== ""
      ? desk.commit(
          { type: "summarised", from, text, tokens, model, cost_usd: usage.cost_usd },
          `(Summary) ${text}`,
          usage
        )
      : desk.commit({ type: "dropped", ...answerOf(answer, usage) }, "(No summary)", usage)
  })
}

const compact = (line: Line, desk: Desk) => {
  const messages = Conversation.messagesOf(desk.entries)
  const fields = { compaction: { type: "summarize" } }
  return send(line, desk, { messages, maxTokens: summaryTokens, fields, aloud: false }, (answer, usage) => {
    const [block] = answer.content
    const { model, tokens } = answer
    return answer.stop_reason === "compaction" && block?.type === "compaction" && typeof block["content"] === "string"
      ? desk.commit(
          { type: "compacted", from: desk.entries.length + 1, block, tokens, model, cost_usd: usage.cost_usd },
          `(Compaction) ${block["content"]}`,
          usage
        )
      : desk.commit({ type: "dropped", ...answerOf(answer, usage) }, "(No compaction)", usage)
  })
}

const summaryTokens = 8000
