/**
 * A conversation with Claude as its session's journal keeps it, and what of it is sent. Everything here is pure: a run that
 * goes on after a crash sends, to the byte, what the one before it would have sent.
 *
 * @since 0.1.0
 */
import { Option, Schema } from "effect"
import type * as Recall from "../Recall.ts"
import { Tokens } from "./Api.ts"
import * as Block from "./Block.ts"

const answer = {
  content: Schema.Array(Block.Block),
  stop_reason: Schema.String,
  model: Schema.String,
  message_id: Schema.String,
  request_id: Schema.optionalKey(Schema.String),
  tokens: Tokens,
  cost_usd: Schema.Finite
}

/**
 * One committed step of a conversation. `from` is the number of the first entry that is still sent as it is.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = Schema.Union([
  /** What everything after it is said under. Another one follows if model or tools are no longer those of before. */
  Schema.Struct({ type: Schema.tag("opened"), system: Schema.String, model: Schema.String, tools: Schema.String }),
  /** Said to Claude: the task, a correction, or what it was told when it was resumed; `told` counts those so far. */
  Schema.Struct({ type: Schema.tag("asked"), content: Schema.Array(Block.Block), told: Schema.Natural }),
  Schema.Struct({ type: Schema.tag("answered"), ...answer }),
  /** An answer that is no part of the conversation: cut off, refused, or of a kind that nobody knows. */
  Schema.Struct({ type: Schema.tag("dropped"), ...answer }),
  /** Calls with side effects that are about to be made: without their results, their outcome is unknown. */
  Schema.Struct({ type: Schema.tag("began"), calls: Schema.Array(Schema.String) }),
  /** What calls came to: of one answer in one entry, unless some of them wait for a human. */
  Schema.Struct({ type: Schema.tag("results"), content: Schema.Array(Block.Block), told: Schema.Natural }),
  /** From here on the entries before `from` are not sent, and results before `clear` without their content. */
  Schema.Struct({ type: Schema.tag("pruned"), from: Schema.Natural, clear: Schema.Natural }),
  /** From here on a summary is sent instead of the entries before `from`. */
  Schema.Struct({
    type: Schema.tag("summarised"),
    from: Schema.Natural,
    text: Schema.String,
    tokens: Tokens,
    cost_usd: Schema.Finite,
    model: Schema.String
  }),
  /** From here on the API's own compaction is sent instead of the entries before `from`. */
  Schema.Struct({
    type: Schema.tag("compacted"),
    from: Schema.Natural,
    block: Block.Block,
    tokens: Tokens,
    cost_usd: Schema.Finite,
    model: Schema.String
  })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Entry = typeof Entry.Type

/**
 * @category models
 * @since 0.1.0
 */
export type Entries = ReadonlyArray<Entry>

/**
 * The entries in what a session knows, oldest first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const entriesOf = (known: ReadonlyArray<Recall.Known>): Entries =>
  known.flatMap(({ record }) => {
    const entry = record.type === "turn" && record.entry !== undefined ? decode(record.entry) : Option.none()
    return Option.toArray(entry)
  })

const EntryJson: Schema.Codec<Entry, Schema.Json> = Schema.toCodecJson(Entry)
const decode = Schema.decodeUnknownOption(EntryJson)

/**
 * @category constructors
 * @since 0.1.0
 */
export const encode = Schema.encodeSync(EntryJson)

/**
 * The model that an answer, or a summary, is of.
 *
 * @category constructors
 * @since 0.1.0
 */
export const modelOf = (entry: Schema.Json | undefined): Option.Option<string> =>
  Option.flatMap(decode(entry), (known) => ("tokens" in known ? Option.some(known.model) : Option.none()))

/**
 * The calls that have no result yet, and whether any of them has begun.
 *
 * @category constructors
 * @since 0.1.0
 */
export const openCalls = (
  entries: Entries
): { readonly calls: ReadonlyArray<Block.Call>; readonly begun: ReadonlySet<string>; readonly stop: string } => {
  const at = entries.findLastIndex(({ type }) => type === "answered")
  const last = entries[at]
  if (last?.type !== "answered") return { calls: [], begun: new Set(), stop: "" }
  const since = entries.slice(at + 1)
  const answered = new Set(
    since.flatMap((entry) => (entry.type === "results" ? entry.content.map((block) => block["tool_use_id"]) : []))
  )
  const begun = new Set(since.flatMap((entry) => (entry.type === "began" ? entry.calls : [])))
  return { calls: Block.callsOf(last.content).filter(({ id }) => !answered.has(id)), begun, stop: last.stop_reason }
}

/**
 * What comes next in a conversation without open calls: an answer to the task, to results or to what was paused, or
 * nothing, because Claude has said what it had to say.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isFinished = (entries: Entries): boolean => {
  const last = entries.findLast(({ type }) => type === "asked" || type === "answered" || type === "results")
  return last?.type === "answered" && !goesOn.has(last.stop_reason)
}

/** Claude was not done when it stopped. */
const goesOn: ReadonlySet<string> = new Set(["pause_turn", "compaction", "tool_use"])

/**
 * How many of the things that it was told are in the conversation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toldIn = (entries: Entries): number =>
  entries.reduce(
    (most, entry) => (entry.type === "asked" || entry.type === "results" ? Math.max(most, entry.told) : most),
    0
  )

/**
 * How many answers in a row were cut off, at the end of a conversation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cutOff = (entries: Entries, stopReason: string): number =>
  entries.length - 1 - entries.findLastIndex((entry) => entry.type !== "dropped" || entry.stop_reason !== stopReason)

/**
 * What is sent of a conversation, before it is repaired. Thinking from before the last change of what is sent is left out:
 * it is signed for what stood before it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const messagesOf = (entries: Entries): ReadonlyArray<Block.Message> => {
  const { before, clear, cut, from } = windowOf(entries)
  const head = headOf(entries, before, from)
  const kept = entries.flatMap((entry, index): ReadonlyArray<Block.Message> => {
    if (index < from) return []
    if (entry.type === "asked") return [{ role: "user", content: entry.content }]
    if (entry.type === "results")
      return [{ role: "user", content: index < clear ? entry.content.map(cleared) : entry.content }]
    if (entry.type !== "answered") return []
    return [
      { role: "assistant", content: index < cut ? entry.content.filter((b) => !Block.isThinking(b)) : entry.content }
    ]
  })
  return [...head, ...kept]
}

interface Window {
  readonly from: number
  readonly clear: number
  /** Where what is sent was changed last. */
  readonly cut: number
  /** What stands for the entries before `from`. */
  readonly before:
    | { readonly type: "nothing" | "note" }
    | { readonly type: "summary"; readonly text: string }
    | { readonly type: "block"; readonly block: Block.Block }
}

const windowOf = (entries: Entries): Window => {
  let window: Window = { from: 0, clear: 0, cut: 0, before: { type: "nothing" } }
  for (const [index, entry] of entries.entries()) {
    const next = changed(window, entry)
    if (next !== undefined) window = { ...next, cut: index }
  }
  return window
}

const changed = (window: Window, entry: Entry): Window | undefined => {
  switch (entry.type) {
    case "opened":
      return window
    case "pruned": {
      const isNew = entry.from > window.from && window.before.type === "nothing"
      const from = Math.max(window.from, entry.from)
      const clear = Math.max(window.clear, entry.clear)
      return { ...window, from, clear, before: isNew ? { type: "note" } : window.before }
    }
    case "summarised":
      return { ...window, from: entry.from, before: { type: "summary", text: entry.text } }
    case "compacted":
      return { ...window, from: entry.from, before: { type: "block", block: entry.block } }
    default:
      return undefined
  }
}

const headOf = (entries: Entries, before: Window["before"], from: number): ReadonlyArray<Block.Message> => {
  if (before.type === "nothing") return []
  if (before.type === "block") {
    return [
      { role: "assistant", content: [before.block] },
      { role: "user", content: [Block.text("Go on with your task.")] }
    ]
  }
  const at = entries.findIndex(({ type }) => type === "asked")
  const task = entries[at]
  const note =
    before.type === "summary"
      ? `(What you have done so far, in your own summary:)\n${before.text}`
      : "(Earlier turns of this conversation are left out here.)"
  const content = task?.type === "asked" && at < from ? task.content : []
  return [{ role: "user", content: [...content, Block.text(note)] }]
}

const cleared = (block: Block.Block): Block.Block =>
  block.type === "tool_result" && JSON.stringify(block["content"] ?? "").length > clearedNote.length
    ? { ...block, content: clearedNote }
    : block

const clearedNote = "(This result is left out here. Call the tool again if you need it.)"

/**
 * How large what is sent is, in characters of JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sizeOf = (entries: Entries): number => JSON.stringify(messagesOf(entries)).length
