/**
 * YAML, and so JSON, as plain values that remember where they stand. The one place that knows the parser.
 */
import { Result } from "effect"
import { Composer, type CST, isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, Parser } from "yaml"

export type Path = ReadonlyArray<string | number>

export interface Position {
  readonly line: number
  readonly column: number
}

/** What is wrong with the text itself, whatever it is about. */
export interface Fault {
  readonly path: Path
  readonly position: Position
  readonly message: string
  readonly hint: string | undefined
}

/** One document. With a fault in its syntax it has no value; other faults leave out of it what they are about. */
export interface Tree {
  readonly value: unknown
  readonly faults: ReadonlyArray<Fault>
  /** Where a value begins, or its key; for what is not there, where the nearest thing around it begins. */
  readonly position: (path: Path, part: "key" | "value") => Position
  /** Where a piece of text stands within a value, after so many others like it; else where the value begins. */
  readonly find: (path: Path, piece: string, before: number) => Position
  /** A scalar as it is written: `1.10` stays `1.10`. */
  readonly source: (path: Path) => string | undefined
}

/** The longest text that is read, in characters; what aliases repeat may come to as much again. */
export const maxLength = 1_048_576
const maxDepth = 200
const maxSyntaxFaults = 20
const forbidden = new Set(["__proto__", "constructor", "prototype"])

export const parse = (input: string): Tree => {
  const text = input.replace(/^\uFEFF/, "")
  const lines = new LineCounter()
  const fault: MakeFault = (offset, message, hint, path = []) => ({
    path,
    position: positionOf(lines, offset),
    message,
    hint
  })
  const { faults, places, value } = read(text, lines, fault)
  const place = (path: Path): Place =>
    places.get(pointer(path)) ?? (path.length === 0 ? nowhere : place(path.slice(0, -1)))
  return {
    value,
    faults,
    position: (path, part) => positionOf(lines, place(path)[part]),
    find: (path, piece, before) => {
      const { end, value } = place(path)
      const parts = text.slice(value, end).split(piece, before + 2)
      return positionOf(lines, value + (parts.length < before + 2 ? 0 : parts.slice(0, -1).join(piece).length))
    },
    source: (path) => places.get(pointer(path))?.source
  }
}

/** The path as a JSON pointer. */
export const pointer = (path: Path): string =>
  path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")

/** Offsets of a value and of its key, and the text of a scalar. */
interface Place {
  readonly key: number
  readonly value: number
  readonly end: number
  readonly source: string | undefined
}

interface Reading {
  readonly value: unknown
  readonly faults: ReadonlyArray<Fault>
  readonly places: ReadonlyMap<string, Place>
}

type MakeFault = (offset: number, message: string, hint?: string, path?: Path) => Fault

const nowhere: Place = { key: 0, value: 0, end: 0, source: undefined }

const positionOf = (lines: LineCounter, offset: number): Position => {
  const { col, line } = lines.linePos(offset)
  return line === 0 ? { line: 1, column: 1 } : { line, column: col }
}

const read = (text: string, lines: LineCounter, fault: MakeFault): Reading => {
  const refuse = (...faults: ReadonlyArray<Fault>): Reading => ({ value: undefined, faults, places: new Map() })
  if (text.length > maxLength) {
    return refuse(fault(0, `the file has ${text.length} characters; at most ${maxLength} are read`))
  }
  const composed = Result.try(() => compose(text, lines))
  if (Result.isFailure(composed)) {
    return refuse(fault(0, `not valid YAML: ${String(composed.failure)}`))
  }
  const { deep, documents, errors, starts, unclosed } = composed.success
  if (deep !== undefined) {
    return refuse(fault(deep, `lists and maps are nested more than ${maxDepth} deep`))
  }
  if (errors.length > 0) {
    const faults = errors.slice(0, maxSyntaxFaults).map(({ code, message, pos: [end] }) => {
      const opening = /Missing closing|end with/.test(message) ? unclosed.find((offset) => offset < end) : undefined
      return fault(opening ?? end, `not valid YAML: ${message}`, hintFor(code, text, end))
    })
    return refuse(...new Map(faults.map((one) => [one.position.line, one] as const).toReversed()).values())
  }
  const [, second] = starts
  if (second !== undefined) {
    return refuse(fault(second, "a second document begins here, and a file holds one"))
  }
  const root = documents[0]?.contents
  return !root || (isScalar(root) && root.value === null)
    ? refuse(fault(root?.range[0] ?? 0, "the file is empty"))
    : build(root, fault)
}

/** Parses in two steps, so that the depth is known before the step that recurses. */
const compose = (text: string, lines: LineCounter) => {
  const tokens = [...new Parser(lines.addNewLine).parse(text)]
  const { deep, unclosed } = survey(tokens)
  const composer = new Composer({ schema: "core", merge: false, resolveKnownTags: false, uniqueKeys: false })
  const documents = deep === undefined ? [...composer.compose(tokens)] : []
  const errors = [...documents, composer.streamInfo()].flatMap((part) => [...part.errors, ...part.warnings])
  const starts = tokens.flatMap((token) =>
    token.type === "document" ? [token.start.find(({ type }) => type === "doc-start")?.offset ?? token.offset] : []
  )
  return { deep, documents, errors, starts, unclosed }
}

/** Where the nesting passes its limit, and where something begins that does not end, last first. */
const survey = (tokens: ReadonlyArray<CST.Token>) => {
  const left = tokens.map((token): readonly [CST.Token | null | undefined, number] => [token, 0])
  const unclosed: Array<number> = []
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [token, depth] = next
    if (token && depth > maxDepth) {
      return { deep: token.offset, unclosed }
    }
    if (token?.type === "document") {
      left.push([token.value, depth + 1])
    } else if (token && "items" in token) {
      token.items.forEach(({ key, value }) => left.push([key, depth + 1], [value, depth + 1]))
    }
    if (token && isUnclosed(token)) {
      unclosed.push(token.offset)
    }
  }
  return { deep: undefined, unclosed: unclosed.sort((a, b) => b - a) }
}

const isUnclosed = (token: CST.Token) =>
  token.type === "flow-collection"
    ? !token.end.some(({ type }) => type === "flow-map-end" || type === "flow-seq-end")
    : (token.type === "double-quoted-scalar" || token.type === "single-quoted-scalar") &&
      (token.source.length < 2 || token.source.at(-1) !== token.source[0])

const build = (root: ParsedNode, fault: MakeFault): Reading => {
  const places = new Map<string, Place>()
  const faults: Array<Fault> = []
  const anchors = new Map<string, ParsedNode>()
  const targets = new Map<ParsedNode, ParsedNode | undefined>()
  const open = new Set<ParsedNode>()
  let room = maxLength

  /** `alias` is where the outermost alias stands through which we came here. */
  const visit = (node: ParsedNode | null, path: Path, key: number, alias?: number): unknown => {
    if (node === null || room < 0) {
      places.set(pointer(path), { key, value: key, end: key, source: "" })
      return null
    }
    const [start, end] = node.range
    const source = isScalar(node) ? (node.source ?? "") : undefined
    if (alias !== undefined) {
      room = path.length > maxDepth ? -1 : room - 1 - (source?.length ?? 0)
      if (room < 0) {
        faults.push(fault(alias, "the aliases repeat too much", "write out what they stand for", path))
        return null
      }
    }
    if (isAlias(node)) {
      const target = targets.get(node) ?? anchors.get(node.source)
      targets.set(node, target)
      if (target === undefined || open.has(target)) {
        const complaint = target ? "stands for a value that it is itself in" : "has no anchor before it"
        faults.push(fault(start, `the alias *${node.source} ${complaint}`, undefined, path))
        return null
      }
      return visit(target, path, key, alias ?? start)
    }
    if (alias === undefined && node.anchor !== undefined) {
      anchors.set(node.anchor, node)
    }
    places.set(pointer(path), { key, value: isScalar(node) && node.value === null ? key : start, end, source })
    if (isScalar(node)) {
      return node.value
    }
    open.add(node)
    const value = isSeq<ParsedNode>(node)
      ? node.items.map((item, index) => visit(item, [...path, index], item.range[0], alias))
      : Object.fromEntries(entries(node, path, alias))
    open.delete(node)
    return value
  }

  const entries = (node: ParsedNode, path: Path, alias: number | undefined) => {
    const first = new Map<string, Position>()
    const result: Array<readonly [string, unknown]> = []
    for (const { key, value } of isMap<ParsedNode, ParsedNode | null>(node) ? node.items : []) {
      const at = key.range[0]
      if (!isScalar(key) || typeof key.value !== "string") {
        const written = isScalar(key) ? (key.source ?? "") : ""
        const hint = written === "" ? undefined : `write "${written}" in quotes`
        faults.push(fault(at, `a key must be text`, hint, path))
        continue
      }
      const name = key.value
      const before = first.get(name)
      if (forbidden.has(name)) {
        faults.push(fault(at, `${JSON.stringify(name)} cannot be a key`, undefined, [...path, name]))
      } else if (before !== undefined) {
        const complaint = `the key ${JSON.stringify(name)} is given twice`
        faults.push(fault(at, complaint, `first on line ${before.line}`, [...path, name]))
      } else {
        first.set(name, fault(at, "").position)
        result.push([name, visit(value, [...path, name], at, alias)])
      }
    }
    return result
  }

  return { value: visit(root, [], root.range[0]), faults, places }
}

const hintFor = (code: string, text: string, offset: number): string | undefined => {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1).split("\n", 1)[0] ?? ""
  return code === "TAB_AS_INDENT"
    ? "indent with spaces"
    : code === "TAG_RESOLVE_FAILED"
      ? "tags are not read: leave it out, or put the text in quotes"
      : /\$\{|: .*: /.test(line)
        ? 'text with ": " or "${" in it needs quotes'
        : undefined
}
