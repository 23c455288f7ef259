/**
 * JSON as a text whose bytes are kept: finds where each part of it stands, and changes that part alone.
 *
 * Texts are strings of bytes here, one character a byte, so that a place in one is a place in its file.
 *
 * @since 0.1.0
 */
import { Option, Result, Schema } from "effect"
import { isUtf8 } from "node:buffer"

/**
 * A part of a text, from `start` to before `end`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly kind: "object" | "array" | "string" | "other"
  readonly start: number
  readonly end: number
  /** Of an object, in their order; a key may stand there twice. */
  readonly members: ReadonlyArray<{ readonly key: string; readonly start: number; readonly value: Node }>
  /** Of an array. */
  readonly items: ReadonlyArray<Node>
}

/**
 * Why a text is not JSON, and the byte at which that shows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Damage {
  readonly offset: number
  readonly detail: string
}

/**
 * The bytes of a file as a text. Refused if they are no UTF-8, as those would be lost.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Buffer): Result.Result<string, Damage> => {
  if (isUtf8(bytes)) return Result.succeed(bytes.toString("latin1"))
  const kept = Buffer.from(bytes.toString("utf8"), "utf8")
  const offset = bytes.findIndex((byte, index) => byte !== kept[index])
  return Result.fail({ offset: Math.max(offset, 0), detail: "it is not valid UTF-8" })
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const toBytes = (text: string): Buffer => Buffer.from(text, "latin1")

/**
 * Characters as a text of bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const encode = (characters: string): string => Buffer.from(characters, "utf8").toString("latin1")

/**
 * The characters of a text of bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const decode = (text: string): string => Buffer.from(text, "latin1").toString("utf8")

/**
 * A value as JSON that scripts survive which edit it line by line: no `\"` and no `}` within a string, nothing on a line of
 * its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const literal = (value: string | boolean | number | ReadonlyArray<string>): string =>
  typeof value === "string"
    ? encode(JSON.stringify(value).replace(/\\.|\}/gs, (found) => survivable[found] ?? found))
    : typeof value === "object"
      ? `[${value.map(literal).join(", ")}]`
      : String(value)

const survivable: { readonly [found: string]: string } = { '\\"': "\\u0022", "}": "\\u007d" }

/**
 * The line that a byte is on, from 1.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lineOf = (text: string, offset: number): number => {
  let line = 1
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line += 1
  return line
}

/**
 * The characters of a string in the text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stringOf = (text: string, { end, start }: Pick<Node, "start" | "end">): string =>
  Option.getOrElse(parseString(decode(text.slice(start, end))), () => "")

const parseString = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.String))

/** Deeper than anything that is meant. */
const maxDepth = 100

/**
 * Reads a text that is one JSON object. A byte order mark before it is passed over.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Node, Damage> => {
  let at = text.startsWith(mark) ? mark.length : 0
  let damage: Damage | undefined

  const fail = (detail: string, offset = at): undefined => {
    damage ??= { offset, detail }
  }
  const skip = () => {
    while (isSpace(text.charCodeAt(at))) at += 1
  }
  /** Passes over a character, after space. */
  const take = (character: string) => {
    skip()
    if (text[at] !== character) return false
    at += 1
    return true
  }
  const found = () => (at >= text.length ? "the text ends" : `${JSON.stringify(decode(text[at] ?? ""))} stands`)

  const string = (): Node | undefined => {
    const start = at
    at += 1
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        at += 1
        return { ...empty, kind: "string", start, end: at }
      }
      if (code < 0x20) return fail("a string is not closed on its line", start)
      if (code === backslash) {
        escape.lastIndex = at
        const [escaped] = escape.exec(text) ?? []
        if (escaped === undefined) return fail("a string holds a backslash that means nothing")
        at += escaped.length
      } else at += 1
    }
    return fail("a string is not closed", start)
  }
  const other = (): Node | undefined => {
    const start = at
    word.lastIndex = at
    const [matched] = word.exec(text) ?? []
    if (matched === undefined) return fail(`${found()} where a value is expected`)
    at += matched.length
    return { ...empty, kind: "other", start, end: at }
  }
  const array = (depth: number): Node | undefined => {
    const start = at
    const items: Array<Node> = []
    at += 1
    if (take("]")) return { ...empty, kind: "array", start, end: at, items }
    while (true) {
      const item = value(depth + 1)
      if (item === undefined) return undefined
      items.push(item)
      if (take("]")) return { ...empty, kind: "array", start, end: at, items }
      if (!take(",")) return fail(`${found()} where "," or "]" is expected`)
    }
  }
  const object = (depth: number): Node | undefined => {
    const start = at
    const members: Array<Node["members"][number]> = []
    at += 1
    if (take("}")) return { ...empty, kind: "object", start, end: at, members }
    while (true) {
      skip()
      if (text[at] !== '"') return fail(`${found()} where a key is expected`)
      const key = string()
      if (key === undefined) return undefined
      if (!take(":")) return fail(`${found()} where ":" is expected`)
      const member = value(depth + 1)
      if (member === undefined) return undefined
      members.push({ key: stringOf(text, key), start: key.start, value: member })
      if (take("}")) return { ...empty, kind: "object", start, end: at, members }
      if (!take(",")) return fail(`${found()} where "," or "}" is expected`)
    }
  }
  const value = (depth: number): Node | undefined => {
    skip()
    if (depth > maxDepth) return fail(`it is nested more than ${maxDepth} deep`)
    return text[at] === "{" ? object(depth) : text[at] === "[" ? array(depth) : text[at] === '"' ? string() : other()
  }

  skip()
  if (at >= text.length) return Result.fail({ offset: at, detail: "it is empty" })
  const start = at
  const root = value(0)
  if (root !== undefined && root.kind !== "object") fail("it is not a JSON object", start)
  skip()
  if (root !== undefined && at < text.length) fail("something follows the object")
  return root === undefined || damage !== undefined
    ? Result.fail(damage ?? { offset: at, detail: "it is not JSON" })
    : Result.succeed(root)
}

const mark = encode("\uFEFF")
const quote = 0x22
const backslash = 0x5c
const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const word = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.+-])/y
const empty = { members: [], items: [] } as const

/**
 * Sets keys of an object to values that are JSON already: at every place where the key stands, else after the last one, the
 * way that the others are written. All other bytes stay.
 *
 * @category constructors
 * @since 0.1.0
 */
export const set = (text: string, object: Node, values: Iterable<readonly [key: string, literal: string]>): string => {
  const splices: Array<Splice> = []
  const added: Array<readonly [string, string]> = []
  // Of a key that is given twice the last counts.
  for (const [key, literal] of new Map(values)) {
    const places = object.members.filter((member) => member.key === key)
    for (const { value } of places) splices.push({ start: value.start, end: value.end, by: literal })
    if (places.length === 0) added.push([key, literal])
  }
  if (added.length > 0) splices.push(addition(text, object, added))
  return splice(text, splices)
}

/**
 * Puts values behind the last one of an array.
 *
 * @category constructors
 * @since 0.1.0
 */
export const append = (text: string, array: Node, literals: ReadonlyArray<string>): string => {
  if (literals.length === 0) return text
  const last = array.items.at(-1)
  if (last === undefined) return splice(text, [{ start: array.start, end: array.end, by: `[${literals.join(", ")}]` }])
  const before = text.slice(array.start + 1, array.items[0]?.start ?? array.start + 1)
  const gap = before.includes("\n") ? before : " "
  return splice(text, [{ start: last.end, end: last.end, by: literals.map((one) => `,${gap}${one}`).join("") }])
}

interface Splice {
  readonly start: number
  readonly end: number
  readonly by: string
}

const splice = (text: string, splices: ReadonlyArray<Splice>): string => {
  let result = text
  for (const { by, end, start } of splices.toSorted((a, b) => b.start - a.start)) {
    result = result.slice(0, start) + by + result.slice(end)
  }
  return result
}

const addition = (text: string, object: Node, added: ReadonlyArray<readonly [string, string]>): Splice => {
  const [first] = object.members
  const last = object.members.at(-1)
  const written = (gap: string) => added.map(([key, value]) => `${literal(key)}: ${value}`).join(`,${gap}`)
  if (first === undefined || last === undefined) {
    return { start: object.start, end: object.end, by: `{\n  ${written("\n  ")}\n}` }
  }
  const before = text.slice(object.start + 1, first.start)
  const after = text.slice(last.value.end, object.end - 1)
  const lines = /(\r?\n)[^\n]*$/.exec(before)
  const indent = /[ \t]*$/.exec(before)?.[0] ?? ""
  const gap = lines === null ? " " : `${lines[1] ?? "\n"}${indent}`
  // A closing brace that shares the last line would be edited with it.
  const end = lines === null || after.includes("\n") ? "" : (lines[1] ?? "\n")
  return { start: last.value.end, end: last.value.end, by: `,${gap}${written(gap)}${end}` }
}

/**
 * The member of that name that counts: the last.
 *
 * @category constructors
 * @since 0.1.0
 */
export const member = (object: Node | undefined, key: string): Node | undefined =>
  object?.members.findLast((member) => member.key === key)?.value
