/** A request of the Messages API as the fake server reads it, and what the API refuses in one. */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Schema } from "effect"

const Fields = Schema.Record(Schema.String, Schema.Json)

export const Block = Schema.StructWithRest(Schema.Struct({ type: Schema.String }), [Fields])
export interface Block extends Schema.Schema.Type<typeof Block> {}

export const Message = Schema.Struct({
  role: Schema.Literals(["user", "assistant"]),
  content: Schema.Union([Schema.String, Schema.Array(Block)])
})
export type Message = typeof Message.Type

export const Body = Schema.StructWithRest(
  Schema.Struct({
    model: Schema.String,
    max_tokens: Schema.Natural,
    messages: Schema.NonEmptyArray(Message),
    stream: Schema.optionalKey(Schema.Boolean),
    system: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Block)])),
    tools: Schema.optionalKey(Schema.Array(Fields)),
    output_config: Schema.optionalKey(Fields),
    compaction: Schema.optionalKey(Fields),
    cache_control: Schema.optionalKey(Fields)
  }),
  [Fields]
)
export interface Body extends Schema.Schema.Type<typeof Body> {}

export const blocksOf = ({ content }: Message): ReadonlyArray<Block> =>
  typeof content === "string" ? [{ type: "text", text: content }] : content

/** The same value, the same text: keys in order, and no marks of the cache. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (key, part) => {
    if (key === "cache_control") return undefined
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })

export const digest = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)))

/** Binds a thinking block to everything that was before it. */
export const signature = (body: Body, before: ReadonlyArray<Message>, thinking: unknown): string =>
  digest(
    canonical([
      body.system ?? "",
      body.tools ?? [],
      before.map((message) => [message.role, blocksOf(message)]),
      thinking
    ])
  )

export const isThinking = ({ type }: Block): boolean => type === "thinking" || type === "redacted_thinking"

const isCompaction = (message: Message) => blocksOf(message)[0]?.type === "compaction"

/** Why the API would refuse a request, in about its words; `mayContinue` says whether a last assistant turn was paused. */
export const refusalOf = (body: Body, mayContinue: (last: Message) => boolean): string | undefined => {
  const { messages, tools = [] } = body
  const names = tools.map((tool) => tool["name"])
  if (new Set(names).size !== names.length) return "tools: Tool names must be unique."
  const format = body.output_config?.["format"]
  const loose = format === undefined ? undefined : looseObject(format)
  if (loose !== undefined) return `output_config.format.schema: 'additionalProperties' must be false at ${loose}`
  if (messages[0].role !== "user" && !isCompaction(messages[0])) return "messages: first message must use the user role"
  const seen = new Set<unknown>()
  for (const [index, message] of messages.entries()) {
    const at = `messages.${index}`
    const before = messages[index - 1]
    if (before?.role === message.role) {
      return `${at}: roles must alternate between "user" and "assistant", but found multiple "${message.role}" roles in a row`
    }
    const problem = problemIn(body, index, at) ?? pairingProblem(messages, index, at, seen)
    if (problem !== undefined) return problem
  }
  const last = messages.at(-1)
  if (last?.role === "assistant" && !mayContinue(last)) {
    return "This model does not support assistant message prefill. The conversation must end with a user message."
  }
  const uses = messages.some((message) => blocksOf(message).some(({ type }) => type === "tool_use"))
  return uses && tools.length === 0 ? "Requests which include `tool_use` blocks must define tools" : undefined
}

const problemIn = (body: Body, index: number, at: string) => {
  const message = body.messages[index]
  if (message === undefined) return undefined
  const blocks = blocksOf(message)
  if (blocks.length === 0) return `${at}: all messages must have non-empty content`
  for (const [place, block] of blocks.entries()) {
    const where = `${at}.content.${place}`
    if (block.type === "text" && String(block["text"]).trim() === "") {
      return `${where}: text content blocks must contain non-whitespace text`
    }
    if (block.type === "compaction" && (index > 0 || place > 0) && body["context_management"] === undefined) {
      return `${where}: the compaction block is not the first block of the conversation`
    }
    if (block.type === "thinking" && message.role === "assistant") {
      const bound = signature(body, body.messages.slice(0, index), block["thinking"])
      if (block["signature"] !== bound) {
        return `${where}: Invalid \`signature\` in \`thinking\` block. The block is bound to a different conversation.`
      }
    }
  }
  return undefined
}

const pairingProblem = (messages: ReadonlyArray<Message>, index: number, at: string, seen: Set<unknown>) => {
  const message = messages[index]
  if (message === undefined) return undefined
  const blocks = blocksOf(message)
  if (message.role === "assistant") {
    const ids = blocks.filter(({ type }) => type === "tool_use").map((block) => block["id"])
    for (const id of ids) {
      if (seen.has(id)) return `${at}: \`tool_use\` ids must be unique`
      seen.add(id)
    }
    const next = messages[index + 1]
    const answered = new Set(next === undefined ? [] : blocksOf(next).map((block) => block["tool_use_id"]))
    const open = ids.filter((id) => !answered.has(id))
    return open.length === 0
      ? undefined
      : `${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(", ")}. ` +
          "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
  }
  const before = messages[index - 1]
  const asked = new Set((before === undefined ? [] : blocksOf(before)).map((block) => block["id"]))
  const answered = new Set<unknown>()
  let others = false
  for (const [place, block] of blocks.entries()) {
    const where = `${at}.content.${place}`
    if (block.type !== "tool_result") {
      others = true
      continue
    }
    const id = block["tool_use_id"]
    if (others) return `${where}: \`tool_result\` blocks must come first in the content of a message`
    if (!asked.has(id)) {
      return `${where}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${String(id)}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
    }
    if (answered.has(id))
      return `${where}: each tool_use must have a single result. Found multiple for id: ${String(id)}`
    answered.add(id)
  }
  return undefined
}

/** Where a schema has an object that allows more than it names. */
const looseObject = (schema: unknown, at = "#"): string | undefined => {
  if (typeof schema !== "object" || schema === null) return undefined
  const fields = Object.entries(schema)
  const get = (name: string) => fields.find(([key]) => key === name)?.[1]
  if (get("type") === "object" && get("properties") !== undefined && get("additionalProperties") !== false) return at
  for (const [key, part] of fields) {
    const found = looseObject(part, `${at}/${key}`)
    if (found !== undefined) return found
  }
  return undefined
}
