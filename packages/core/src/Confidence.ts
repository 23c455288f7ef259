/**
 * How far to believe what several agents say: evidence is added up in log-odds, so that independent witnesses raise it and
 * repetition does not. The formula, its source and its limits are in `docs/synthesis.md`.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Probability, type Stance } from "./Agent.ts"
import { compare, isUnfounded, type Matched } from "./Claims.ts"

/**
 * The numbers that the formula rests on. The first two are what calibration found (row Y2 of the bench), the others judgement.
 *
 * @category configuration
 * @since 0.1.0
 */
export const assumptions = {
  /** The chance that a claim is true before anyone has said how sure they are. */
  prior: 0.35,
  /** How much of a further agent's evidence is repetition, even from sources of its own: agents share models and prompts. */
  correlation: 0.8,
  /** How much of a further agent's word counts when it gives no evidence. */
  unbacked: 0.5,
  /** How much of a critical or high claim counts when nobody gives evidence for it. */
  unfounded: 0.5,
  /** The chance that two different claims of different agents on one topic exclude each other. */
  exclusivity: 0.5,
  /** What an unsettled contradiction takes off a claim's share in the whole, and a file with two contents off the whole, if it is the only file. */
  contested: 0.5,
  /** Nobody is surer than this, or than its opposite. */
  certain: 0.99,
  /** How many claims of a track record it takes to weigh as much as an agent's own word. */
  faith: 10
} as const

/**
 * What became of the claims that an agent made before: how many there were, how many of them held, and how sure it was of them on
 * average.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TrackRecord = Schema.Struct({ claims: Schema.Natural, held: Schema.Natural, confidence: Probability })

/**
 * @category models
 * @since 0.1.0
 */
export type TrackRecord = typeof TrackRecord.Type

/**
 * Sums up what became of an agent's claims.
 *
 * @category constructors
 * @since 0.1.0
 */
export const trackRecord = (
  outcomes: ReadonlyArray<{ readonly confidence: number; readonly held: boolean }>
): TrackRecord => ({
  claims: outcomes.length,
  held: outcomes.filter(({ held }) => held).length,
  confidence: outcomes.reduce((sum, { confidence }) => sum + confidence, 0) / Math.max(1, outcomes.length)
})

/**
 * What an agent's confidence is worth, given its track record: moved towards one half as far as it was too sure before, never
 * away from it. Without a record it is taken at its word.
 *
 * @category constructors
 * @since 0.1.0
 */
export const trusted = (confidence: number, record: TrackRecord | undefined): number => {
  if (record === undefined || record.confidence <= 0.5) return confidence
  const { claims, confidence: said } = record
  const held = (Math.min(record.held, claims) + assumptions.faith * said) / (claims + assumptions.faith)
  const trust = Math.min(1, Math.max(0, logit(bounded(held)) / logit(bounded(said))))
  return trust === 1 ? confidence : probability(trust * logit(bounded(confidence)))
}

/**
 * One agent's word on a claim, and what it rests on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Vote {
  readonly agent: string
  readonly confidence: number
  readonly sources: ReadonlyArray<string>
}

/**
 * Pools the confidence of agents who say the same. One agent's is its own, within 0.01 and 0.99.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pool = (votes: ReadonlyArray<Vote>): number =>
  votes.length === 0 ? 0 : probability(logit(assumptions.prior) + weigh(votes))

/**
 * Which side of a matched claim has the most behind it, and how sure it is, all in all, that this side is right: opposition takes it
 * towards one half; doubt and, for serious claims, missing evidence towards the prior.
 *
 * @category constructors
 * @since 0.1.0
 */
export const standing = ({
  claims
}: Pick<Matched, "claims">): { readonly stance: Exclude<Stance, "uncertain">; readonly confidence: number } => {
  const [leading, other] = (["support", "oppose"] as const)
    .map((stance) => ({ stance, votes: claims.filter((claim) => claim.stance === stance) }))
    .filter(({ votes }) => votes.length > 0)
    .map((side) => ({ ...side, weight: weigh(side.votes) }))
    .toSorted((a, b) => b.weight - a.weight)
  if (leading === undefined) return { stance: "support", confidence: assumptions.prior }
  const { stance, votes, weight } = leading
  const doubts = claims.filter((claim) => claim.stance === "uncertain").length * strength(0.5)
  const doubted = weight > 0 ? Math.max(0, weight - doubts) : weight
  const believed =
    logit(assumptions.prior) + (doubted > 0 && isUnfounded(votes) ? doubted * assumptions.unfounded : doubted)
  const against = Math.max(0, other?.weight ?? 0)
  return { stance, confidence: probability(believed > 0 ? believed * (1 - against / weight) : believed) }
}

/**
 * How sure it is that the leading side of a matched claim is right, if rival claims on the topic, given as their summed odds, may
 * exclude it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofMatched = (matched: Pick<Matched, "claims">, rivals = 0): number => {
  const { confidence } = standing(matched)
  const odds = confidence / (1 - confidence)
  return odds / (1 + odds + assumptions.exclusivity * rivals)
}

/**
 * The odds of a probability.
 *
 * @category constructors
 * @since 0.1.0
 */
export const oddsOf = (probability: number): number => Math.exp(logit(bounded(probability)))

/**
 * The confidence of a whole synthesis: the share of its statements that can be expected to hold, if whatever an agent that did
 * not report would have said does not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const overall = (options: {
  /** One for each matched claim, and one for each agent that reported without claims. */
  readonly statements: ReadonlyArray<number>
  readonly reported: number
  readonly expected: number
  /** Of the files whose content is known, how many have more than one. */
  readonly files: { readonly contested: number; readonly known: number }
}): number => {
  const { expected, files, reported, statements } = options
  if (reported === 0 || statements.length === 0) return 0
  const expectation = statements.reduce((sum, statement) => sum + statement, 0) / statements.length
  const contested = files.known === 0 ? 0 : files.contested / files.known
  return round(expectation * (reported / expected) * (1 - assumptions.contested * contested))
}

/**
 * Four decimals, as every number of a synthesis.
 *
 * @category constructors
 * @since 0.1.0
 */
export const round = (value: number): number => Math.round(value * 10_000) / 10_000

/**
 * Adds up evidence beyond the prior, in log-odds: the strongest counts whole, each further one by what is new in it. An
 * agent counts once.
 */
const weigh = (votes: ReadonlyArray<Vote>): number => {
  const agents = new Set<string>()
  const seen = new Set<string>()
  let sum = 0
  for (const vote of votes.toSorted((a, b) => b.confidence - a.confidence || compare(a.agent, b.agent))) {
    if (!agents.has(vote.agent)) {
      const added = strength(vote.confidence)
      // A doubt is not weaker for looking at what others looked at.
      const counts = agents.size === 0 || added < 0 ? 1 : (1 - assumptions.correlation) * novelty(vote.sources, seen)
      sum += added * counts
      agents.add(vote.agent)
    }
    for (const source of vote.sources) seen.add(source)
  }
  return sum
}

const novelty = (sources: ReadonlyArray<string>, seen: ReadonlySet<string>): number =>
  sources.length === 0 ? assumptions.unbacked : sources.filter((source) => !seen.has(source)).length / sources.length

const logit = (probability: number): number => Math.log(probability / (1 - probability))

const bounded = (probability: number): number =>
  Math.min(assumptions.certain, Math.max(1 - assumptions.certain, probability))

const strength = (confidence: number): number => logit(bounded(confidence)) - logit(assumptions.prior)

const probability = (logOdds: number): number => 1 / (1 + Math.exp(-logOdds))
