/**
 * Puts a synthesis into prose, and believes none of it that cannot be traced: prose that cites what there is not, or nothing, is not
 * shown.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, Schema } from "effect"
import type { Report } from "./Census.ts"
import * as Claims from "./Claims.ts"
import type { Synthesis } from "./Synthesis.ts"

/**
 * No prose came.
 *
 * @category errors
 * @since 0.1.0
 */
export class NarratorFailed extends Schema.TaggedError<NarratorFailed>("@sartor/core/Narrator/NarratorFailed")(
  "NarratorFailed",
  { detail: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message() {
    return `The synthesis was not put into prose: ${this.detail}`
  }
}

/**
 * One thing that prose may speak of, under the id by which it has to cite it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Citable {
  readonly id: string
  readonly text: string
}

/**
 * Port to whoever writes prose, such as a model.
 *
 * @category services
 * @since 0.1.0
 */
export class Narrator extends Context.Service<
  Narrator,
  {
    /** Paragraphs of plain text, parted by blank lines, each citing what it rests on as `[c-486645ab81e9]`. */
    readonly write: (synthesis: Synthesis, citable: ReadonlyArray<Citable>) => Effect.Effect<string, NarratorFailed>
  }
>()("@sartor/core/Narrator") {}

/**
 * A synthesis in words. `summary` is the text that the synthesis has anyway; `refused` says why prose is not shown.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Narrative = Schema.Struct({
  text: Schema.String,
  source: Schema.Literals(["narrator", "summary"]),
  refused: Schema.optionalKey(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Narrative = typeof Narrative.Type

/**
 * What prose about a synthesis may cite: its claims, agreements, conflicts and insights.
 *
 * @category constructors
 * @since 0.1.0
 */
export const citable = (synthesis: Synthesis, reports: ReadonlyArray<Report>): ReadonlyArray<Citable> => {
  const claims = reports.flatMap(({ agent, outcome, result }) =>
    outcome === "complete" && result !== undefined ? Claims.read(agent, [result]) : []
  )
  return [
    ...synthesis.agreements.map(({ agents, claim, id }) => ({ id, text: `${agents.join(", ")} agree: ${claim}` })),
    ...synthesis.conflicts.map(({ id, sides, topic, type }) => ({
      id,
      text: `${type.replace("_", " ")} on ${topic}: ${sides.map((side) => `${side.agents.join(", ")} ${side.stance}: ${side.claim}`).join(" / ")}`
    })),
    ...synthesis.insights.map(({ id, statement }) => ({ id, text: statement })),
    ...claims.map(({ agent, claim, id, stance }) => ({ id, text: `${agent} ${stance}: ${claim}` }))
  ].toSorted((a, b) => Claims.compare(a.id, b.id))
}

/**
 * Why prose cannot be believed; nothing if it can: every paragraph cites something, and nothing is cited that there is not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = (text: string, ids: ReadonlySet<string>): string | undefined => {
  if (!/\S/.test(text)) return "it is blank"
  if (text.length > longest) return `it has ${text.length} characters, ${longest} at most are shown`
  const cited = [...(text.match(citation) ?? []), ...(text.match(bracketed) ?? []).map((each) => each.slice(1, -1))]
  const unknown = Claims.distinct(cited).filter((id) => !ids.has(id))
  if (unknown.length > 0) return `it cites ${unknown.slice(0, 3).join(", ")}, which there is not`
  const paragraphs = text.split(/\n\s*\n/).filter((paragraph) => /\S/.test(paragraph))
  const bare = paragraphs.findIndex(
    (paragraph) => !(paragraph.match(bracketed) ?? []).some((each) => ids.has(each.slice(1, -1)))
  )
  return bare < 0 ? undefined : `paragraph ${bare + 1} cites nothing`
}

/**
 * The narrator's prose if it holds, else the summary: always an answer, after a minute at most unless `timeout` says otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const narrate: (
  synthesis: Synthesis,
  reports: ReadonlyArray<Report>,
  options?: { readonly timeout?: Duration.Input | undefined }
) => Effect.Effect<Narrative, never, Narrator> = Effect.fn("Narrator.narrate")(function* (
  synthesis,
  reports,
  { timeout = "1 minute" } = {}
) {
  const { write } = yield* Narrator
  const known = citable(synthesis, reports)
  const fallback = (refused: string): Narrative => ({ text: synthesis.summary, source: "summary", refused })
  return yield* write(synthesis, known).pipe(
    Effect.map((text): Narrative => {
      const refused = check(text, new Set(known.map(({ id }) => id)))
      return refused === undefined ? { text: text.trim(), source: "narrator" } : fallback(refused)
    }),
    Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(fallback("it did not come in time")) }),
    Effect.catchTag("NarratorFailed", ({ detail }) => Effect.succeed(fallback(detail)))
  )
})

const longest = 20_000
/** Whatever looks like one of our ids, in brackets or not. */
const citation = /\b[acix]-[0-9a-f]{4,}\b/g
/** And whatever is in brackets as a citation is. */
const bracketed = /\[[a-z]+-[\w-]+\]/g
