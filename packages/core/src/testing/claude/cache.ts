/** What the prompt cache of the fake server makes of a request. A token is four characters. */
import { blocksOf, type Body, canonical, digest } from "./request.ts"

export interface Tokens {
  readonly input_tokens: number
  readonly cache_read_input_tokens: number
  readonly cache_creation_input_tokens: number
}

/** How far back from a mark an earlier entry is found, in blocks. */
const lookback = 20

/** Counts the tokens of a request, and remembers its prefixes up to each mark. */
export const count = (cache: Set<string>, body: Body): Tokens => {
  const system =
    typeof body.system === "string" ? [{ type: "text", text: body.system, role: "system" }] : (body.system ?? [])
  const blocks: ReadonlyArray<unknown> = [
    ...(body.tools ?? []),
    ...system,
    ...body.messages.flatMap((message) => blocksOf(message).map((block) => ({ role: message.role, ...block })))
  ]
  const ends: Array<{ readonly hash: string; readonly tokens: number; readonly marked: boolean }> = []
  let hash = digest(body.model)
  let tokens = 0
  for (const [index, block] of blocks.entries()) {
    const text = canonical(block)
    hash = digest(hash + text)
    tokens += Math.ceil(text.length / 4)
    const marked =
      (typeof block === "object" && block !== null && "cache_control" in block) ||
      (body.cache_control !== undefined && index === blocks.length - 1)
    ends.push({ hash, tokens, marked })
  }
  const marks = [...ends.keys()].filter((index) => ends[index]?.marked === true)
  const hits = marks.flatMap((mark) =>
    ends.slice(Math.max(mark - lookback, 0), mark + 1).flatMap((end) => (cache.has(end.hash) ? [end.tokens] : []))
  )
  const read = Math.max(0, ...hits)
  const written = Math.max(read, ends[marks.at(-1) ?? -1]?.tokens ?? 0)
  for (const mark of marks) cache.add(ends[mark]?.hash ?? "")
  return {
    input_tokens: tokens - written,
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written - read
  }
}
