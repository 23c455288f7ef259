import { type Agent, Claims, Confidence } from "@sartor/core"
import type { Row } from "./Row.ts"

/**
 * Simulated agents answer questions of known truth. What the synthesis believes is compared with the plain average, the majority
 * and a linear pool whose weights are the agents' earlier accuracy. The formula was tuned on other seeds than these.
 */
export const calibration = async (): Promise<Row> => {
  const scores = Object.entries(worlds).map(([name, world]) => ({ name, scores: scoresIn(world) }))
  const raw = scores.flatMap(({ name, scores }) =>
    Object.entries(scores).flatMap(([rule, { brier, ece }]) => [
      [`${name}_${rule}_brier`, round(brier)] as const,
      [`${name}_${rule}_ece`, round(ece)] as const
    ])
  )
  const [varied] = scores
  const ours = varied?.scores.sartor ?? { brier: 1, ece: 1 }
  const recorded = varied?.scores.sartor_records ?? { brier: 1, ece: 1 }
  const others = [varied?.scores.average, varied?.scores.majority, varied?.scores.linear].flatMap(
    (score) => score ?? []
  )
  const least = (of: "brier" | "ece") => Math.min(...others.map((score) => score[of]))
  const beats = (score: Score) => others.every(({ brier, ece }) => score.brier < brier && score.ece < ece)
  return {
    id: "Y2",
    what: "confidence of 3 to 9 agents of varied skill, sureness and shared errors, 10,000 questions: Brier score and expected calibration error, without and with track records",
    goal: "both below plain average, majority vote and linear pool",
    value: `${round(ours.brier)} and ${round(ours.ece)}, ${round(recorded.brier)} and ${round(recorded.ece)}; the best of the others ${round(least("brier"))} and ${round(least("ece"))}`,
    met: beats(ours) && beats(recorded),
    raw: Object.fromEntries(raw)
  }
}

interface World {
  readonly seed: number
  /** How often what is asked is true. */
  readonly base: Range
  /** How well an agent tells true from false, in standard deviations of its noise. */
  readonly skill: Range
  /** By how much an agent overstates its log-odds. */
  readonly sureness: Range
  /** The share of its noise that an agent has in common with the others. */
  readonly shared: Range
}
type Range = readonly [number, number]

const varied: World = { seed: 2_026, base: [0.25, 0.5], skill: [0.3, 2], sureness: [0.6, 2.2], shared: [0, 0.6] }
const worlds: { readonly [name: string]: World } = {
  varied,
  calibrated: { ...varied, seed: 2_027, sureness: [1, 1] },
  too_sure: { ...varied, seed: 2_028, sureness: [1.5, 2.5] },
  independent: { ...varied, seed: 2_029, shared: [0, 0] },
  like_minded: { ...varied, seed: 2_030, shared: [0.5, 0.8] }
}
const questions = 10_000

interface Vote {
  readonly agent: string
  readonly probability: number
  readonly sources: ReadonlyArray<string>
}
interface Question {
  readonly truth: number
  readonly votes: ReadonlyArray<Vote>
}
interface Score {
  readonly brier: number
  readonly ece: number
}

const scoresIn = (world: World) => {
  const random = generator(world.seed)
  const within = ([from, to]: Range) => from + (to - from) * random()
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const agents = Array.from({ length: 40 }, (_, index) => ({
    name: `agent-${index}`,
    skill: within(world.skill),
    sureness: within(world.sureness),
    bias: 0.3 * normal()
  }))
  const ask = (who: typeof agents, shared: number): Question => {
    const base = within(world.base)
    const truth = random() < base ? 1 : 0
    const common = normal()
    const votes = who.map(({ bias, name, skill, sureness }) => {
      const signal = (truth - 0.5) * skill + Math.sqrt(shared) * common + Math.sqrt(1 - shared) * normal()
      const said = sigmoid(logit(base) + sureness * skill * signal + bias)
      // Who errs together has often, not always, read the same; some name no source at all.
      const cited = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, index) =>
        random() < Math.sqrt(shared) ? `shared-${Math.floor(random() * 3)}` : `${name}-${index}`
      )
      const probability = Math.min(0.98, Math.max(0.02, Math.round(said * 20) / 20))
      return { agent: name, probability, sources: random() < 0.15 ? [] : cited }
    })
    return { truth, votes }
  }
  const past = new Map(
    agents.map((agent) => [
      agent.name,
      Array.from({ length: 60 }, () => ask([agent], 0)).flatMap(({ truth, votes }) =>
        votes.map(({ probability }) => ({ truth, probability }))
      )
    ])
  )
  const records = new Map(
    [...past].map(([name, answers]) => [
      name,
      Confidence.trackRecord(
        answers
          .filter(({ probability }) => stanceOf(probability) !== "uncertain")
          .map(({ probability, truth }) => ({
            confidence: Math.max(probability, 1 - probability),
            held: probability > 0.5 === (truth === 1)
          }))
      )
    ])
  )
  const weights = new Map(
    [...past].map(([name, answers]) => [
      name,
      answers.length / answers.reduce((sum, { probability, truth }) => sum + (probability - truth) ** 2, 0)
    ])
  )
  const asked = Array.from({ length: questions }, () => {
    const left = [...agents]
    const who = Array.from(
      { length: 3 + Math.floor(random() * 7) },
      () => left.splice(Math.floor(random() * left.length), 1)[0]
    )
    return ask(
      who.flatMap((agent) => agent ?? []),
      within(world.shared)
    )
  })
  return {
    sartor: score(asked, ({ votes }) => believed(votes, new Map())),
    sartor_records: score(asked, ({ votes }) => believed(votes, records)),
    average: score(asked, ({ votes }) => votes.reduce((sum, { probability }) => sum + probability, 0) / votes.length),
    majority: score(asked, ({ votes }) => {
      const stances = votes.map(({ probability }) => Math.sign(probability - 0.5)).filter((stance) => stance !== 0)
      return stances.length === 0 ? 0.5 : stances.filter((stance) => stance > 0).length / stances.length
    }),
    linear: score(asked, ({ votes }) => {
      const weight = ({ agent }: Vote) => weights.get(agent) ?? 0
      const whole = votes.reduce((sum, vote) => sum + weight(vote), 0)
      return votes.reduce((sum, vote) => sum + weight(vote) * vote.probability, 0) / whole
    })
  }
}

/** How probable the synthesis takes it to be that the claim is true. */
const believed = (votes: ReadonlyArray<Vote>, records: ReadonlyMap<string, Confidence.TrackRecord>): number => {
  const claims = votes.flatMap(({ agent, probability, sources }) => {
    const said = Math.max(probability, 1 - probability)
    const confidence = Confidence.trusted(said, records.get(agent))
    const claim = { topic: "t", claim: "c", stance: stanceOf(probability), confidence, evidence: sources }
    return Claims.read(agent, [{ summary: "s", claims: [claim] }])
  })
  const { confidence, stance } = Confidence.standing({ claims })
  return stance === "support" ? confidence : 1 - confidence
}

const stanceOf = (probability: number): Agent.Stance =>
  Math.abs(probability - 0.5) < 0.04 ? "uncertain" : probability > 0.5 ? "support" : "oppose"

/** The Brier score, and the calibration error over ten equal bins. */
const score = (asked: ReadonlyArray<Question>, forecast: (question: Question) => number): Score => {
  const bins = Array.from({ length: 10 }, () => ({ said: 0, true: 0 }))
  let squares = 0
  for (const question of asked) {
    const probability = forecast(question)
    squares += (probability - question.truth) ** 2
    const bin = bins[Math.min(9, Math.floor(probability * 10))]
    if (bin === undefined) continue
    bin.said += probability
    bin.true += question.truth
  }
  const errors = bins.reduce((sum, bin) => sum + Math.abs(bin.said - bin.true), 0)
  return { brier: squares / asked.length, ece: errors / asked.length }
}

const logit = (probability: number) => Math.log(probability / (1 - probability))
const sigmoid = (logOdds: number) => 1 / (1 + Math.exp(-logOdds))
const round = (figure: number) => Math.round(figure * 10_000) / 10_000

/** Park and Miller's minimal standard generator, past its first small numbers. */
const generator = (seed: number) => {
  let state = seed
  const next = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  for (let index = 0; index < 10; index++) next()
  return next
}
