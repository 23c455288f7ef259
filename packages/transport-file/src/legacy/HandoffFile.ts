/**
 * `handoffs/<date>/<handoffId>.json`: work that goes from one role to the next. Its document is core's.
 *
 * @since 0.1.0
 */
import { Handoff } from "@sartor/core"
import { Option, Result, Schema } from "effect"
import * as JsonText from "./JsonText.ts"

/**
 * A handoff file that was read, with the text that it was read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandoffFile {
  readonly text: string
  readonly root: JsonText.Node
  readonly document: Handoff.Document
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<HandoffFile, JsonText.Damage> =>
  Result.flatMap(JsonText.parse(text), (root) =>
    decodeDocument(JsonText.decode(text.slice(root.start, root.end))).pipe(
      Result.map((document) => ({ text, root, document })),
      Result.mapError(({ message }) => ({ offset: root.start, detail: message.replace(/\s*\n\s*/g, " ") }))
    )
  )

const decodeDocument = Schema.decodeUnknownResult(Schema.fromJsonString(Handoff.Document))

/**
 * A new file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const render = (document: Handoff.Document): string =>
  JsonText.encode(`${JSON.stringify(encodeDocument(document), undefined, 2)}\n`)

const encodeDocument = Schema.encodeSync(Handoff.Document)

/**
 * The file with the status that a handoff has come to, and the issues that this has added; every other byte stays.
 *
 * @category constructors
 * @since 0.1.0
 */
export const move = (file: HandoffFile, to: Handoff.Document): string => {
  const { document, root, text } = file
  const known = document.issues?.length ?? 0
  const added = (to.issues ?? []).slice(known).map((issue) => JsonText.encode(JSON.stringify(issue)))
  const issues = JsonText.member(root, "issues")
  // From the end to the start, so that places before stay where they are.
  const head = JsonText.member(root, "handoff")
  const withIssues = (before: string) => {
    if (added.length === 0) return before
    const again = Option.getOrUndefined(Result.getSuccess(JsonText.parse(before)))
    if (again === undefined) return before
    const array = JsonText.member(again, "issues")
    return issues === undefined || array?.kind !== "array"
      ? JsonText.set(before, again, [["issues", `[${added.join(", ")}]`]])
      : JsonText.append(before, array, added)
  }
  return withIssues(
    head === undefined ? text : JsonText.set(text, head, [["status", JsonText.literal(to.handoff.status)]])
  )
}

/**
 * Where the file of a handoff lies, below the data directory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pathOf = ({ handoff }: Handoff.Document): string =>
  `handoffs/${handoff.timestamp.slice(0, 10)}/${handoff.handoffId}.json`

/**
 * Where the file of a chain lies, below the data directory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const chainPathOf = ({ created, taskId }: Handoff.Chain): string =>
  `handoffs/${created.slice(0, 10)}/chain_${taskId.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 120)}.json`

/**
 * The file of a chain or of the index: what is ours of it is set, and what others have put there stays.
 *
 * @category constructors
 * @since 0.1.0
 */
export const gather = (
  text: string | undefined,
  fields: { readonly [key: string]: unknown }
): Result.Result<string, JsonText.Damage> => {
  const values = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, JsonText.encode(JSON.stringify(value))] as const]
  )
  return text === undefined
    ? Result.succeed(`{\n${values.map(([key, value]) => `  "${key}": ${value}`).join(",\n")}\n}\n`)
    : Result.map(JsonText.parse(text), (root) => {
        const changed = values.filter(([key, value]) => {
          const there = JsonText.member(root, key)
          return there === undefined || compact(text.slice(there.start, there.end)) !== compact(value)
        })
        return JsonText.set(text, root, changed)
      })
}

/** JSON without the space between its parts. */
const compact = (text: string) => text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string?: string) => string ?? "")
