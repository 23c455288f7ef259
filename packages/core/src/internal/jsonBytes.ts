import type { Schema } from "effect"

/** How many bytes of UTF-8 a JSON text has: it has no lone surrogates, so that each half of a pair stands for two. */
export const bytesOf = (text: string): number => {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2
  }
  return bytes
}

/** How many bytes of JSON a value has, if they may be more than a limit; anything up to the limit if they cannot. */
export const bytesOver = (value: Schema.Json, limit: number): number =>
  atMost(value) > limit ? bytesOf(JSON.stringify(value)) : 0

/** Never less than the bytes of JSON, and cheap: no string is looked at, and nothing is made. */
const atMost = (value: Schema.Json): number => {
  if (typeof value === "string") return value.length * widest + 2
  if (typeof value !== "object" || value === null) return 32
  let bytes = 2
  if (Array.isArray(value)) {
    for (const member of value) bytes += atMost(member) + 1
    return bytes
  }
  const members = value as { readonly [key: string]: Schema.Json }
  for (const key in members) bytes += key.length * widest + 4 + atMost(members[key] ?? null)
  return bytes
}

/** A control character becomes six. */
const widest = 6
