/**
 * The names of the standard tools, as workflow files write them: `read_file`, or `run_command(npm test)` with what is allowed.
 *
 * @since 0.1.0
 */
import { nearest } from "../internal/nearest.ts"

/**
 * The tools that an agent gets if nobody says which: they look, and they tell.
 *
 * @category configuration
 * @since 0.1.0
 */
export const harmless: ReadonlyArray<string> = [
  "read_file",
  "list_files",
  "search_files",
  "report_finding",
  "checkpoint",
  "recall",
  "ask_human"
]

/**
 * @category configuration
 * @since 0.1.0
 */
export const all: ReadonlyArray<string> = [...harmless, "write_file", "edit_file", "hand_off", "run_command", "fetch"]

/** Those that do nothing unless it is said what. */
const limited: ReadonlySet<string> = new Set(["run_command", "fetch"])

/**
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): { readonly name: string; readonly argument: string } => {
  const [, name = text.trim(), argument = ""] = /^\s*([\w-]+)\s*\(([^()]*)\)\s*$/.exec(text) ?? []
  return { name: aliases.get(name) ?? name, argument: argument.trim() }
}

/** What people call them too. */
const aliases: ReadonlyMap<string, string> = new Map([["grep", "search_files"]])

/**
 * What is wrong with the names of an agent's tools; `own` are those of one's own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const problemIn = (names: ReadonlyArray<string>, own: ReadonlyArray<string> = []): string | undefined => {
  for (const text of names) {
    const { argument, name } = parse(text)
    if (!all.includes(name) && !own.includes(name)) {
      const near = nearest(name, [...all, ...own])
      return `there is no tool ${JSON.stringify(text)}${near === undefined ? "" : `; did you mean ${near}?`}`
    }
    if (limited.has(name) && argument === "" && !own.includes(name)) {
      const example = name === "fetch" ? "fetch(example.com)" : "run_command(npm test)"
      return `the tool ${name} is allowed nothing: say what, as in ${example}`
    }
    if (argument !== "" && !limited.has(name)) return `the tool ${name} takes nothing in brackets`
  }
  return undefined
}
