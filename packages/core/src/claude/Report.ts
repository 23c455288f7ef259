/**
 * What Claude hands in: the result of an agent, in a shape that the API can hold it to.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import { toCodecAnthropic } from "effect/ai/AnthropicStructuredOutput"
import * as Agent from "../Agent.ts"
import { pointTo } from "../internal/issues.ts"

/**
 * The result of an agent, without what the API cannot describe.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Report = Schema.Struct({
  summary: Schema.String.annotate({ description: "What was done and found, for somebody who reads nothing else" }),
  claims: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        topic: Schema.String.annotate({ description: "What it is about, such as a question about one file" }),
        claim: Schema.String.annotate({ description: "One statement that is true or false" }),
        stance: Schema.optionalKey(Agent.Stance),
        confidence: Schema.optionalKey(Schema.Finite.annotate({ description: "From 0 to 1" })),
        evidence: Schema.optionalKey(
          Schema.Array(Schema.String).annotate({ description: "path:line, an address, or text" })
        ),
        severity: Schema.optionalKey(Agent.Severity)
      })
    )
  ),
  files: Schema.optionalKey(Schema.Array(Schema.String).annotate({ description: "Files that you made or changed" })),
  issues: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        severity: Agent.Severity,
        description: Schema.String,
        recommendation: Schema.optionalKey(Schema.String)
      })
    )
  ),
  confidence: Schema.optionalKey(Schema.Finite.annotate({ description: "How sure you are of all of it, from 0 to 1" }))
})

/**
 * How an answer becomes a result.
 *
 * @category models
 * @since 0.1.0
 */
export interface Format {
  /** For `output_config.format`. */
  readonly schema: Schema.Json
  /** Reads the text of an answer, or says what is wrong with it. */
  readonly parse: (text: string) => Effect.Effect<Agent.Result, string>
}

/**
 * Makes the format of a schema. Its values are JSON objects with at least a `summary`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const formatOf = <A>(schema: Schema.Codec<A, unknown>): Format => {
  const { codec, jsonSchema } = toCodecAnthropic(schema)
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))
  const read = Schema.decodeUnknownEffect(codec)
  const write = Schema.encodeUnknownEffect(schema)
  return {
    schema: Schema.decodeUnknownSync(Schema.Json)(jsonSchema),
    parse: (text) =>
      decode(text).pipe(
        Effect.mapError(() => "it is not JSON"),
        Effect.flatMap((value) => Effect.mapError(read(value), pointTo)),
        Effect.flatMap((value) => Effect.mapError(write(value), pointTo)),
        Effect.flatMap((value) => Effect.mapError(decodeResult(value), pointTo))
      )
  }
}

const decodeResult = Schema.decodeUnknownEffect(Agent.Result)
