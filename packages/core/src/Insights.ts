/**
 * What the claims of several agents show together and none of them said: few, each citing the claims it rests on; a gap cites
 * none, since it is what no claim is about.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { compare, distinct, identify, normalise, path, type Claim, type Place, type Topic } from "./Claims.ts"

/**
 * `corroboration`: one claim, from evidence of more than one agent's own. `shared_cause`: findings of several agents on different topics at one
 * place. `complementary_coverage`: what only one agent looked at, where agents looked at different things. `gap`: what was to be
 * looked at, or was changed, and no claim is about.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Kind = Schema.Literals(["corroboration", "shared_cause", "complementary_coverage", "gap"])

/**
 * @category models
 * @since 0.1.0
 */
export type Kind = typeof Kind.Type

/**
 * One insight; `supports` has the ids of its claims.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Insight = Schema.Struct({
  id: Schema.String,
  kind: Kind,
  statement: Schema.String,
  supports: Schema.Array(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Insight = typeof Insight.Type

/**
 * A matched claim that at least two agents make and none opposes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Agreed {
  readonly topic: string
  readonly claim: string
  readonly claims: ReadonlyArray<Claim>
}

/**
 * How many insights of a kind are kept: those of the most agents first.
 *
 * @category configuration
 * @since 0.1.0
 */
export const limit = 5

/**
 * Draws the insights out of all topics and what is agreed on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const find = (
  topics: ReadonlyArray<Topic>,
  agreed: ReadonlyArray<Agreed>,
  scope: ReadonlyArray<string> = []
): ReadonlyArray<Insight> => {
  const supporting = topics.flatMap((topic) =>
    topic.matched.flatMap(({ claims }) =>
      claims.flatMap((each) =>
        each.stance === "support" ? [{ claim: each, places: each.places, topic: topic.topic }] : []
      )
    )
  )
  return [...corroborations(agreed), ...sharedCauses(supporting), ...coverage(supporting), ...gaps(topics, scope)]
}

interface Finding {
  readonly claim: Claim
  readonly topic: string
  readonly places: ReadonlyArray<Place>
}

interface Candidate {
  readonly key: string
  readonly agents: number
  readonly claims: number
  /** Only the best are made. */
  readonly make: () => Insight
}

const corroborations = (agreed: ReadonlyArray<Agreed>): ReadonlyArray<Insight> =>
  best(
    agreed.flatMap(({ claim, claims, topic }) => {
      const witnesses = independent(claims)
      if (witnesses.length < 2) return []
      const key = `${topic} ${claim}`
      const make = () => {
        const sources = distinct(witnesses.flatMap((witness) => witness.sources)).length
        const agents = listed(witnesses.map((witness) => witness.agent))
        const statement = `${agents} each found ${quoted(claim)} (${quoted(topic)}) from evidence of their own, ${sources} different sources.`
        return insight("corroboration", key, witnesses, statement)
      }
      return [{ key, agents: witnesses.length, claims: witnesses.length, make }]
    })
  )

/** Agents whose evidence has nothing in common with that of the ones before. */
const independent = (claims: ReadonlyArray<Claim>): ReadonlyArray<Claim> => {
  const agents = new Set<string>()
  const seen = new Set<string>()
  return claims.filter(({ agent, sources }) => {
    if (sources.length === 0 || agents.has(agent) || sources.some((source) => seen.has(source))) return false
    agents.add(agent)
    for (const source of sources) seen.add(source)
    return true
  })
}

const sharedCauses = (findings: ReadonlyArray<Finding>): ReadonlyArray<Insight> => {
  const atLine = new Map<string, Set<Finding>>()
  const inFile = new Map<string, Set<Finding>>()
  const explained = new Set<string>()
  for (const finding of findings) {
    for (const { file, line } of finding.places) {
      add(inFile, file, finding)
      if (line !== undefined) add(atLine, `${file}:${line}`, finding)
    }
  }
  const lines = [...atLine].flatMap(([at, here]) => sharedCause(at, here))
  for (const { key } of lines) explained.add(key.slice(0, key.lastIndexOf(":")))
  const files = [...inFile].flatMap(([at, here]) => (explained.has(at) ? [] : sharedCause(at, here)))
  return best([...lines, ...files])
}

const sharedCause = (at: string, here: ReadonlySet<Finding>): ReadonlyArray<Candidate> => {
  if (here.size < 2) return []
  const claims = [...here].map((finding) => finding.claim)
  const agents = new Set(claims.map((claim) => claim.agent))
  if (agents.size < 2) return []
  const topics = distinct([...here].map((finding) => finding.topic))
  // On one topic, different claims of different agents are a disagreement.
  if (topics.length < 2) return []
  const make = () => {
    const statement = `Findings of ${listed(distinct(agents))} on ${topics.length} topics meet at ${shortened(at)} (${listed(topics.map(quoted))}): they may have one cause.`
    return insight("shared_cause", at, claims, statement)
  }
  return [{ key: at, agents: agents.size, claims: claims.length, make }]
}

/** By file if the evidence names files that only one agent looked at, else by topic. */
const coverage = (findings: ReadonlyArray<Finding>): ReadonlyArray<Insight> => {
  const files = new Map<string, Set<Finding>>()
  const topics = new Map<string, Set<Finding>>()
  for (const finding of findings) {
    add(topics, finding.topic, finding)
    // An address is what a claim refers to, not a part of what the agents looked at.
    for (const { file } of finding.places) if (!file.includes("://")) add(files, file, finding)
  }
  const byFile = divided("files", files)
  return byFile.length > 0 ? byFile : divided("topics", topics)
}

/** Whatever its stance, a claim that cites a thing has looked at it; what it cites in a folder covers the folder. */
const gaps = (topics: ReadonlyArray<Topic>, scope: ReadonlyArray<string>): ReadonlyArray<Insight> => {
  if (scope.length === 0) return []
  const covered = new Set<string>()
  for (const topic of topics) {
    covered.add(topic.key)
    for (const { claims } of topic.matched) {
      for (const claim of claims) {
        for (const { file } of claim.places) {
          for (let part = file; part !== "" && !covered.has(part); part = part.slice(0, part.lastIndexOf("/"))) {
            covered.add(part)
            if (!part.includes("/")) break
          }
        }
      }
    }
  }
  const asked = distinct(scope.map((part) => path(part)))
  const open = asked.filter((part) => part !== "" && !covered.has(part) && !covered.has(normalise(part)))
  if (open.length === 0) return []
  const statement = `No claim is about ${open.length} of the ${asked.length} that were to be looked at: ${listed(open)}.`
  return [insight("gap", JSON.stringify(open), [], statement)]
}

const divided = (what: string, parts: ReadonlyMap<string, ReadonlySet<Finding>>): ReadonlyArray<Insight> => {
  const alone = new Map<string, Array<{ readonly part: string; readonly claim: Claim }>>()
  for (const [part, findings] of parts) {
    const [first, ...others] = findings
    if (first === undefined || others.some((other) => other.claim.agent !== first.claim.agent)) continue
    const own = alone.get(first.claim.agent) ?? []
    own.push({ part, claim: first.claim })
    alone.set(first.claim.agent, own)
  }
  if (alone.size < 2) return []
  const shown = [...alone]
    .toSorted(([a, ofA], [b, ofB]) => ofB.length - ofA.length || compare(a, b))
    .slice(0, limit)
    .map(([agent, own]) => ({ agent, own, named: own.toSorted((a, b) => compare(a.part, b.part)).slice(0, 3) }))
  const lines = shown.map(
    ({ agent, named, own }) =>
      `only ${shortened(agent)} looked at ${named.map(({ part }) => shortened(part)).join(", ")}${more(own.length - named.length)}`
  )
  const once = [...alone.values()].reduce((sum, own) => sum + own.length, 0)
  const statement = `Of ${parts.size} ${what}, ${once} were looked at by one agent alone: ${lines.join("; ")}.`
  const claims = shown.flatMap(({ named }) => named.map(({ claim }) => claim))
  return [insight("complementary_coverage", what, claims, statement)]
}

const insight = (kind: Kind, key: string, claims: ReadonlyArray<Claim>, statement: string): Insight => {
  const supports = distinct(claims.map((claim) => claim.id))
  return { id: identify("i", [kind, key, ...supports]), kind, statement, supports }
}

const best = (candidates: ReadonlyArray<Candidate>): ReadonlyArray<Insight> =>
  candidates
    .toSorted((a, b) => b.agents - a.agents || b.claims - a.claims || compare(a.key, b.key))
    .slice(0, limit)
    .map(({ make }) => make())

const add = <A>(sets: Map<string, Set<A>>, key: string, value: A): void => {
  const known = sets.get(key)
  if (known === undefined) sets.set(key, new Set([value]))
  else known.add(value)
}

const listed = (texts: ReadonlyArray<string>): string =>
  `${texts.slice(0, limit).map(shortened).join(", ")}${more(texts.length - limit)}`

const more = (count: number): string => (count > 0 ? ` and ${count} more` : "")

const quoted = (text: string): string => `"${shortened(text)}"`

const shortened = (text: string): string => {
  const characters = Array.from(text.slice(0, 400).replace(/\s+/g, " "))
  return characters.length > 100 ? `${characters.slice(0, 99).join("")}…` : characters.join("")
}
