/**
 * `findings/<agentId>/finding-NNN.json`: what an agent has come across, and by topic in `findings/_aggregated`.
 *
 * @since 0.1.0
 */
import { Result } from "effect"
import * as JsonText from "./JsonText.ts"
import * as StatusFile from "./StatusFile.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Finding {
  readonly findingId: string
  readonly agentId: string
  readonly topic: string
  readonly content: string
  /** 0 to 1, as it was written. */
  readonly importance: string
  readonly timestamp: string
  readonly tags: ReadonlyArray<string>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const render = (finding: Finding): string => {
  const { importance, ...fields } = finding
  const lines = Object.entries({ ...fields, importance }).map(([key, value]) =>
    key === "importance" ? `  "importance": ${importance}` : `  "${key}": ${JsonText.literal(value)}`
  )
  const order = ["findingId", "agentId", "topic", "content", "importance", "timestamp", "tags"]
  const rank = (line: string) => order.findIndex((key) => line.startsWith(`  "${key}":`))
  return `{\n${lines.toSorted((a, b) => rank(a) - rank(b)).join(",\n")}\n}\n`
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Finding, JsonText.Damage> =>
  Result.map(StatusFile.parse(text), ({ fields }) => {
    const read = (key: string) => StatusFile.textOf(fields.get(key))
    return {
      findingId: read("findingId"),
      agentId: read("agentId"),
      topic: read("topic"),
      content: read("content"),
      importance: read("importance"),
      timestamp: read("timestamp"),
      tags: StatusFile.listOf(fields.get("tags"))
    }
  })

/**
 * The number of the finding after these files.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nextNumber = (names: ReadonlyArray<string>): string => {
  const numbers = names.map((name) => Number(/^finding-(\d{1,9})\.json$/.exec(name)?.[1] ?? 0))
  return String(numbers.reduce((most, number) => Math.max(most, number), 0) + 1).padStart(3, "0")
}

/**
 * The name of the file that gathers a topic.
 *
 * @category constructors
 * @since 0.1.0
 */
export const topicFile = (topic: string): string => `topic-${topic.replace(/[^A-Za-z0-9._-]+/g, "-")}.json`

/**
 * The file of a topic with one more finding in it, or a new one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const gather = (
  text: string | undefined,
  { topic }: Finding,
  findingText: string,
  at: string
): Result.Result<string, JsonText.Damage> => {
  const one = indented(findingText)
  if (text === undefined) {
    const topicText = JsonText.literal(topic)
    const time = JsonText.literal(at)
    return Result.succeed(
      `{\n  "topic": ${topicText},\n  "findings": [\n    ${one}\n  ],\n  "count": 1,\n  "created": ${time},\n  "lastUpdate": ${time}\n}\n`
    )
  }
  return Result.flatMap(JsonText.parse(text), (root) => {
    const findings = JsonText.member(root, "findings")
    if (findings?.kind !== "array") return Result.fail({ offset: root.start, detail: "it has no array of findings" })
    const appended = JsonText.append(text, findings, [one])
    return Result.map(JsonText.parse(appended), (after) =>
      JsonText.set(appended, after, [
        ["count", String(findings.items.length + 1)],
        ["lastUpdate", JsonText.literal(at)]
      ])
    )
  })
}

const indented = (text: string) => text.trimEnd().replaceAll("\n", "\n    ")
