/**
 * Finds where agents differ, and keeps every side with its evidence. Nothing is averaged away; what settles a conflict is
 * recorded beside its sides.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Severity, Stance, type Result } from "./Agent.ts"
import type { Account } from "./Census.ts"
import {
  compare,
  digest,
  distinct,
  identify,
  isSerious,
  isUnfounded,
  path,
  type Claim,
  type Matched,
  type Topic
} from "./Claims.ts"
import * as Confidence from "./Confidence.ts"
import { Merge, merge } from "./Merge.ts"
import { Settled } from "./Resolution.ts"

/**
 * `contradiction`: one claim, held true and held false. `disagreement`: one topic, different claims of different agents.
 * `uncertainty`: one claim, in doubt. `file`: one path, two contents. `missing_evidence`: a critical or high claim that rests on nothing.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Type = Schema.Literals(["contradiction", "disagreement", "uncertainty", "file", "missing_evidence"])

/**
 * @category models
 * @since 0.1.0
 */
export type Type = typeof Type.Type

/**
 * What some of the agents hold. Several claims of one side are joined by `; `.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Side = Schema.Struct({
  agents: Schema.Array(Schema.String),
  claim: Schema.String,
  stance: Stance,
  confidence: Schema.Finite,
  evidence: Schema.Array(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Side = typeof Side.Type

/**
 * One difference. `blocking` means that going on without a decision is not safe.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Conflict = Schema.Struct({
  id: Schema.String,
  type: Type,
  topic: Schema.String,
  blocking: Schema.Boolean,
  /** The worst that its claims have, else `high` for contents that cannot be merged, `medium` for different statements, `low` for the rest. */
  severity: Schema.optionalKey(Severity),
  /** The side of most agents first, then the more confident. */
  sides: Schema.Array(Side),
  /** Who is not on the first side, and what they hold; empty when there is one side, or the first two weigh the same. */
  minority: Schema.Struct({ agents: Schema.Array(Schema.String), claim: Schema.String }),
  /** How alike the two least alike of its claims are, if it is about one claim in other words. */
  similarity: Schema.optionalKey(Schema.Finite),
  /** Of a file whose contents are known: what a three-way merge makes of them. */
  merge: Schema.optionalKey(Merge),
  /** What has settled it. */
  resolution: Schema.optionalKey(Settled)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Conflict = typeof Conflict.Type

/**
 * Claims on one topic that exactly the same agents hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface Position {
  readonly agents: ReadonlyArray<string>
  readonly matched: ReadonlyArray<Matched>
  readonly claims: ReadonlyArray<Claim>
  readonly confidence: number
}

/**
 * The positions on a topic that stand against each other: for each of them there is another that none of its agents holds.
 * What a single agent adds to a claim that the others share is not one of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const positions = (topic: Topic): ReadonlyArray<Position> => {
  const held = new Map<string, { readonly agents: ReadonlyArray<string>; readonly matched: Array<Matched> }>()
  for (const matched of topic.matched) {
    const agents = agentsOf(matched.claims.filter(supports))
    if (agents.length === 0) continue
    const key = JSON.stringify(agents)
    const known = held.get(key)
    if (known === undefined) held.set(key, { agents, matched: [matched] })
    else known.matched.push(matched)
  }
  return opposed([...held.values()]).map(({ agents, matched }) => ({
    agents,
    matched,
    claims: matched.flatMap((each) => each.claims.filter(supports)),
    confidence: matched.reduce((most, each) => Math.max(most, Confidence.pool(each.claims.filter(supports))), 0)
  }))
}

/**
 * What a position claims, in one text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const textOf = ({ matched }: Position): string => matched.map(({ claim }) => claim).join("; ")

/**
 * The conflicts about the claims on one topic.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onTopic = (topic: Topic, positions: ReadonlyArray<Position>): ReadonlyArray<Conflict> => {
  const conflicts = topic.matched.flatMap((matched) => onClaim(topic, matched))
  if (positions.length === 0) return conflicts
  const sides = positions.map((position) => ({
    agents: position.agents,
    claim: textOf(position),
    stance: "support" as const,
    confidence: position.confidence,
    evidence: evidenceOf(position.claims)
  }))
  const rests = positions.flatMap((position) => position.claims.map((claim) => claim.id))
  const severity = severityOf(positions.flatMap((position) => position.claims)) ?? "medium"
  const about = { type: "disagreement", topic: topic.topic, blocking: false, severity } as const
  return [...conflicts, make(about, [topic.key, ...rests.toSorted(compare)], sides)]
}

/**
 * Splits the supporters of a claim: an agent under 0.3 is doubtful if another is at 0.7 or over.
 *
 * @category constructors
 * @since 0.1.0
 */
export const split = (
  claims: ReadonlyArray<Claim>
): { readonly sure: ReadonlyArray<Claim>; readonly doubtful: ReadonlyArray<Claim> } => {
  const isSplit = claims.some((claim) => claim.confidence >= 0.7)
  const isDoubtful = (claim: Claim) => isSplit && claim.confidence < 0.3
  return { sure: claims.filter((claim) => !isDoubtful(claim)), doubtful: claims.filter(isDoubtful) }
}

/**
 * The files that two agents give different contents for, and how many have a known content at all.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onFiles = (
  accounts: ReadonlyArray<Account>
): { readonly conflicts: ReadonlyArray<Conflict>; readonly known: number } => {
  const versions = accounts.flatMap(({ agent, results }) => results.flatMap((result) => versionsOf(agent, result)))
  const byPath = [...Map.groupBy(versions, (version) => version.path)].toSorted(([a], [b]) => compare(a, b))
  return { conflicts: byPath.flatMap(([path, versions]) => onFile(path, versions)), known: byPath.length }
}

const onClaim = (topic: Topic, matched: Matched): ReadonlyArray<Conflict> => {
  const { claims, similarity } = matched
  const alike = similarity < 1 ? { similarity: Confidence.round(similarity) } : {}
  const conflicts: Array<Conflict> = []
  const add = (type: Type, blocking: boolean, groups: ReadonlyArray<ReadonlyArray<Claim>>) => {
    const sides = groups.filter((group) => group.length > 0)
    const rests = sides.flat().map((claim) => claim.id)
    const severity = severityOf(sides.flat()) ?? (type === "contradiction" ? "medium" : "low")
    conflicts.push(
      make(
        { type, topic: topic.topic, blocking, severity, ...alike },
        [topic.key, ...rests.toSorted(compare)],
        sides.map((side) => sideOf(matched, side))
      )
    )
  }
  const support = claims.filter(supports)
  const oppose = claims.filter((claim) => claim.stance === "oppose")
  const uncertain = claims.filter((claim) => claim.stance === "uncertain")
  if (support.length > 0 && oppose.length > 0) {
    add("contradiction", claims.some(isSerious), [support, oppose, uncertain])
  } else {
    const { doubtful, sure } = split(support.length > 0 ? support : oppose)
    if (doubtful.length + uncertain.length > 0) add("uncertainty", false, [sure, doubtful, uncertain])
  }
  const unfounded = [support, oppose, uncertain].filter(isUnfounded)
  if (unfounded.length > 0) {
    const blocking = unfounded.flat().some((claim) => claim.severity === "critical")
    add("missing_evidence", blocking, unfounded)
  }
  return conflicts
}

interface Version {
  readonly agent: string
  readonly path: string
  readonly content: string | undefined
  readonly sha256: string | undefined
  readonly base: string | undefined
  readonly confidence: number
}

const versionsOf = (agent: string, result: Result): ReadonlyArray<Version> =>
  (result.files ?? []).flatMap((file) =>
    typeof file === "string" || (file.content === undefined && file.sha256 === undefined)
      ? []
      : [
          {
            agent,
            path: path(file.path),
            content: file.content,
            sha256: file.sha256,
            base: file.base,
            confidence: result.confidence ?? 0.5
          }
        ]
  )

const onFile = (path: string, versions: ReadonlyArray<Version>): ReadonlyArray<Conflict> => {
  if (versions.every((version) => version.agent === versions[0]?.agent)) return []
  const contents = Map.groupBy(versions, ({ content, sha256 }) =>
    content === undefined ? (sha256 ?? "") : digest(content)
  )
  const groups = [...contents].map(([sha256, of]) => ({ sha256, of, agents: agentsOf(of) }))
  const contested = opposed(groups)
  const sides = contested.map(({ agents, of, sha256 }) => ({
    agents,
    claim: `sha256:${sha256}`,
    stance: "support" as const,
    confidence: Confidence.pool(agents.map((agent) => ({ agent, confidence: surest(agent, of), sources: [] }))),
    evidence: [path]
  }))
  if (sides.length === 0) return []
  const rests = sides.map((side) => JSON.stringify([side.claim, side.agents]))
  const merged = mergeOf(contested)
  const blocking = merged?.clean !== true
  const about = { type: "file", topic: path, blocking, severity: blocking ? "high" : "low" } as const
  const conflict = make(about, [path, ...rests.toSorted(compare)], sides)
  return [merged === undefined ? conflict : { ...conflict, merge: merged }]
}

/** In the order of the agents; with a base only if all of them began with it. */
const mergeOf = (
  groups: ReadonlyArray<{ readonly agents: ReadonlyArray<string>; readonly of: ReadonlyArray<Version> }>
) => {
  const versions = groups.flatMap(({ agents, of }) => {
    const content = of.find((version) => version.content !== undefined)?.content
    return content === undefined ? [] : [{ agents, content }]
  })
  if (versions.length < groups.length) return undefined
  const [base, ...others] = new Set(groups.flatMap(({ of }) => of.map((version) => version.base)))
  const ordered = versions.toSorted(
    (a, b) => compare(a.agents.join(), b.agents.join()) || compare(a.content, b.content)
  )
  return merge(ordered, others.length === 0 ? base : undefined)
}

const surest = (agent: string, versions: ReadonlyArray<Version>): number =>
  versions.reduce((most, version) => (version.agent === agent ? Math.max(most, version.confidence) : most), 0)

const make = (
  about: Pick<Conflict, "type" | "topic" | "blocking" | "severity" | "similarity">,
  rests: ReadonlyArray<string>,
  unordered: ReadonlyArray<Side>
): Conflict => {
  const sides = unordered
    .map((side) => ({ ...side, confidence: Confidence.round(side.confidence) }))
    .toSorted(
      (a, b) =>
        b.agents.length - a.agents.length ||
        b.confidence - a.confidence ||
        compare(a.claim, b.claim) ||
        stances.indexOf(a.stance) - stances.indexOf(b.stance)
    )
  return { id: identify("x", [about.type, ...rests]), ...about, sides, minority: minorityOf(sides) }
}

const severityOf = (claims: ReadonlyArray<Claim>): Severity | undefined =>
  Severity.literals.find((severity) => claims.some((claim) => claim.severity === severity))

const stances = Stance.literals

const minorityOf = ([first, ...others]: ReadonlyArray<Side>): Conflict["minority"] => {
  const second = others[0]
  const isBalanced = second?.agents.length === first?.agents.length && second?.confidence === first?.confidence
  if (first === undefined || isBalanced) return { agents: [], claim: "" }
  const majority = new Set(first.agents)
  const minority = others.filter((side) => !side.agents.some((agent) => majority.has(agent)))
  return {
    agents: distinct(minority.flatMap((side) => side.agents)),
    claim: distinct(minority.map((side) => side.claim)).join("; ")
  }
}

/** In its own words, where these are not the others'. */
const sideOf = (matched: Matched, claims: ReadonlyArray<Claim>): Side => ({
  agents: agentsOf(claims),
  claim: matched.similarity < 1 ? distinct(claims.map(({ claim }) => claim)).join("; ") : matched.claim,
  stance: claims[0]?.stance ?? "support",
  confidence: Confidence.pool(claims),
  evidence: evidenceOf(claims)
})

/**
 * Keeps what has a counterpart without any agent in common. Over 64 candidates the search would cost more than it tells: all are kept,
 * since a false alarm is better than a hidden conflict.
 */
const opposed = <A extends { readonly agents: ReadonlyArray<string> }>(
  candidates: ReadonlyArray<A>
): ReadonlyArray<A> => {
  const sets = candidates.map(({ agents }) => new Set(agents))
  const everyone = new Set(candidates.flatMap(({ agents }) => agents))
  return candidates.filter(({ agents }, index) =>
    candidates.length > 64
      ? agents.length < everyone.size
      : sets.some((other, at) => at !== index && !agents.some((agent) => other.has(agent)))
  )
}

const supports = (claim: Claim): boolean => claim.stance === "support"

const agentsOf = (of: ReadonlyArray<{ readonly agent: string }>): ReadonlyArray<string> =>
  distinct(of.map(({ agent }) => agent))

const evidenceOf = (claims: ReadonlyArray<Claim>): ReadonlyArray<string> =>
  claims.length === 1 ? (claims[0]?.evidence ?? []) : distinct(claims.flatMap((claim) => claim.evidence))
