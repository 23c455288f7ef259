import { Predicate, type Schema, SchemaIssue } from "effect"
import { nearest } from "./nearest.ts"
import { mustBeText } from "./workflowGrammar.ts"
import { type Path, pointer, type Position, type Tree } from "./yamlTree.ts"

/** One thing that is wrong in a workflow file, and where. */
export interface Problem {
  readonly line: number
  readonly column: number
  readonly path: string
  readonly field: string
  readonly message: string
  readonly hint?: string
}

export interface Details {
  /** Where, if it is not where the value of the path begins. */
  readonly at?: Position | undefined
  readonly hint?: string | undefined
  /** Asks whether one of these was meant. */
  readonly near?: Readonly<Parameters<typeof nearest>> | undefined
}

/** Collects what is wrong in a file, and says it in the words of the file. */
export interface Problems {
  readonly isEmpty: () => boolean
  readonly sorted: () => ReadonlyArray<Problem>
  /** Adds a whole sentence. */
  readonly add: (path: Path, message: string, details?: Details) => void
  /** Adds a complaint, after the agent that it is about: `agent "security": unknown key …`. */
  readonly complain: (path: Path, complaint: string, details?: Details) => void
  /** Adds a sentence about a key, such as `agent "security": retries must be …`. */
  readonly refuse: (path: Path, complaint: string, details?: Details) => void
  /** Adds what a schema refused in a map, and answers the keys that are to blame. */
  readonly refuseAll: (path: Path, error: Schema.SchemaError) => ReadonlySet<string>
  /** What the agent of a path is called. */
  readonly agent: (path: Path) => string
}

/** More than anybody reads, and a bound on what a hostile file can make us do. */
const most = 200

export const collect = (tree: Tree): Problems => {
  const problems: Array<Problem> = []
  const broken = new Set(tree.faults.map(({ path }) => pointer(path)))

  const add: Problems["add"] = (path, message, { at, hint, near } = {}) => {
    if (problems.length >= most) {
      return
    }
    const meant = near && nearest(...near)
    const advice = meant === undefined ? hint : `did you mean ${JSON.stringify(meant)}?`
    problems.push({
      ...(at ?? tree.position(path, "value")),
      path: pointer(path),
      field: fieldOf(path),
      message: legible(message),
      ...(advice === undefined ? {} : { hint: legible(advice) })
    })
  }

  const agent = (path: Path) => {
    const name = valueAt(tree.value, ["agents", path[1] ?? "", "name"])
    return typeof name === "string" && name !== "" ? `agent ${shorten(name)}` : `agent ${Number(path[1]) + 1}`
  }

  const complain: Problems["complain"] = (path, complaint, details) =>
    add(path, isAgentPath(path) ? `${agent(path)}: ${complaint}` : complaint, details)

  const refuse: Problems["refuse"] = (path, complaint, details) => {
    const field = fieldOf(path)
    const subject = !isAgentPath(path) ? field : field === "" ? agent(path) : `${agent(path)}: ${field}`
    add(path, `${subject} ${complaint}`, details)
  }

  const refuseAll: Problems["refuseAll"] = (path, error) => {
    const issues = format(error.issue).issues
    const blamed = issues.map((issue) => {
      const below = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
      const full = [...path, ...below.filter((part) => typeof part !== "symbol")]
      const value = valueAt(tree.value, full)
      const written = tree.source(full)
      if (value === null && !broken.has(pointer(full))) {
        refuse(full, "is empty", { hint: "give it a value" })
      } else if (value !== null) {
        const quote = issue.message === mustBeText && written !== undefined ? `write "${written}" in quotes` : undefined
        refuse(full, `${issue.message}, not ${show(value, written)}`, { hint: quote })
      }
      return String(below[0])
    })
    return new Set(blamed)
  }

  for (const { hint, message, path, position } of tree.faults) {
    complain(path, message, { at: position, hint })
  }
  return {
    isEmpty: () => problems.length === 0,
    sorted: () => problems.toSorted((a, b) => a.line - b.line || a.column - b.column),
    add,
    complain,
    refuse,
    refuseAll,
    agent
  }
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const isAgentPath = (path: Path) => path[0] === "agents" && path.length > 1

/** `retries`, `env.PORT` or `command[1]`, as seen from the agent. */
const fieldOf = (path: Path) =>
  path
    .slice(isAgentPath(path) ? 2 : 0)
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "")

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce((inner: unknown, part) => (Predicate.hasProperty(inner, part) ? inner[part] : undefined), value)

const show = (value: unknown, written: string | undefined) =>
  typeof value === "string"
    ? shorten(value)
    : Array.isArray(value)
      ? "a list"
      : Predicate.isObject(value)
        ? "a map"
        : (written ?? String(value)).slice(0, 60)

/** On one line, and without what could play tricks on a terminal. */
const legible = (text: string) =>
  (text.length > 600 ? `${text.slice(0, 600)}…` : text).replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  )

const shorten = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
