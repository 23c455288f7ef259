/**
 * One conversation under way: what it is made of, and how it goes on.
 *
 * @since 0.1.0
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Effect, type Schema } from "effect"
import type { Usage } from "../Agent.ts"
import { type Assignment, type Event, type Line, RunFailed } from "../AgentRunner.ts"
import type * as Recall from "../Recall.ts"
import type * as Api from "./Api.ts"
import * as Conversation from "./Conversation.ts"
import * as Models from "./Models.ts"
import * as Tool from "./Tool.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Desk {
  readonly assignment: Assignment
  readonly entries: ReadonlyArray<Conversation.Entry>
  /** How many of the entries are of earlier runs. */
  readonly resumedAt: number
  /** What the session reported since the last answer of earlier runs. */
  readonly found: ReadonlySet<string>
  readonly tools: ReadonlyArray<Tool.Tool>
  readonly definitions: ReadonlyArray<Schema.Json>
  readonly modelName: string
  readonly model: Models.Model | undefined
  /** Added to the system prompt when it is begun. */
  readonly instructions: string | undefined
  /** Makes an entry durable, then part of the conversation. */
  readonly commit: (entry: Conversation.Entry, text: string, usage?: Usage) => Effect.Effect<void>
  readonly emit: (event: Event) => Effect.Effect<void>
  /** Asks what it was told meanwhile, in a `tell`. */
  readonly hear: Effect.Effect<void>
  /** All that it was ever told, in the order in which it reads it. */
  readonly told: () => ReadonlyArray<string>
  /** Of that, what is not in the conversation yet. */
  readonly untold: () => ReadonlyArray<string>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly assignment: Assignment
  readonly line: Line | undefined
  readonly known: ReadonlyArray<Recall.Known>
  readonly tools: ReadonlyArray<Tool.Tool>
  readonly modelName: string
  readonly table: Models.Table
  readonly instructions: string | undefined
  readonly emit: (event: Event) => Effect.Effect<void>
}): Desk => {
  const { assignment, emit, instructions, known, line, modelName, table, tools } = options
  const entries: Array<Conversation.Entry> = [...Conversation.entriesOf(known)]
  const told = assignment.session.told.map(({ text }) => text)
  return {
    assignment,
    entries,
    resumedAt: entries.length,
    found: findingsIn(known),
    tools,
    definitions: Tool.definitionsOf(tools),
    modelName,
    instructions,
    model: Models.find(table, modelName),
    commit: (entry, text, usage) =>
      Effect.map(
        emit({ type: "turn", text, entry: Conversation.encode(entry), ...(usage === undefined ? {} : { usage }) }),
        () => {
          entries.push(entry)
        }
      ),
    emit,
    hear: Effect.map(line?.hear ?? Effect.succeed([]), (heard) => {
      told.push(...heard.map(({ text }) => text))
    }),
    told: () => told,
    untold: () => told.slice(Conversation.toldIn(entries))
  }
}

/** Of the newest turn: those of turns before are behind results. */
const findingsIn = (known: ReadonlyArray<Recall.Known>): ReadonlySet<string> => {
  const last = known.findLastIndex(({ record }) => record.type === "turn" && record.usage !== undefined)
  return new Set(
    known.slice(last + 1).flatMap(({ record }) => (record.type === "finding" ? [record.wake.summary ?? ""] : []))
  )
}

/**
 * What the tools of a request are known by.
 *
 * @category constructors
 * @since 0.1.0
 */
export const digestOf = (definitions: ReadonlyArray<Schema.Json>): string =>
  bytesToHex(sha256(utf8ToBytes(JSON.stringify(definitions)))).slice(0, 16)

/**
 * The fields that entries of an answer share.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answerOf = (
  { content, message_id, model, request_id, stop_reason, tokens }: Api.Answer,
  usage: Usage
) => ({
  content,
  stop_reason,
  model,
  message_id,
  ...(request_id === undefined ? {} : { request_id }),
  tokens,
  cost_usd: usage.cost_usd
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const failed = (code: string, detail: string, retryable: boolean): RunFailed =>
  new RunFailed({ status: "failed", code, detail, retryable })

/**
 * @category constructors
 * @since 0.1.0
 */
export const blocked = (code: string, detail: string): RunFailed =>
  new RunFailed({ status: "blocked", code, detail, retryable: false })
