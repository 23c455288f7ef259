/**
 * Merges what several agents found into one account that keeps their differences. Pure: the same reports in any order
 * give the same bytes.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import * as Census from "./Census.ts"
import * as Claims from "./Claims.ts"
import * as Confidence from "./Confidence.ts"
import * as Conflicts from "./Conflicts.ts"
import * as Insights from "./Insights.ts"

/**
 * One claim that at least two agents make and none opposes. `claims` has the ids of theirs.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Agreement = Schema.Struct({
  id: Schema.String,
  topic: Schema.String,
  claim: Schema.String,
  agents: Schema.Array(Schema.String),
  confidence: Schema.Finite,
  claims: Schema.Array(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Agreement = typeof Agreement.Type

/**
 * The merge of all results. Lists are sorted by id; no session, time or attempt stands in it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Synthesis = Schema.Struct({
  status: Census.Status,
  census: Census.Census,
  agreements: Schema.Array(Agreement),
  conflicts: Schema.Array(Conflicts.Conflict),
  insights: Schema.Array(Insights.Insight),
  confidence: Schema.Finite,
  summary: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export type Synthesis = typeof Synthesis.Type

/**
 * Synthesizes the reports of all agents that were asked: those that did not report too, or it cannot name them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const synthesize = (
  reports: ReadonlyArray<Census.Report>,
  options?: {
    /** Which claims of a topic say the same; those equal once normalised by default. */
    readonly matcher?: Claims.Matcher | undefined
  }
): Synthesis => {
  const accounts = Census.settle(reports)
  const census = Census.make(accounts)
  const claims = accounts.map((account) => Claims.read(account.agent, account.results))
  const topics = Claims.topics(claims.flat(), options?.matcher)
  const files = Conflicts.onFiles(accounts)

  const agreed: Array<Insights.Agreed & { readonly confidence: number }> = []
  const conflicts = [...files.conflicts]
  // An agent without claims has said one thing: that its work is done.
  const statements = accounts.flatMap(({ results, state }, index) =>
    state === "reported" && claims[index]?.length === 0
      ? [results.reduce((most, result) => Math.max(most, result.confidence ?? 0.5), 0)]
      : []
  )
  for (const topic of topics) {
    const positions = Conflicts.positions(topic)
    const rivals = rivalsOf(positions)
    for (const conflict of Conflicts.onTopic(topic, positions)) conflicts.push(conflict)
    for (const matched of topic.matched) {
      const confidence = Confidence.ofMatched(matched, rivals.get(matched))
      statements.push(confidence)
      const agreeing = agreementOf(matched)
      if (agreeing.length > 0) {
        agreed.push({ topic: topic.topic, claim: matched.claim, claims: agreeing, confidence })
      }
    }
  }
  const synthesis = {
    status: Census.status(census),
    census,
    agreements: agreed.map(agreement).toSorted(byId),
    conflicts: conflicts.toSorted(byId),
    insights: Insights.find(topics, agreed).toSorted(byId),
    confidence: Confidence.overall({
      statements,
      reported: census.reported,
      expected: census.expected,
      files: { contested: files.conflicts.length, known: files.known }
    })
  }
  return { ...synthesis, summary: summarize(synthesis, accounts, topics) }
}

/** For each contested claim, the odds of the positions against it. */
const rivalsOf = (positions: ReadonlyArray<Conflicts.Position>): ReadonlyMap<Claims.Matched, number> => {
  const odds = positions.map((position) => Confidence.oddsOf(position.confidence))
  const total = odds.reduce((sum, each) => sum + each, 0)
  return new Map(
    positions.flatMap(({ matched }, index) => matched.map((each) => [each, total - (odds[index] ?? 0)] as const))
  )
}

const agreementOf = ({ claims }: Claims.Matched): ReadonlyArray<Claims.Claim> => {
  if (claims.length < 2 || claims.some((claim) => claim.stance === "oppose")) return []
  const { sure } = Conflicts.split(claims.filter((claim) => claim.stance === "support"))
  return sure.some((claim) => claim.agent !== sure[0]?.agent) ? sure : []
}

const agreement = ({
  claim,
  claims,
  confidence,
  topic
}: Insights.Agreed & { readonly confidence: number }): Agreement => {
  const ids = Claims.distinct(claims.map((each) => each.id))
  return {
    id: Claims.identify("a", ids),
    topic,
    claim,
    agents: Claims.distinct(claims.map((each) => each.agent)),
    confidence: Confidence.round(confidence),
    claims: ids
  }
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => Claims.compare(a.id, b.id)

const summarize = (
  synthesis: Omit<Synthesis, "summary">,
  accounts: ReadonlyArray<Census.Account>,
  topics: ReadonlyArray<Claims.Topic>
): string => {
  const { agreements, census, confidence, conflicts, insights, status } = synthesis
  const sentences = [`${census.reported} of ${counted(census.expected, "agent")} reported: ${status}.`]
  const absent = accounts.filter((account) => account.state !== "reported")
  if (absent.length > 0) sentences.push(`Not in it: ${absent.map(absence).join(", ")}.`)
  if (census.reported > 0) {
    const claims = topics.reduce((sum, topic) => sum + topic.matched.length, 0)
    const types = Conflicts.Type.literals.flatMap((type) => {
      const count = conflicts.filter((conflict) => conflict.type === type).length
      return count > 0 ? [`${count} ${type.replace("_", " ")}`] : []
    })
    const blocking = conflicts.filter((conflict) => conflict.blocking).length
    const kinds = conflicts.length > 0 ? ` (${[...types, `${blocking} blocking`].join(", ")})` : ""
    sentences.push(
      `${counted(claims, "claim")} on ${counted(topics.length, "topic")}: ${counted(agreements.length, "agreement")}, ` +
        `${counted(conflicts.length, "conflict")}${kinds}, ${counted(insights.length, "insight")}; confidence ${confidence}.`
    )
  }
  return sentences.join(" ")
}

const absence = ({ agent, reason, state }: Census.Account): string => {
  const why = reason.replace(/\s+/g, " ").slice(0, 60)
  return why === state ? `${agent} (${state})` : `${agent} (${state}: ${why})`
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
