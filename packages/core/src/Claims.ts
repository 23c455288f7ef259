/**
 * Reads the claims out of agents' results and finds the ones that say the same, whoever said them first.
 *
 * @since 0.1.0
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import type { Result, Severity, Stance } from "./Agent.ts"

/**
 * One claim of one agent, read for comparison. What an agent says twice is one claim: the higher confidence, the worse
 * severity, all the evidence.
 *
 * @category models
 * @since 0.1.0
 */
export interface Claim {
  /** `c-` and 12 hex digits: a hash of agent, topic, claim (both normalised) and stance. */
  readonly id: string
  readonly agent: string
  readonly topic: string
  readonly claim: string
  readonly topicKey: string
  readonly claimKey: string
  readonly stance: Stance
  readonly confidence: number
  readonly severity: Severity | undefined
  /** As given, sorted, without blanks and repetitions. */
  readonly evidence: ReadonlyArray<string>
  /** What the evidence rests on: see `source`. */
  readonly sources: ReadonlyArray<string>
  /** Where the evidence points. */
  readonly places: ReadonlyArray<Place>
}

/**
 * A file with or without line, or an address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly file: string
  readonly line: string | undefined
}

/**
 * Claims that say the same on one topic, in whatever stance, in order of agent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Matched extends Group {
  readonly claim: string
}

/**
 * Claims that a matcher takes to say the same, and how alike the two least alike of them are: 1 if they are equal once normalised.
 *
 * @category models
 * @since 0.1.0
 */
export interface Group {
  readonly claims: ReadonlyArray<Claim>
  readonly similarity: number
}

/**
 * All that was said on one topic.
 *
 * @category models
 * @since 0.1.0
 */
export interface Topic {
  readonly key: string
  readonly topic: string
  readonly matched: ReadonlyArray<Matched>
}

/**
 * Parts the claims of one topic into groups that say the same. It must be pure and must not depend on the order of the
 * claims; a claim that it leaves out stands alone.
 *
 * @category models
 * @since 0.1.0
 */
export type Matcher = (claims: ReadonlyArray<Claim>) => Iterable<Group>

/**
 * The strictest matcher: claims say the same if they are equal once normalised.
 *
 * @category constructors
 * @since 0.1.0
 */
export const exact: Matcher = (claims) =>
  Array.from(Map.groupBy(claims, (claim) => claim.claimKey).values(), (claims) => ({ claims, similarity: 1 }))

/**
 * Reads all claims of one agent, in a fixed order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (agent: string, results: ReadonlyArray<Result>): ReadonlyArray<Claim> => {
  const drafts = new Map<string, Draft>()
  const keys = new Map<string, string>()
  for (const result of results) {
    for (const given of result.claims ?? []) {
      const topicKey = remembered(keys, given.topic)
      const claimKey = normalise(given.claim)
      const stance = given.stance ?? "support"
      const key = `${topicKey.length}:${topicKey}${stance}:${claimKey}`
      const draft: Draft = {
        agent,
        topic: given.topic.trim(),
        claim: given.claim.trim(),
        topicKey,
        claimKey,
        stance,
        confidence: given.confidence ?? result.confidence ?? 0.5,
        severity: given.severity,
        evidence: given.evidence ?? []
      }
      const known = drafts.get(key)
      drafts.set(key, known === undefined ? draft : merge(known, draft))
    }
  }
  return [...drafts].toSorted(([a], [b]) => compare(a, b)).map(([, draft]) => finish(draft))
}

/**
 * Sorts claims, given in order of agent, by topic and groups those that say the same.
 *
 * @category constructors
 * @since 0.1.0
 */
export const topics = (claims: ReadonlyArray<Claim>, matcher: Matcher = exact): ReadonlyArray<Topic> =>
  [...Map.groupBy(claims, (claim) => claim.topicKey)]
    .toSorted(([a], [b]) => compare(a, b))
    .map(([key, members]) => ({
      key,
      topic: members.reduce((least, { topic }) => smaller(least, topic), members[0]?.topic ?? key),
      matched: partition(members, matcher)
    }))

/**
 * What is left of a text when spelling is set aside: Unicode forms (NFKC), case, white space, quotes, kinds of dashes, list
 * bullets, and punctuation at the end of words. Punctuation inside words (`1.5`, `a-b`, `x.y`) is kept: it can
 * carry the meaning.
 *
 * @category constructors
 * @since 0.1.0
 */
export const normalise = (text: string): string => {
  const folded = fold(text)
  const words = folded
    .replace(quotes, "")
    .split(/\s+/)
    .map(withoutEnd)
    .filter((word) => word !== "")
  if (words.length > 1 && bullets.has(words[0] ?? "")) words.shift()
  return words.join(" ") || folded.trim()
}

/**
 * What a piece of evidence rests on, so that two agents who looked at the same thing are not taken for two witnesses: a file
 * and line without column and `./`, an address, or the text itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const source = (evidence: string): string => sourceOf(evidence, place(evidence))

const sourceOf = (evidence: string, found: Place | undefined): string => {
  if (found === undefined) return normalise(evidence)
  return found.line === undefined ? found.file : `${found.file}:${found.line}`
}

/**
 * Where a piece of evidence points: a file with or without line, or an address. Plain text points nowhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const place = (evidence: string): Place | undefined => {
  const text = evidence.trim()
  if (text === "" || text.length > 1_000 || /\s/.test(text)) return undefined
  if (text.includes("://")) return { file: text, line: undefined }
  const [, file = text, line] = /^(.+?):(\d+)(?::\d+)?$/.exec(text) ?? []
  return line !== undefined || /\/|\.[a-z0-9]{1,8}$/i.test(file) ? { file: path(file), line } : undefined
}

/**
 * One spelling for a relative path: forward slashes, no `.`, no `x/..`, no doubled slash.
 *
 * @category constructors
 * @since 0.1.0
 */
export const path = (text: string): string => {
  if (isTidy.test(text)) return text
  const segments: Array<string> = []
  for (const segment of text.trim().normalize("NFC").replaceAll("\\", "/").split("/")) {
    const last = segments.at(-1)
    if (segment === ".." && last !== undefined && last !== ".." && last !== "") segments.pop()
    else if (segment !== "." && (segment !== "" || segments.length === 0)) segments.push(segment)
  }
  return segments.join("/") || text.trim()
}

/**
 * Tells whether claims are serious, one of them critical or high, and rest on nothing: no evidence in any of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isUnfounded = (claims: ReadonlyArray<Claim>): boolean =>
  claims.some(isSerious) && claims.every((claim) => claim.evidence.length === 0)

/**
 * @category constructors
 * @since 0.1.0
 */
export const isSerious = (claim: Claim): boolean => claim.severity === "critical" || claim.severity === "high"

/**
 * A short name for content: the prefix and 12 hex digits of the SHA-256 of the parts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const identify = (prefix: string, parts: ReadonlyArray<string>): string =>
  `${prefix}-${digest(JSON.stringify(parts)).slice(0, 12)}`

/**
 * The SHA-256 of a text, in hex.
 *
 * @category constructors
 * @since 0.1.0
 */
export const digest = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)))

/**
 * Orders strings by code unit: the same on every machine, whatever its language.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * Each string once, in order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const distinct = (texts: Iterable<string>): ReadonlyArray<string> => {
  const set = [...new Set(texts)]
  return set.length < 2 ? set : set.sort(compare)
}

/** A relative path that has one spelling only. */
const isTidy = /^[\w@-][\w@.-]*(?:\/[\w@-][\w@.-]*)*$/

type Draft = Omit<Claim, "id" | "sources" | "places">

const finish = (draft: Draft): Claim => {
  const evidence = distinct(draft.evidence.map((text) => text.trim()).filter((text) => text !== ""))
  const found = evidence.map(place)
  return {
    ...draft,
    id: identify("c", [draft.agent, draft.topicKey, draft.claimKey, draft.stance]),
    evidence,
    sources: distinct(evidence.map((text, index) => sourceOf(text, found[index]))),
    places: found.flatMap((at) => at ?? [])
  }
}

const merge = (a: Draft, b: Draft): Draft => ({
  ...a,
  topic: smaller(a.topic, b.topic),
  claim: smaller(a.claim, b.claim),
  confidence: Math.max(a.confidence, b.confidence),
  severity: severities.find((severity) => severity === a.severity || severity === b.severity),
  evidence: [...a.evidence, ...b.evidence]
})

const severities = ["critical", "high", "medium", "low"] as const

const partition = (claims: ReadonlyArray<Claim>, matcher: Matcher): ReadonlyArray<Matched> => {
  const left = new Set(claims)
  const groups: Array<Group> = []
  for (const { claims: group, similarity } of matcher(claims)) {
    const members = group.filter((claim) => left.delete(claim))
    if (members.length > 0) groups.push({ claims: members, similarity })
  }
  for (const claim of left) groups.push({ claims: [claim], similarity: 1 })
  return groups
    .map(({ claims: group, similarity }) => ({
      key: group.reduce((least, { claimKey }) => smaller(least, claimKey), group[0]?.claimKey ?? ""),
      claim: group.reduce((least, { claim }) => smaller(least, claim), group[0]?.claim ?? ""),
      claims: group.length === 1 ? group : group.toSorted((a, b) => compare(a.agent, b.agent) || compare(a.id, b.id)),
      similarity
    }))
    .toSorted((a, b) => compare(a.key, b.key))
    .map(({ claim, claims, similarity }) => ({ claim, claims, similarity }))
}

const smaller = (a: string, b: string) => (compare(b, a) < 0 ? b : a)

const remembered = (keys: Map<string, string>, text: string): string => {
  const known = keys.get(text)
  if (known !== undefined) return known
  const key = normalise(text)
  keys.set(text, key)
  return key
}

const fold = (text: string): string =>
  isAscii.test(text)
    ? text.toLowerCase()
    : text
        .replaceAll("\u00b4", "'")
        .normalize("NFKC")
        .toLowerCase()
        .normalize("NFKC")
        .replace(/[\u00ad\u200b\u2060\ufeff]/g, "")
        .replace(/[\u2010-\u2015\u2212]/g, "-")

const isAscii = /^[\0-\x7f]*$/
const quotes = /["'`\u2018-\u201f\u2032-\u2037\u00ab\u00bb\u2039\u203a]/g
const bullets = new Set(["-", "*", "\u2022"])

const withoutEnd = (word: string): string => {
  let end = word.length
  while (end > 0 && ".,;:!?".includes(word.charAt(end - 1))) end--
  return end === word.length ? word : word.slice(0, end)
}
