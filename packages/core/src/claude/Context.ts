/**
 * Keeps what is sent within its limit. The journal keeps everything: a policy only decides what of it is still sent, and
 * what it decides is committed, so that a resumed run sends the same.
 *
 * @since 0.1.0
 */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { type Entries, type Entry, messagesOf } from "./Conversation.ts"

/**
 * What is sent of a conversation at most, in bytes of JSON: 100 KB.
 *
 * @category configuration
 * @since 0.1.0
 */
export const defaultLimit = 100 * 1024

/**
 * Decides what is no longer sent once a conversation is larger than its limit: an entry that makes it smaller, or nothing
 * if there is none.
 *
 * @category models
 * @since 0.1.0
 */
export type Prune = (entries: Entries, limit: number) => Extract<Entry, { readonly type: "pruned" }> | undefined

/**
 * What happens to a conversation that is too large:
 *
 * - `prune`: something of it is left out. Costs nothing.
 * - `summarise`: Claude writes a summary of what comes before the last exchange, in a call of its own.
 * - `compact`: the API's own compaction of everything, in a call of its own.
 *
 * Where one of them cannot make it small enough, old results and then old turns are left out.
 *
 * @category models
 * @since 0.1.0
 */
export type Policy =
  | { readonly type: "prune"; readonly prune: Prune }
  | { readonly type: "summarise" }
  | { readonly type: "compact" }

/**
 * How large what is sent is, in bytes of JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bytesOf = (entries: Entries): number => utf8ToBytes(JSON.stringify(messagesOf(entries))).length

/** It is made so much smaller than it has to be: the prompt cache starts anew each time that it is changed. */
const target = 0.5

/** Where answers stand that are followed by their results: what is sent may begin with any of them. */
const answersIn = (entries: Entries) => entries.flatMap(({ type }, index) => (type === "answered" ? [index] : []))

/** The first of several ways, from the mildest on, that makes it small enough; the last, if it makes it smaller at all. */
const firstThatFits = (entries: Entries, goal: number, ways: ReadonlyArray<Extract<Entry, { type: "pruned" }>>) => {
  const found = ways.find((way) => bytesOf([...entries, way]) <= goal) ?? ways.at(-1)
  return found !== undefined && bytesOf([...entries, found]) < bytesOf(entries) ? found : undefined
}

/**
 * Leaves out the content of old results, but for those of the newest so many answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clearResults =
  (keep = 3): Prune =>
  (entries, limit) => {
    const answers = answersIn(entries)
    const newest = answers.slice(0, Math.max(answers.length - keep, 0) + 1)
    return firstThatFits(
      entries,
      limit * target,
      newest.map((clear) => ({ type: "pruned", from: 0, clear }))
    )
  }

/**
 * Leaves out old turns, each answer with its results, but for the task and the newest so many answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dropTurns =
  (keep = 1): Prune =>
  (entries, limit) => {
    const answers = answersIn(entries)
    const ways = answers.slice(0, Math.max(answers.length - keep, 0) + 1)
    return firstThatFits(
      entries,
      limit * target,
      ways.map((from) => ({ type: "pruned", from, clear: 0 }))
    )
  }

/**
 * Old results first, then, if that is not enough, old turns.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clearThenDrop =
  (keep = 3): Prune =>
  (entries, limit) => {
    const cleared = clearResults(keep)(entries, limit)
    return cleared !== undefined && bytesOf([...entries, cleared]) <= limit ? cleared : dropTurns()(entries, limit)
  }

/**
 * @category configuration
 * @since 0.1.0
 */
export const defaultPolicy: Policy = { type: "prune", prune: clearThenDrop() }

/**
 * What is asked for a summary.
 *
 * @category configuration
 * @since 0.1.0
 */
export const askForSummary =
  "Stop here for a moment. Write a summary of what you have done and found so far, for yourself, because the conversation " +
  "before this will be left out: the state of the work, what was decided and why, every file, name and number that you " +
  "will need, and what is left to do. Call no tools. Answer with the summary alone."

/**
 * Where the last exchange begins, which stays as it is beside a summary.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lastExchange = (entries: Entries): number | undefined => answersIn(entries).at(-1)
