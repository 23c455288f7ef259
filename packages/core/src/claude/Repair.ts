/**
 * Makes of any history one that the Messages API takes. It never calls a tool again, never drops in silence, and changes
 * nothing of a history that is in order: repairing twice is repairing once.
 *
 * @since 0.1.0
 */
import * as Block from "./Block.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Repaired {
  readonly messages: ReadonlyArray<Block.Message>
  /** What was done, a sentence each. */
  readonly repairs: ReadonlyArray<string>
}

/**
 * What stands for the result of a call of which none is known.
 *
 * @category configuration
 * @since 0.1.0
 */
export const interrupted =
  "This call was interrupted. Whether it had any effect is not known; look before you do it again."

/**
 * Repairs a history:
 *
 * - an unanswered `tool_use` is answered, as an error that says it was interrupted
 * - a result that stands elsewhere is brought behind its call; one that no call asked for, and a second one, is left out
 * - results come first in their message; messages of one side in a row become one; empty ones are left out
 * - the history begins with a message of the user, or with a compaction
 * - NUL becomes U+FFFD, and half a surrogate pair too; thinking is left as it is, because it is signed
 *
 * @category constructors
 * @since 0.1.0
 */
export const repair = (history: ReadonlyArray<Block.Message>): Repaired => {
  const repairs: Array<string> = []
  const note = (what: string) => {
    repairs.push(what)
  }
  const clean = history.map(({ content, role }) => ({
    role,
    content: content.flatMap((block) => cleaned(block, note))
  }))
  const results = resultsOf(clean, note)
  const known = new Set<string>()
  const messages: Array<{ readonly role: "user" | "assistant"; content: ReadonlyArray<Block.Block> }> = []
  const push = (role: "user" | "assistant", content: ReadonlyArray<Block.Block>) => {
    const last = messages.at(-1)
    if (last?.role === role) last.content = [...last.content, ...content]
    else messages.push({ role, content })
  }
  for (const { content, role } of clean) {
    if (role === "user") {
      const rest = content.filter((block) => !isResult(block))
      if (rest.length > 0) push("user", rest)
      continue
    }
    const unique = content.filter((block) => {
      if (isResult(block)) return false
      const [call] = Block.callsOf([block])
      if (call === undefined) return true
      if (known.has(call.id)) note(`a second call ${call.id} was left out`)
      const isNew = !known.has(call.id)
      known.add(call.id)
      return isNew
    })
    if (unique.length === 0) continue
    if (messages.length === 0 && unique[0]?.type !== "compaction") {
      note("the history began with an answer")
      push("user", [Block.text("(What came before this is lost.)")])
    }
    push("assistant", unique)
    const answers = Block.callsOf(unique).map(({ id }) => {
      const found = results.get(id)
      if (found !== undefined) return found
      note(`call ${id} had no result`)
      return Block.result(id, interrupted, true)
    })
    if (answers.length > 0) push("user", answers)
  }
  for (const id of results.keys()) if (!known.has(id)) note(`a result for the unknown call ${id} was left out`)
  return { messages: messages.map(inOrder), repairs }
}

const isResult = ({ type }: Block.Block) => type === "tool_result"

/** Results first. */
const inOrder = ({ content, role }: Block.Message): Block.Message =>
  role === "assistant"
    ? { role, content }
    : { role, content: [...content.filter(isResult), ...content.filter((block) => !isResult(block))] }

/** The first result of each call, wherever it stands. */
const resultsOf = (history: ReadonlyArray<Block.Message>, note: (what: string) => void) => {
  const results = new Map<string, Block.Block>()
  const places = new Map<string, number>()
  for (const [index, { content, role }] of history.entries()) {
    for (const { id } of role === "assistant" ? Block.callsOf(content) : []) places.set(id, index)
    for (const block of content.filter(isResult)) {
      const id = String(block["tool_use_id"])
      if (results.has(id)) note(`a second result for call ${id} was left out`)
      else results.set(id, block)
      const place = places.get(id)
      if (role !== "user" || (place !== undefined && index > place + 1 && !onlyUsers(history, place + 1, index))) {
        note(`the result of call ${id} was brought to its place`)
      }
    }
  }
  return results
}

const onlyUsers = (history: ReadonlyArray<Block.Message>, from: number, to: number) =>
  history.slice(from, to).every(({ role }) => role === "user")

/** A block that can be sent, or none if there is nothing in it. */
const cleaned = (block: Block.Block, note: (what: string) => void): ReadonlyArray<Block.Block> => {
  if (Block.isThinking(block)) return [block]
  const sound = soundOf(block)
  if (JSON.stringify(sound) !== JSON.stringify(block)) note("characters that cannot be sent were replaced")
  if (!isBlock(sound)) return []
  return sound.type === "text" && (typeof sound["text"] !== "string" || sound["text"].trim() === "") ? [] : [sound]
}

const isBlock = (value: unknown): value is Block.Block =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

const soundOf = (value: unknown): unknown => {
  if (typeof value === "string") return soundText(value)
  if (Array.isArray(value)) return value.map(soundOf)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [soundText(key), soundOf(part)]))
}

/**
 * A text without what cannot be sent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const soundText = (text: string): string => text.toWellFormed().replaceAll("\0", "\uFFFD")
