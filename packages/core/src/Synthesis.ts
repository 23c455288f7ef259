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
import * as Resolution from "./Resolution.ts"
import * as Wording from "./Wording.ts"

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
  claims: Schema.Array(Schema.String),
  /** How alike the two least alike of the claims are, if they are not the same but in other words. */
  similarity: Schema.optionalKey(Schema.Finite)
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
    /** Which claims of a topic say the same; by default those in other words too, as `Wording.matcher()` finds them. */
    readonly matcher?: Claims.Matcher | undefined
    /** What settles conflicts, oldest first: of several about one conflict the last counts. */
    readonly resolutions?: ReadonlyArray<Resolution.Resolution> | undefined
    /** What became of earlier claims, by agent: with it, an agent that was too sure before is believed less. */
    readonly records?: { readonly [agent: string]: Confidence.TrackRecord } | undefined
    /** What was to be looked at, as paths or topics: what no claim is about is told as a gap. */
    readonly scope?: ReadonlyArray<string> | undefined
  }
): Synthesis => {
  const resolutions = Resolution.index(options?.resolutions ?? [])
  const accounts = Census.settle(reports)
  const census = Census.make(accounts)
  const records = new Map(Object.entries(options?.records ?? {}))
  const claims = accounts.map(({ agent, results }) => {
    const own = Claims.read(agent, results)
    const record = records.get(agent)
    if (record === undefined) return own
    return own.map((claim) => ({ ...claim, confidence: Confidence.trusted(claim.confidence, record) }))
  })
  const topics = Claims.topics(claims.flat(), options?.matcher ?? inOtherWords)
  const files = Conflicts.onFiles(accounts)

  const agreed: Array<Agreed> = []
  const conflicts = files.conflicts.map((conflict) => Resolution.settle(conflict, resolutions))
  // An agent without claims has said one thing: that its work is done.
  const statements = accounts.flatMap(({ agent, results, state }, index) => {
    if (state !== "reported" || claims[index]?.length !== 0) return []
    const said = results.reduce((most, result) => Math.max(most, result.confidence ?? 0.5), 0)
    return [Confidence.trusted(said, records.get(agent))]
  })
  for (const topic of topics) {
    const positions = Conflicts.positions(topic)
    const found = Conflicts.onTopic(topic, positions).map((conflict) => Resolution.settle(conflict, resolutions))
    const answers = answersOf(topic, positions, found, resolutions)
    const rivals = rivalsOf(positions, answers)
    for (const conflict of found) conflicts.push(conflict)
    for (const matched of topic.matched) {
      const confidence = Confidence.ofMatched(withAnswers(matched, answers), rivals.get(matched))
      const isContested = isContradicted(matched) && !answers.has(matched)
      statements.push(isContested ? confidence * (1 - Confidence.assumptions.contested) : confidence)
      const agreeing = agreementOf(matched)
      if (agreeing.length > 0) {
        agreed.push({
          topic: topic.topic,
          claim: matched.claim,
          claims: agreeing,
          confidence,
          similarity: matched.similarity
        })
      }
    }
  }
  const synthesis = {
    status: Census.status(census),
    census,
    agreements: agreed.map(agreement).toSorted(byId),
    conflicts: conflicts.toSorted(byId),
    insights: Insights.find(topics, agreed, options?.scope).toSorted(byId),
    confidence: Confidence.overall({
      statements,
      reported: census.reported,
      expected: census.expected,
      files: { contested: files.conflicts.filter(({ blocking }) => blocking).length, known: files.known }
    })
  }
  return { ...synthesis, summary: summarize(synthesis, accounts, topics) }
}

const inOtherWords = Wording.matcher()

type Answers = ReadonlyMap<Claims.Matched, ReadonlyArray<Claims.Claim>>

/** The voices that claims gain where a conflict about them is settled. */
const answersOf = (
  topic: Claims.Topic,
  positions: ReadonlyArray<Conflicts.Position>,
  conflicts: ReadonlyArray<Conflicts.Conflict>,
  resolutions: ReadonlyMap<string, Resolution.Resolution>
): Answers => {
  const answers = new Map<Claims.Matched, Array<Claims.Claim>>()
  for (const { id, resolution, type } of conflicts) {
    const answer = resolutions.get(id)
    const side = resolution?.side
    if (answer === undefined || side === undefined) continue
    const upheld =
      type === "disagreement"
        ? positions.filter((position) => Conflicts.textOf(position) === side.claim).flatMap(({ matched }) => matched)
        : topic.matched.filter((matched) => says(matched, side.claim))
    for (const matched of upheld) {
      const vote = Resolution.vote(answer, { topic: topic.topic, claim: matched.claim, stance: side.stance })
      answers.set(matched, [...(answers.get(matched) ?? []), vote])
    }
  }
  return answers
}

/** In the words of the group, or, where it is in several, in those of the side. */
const says = ({ claim, claims }: Claims.Matched, text: string): boolean => {
  const texts = new Set([text, ...text.split("; ")])
  return claim === text || claims.some((each) => texts.has(each.claim))
}

const isContradicted = ({ claims }: Claims.Matched): boolean =>
  claims.some(({ stance }) => stance === "support") && claims.some(({ stance }) => stance === "oppose")

const withAnswers = (matched: Claims.Matched, answers: Answers): Claims.Matched => {
  const votes = answers.get(matched)
  return votes === undefined ? matched : { ...matched, claims: [...matched.claims, ...votes] }
}

/** For each contested claim, the odds of the positions against it. */
const rivalsOf = (
  positions: ReadonlyArray<Conflicts.Position>,
  answers: Answers
): ReadonlyMap<Claims.Matched, number> => {
  const odds = positions.map(({ claims, confidence, matched }) => {
    const votes = matched.flatMap((each) => answers.get(each) ?? [])
    return Confidence.oddsOf(votes.length === 0 ? confidence : Confidence.pool([...claims, ...votes]))
  })
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

type Agreed = Insights.Agreed & { readonly confidence: number; readonly similarity: number }

const agreement = ({ claim, claims, confidence, similarity, topic }: Agreed): Agreement => {
  const ids = Claims.distinct(claims.map((each) => each.id))
  return {
    id: Claims.identify("a", ids),
    topic,
    claim,
    agents: Claims.distinct(claims.map((each) => each.agent)),
    confidence: Confidence.round(confidence),
    claims: ids,
    ...(similarity < 1 ? { similarity: Confidence.round(similarity) } : {})
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
      return count > 0 ? [`${count} ${count === 1 ? type.replace("_", " ") : many[type]}`] : []
    })
    const blocking = conflicts.filter((conflict) => conflict.blocking).length
    const settled = conflicts.filter((conflict) => conflict.resolution !== undefined).length
    const states = [`${blocking} blocking`, ...(settled > 0 ? [`${settled} settled`] : [])]
    const kinds = conflicts.length > 0 ? ` (${[...types, ...states].join(", ")})` : ""
    sentences.push(
      `${counted(claims, "claim")} on ${counted(topics.length, "topic")}: ${counted(agreements.length, "agreement")}, ` +
        `${counted(conflicts.length, "conflict")}${kinds}, ${counted(insights.length, "insight")}; confidence ${confidence}.`
    )
  }
  return sentences.join(" ")
}

const many: Record<Conflicts.Type, string> = {
  contradiction: "contradictions",
  disagreement: "disagreements",
  uncertainty: "uncertainties",
  file: "files",
  missing_evidence: "missing evidence"
}

const absence = ({ agent, reason, state }: Census.Account): string => {
  const why = reason.replace(/\s+/g, " ").slice(0, 60)
  return why === state ? `${agent} (${state})` : `${agent} (${state}: ${why})`
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
