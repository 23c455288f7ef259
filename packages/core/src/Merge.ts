/**
 * Merges what several agents made of one file: three-way, line by line, where all began with the same content. What cannot
 * be merged is kept, hunk by hunk, with every side.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { diff3Merge, diffIndices } from "node-diff3"
import { digest } from "./Claims.ts"

/**
 * Lines that two sides have differently. `line` is where they begin, from 1: in the base, or in the first side if there is
 * none.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Hunk = Schema.Struct({
  line: Schema.Natural,
  base: Schema.optionalKey(Schema.String),
  sides: Schema.Array(Schema.Struct({ agents: Schema.Array(Schema.String), text: Schema.String }))
})

/**
 * @category models
 * @since 0.1.0
 */
export type Hunk = typeof Hunk.Type

/**
 * What came of merging. It is clean if no two sides changed the same lines: then `sha256` is the merged content's, and `content`
 * is the content itself up to 64 Ki characters.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Merge = Schema.Struct({
  clean: Schema.Boolean,
  /** SHA-256 of the content that all sides began with. */
  base: Schema.optionalKey(Schema.String),
  sha256: Schema.optionalKey(Schema.String),
  content: Schema.optionalKey(Schema.String),
  /** The first 20; `more` counts the others. Each text is cut after 2,000 characters. */
  hunks: Schema.Array(Hunk),
  more: Schema.optionalKey(Schema.Natural)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Merge = typeof Merge.Type

/**
 * What some of the agents made of the file.
 *
 * @category models
 * @since 0.1.0
 */
export interface Version {
  readonly agents: ReadonlyArray<string>
  readonly content: string
}

/**
 * Merges versions in their order, and gives up nothing: each that changes lines which those before it changed differently is left
 * out with its hunks. Without a base nothing can be told apart, and each version has its hunks against the first. Nothing for files so
 * large or repetitive that comparing them would take more than about a second.
 *
 * @category constructors
 * @since 0.1.0
 */
export const merge = (versions: ReadonlyArray<Version>, base?: string): Merge | undefined => {
  const [first, ...others] = versions
  if (first === undefined) return undefined
  const texts = [...versions.map(({ content }) => content), ...(base === undefined ? [] : [base])].map(linesOf)
  if (!isComparable(texts)) return undefined
  return base === undefined ? compared(first, others) : merged(first, others, base)
}

const merged = (first: Version, others: ReadonlyArray<Version>, base: string): Merge => {
  const origin = linesOf(base)
  const hunks: Array<Hunk> = []
  const taken = [...first.agents]
  let lines = linesOf(first.content)
  for (const { agents, content } of others) {
    const regions = diff3Merge(lines, origin, linesOf(content), { excludeFalseConflicts: true })
    const conflicts = regions.flatMap(({ conflict }) => (conflict === undefined ? [] : [conflict]))
    if (conflicts.length === 0) {
      lines = regions.flatMap(({ ok }) => ok ?? [])
      taken.push(...agents)
    }
    for (const { a, b, o, oIndex } of conflicts) {
      const sides = [
        { agents: taken.toSorted(), text: shortened(a) },
        { agents, text: shortened(b) }
      ]
      hunks.push({ line: oIndex + 1, base: shortened(o), sides })
    }
  }
  if (hunks.length > 0) return { clean: false, base: digest(base), ...bounded(hunks) }
  const content = lines.join("")
  const known = { clean: true, base: digest(base), sha256: digest(content), hunks: [] }
  return content.length <= longest ? { ...known, content } : known
}

const compared = (first: Version, others: ReadonlyArray<Version>): Merge => {
  const hunks = others.flatMap(({ agents, content }) =>
    diffIndices(linesOf(first.content), linesOf(content)).map(({ buffer1, buffer1Content, buffer2Content }) => ({
      line: buffer1[0] + 1,
      sides: [
        { agents: first.agents, text: shortened(buffer1Content) },
        { agents, text: shortened(buffer2Content) }
      ]
    }))
  )
  return { clean: false, ...bounded(hunks) }
}

const bounded = (hunks: ReadonlyArray<Hunk>): Pick<Merge, "hunks" | "more"> =>
  hunks.length > most ? { hunks: hunks.slice(0, most), more: hunks.length - most } : { hunks }

const most = 20
const longest = 65_536

/** Each with its line break, so that what is joined again is the same to the byte. */
const linesOf = (text: string): Array<string> => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

const shortened = (lines: ReadonlyArray<string>): string => {
  const text = lines.join("")
  return text.length > 2_000 ? `${text.slice(0, 2_000).toWellFormed()}…` : text
}

/** The comparison visits each pair of equal lines, and looks for its place among as many as there are lines. */
const isComparable = (texts: ReadonlyArray<ReadonlyArray<string>>): boolean => {
  if (texts.some((lines) => lines.length > 20_000)) return false
  const counts = texts.map((lines) => {
    const count = new Map<string, number>()
    for (const line of lines) count.set(line, (count.get(line) ?? 0) + 1)
    return count
  })
  const pairs = counts.reduce((sum, count) => {
    let squares = 0
    for (const times of count.values()) squares += times * times
    return Math.max(sum, squares)
  }, 0)
  return pairs <= 4_000_000
}
