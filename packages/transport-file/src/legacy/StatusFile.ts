/**
 * `agent-status/<agentId>.json`: what an agent does, a key a line, so that scripts can edit it line by line.
 *
 * @since 0.1.0
 */
import type { LegacyFiles } from "@sartor/core"
import { Result } from "effect"
import * as JsonText from "./JsonText.ts"

/**
 * A status file that was read, with the text that it was read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface StatusFile {
  readonly text: string
  readonly root: JsonText.Node
  readonly fields: LegacyFiles.Fields
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<StatusFile, JsonText.Damage> =>
  Result.map(JsonText.parse(text), (root) => ({
    text,
    root,
    fields: new Map(root.members.map(({ key, value }) => [key, valueOf(text, value)]))
  }))

/**
 * Sets keys wherever they stand, and adds those that are missing; every other byte stays.
 *
 * @category constructors
 * @since 0.1.0
 */
export const edit = (
  { root, text }: StatusFile,
  values: Iterable<readonly [key: string, value: LegacyFiles.Value]>
): string => JsonText.set(text, root, literals(values))

/**
 * A new file with these keys, in their order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (values: Iterable<readonly [key: string, value: LegacyFiles.Value]>): string => {
  const lines = literals(values).map(([key, value]) => `  ${JsonText.literal(key)}: ${value}`)
  return `{\n${lines.join(",\n")}\n}\n`
}

/**
 * What a status update makes where there is no file yet: in the order in which the scripts make it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const begin = (
  agent: string,
  values: Iterable<readonly [key: string, value: LegacyFiles.Value]>,
  at: string
): string => {
  const given = new Map(values)
  const byDefault = [
    ["status", "active"],
    ["findings", []]
  ] as const
  return make(
    new Map<string, LegacyFiles.Value>([
      ["agentId", agent],
      ...given,
      ["lastUpdate", at],
      ...byDefault.filter(([key]) => !given.has(key))
    ])
  )
}

/**
 * What a key that is set by a script holds afterwards: two of them are true or false, findings come newest first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const valueOfUpdate = (
  fields: LegacyFiles.Fields | undefined,
  key: string,
  value: string
): LegacyFiles.Value => {
  if (flags.has(key) && (value === "true" || value === "false")) return value === "true"
  if (key === "findings") return [value, ...listOf(fields?.get(key))]
  if (key === "milestoneHistory") return once(listOf(fields?.get(key)), value)
  return value
}

const flags: ReadonlySet<string> = new Set(["wakeMessageSent", "pendingFeedback"])

/**
 * A list with something behind it, unless it has it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const once = (list: ReadonlyArray<string>, item: string): ReadonlyArray<string> =>
  list.includes(item) ? list : [...list, item]

/**
 * A value as a list: one that is none has nothing in it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listOf = (value: LegacyFiles.Value | undefined): ReadonlyArray<string> =>
  typeof value === "object" ? value : []

/**
 * A value as text, as a script would take it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const textOf = (value: LegacyFiles.Value | undefined): string =>
  value === undefined ? "" : typeof value === "object" ? value.join(", ") : String(value)

const literals = (values: Iterable<readonly [key: string, value: LegacyFiles.Value]>) =>
  [...values].map(([key, value]) => [key, JsonText.literal(value)] as const)

/** Numbers and what is nested keep their text, so that nothing of them is lost. */
const valueOf = (text: string, node: JsonText.Node): LegacyFiles.Value => {
  const raw = JsonText.decode(text.slice(node.start, node.end))
  switch (node.kind) {
    case "string":
      return JsonText.stringOf(text, node)
    case "array":
      return node.items.map((item) => textOf(valueOf(text, item)))
    case "object":
      return raw
    case "other":
      return raw === "true" ? true : raw === "false" ? false : raw === "null" ? "" : raw
  }
}
