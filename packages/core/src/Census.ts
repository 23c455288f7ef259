/**
 * Accounts for every agent that was asked: whoever did not report is named, never averaged over.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { Problem, Result } from "./Agent.ts"
import { compare, normalise } from "./Claims.ts"

/**
 * How one agent ended, under its name in the workflow.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Report = Schema.Struct({
  agent: Schema.String,
  outcome: Schema.Literals(["complete", "blocked", "failed", "cancelled", "skipped", "missing"]),
  /** Counted for `complete` only: what a run leaves behind when it ends otherwise is not a report. */
  result: Schema.optional(Result),
  problem: Schema.optional(Problem)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Report = typeof Report.Type

/**
 * `reported` said something; `placeholder` completed and said nothing; `failed` was blocked, failed, was cancelled or left
 * an invalid result; `missing` never ran, or left none.
 *
 * @category schemas
 * @since 0.1.0
 */
export const State = Schema.Literals(["reported", "failed", "missing", "placeholder"])

/**
 * @category models
 * @since 0.1.0
 */
export type State = typeof State.Type

/**
 * How many agents there were and what became of each: `expected` is the sum of the other four.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Census = Schema.Struct({
  expected: Schema.Natural,
  reported: Schema.Natural,
  failed: Schema.Natural,
  missing: Schema.Natural,
  placeholder: Schema.Natural,
  by_agent: Schema.Record(Schema.String, State)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Census = typeof Census.Type

/**
 * `complete` when all reported; `insufficient` when none or fewer than half did; else `degraded`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Literals(["complete", "degraded", "insufficient"])

/**
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

/**
 * What became of one agent, and the results that count.
 *
 * @category models
 * @since 0.1.0
 */
export interface Account {
  readonly agent: string
  readonly state: State
  /** Why it did not report, in a word or two: the problem's code, or the outcome. */
  readonly reason: string
  /** More than one only if several reports came under one name: these are one agent. */
  readonly results: ReadonlyArray<Result>
}

/**
 * Settles what became of each agent, in order of name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const settle = (reports: ReadonlyArray<Report>): ReadonlyArray<Account> =>
  [...Map.groupBy(reports, (report) => report.agent)]
    .toSorted(([a], [b]) => compare(a, b))
    .map(([agent, own]) => {
      const ends = own.map((report) => ({ ...stateOf(report), result: report.result }))
      const state = precedence.find((state) => ends.some((end) => end.state === state)) ?? "missing"
      const deciding = ends.filter((end) => end.state === state)
      return {
        agent,
        state,
        reason: deciding.map((end) => end.reason).toSorted(compare)[0] ?? "missing",
        results: state === "reported" ? deciding.flatMap(({ result }) => (result === undefined ? [] : [result])) : []
      }
    })

/**
 * Counts the accounts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (accounts: ReadonlyArray<Account>): Census => {
  const count = (state: State) => accounts.filter((account) => account.state === state).length
  return {
    expected: accounts.length,
    reported: count("reported"),
    failed: count("failed"),
    missing: count("missing"),
    placeholder: count("placeholder"),
    by_agent: Object.fromEntries(accounts.map(({ agent, state }) => [agent, state]))
  }
}

/**
 * What a census allows a synthesis to call itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const status = ({ expected, reported }: Census): Status =>
  reported === 0 || reported * 2 < expected ? "insufficient" : reported === expected ? "complete" : "degraded"

/**
 * Tells whether a result says nothing: a blank or filler summary, and no claims, files or issues, or only claims and issues
 * that are filler themselves. "Nothing found" is a report; "done", "TODO", "n/a", "lorem ipsum" and "As an AI" are not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isPlaceholder = (result: Result): boolean =>
  isFiller(result.summary) &&
  !result.files?.length &&
  (result.claims ?? []).every(({ claim, evidence }) => isFiller(claim) && !evidence?.some((text) => !isFiller(text))) &&
  (result.issues ?? []).every(({ description }) => isFiller(description))

const isResult = Schema.is(Result)

const precedence = ["reported", "placeholder", "failed", "missing"] as const

const stateOf = ({ outcome, problem, result }: Report): { readonly state: State; readonly reason: string } => {
  switch (outcome) {
    case "complete":
      if (result === undefined) return { state: "missing", reason: "no result" }
      // Callers without types get an answer too, not an exception.
      if (!isResult(result)) return { state: "failed", reason: "invalid_result" }
      return isPlaceholder(result)
        ? { state: "placeholder", reason: "says nothing" }
        : { state: "reported", reason: "reported" }
    case "blocked":
    case "failed":
    case "cancelled":
      return { state: "failed", reason: problem?.code ?? outcome }
    case "skipped":
    case "missing":
      return { state: "missing", reason: problem?.code ?? outcome }
  }
}

const isFiller = (summary: string): boolean => {
  if (!/[\p{L}\p{N}]/u.test(summary)) return true
  const text = normalise(summary.slice(0, 1_000))
  if (opening.test(text) || template.test(text)) return true
  const words = text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "")
  return (
    words.length <= 12 &&
    words.some((word) => empty.has(word)) &&
    words.every((word) => empty.has(word) || joining.has(word))
  )
}

/** Phrases that open a text without content. */
const opening =
  /^(?:lorem ipsum|as an ai\b|(?:im|i am) an ai\b|(?:im|i am) sorry,? but\b|i (?:cannot|cant) (?:help|assist)\b|(?:summary|text|content|result) goes here|coming soon)/

/** An unfilled slot: `<summary>`, `[insert text here]`, `{{ summary }}`. */
const template = /^(?:<[\w -]{1,60}>|\[[a-z_ -]{1,60}\]|\{{1,2}[\w -]{1,60}\}{1,2})$/

const wordsOf = (text: string): ReadonlySet<string> => new Set(text.split(" "))

/** A summary of nothing but these, and words that join them, says nothing. */
const empty = wordsOf(
  "bar baz blank complete completed content done dummy empty finished fixme foo n na nan nil none null ok okay output " +
    "placeholder response result results sample success successful successfully summary task tasks tba tbd test testing " +
    "text todo undefined xx xxx"
)

const joining = wordsOf(
  "a all an and as been goes has have here i is it job my no of please the this to was we with work"
)
