/**
 * How far to believe what several agents say: evidence is added up in log-odds, so that independent witnesses raise it and
 * repetition does not. The formula, its source and its limits are in `docs/synthesis.md`.
 *
 * @since 0.1.0
 */
import { compare, isUnfounded, type Claim, type Matched } from "./Claims.ts"

/**
 * The numbers that the formula rests on. They are assumptions, to be replaced by what calibration finds.
 *
 * @category configuration
 * @since 0.1.0
 */
export const assumptions = {
  /** The chance that a claim is true before anyone has said how sure they are. */
  prior: 0.25,
  /** How much of a further agent's evidence is repetition, even from sources of its own: agents share models and prompts. */
  correlation: 0.2,
  /** How much of a further agent's word counts when it gives no evidence. */
  unbacked: 0.5,
  /** How much of a critical or high claim counts when nobody gives evidence for it. */
  unfounded: 0.5,
  /** The chance that two different claims of different agents on one topic exclude each other. */
  exclusivity: 0.5,
  /** What a file with two contents takes off, if it is the only file. */
  contested: 0.5,
  /** Nobody is surer than this, or than its opposite. */
  certain: 0.99
} as const

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
export const pool = (votes: ReadonlyArray<Vote>): number => (votes.length === 0 ? 0 : chance(weigh(votes)))

/**
 * How sure it is, all in all, that the leading side of a matched claim is right: opposition, doubt and, for serious claims, missing
 * evidence take away from it, and so do rival claims on the topic, given as their summed odds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofMatched = ({ claims }: Matched, rivals = 0): number => {
  const inStance = (stance: Claim["stance"]) => claims.filter((claim) => claim.stance === stance)
  const [support, oppose, uncertain] = [inStance("support"), inStance("oppose"), inStance("uncertain")]
  const leading = lead(weigh(support), weigh(oppose), support.length > 0, oppose.length > 0)
  const doubted = leading > 0 ? Math.max(0, leading - uncertain.length * strength(0.5)) : leading
  const founded =
    doubted > 0 && isUnfounded(support.length > 0 ? support : oppose) ? doubted * assumptions.unfounded : doubted
  const odds = Math.exp(logit(assumptions.prior) + founded)
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

const lead = (support: number, oppose: number, supported: boolean, opposed: boolean): number => {
  if (!supported) return opposed ? oppose : 0
  return opposed ? Math.abs(Math.max(0, support) - Math.max(0, oppose)) : support
}

const logit = (probability: number): number => Math.log(probability / (1 - probability))

const bounded = (probability: number): number =>
  Math.min(assumptions.certain, Math.max(1 - assumptions.certain, probability))

const strength = (confidence: number): number => logit(bounded(confidence)) - logit(assumptions.prior)

const chance = (evidence: number): number => 1 / (1 + Math.exp(-logit(assumptions.prior) - evidence))
