/**
 * Settles conflicts by evidence, never by force: what a human or an agent found out is recorded beside the sides, and
 * counts as one more voice. Nothing is removed.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Probability, Stance } from "./Agent.ts"
import { distinct, type Claim } from "./Claims.ts"
import type { Conflict } from "./Conflicts.ts"

const NotBlank = Schema.String.check(Schema.isPattern(/\S/, { message: "Expected some text" }))

/**
 * What settles one conflict. Without evidence there is none: for a human's answer, the answer is the evidence (see `answer`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Resolution = Schema.Struct({
  /** The conflict's id. It hashes what is claimed, so an answer never moves to a conflict that says something else. */
  conflict: Schema.String,
  /** The side that it upholds, as the conflict has it; left out if it upholds none. */
  side: Schema.optionalKey(Schema.Struct({ claim: Schema.String, stance: Stance })),
  /** Who settled it. */
  by: NotBlank,
  statement: NotBlank,
  evidence: Schema.NonEmptyArray(NotBlank),
  /** How sure they are of the side that they uphold; 0.95 by default. */
  confidence: Schema.optionalKey(Probability)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Resolution = typeof Resolution.Type

/**
 * What a conflict says of its resolution.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Settled = Schema.Struct({
  side: Schema.optionalKey(Schema.Struct({ claim: Schema.String, stance: Stance })),
  by: Schema.String,
  statement: Schema.String,
  evidence: Schema.Array(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Settled = typeof Settled.Type

/**
 * A conflict as a question to a human. They answer with the number of a choice, or in their own words if none is right.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Question = Schema.Struct({
  conflict: Schema.String,
  question: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      /** From 1. */
      number: Schema.Natural,
      agents: Schema.Array(Schema.String),
      stance: Stance,
      claim: Schema.String,
      evidence: Schema.Array(Schema.String)
    })
  )
})

/**
 * @category models
 * @since 0.1.0
 */
export type Question = typeof Question.Type

/**
 * The questions that have to be answered before it is safe to go on: one for each conflict that blocks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const questions = (synthesis: { readonly conflicts: ReadonlyArray<Conflict> }): ReadonlyArray<Question> =>
  synthesis.conflicts.filter((conflict) => conflict.blocking).map(question)

/**
 * @category constructors
 * @since 0.1.0
 */
export const question = ({ id, sides, topic, type }: Conflict): Question => ({
  conflict: id,
  question: `${topic}: ${asked.get(type) ?? "which side is right"}?`,
  choices: sides.map(({ agents, claim, evidence, stance }, index) => ({
    number: index + 1,
    agents,
    stance,
    claim,
    evidence
  }))
})

const asked = new Map([
  ["contradiction", "some hold it true and some hold it false; which is it"],
  ["disagreement", "the agents say different things; which of them holds"],
  ["uncertainty", "it is in doubt; does it hold"],
  ["file", "the agents wrote it differently; whose content is to stay"],
  ["missing_evidence", "it is called serious without evidence; does it hold"]
])

/**
 * A human's answer to a question, as the evidence that it is. Nothing if the question has no choice of that number.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answer = (
  { choices, conflict }: Question,
  options: {
    readonly by: string
    /** The number of a choice; left out, none of them is right. */
    readonly choice?: number | undefined
    readonly statement: string
    readonly evidence?: ReadonlyArray<string> | undefined
  }
): Resolution | undefined => {
  const { by, evidence = [], statement } = options
  const chosen = choices.find(({ number }) => number === options.choice)
  if (options.choice !== undefined && chosen === undefined) return undefined
  return {
    conflict,
    ...(chosen === undefined ? {} : { side: { claim: chosen.claim, stance: chosen.stance } }),
    by,
    statement,
    evidence: [`${by}: ${statement}`, ...evidence]
  }
}

/**
 * The resolutions that can count, by conflict: those that decode, the last of each conflict.
 *
 * @category constructors
 * @since 0.1.0
 */
export const index = (resolutions: ReadonlyArray<Resolution>): ReadonlyMap<string, Resolution> =>
  new Map(resolutions.filter(isResolution).map((resolution) => [resolution.conflict, resolution]))

const isResolution = Schema.is(Resolution)

/**
 * Records on a conflict what settles it, if it does: the side that is upheld must be one of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const settle = (conflict: Conflict, resolutions: ReadonlyMap<string, Resolution>): Conflict => {
  const resolution = resolutions.get(conflict.id)
  if (resolution === undefined) return conflict
  const { by, evidence, side, statement } = resolution
  const isUpheld = ({ claim, stance }: Conflict["sides"][number]) => claim === side?.claim && stance === side.stance
  if (side !== undefined && !conflict.sides.some(isUpheld)) return conflict
  return {
    ...conflict,
    blocking: false,
    sides: conflict.sides.map((each) =>
      isUpheld(each) ? { ...each, evidence: distinct([...each.evidence, ...evidence]) } : each
    ),
    resolution: { ...(side === undefined ? {} : { side }), by, statement, evidence }
  }
}

/**
 * The voice that an upheld claim gains.
 *
 * @category constructors
 * @since 0.1.0
 */
export const vote = (
  { by, confidence = 0.95, conflict, evidence }: Resolution,
  about: { readonly topic: string; readonly claim: string; readonly stance: Stance }
): Claim => ({
  id: `answer to ${conflict}`,
  agent: `answer of ${by}`,
  ...about,
  topicKey: about.topic,
  claimKey: about.claim,
  confidence,
  severity: undefined,
  evidence,
  sources: [`answer to ${conflict}`],
  places: []
})
