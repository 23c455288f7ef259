/**
 * Asks Claude one thing outside of any session: one request, one answer of a known shape.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, type Redacted, Schema } from "effect"
import { toCodecAnthropic } from "effect/ai/AnthropicStructuredOutput"
import { pointTo } from "../internal/issues.ts"
import * as Api from "./Api.ts"
import * as Block from "./Block.ts"
import * as Calling from "./Calling.ts"
import * as Models from "./Models.ts"
import * as Pace from "./Pace.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Where the API is; as `ANTHROPIC_BASE_URL` says if it is left out, else Anthropic's. */
  readonly baseUrl?: string | undefined
  /** `Models.defaultModel` if it is left out. */
  readonly model?: string | undefined
  /** Instead of `Models.table`. */
  readonly models?: Models.Table | undefined
  readonly retry?: Calling.Retry | undefined
  /** How long the answer may make no progress: a minute by default. */
  readonly silence?: Duration.Input | undefined
  /** Shared with the runners that use the same key. */
  readonly pace?: Pace.Pace | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Question<A> {
  /** What the call is called in the log. */
  readonly name: string
  readonly system: string
  readonly prompt: string
  readonly answer: Schema.Codec<A, unknown>
  /** The most tokens of the answer. */
  readonly maxTokens: number
}

/**
 * There was no answer that can be used.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unanswered extends Schema.TaggedError<Unanswered>("@sartor/core/claude/Question/Unanswered")(
  "Unanswered",
  { name: Schema.String, detail: Schema.String }
) {
  override get message() {
    return `Claude did not answer (${this.name}): ${this.detail}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Asker {
  readonly ask: <A>(question: Question<A>) => Effect.Effect<A, Unanswered>
}

/**
 * Makes somebody to ask. What each answer used is in the log.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Asker> {
  const api = Api.make(options)
  const pace = options.pace ?? (yield* Pace.make)
  const model = options.model ?? Models.defaultModel
  const known = Models.find(options.models ?? Models.table, model)

  const ask = Effect.fnUntraced(function* <A>({ answer, maxTokens, name, prompt, system }: Question<A>) {
    const unanswered = (detail: string) => new Unanswered({ name, detail })
    const { codec, jsonSchema } = toCodecAnthropic(answer)
    const body: Api.Request["body"] = {
      model,
      max_tokens: Math.min(maxTokens, known?.maxOutput ?? maxTokens),
      system: [{ type: "text", text: system }],
      messages: [{ role: "user", content: [{ type: "text", text: prompt }] }],
      output_config: { format: { type: "json_schema", schema: Schema.decodeUnknownSync(Schema.Json)(jsonSchema) } }
    }
    const came = yield* Calling.call(
      { body, betas: [] },
      {
        api,
        pace,
        silence: options.silence ?? "1 minute",
        retry: options.retry,
        name,
        onDelta: () => Effect.void
      }
    ).pipe(Effect.mapError(({ message }) => unanswered(message)))
    const { cost_usd, input_tokens, output_tokens } = Models.usageOf(known, came.tokens)
    yield* Effect.logInfo(`Claude answered (${name})`).pipe(
      Effect.annotateLogs({ model: came.model, input_tokens, output_tokens, cost_usd })
    )
    if (came.stop_reason !== "end_turn" && came.stop_reason !== "stop_sequence") {
      return yield* unanswered(`it stopped for ${came.stop_reason || "no reason"}`)
    }
    return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(codec))(Block.textOf(came.content)).pipe(
      Effect.mapError((error) => unanswered(`its answer is not what was asked for: ${pointTo(error)}`))
    )
  })
  return { ask }
})
