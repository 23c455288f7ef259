/**
 * What models cost and can do. A table like any other: replace it, or add to it, where prices or models are different.
 *
 * @since 0.1.0
 */
import type { Usage } from "../Agent.ts"
import type { Tokens } from "./Api.ts"

/**
 * Dollars for a million tokens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Price {
  readonly input: number
  readonly output: number
  /** For five minutes. */
  readonly cacheWrite: number
  readonly cacheRead: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Model extends Price {
  /** The most tokens in one answer. */
  readonly maxOutput: number
  /** Whether it decides itself when and how much to think, and can be asked for it. */
  readonly adaptive: boolean
  /** What is paid for the whole call once its prompt is longer than so many tokens. */
  readonly long?: Price & { readonly over: number }
}

/**
 * By the name of the model, without the date that may follow it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Table {
  readonly [name: string]: Model
}

/** Most prices follow from two: a write costs a quarter more than reading anew, a read a part of it. */
const priced = (input: number, output: number, read = 0.1): Price => ({
  input,
  output,
  cacheWrite: input * 1.25,
  cacheRead: input * read
})

const recent = { maxOutput: 128_000, adaptive: true }
const older = { maxOutput: 64_000, adaptive: false }

/**
 * Anthropic's list prices as of November 2026. A model that is not here has no price: a budget in dollars is then an error.
 *
 * @category configuration
 * @since 0.1.0
 */
export const table: Table = {
  "claude-fable-5-1": { ...priced(10, 50, 0.025), ...recent },
  "claude-mythos-5-1": { ...priced(10, 50, 0.025), ...recent },
  "claude-fable-5": { ...priced(10, 50), ...recent },
  "claude-mythos-5": { ...priced(10, 50), ...recent },
  "claude-opus-5-5": { ...priced(4, 20, 0.05), ...recent },
  "claude-opus-5": { ...priced(5, 25), ...recent },
  "claude-opus-4-8": { ...priced(5, 25), ...recent },
  "claude-opus-4-7": { ...priced(5, 25), ...recent },
  "claude-opus-4-6": { ...priced(5, 25), ...recent },
  "claude-opus-4-5": { ...priced(5, 25), ...older },
  "claude-sonnet-5-5": { ...priced(2, 10, 0.05), ...recent },
  "claude-sonnet-5": { ...priced(2, 10), ...recent },
  "claude-sonnet-4-6": { ...priced(3, 15), ...recent, maxOutput: 64_000 },
  "claude-sonnet-4-5": { ...priced(3, 15), ...older },
  "claude-haiku-5-5": { ...priced(0.1, 0.5), ...recent, long: { ...priced(0.5, 2.5), over: 100_000 } },
  "claude-haiku-4-5": { ...priced(1, 5), ...older }
}

/**
 * @category configuration
 * @since 0.1.0
 */
export const defaultModel = "claude-sonnet-5-5"

/**
 * Finds a model by its name, with or without a date.
 *
 * @category constructors
 * @since 0.1.0
 */
export const find = (table: Table, name: string): Model | undefined => {
  const plain = name.replace(/-\d{8}$/, "")
  return Object.hasOwn(table, plain) ? table[plain] : undefined
}

/**
 * What a call used. Without a price it costs nothing here.
 *
 * @category constructors
 * @since 0.1.0
 */
export const usageOf = (model: Model | undefined, tokens: Tokens): Usage => {
  const { cache_creation_input_tokens: written, cache_read_input_tokens: read, input_tokens, output_tokens } = tokens
  const sent = input_tokens + written + read
  const price = priceOf(model, sent)
  const cost =
    price === undefined
      ? 0
      : input_tokens * price.input + written * price.cacheWrite + read * price.cacheRead + output_tokens * price.output
  return { input_tokens: sent, output_tokens, cost_usd: round(cost / 1_000_000), calls: 1 }
}

/**
 * The most that a call can use: nothing of it comes from the cache, all of it is written there, and the answer is as long
 * as it may be.
 *
 * @category constructors
 * @since 0.1.0
 */
export const worstCase = (model: Model | undefined, sent: number, maxTokens: number): Usage =>
  usageOf(model, {
    input_tokens: 0,
    cache_creation_input_tokens: sent,
    cache_read_input_tokens: 0,
    output_tokens: maxTokens
  })

const priceOf = (model: Model | undefined, sent: number): Price | undefined =>
  model?.long !== undefined && sent > model.long.over ? model.long : model

/** To a millionth of a cent: sums of binary fractions are no prices. */
const round = (usd: number) => Math.round(usd * 1e8) / 1e8
