/** An answer of the fake server as the events of its stream. */
import type { Block, Body } from "./request.ts"

export interface Answer {
  readonly id: string
  readonly model: string
  readonly content: ReadonlyArray<Block>
  readonly stop: string | null
  readonly details: unknown
  readonly usage: { readonly [field: string]: unknown }
}

/** One event; what is no JSON on purpose comes as text. */
export interface Event {
  readonly event: string
  readonly data: unknown
}

export const textOf = ({ data, event }: Event): string =>
  `event: ${event}\ndata: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

const halves = (text: string): ReadonlyArray<string> => {
  const middle = Math.ceil(text.length / 2)
  return [text.slice(0, middle), text.slice(middle)].filter((part) => part !== "")
}

const emptied = (block: Block): Block => {
  switch (block.type) {
    case "text":
      return { ...block, text: "" }
    case "thinking":
      return { ...block, thinking: "", signature: "" }
    case "tool_use":
      return { ...block, input: {} }
    case "compaction":
      return { ...block, content: null }
    default:
      return block
  }
}

const deltasOf = (block: Block): ReadonlyArray<unknown> => {
  switch (block.type) {
    case "text":
      return halves(String(block["text"])).map((text) => ({ type: "text_delta", text }))
    case "thinking":
      return [
        ...halves(String(block["thinking"])).map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature: block["signature"] }
      ]
    case "tool_use":
      return halves(JSON.stringify(block["input"])).map((partial_json) => ({ type: "input_json_delta", partial_json }))
    case "compaction":
      return [{ type: "compaction_delta", content: block["content"], encrypted_content: block["encrypted_content"] }]
    default:
      return []
  }
}

export const messageOf = ({ content, details, id, model, stop, usage }: Answer) => ({
  id,
  type: "message",
  role: "assistant",
  model,
  content,
  stop_reason: stop,
  stop_sequence: null,
  stop_details: details,
  container: null,
  context_management: null,
  diagnostics: null,
  usage
})

export const eventsOf = (answer: Answer): ReadonlyArray<Event> => {
  const named = (data: { readonly type: string; readonly [field: string]: unknown }): Event => ({
    event: data.type,
    data
  })
  const usage = { ...answer.usage, output_tokens: 1 }
  return [
    named({
      type: "message_start",
      message: messageOf({ ...answer, content: [], stop: null, details: null, usage })
    }),
    { event: "ping", data: { type: "ping" } },
    ...answer.content.flatMap((block, index) => [
      named({ type: "content_block_start", index, content_block: emptied(block) }),
      ...deltasOf(block).map((delta) => named({ type: "content_block_delta", index, delta })),
      named({ type: "content_block_stop", index })
    ]),
    named({
      type: "message_delta",
      delta: { stop_reason: answer.stop, stop_sequence: null, stop_details: answer.details, container: null },
      context_management: null,
      usage: answer.usage
    }),
    named({ type: "message_stop" })
  ]
}

export const errorOf = (type: string, message: string, code?: string) => ({
  type: "error",
  error: {
    type,
    message,
    ...(code === undefined ? {} : { details: { error_code: code } })
  },
  request_id: null
})

/** The kind of error that goes with a status. */
export const typeOfStatus = (status: number): string =>
  ({
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error"
  })[status] ?? (status >= 500 ? "api_error" : "invalid_request_error")

export type { Body }
