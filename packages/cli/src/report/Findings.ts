/**
 * What the syntheses of a run found, made safe to show; nothing twice.
 *
 * @since 0.1.0
 */
import type { Agent, Narrator, Synthesis } from "@sartor/core"
import type { ReportInput } from "./ReportInput.ts"
import * as Text from "./Text.ts"

/**
 * One side of a conflict.
 *
 * @category models
 * @since 0.1.0
 */
export interface Side {
  readonly agents: ReadonlyArray<string>
  readonly claim: string
  readonly stance: Agent.Stance
  readonly confidence: number
  readonly evidence: ReadonlyArray<string>
  readonly minority: boolean
  /** Whether what settled the conflict upholds it. */
  readonly upheld: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Conflict {
  readonly id: string
  readonly type: string
  readonly topic: string
  readonly blocking: boolean
  readonly severity: Agent.Severity | undefined
  /** How alike its claims are, if they are not the same but in other words. */
  readonly similarity: number | undefined
  readonly sides: ReadonlyArray<Side>
  /** What settled it. */
  readonly settled:
    | { readonly by: string; readonly statement: string; readonly evidence: ReadonlyArray<string> }
    | undefined
  /** Of a file: whether its contents could be merged, and the lines that could not. */
  readonly merge: { readonly clean: boolean; readonly hunks: ReadonlyArray<Hunk>; readonly more: number } | undefined
}

/**
 * Lines of a file that two sides have differently.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hunk {
  readonly line: number
  readonly base: string | undefined
  readonly sides: ReadonlyArray<{ readonly agents: ReadonlyArray<string>; readonly text: string }>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Agreement {
  readonly id: string
  readonly topic: string
  readonly claim: string
  readonly agents: ReadonlyArray<string>
  readonly confidence: number
  readonly claims: ReadonlyArray<string>
  /** How alike its claims are, if they are not the same but in other words. */
  readonly similarity: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Insight {
  readonly id: string
  readonly kind: string
  readonly statement: string
  readonly supports: ReadonlyArray<string>
}

/**
 * The account of the agents that one synthesis expected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Census {
  readonly step: string
  readonly status: string
  readonly confidence: number
  readonly summary: string
  /** What a narrator made of it, with the ids that it cites in brackets. */
  readonly prose: string | undefined
  readonly expected: number
  readonly parts: ReadonlyArray<{
    readonly name: "reported" | "failed" | "missing" | "placeholder"
    readonly count: number
  }>
  readonly byAgent: ReadonlyArray<{ readonly agent: string; readonly outcome: string }>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Findings {
  /** Those that block come first, then the worst. */
  readonly conflicts: ReadonlyArray<Conflict>
  /** By the most agents, then by confidence. */
  readonly agreements: ReadonlyArray<Agreement>
  /** Corroborations first, then shared causes. */
  readonly insights: ReadonlyArray<Insight>
  /** One for each synthesis, in the order of the steps. */
  readonly censuses: ReadonlyArray<Census>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ prose, synthesis }: Pick<ReportInput, "prose" | "synthesis">): Findings => {
  const steps = Object.entries(synthesis ?? {})
  return {
    conflicts: unique(steps.flatMap(([, { conflicts }]) => conflicts))
      .map(conflictOf)
      .toSorted(
        (left, right) =>
          Number(right.blocking) - Number(left.blocking) || rankOf(left.severity) - rankOf(right.severity)
      ),
    agreements: unique(steps.flatMap(([, { agreements }]) => agreements))
      .map((agreement) => ({
        id: agreement.id,
        topic: Text.line(agreement.topic, 200),
        claim: Text.block(agreement.claim, 600),
        agents: names(agreement.agents),
        confidence: agreement.confidence,
        claims: agreement.claims,
        similarity: agreement.similarity
      }))
      .toSorted((left, right) => right.agents.length - left.agents.length || right.confidence - left.confidence),
    insights: unique(steps.flatMap(([, { insights }]) => insights))
      .map((insight) => ({
        id: insight.id,
        kind: words(insight.kind),
        statement: Text.block(insight.statement, 800),
        supports: insight.supports
      }))
      .toSorted((left, right) => kinds.indexOf(left.kind) - kinds.indexOf(right.kind)),
    censuses: steps.map(([step, synthesis]) => censusOf(step, synthesis, prose?.[step]))
  }
}

/**
 * The command that settles a conflict which blocks; none if its names are not what we give.
 *
 * @category formatting
 * @since 0.1.0
 */
export const answerTo = ({ blocking, id }: Conflict, runId: string): string | undefined =>
  blocking && /^[\w-]+$/.test(id) && /^[\w-]+$/.test(runId)
    ? `sartor answer ${runId} ${id} --choice N --say "why"`
    : undefined

/**
 * The claim of a conflict whose sides are about one and the same.
 *
 * @category formatting
 * @since 0.1.0
 */
export const sharedClaim = ({ sides }: Conflict): string | undefined =>
  sides.length > 1 && sides.every((side) => side.claim === sides[0]?.claim) ? sides[0]?.claim : undefined

const conflictOf = (conflict: Synthesis.Synthesis["conflicts"][number]): Conflict => ({
  id: conflict.id,
  type: words(conflict.type),
  topic: Text.line(conflict.topic, 200),
  blocking: conflict.blocking,
  severity: conflict.severity,
  similarity: conflict.similarity,
  settled:
    conflict.resolution === undefined
      ? undefined
      : {
          by: Text.line(conflict.resolution.by, 80),
          statement: Text.block(conflict.resolution.statement, 600),
          evidence: conflict.resolution.evidence
        },
  merge:
    conflict.merge === undefined
      ? undefined
      : {
          clean: conflict.merge.clean,
          hunks: conflict.merge.hunks.map(({ base, line, sides }) => ({
            line,
            base: base === undefined ? undefined : code(base),
            sides: sides.map(({ agents, text }) => ({ agents: names(agents), text: code(text) }))
          })),
          more: conflict.merge.more ?? 0
        },
  sides: conflict.sides.map((side) => ({
    agents: names(side.agents),
    claim: Text.block(side.claim, 600),
    stance: side.stance,
    confidence: side.confidence,
    evidence: side.evidence,
    upheld: conflict.resolution?.side?.claim === side.claim && conflict.resolution.side.stance === side.stance,
    minority: side.agents.length > 0 && side.agents.every((agent) => conflict.minority.agents.includes(agent))
  }))
})

const censusOf = (step: string, synthesis: Synthesis.Synthesis, prose: Narrator.Narrative | undefined): Census => ({
  step: Text.line(step, 80),
  status: Text.line(synthesis.status, 40),
  confidence: synthesis.confidence,
  summary: Text.block(synthesis.summary, 4_000),
  prose: prose?.source === "narrator" ? Text.block(prose.text, 20_000) : undefined,
  expected: synthesis.census.expected,
  parts: (["reported", "failed", "missing", "placeholder"] as const).map((name) => ({
    name,
    count: synthesis.census[name]
  })),
  byAgent: Object.entries(synthesis.census.by_agent).map(([agent, outcome]) => ({
    agent: Text.line(agent, 80),
    outcome: Text.line(outcome, 60)
  }))
})

const rankOf = (severity: Agent.Severity | undefined): number =>
  severity === undefined ? severities.length : severities.indexOf(severity)

const severities = ["critical", "high", "medium", "low"] as const

/** Lines of a file as they are, but for what could steer a terminal. */
const code = (text: string): string => Text.clean(text).replace(/\n$/, "").slice(0, 2_001)

const kinds = ["corroboration", "shared cause", "complementary coverage"]

const names = (agents: ReadonlyArray<string>): ReadonlyArray<string> => agents.map((agent) => Text.line(agent, 80))

const words = (kind: string): string => Text.line(kind, 40).replaceAll("_", " ")

const unique = <A extends { readonly id: string }>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  const seen = new Map<string, A>()
  for (const item of items) {
    if (!seen.has(item.id)) {
      seen.set(item.id, item)
    }
  }
  return [...seen.values()]
}
