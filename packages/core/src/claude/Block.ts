/**
 * The parts of a conversation as the Messages API has them. What we do not know of them is kept.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

const Fields = Schema.Record(Schema.String, Schema.Json)

/**
 * A content block: text, thinking, a call of a tool, its result, …
 *
 * @category schemas
 * @since 0.1.0
 */
export const Block = Schema.StructWithRest(Schema.Struct({ type: Schema.String }), [Fields])

/**
 * @category models
 * @since 0.1.0
 */
export interface Block extends Schema.Schema.Type<typeof Block> {}

/**
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Block>
}

/**
 * A call of a tool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  readonly id: string
  readonly name: string
  readonly input: Schema.Json
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const text = (text: string): Block => ({ type: "text", text })

/**
 * What a call of a tool came to.
 *
 * @category constructors
 * @since 0.1.0
 */
export const result = (id: string, content: string, isError = false): Block => ({
  type: "tool_result",
  tool_use_id: id,
  content,
  ...(isError ? { is_error: true } : {})
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const isThinking = ({ type }: Block): boolean => type === "thinking" || type === "redacted_thinking"

/**
 * The calls of tools in an answer, in its order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const callsOf = (content: ReadonlyArray<Block>): ReadonlyArray<Call> =>
  content.flatMap((block) => {
    const { id, input = {}, name, type } = block
    return type === "tool_use" && typeof id === "string" && typeof name === "string" ? [{ id, name, input }] : []
  })

/**
 * All text in an answer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const textOf = (content: ReadonlyArray<Block>): string =>
  content
    .flatMap((block) => (block.type === "text" && typeof block["text"] === "string" ? [block["text"]] : []))
    .join("")
