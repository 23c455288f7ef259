/**
 * Finds claims that say the same in other words, without a model: by stems of words, weighted, where numbers, names, negation and
 * what is to be done agree. It would rather miss a pair than merge two that differ.
 *
 * @since 0.1.0
 */
import { stemmer } from "stemmer"
import { compare, normalise, type Claim, type Group, type Matcher } from "./Claims.ts"

/**
 * What is compared of a text.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wording {
  /** Stems with their weights. */
  readonly words: ReadonlyMap<string, number>
  readonly norm: number
  /** Numbers, versions, paths and names of code: two texts with different ones are about different things. */
  readonly exact: ReadonlySet<string>
  readonly negated: boolean
  /** What is to be done, if the text says so. */
  readonly actions: ReadonlySet<string>
}

/**
 * How alike two texts have to be. On the labelled pairs of the bench (row Y3) it was set for precision.
 *
 * @category configuration
 * @since 0.1.0
 */
export const defaultThreshold = 0.86

/**
 * A matcher by wording: claims of one topic say the same if each two of them are at least as alike as the threshold. Topics with more
 * than 1,000 different claims are matched exactly.
 *
 * @category constructors
 * @since 0.1.0
 */
export const matcher =
  ({ threshold = defaultThreshold }: { readonly threshold?: number | undefined } = {}): Matcher =>
  (claims) =>
    cluster(claims, similarity, read, threshold)

/**
 * Reads a text for comparison.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (text: string): Wording => {
  const words = new Map<string, number>()
  const exact = new Set<string>()
  const actions = new Set<string>()
  let negated = false
  for (const token of tokensOf(text)) {
    if (/\d/.test(token) || /[a-z0-9][./_@\\][a-z0-9]/.test(token)) {
      exact.add(token)
      words.set(token, 1.5)
      continue
    }
    const { base, denies } = affirm(token)
    if (denies) negated = true
    if (base === "" || stops.has(base)) continue
    const stem = synonyms.get(stemmer(base)) ?? stemmer(base)
    if (doing.has(stem)) actions.add(stem)
    words.set(stem, faint.has(stem) ? 0.4 : 1)
  }
  let squares = 0
  for (const weight of words.values()) squares += weight * weight
  return { words, norm: Math.sqrt(squares), exact, negated, actions }
}

/**
 * How alike two texts are, from 0 to 1: the cosine of their weighted stems, or 0 if they cannot say the same.
 *
 * @category constructors
 * @since 0.1.0
 */
export const similarity = (a: Wording, b: Wording): number => {
  if (differ(a, b)) return 0
  if (a.norm === 0 || b.norm === 0) return 0
  let product = 0
  for (const [word, weight] of a.words) product += weight * (b.words.get(word) ?? 0)
  return Math.min(1, product / (a.norm * b.norm))
}

/**
 * Whether two texts cannot say the same, however alike they sound: one denies what the other says, or they name different numbers,
 * things or remedies.
 *
 * @category constructors
 * @since 0.1.0
 */
export const differ = (a: Wording, b: Wording): boolean =>
  a.negated !== b.negated || nameOthers(a, b) || clash(a.actions, b.actions)

/**
 * Whether two texts name different numbers, versions, paths or names of code.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nameOthers = (a: Wording, b: Wording): boolean => clash(a.exact, b.exact)

/**
 * Groups claims by any measure: each claim joins the group whose least like member is most like it, if that is enough. Claims that are
 * equal once normalised are always together. The order of the claims does not matter.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cluster = <A>(
  claims: ReadonlyArray<Claim>,
  measure: (a: A, b: A) => number,
  prepare: (text: string) => A,
  threshold: number
): ReadonlyArray<Group> => {
  const byText = Map.groupBy(claims, (claim) => claim.claimKey)
  if (byText.size < 2 || byText.size > most) return Array.from(byText.values(), (claims) => ({ claims, similarity: 1 }))
  const equal = [...byText].toSorted(([a], [b]) => compare(a, b))
  const groups: Array<{ readonly claims: Array<Claim>; readonly members: Array<A>; similarity: number }> = []
  for (const [key, same] of equal) {
    const own = prepare(key)
    let best: (typeof groups)[number] | undefined
    let nearest = threshold
    for (const group of groups) {
      let least = inOtherWords
      for (const member of group.members) {
        least = Math.min(least, measure(member, own))
        if (least < nearest) break
      }
      if (least >= nearest && (best === undefined || least > nearest)) {
        best = group
        nearest = least
      }
    }
    if (best === undefined) groups.push({ claims: [...same], members: [own], similarity: 1 })
    else {
      best.claims.push(...same)
      best.members.push(own)
      best.similarity = Math.min(best.similarity, nearest)
    }
  }
  return groups
}

const most = 1_000
/** What is not equal is not wholly alike, even if the same words are in it. */
const inOtherWords = 0.99

/** One of them may say more than the other, but not something else. */
const clash = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => !isWithin(a, b) && !isWithin(b, a)

const isWithin = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => {
  for (const each of a) if (!b.has(each)) return false
  return true
}

const tokensOf = (text: string): ReadonlyArray<string> =>
  normalise(text)
    .replace(/\b([a-z]+)nt\b/g, (word, verb: string) => (auxiliary.has(verb) ? `${verb} not` : word))
    .replace(/\bstyle sheet/g, "stylesheet")
    .replace(/\bplain text/g, "plaintext")
    .replace(/\balternative text|\balt text|\balt attribute/g, "alttext")
    .split(/[\s,;:!?()[\]{}"=]+|(?<=[a-z])-(?=[a-z])|\.(?=\s|$)/)
    .filter((token) => token !== "")

/** A word without what denies it: `unescaped` is `escaped`, denied. */
const affirm = (word: string): { readonly base: string; readonly denies: boolean } => {
  if (denials.has(word)) return { base: "", denies: true }
  const [, rest] = /^un([a-z]{4,})$/.exec(word) ?? []
  if (rest !== undefined && !seeming.has(word)) return { base: rest, denies: true }
  if (word.startsWith("in") && hidden.has(word)) return { base: word.slice(2), denies: true }
  return { base: word, denies: false }
}

const list = (words: string): ReadonlySet<string> => new Set(words.split(" "))

const auxiliary = list("do does did is are was were has have had ca could should wo would must")
const denials = list(
  "no not never none nobody nothing without cannot cant lack lacks lacking lacked miss missing misses absent neither nor wont"
)
const seeming = list("under until unique unit units union universal unless unable understand unload")
const hidden = list("insecure invalid inaccessible inactive incorrect incomplete inconsistent insufficient ineffective")
const stops = list(
  "a an and any are as at be been being but by can could did do does for from had has have he her his how if in into is it its itself " +
    "may might must of on or our s shall she should so some than that the their them then there these they this those to too was we " +
    "were what when where which while who will with would you your"
)
/** Words that say little about what a finding is. */
const faint = list(
  "page site file set us use user show displai element version flag attribut data call run make made sent send each everi all silent respons " +
    "document contain built affect known"
)
const same = (words: string) => words.split("; ").map((group) => group.split(" "))
const synonyms: ReadonlyMap<string, string> = new Map(
  same(
    "remove delet drop eliminat; upgrade updat bump; add provid suppli introduc; big larg bigger larger; show displai shown; " +
      "most major mostli; each everi per; lang languag; auth authent; js javascript; css stylesheet; third-parti thirdparti; " +
      "reach reachabl; first-paint firstpaint; cach caching; quick fast; slow sluggish; over more"
  ).flatMap(([to = "", ...from]) => [
    [stemmer(to), stemmer(to)] as const,
    ...from.map((word) => [word, stemmer(to)] as const)
  ])
)
/** What a remedy does: remedies that do different things are different, whatever else they have in common. */
const doing = new Set(
  "remove add upgrade inline move replace keep defer split merge encrypt rename revert enable disable allow forbid"
    .split(" ")
    .map(stemmer)
)
