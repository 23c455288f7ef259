/**
 * Matches claims by a model of meaning that an application brings along: claims that are alike in meaning are one, if numbers, names,
 * negation and remedies agree as well, to which such models are nearly blind.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, Schema } from "effect"
import type { Report } from "./Census.ts"
import * as Claims from "./Claims.ts"
import { Matching, MatchingFailed } from "./Matching.ts"
import * as Wording from "./Wording.ts"

/**
 * The model could not be asked, or did not answer one vector for each text.
 *
 * @category errors
 * @since 0.1.0
 */
export class EmbeddingsFailed extends Schema.TaggedError<EmbeddingsFailed>("@sartor/core/Embeddings/EmbeddingsFailed")(
  "EmbeddingsFailed",
  { detail: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message() {
    return `Claims cannot be matched by meaning: ${this.detail}. Leave the matcher out to match them by their words`
  }
}

/**
 * Port to a model that gives texts a place in a space of meaning.
 *
 * @category services
 * @since 0.1.0
 */
export class Embeddings extends Context.Service<
  Embeddings,
  {
    /** One vector for each text, in their order, all of one length. */
    readonly embed: (
      texts: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<ReadonlyArray<number>>, EmbeddingsFailed>
  }
>()("@sartor/core/Embeddings") {}

/**
 * Asks the model once about all claims of the reports, and makes the matcher that `Synthesis.synthesize` takes. Claims are matched if the
 * cosine of their vectors is at least the threshold, 0.85 by default: which one is right depends on the model.
 *
 * @category constructors
 * @since 0.1.0
 */
export const matcher: (
  reports: ReadonlyArray<Report>,
  options?: { readonly threshold?: number | undefined }
) => Effect.Effect<Claims.Matcher, EmbeddingsFailed, Embeddings> = Effect.fn("Embeddings.matcher")(function* (
  reports,
  { threshold = 0.85 } = {}
) {
  const { embed } = yield* Embeddings
  const texts = Claims.distinct(
    reports.flatMap(({ agent, result }) =>
      result === undefined ? [] : Claims.read(agent, [result]).map((claim) => claim.claimKey)
    )
  )
  const vectors = texts.length === 0 ? [] : yield* embed(texts)
  const length = vectors[0]?.length ?? 0
  const isWhole =
    vectors.length === texts.length && vectors.every((vector) => vector.length === length && isSound(vector))
  if (!isWhole || (length === 0 && texts.length > 0)) {
    const detail = `the model gave ${vectors.length} vectors for ${texts.length} texts, or vectors that cannot be compared`
    return yield* new EmbeddingsFailed({ detail })
  }
  const places = new Map(texts.map((text, index) => [text, normed(vectors[index] ?? [])]))
  const prepare = (text: string) => ({ wording: Wording.read(text), place: places.get(text) ?? [] })
  const measure = (a: ReturnType<typeof prepare>, b: ReturnType<typeof prepare>) =>
    Wording.differ(a.wording, b.wording) ? 0 : Math.min(1, dot(a.place, b.place))
  const matched: Claims.Matcher = (claims) => Wording.cluster(claims, measure, prepare, threshold)
  return matched
})

/**
 * Lets the model match the claims of every synthesis of a program.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMatching = (
  options?: { readonly threshold?: number | undefined } | undefined
): Layer.Layer<never, never, Embeddings> =>
  Layer.effect(
    Matching,
    Effect.gen(function* () {
      const embeddings = yield* Embeddings
      return {
        matcherFor: (reports) =>
          matcher(reports, options).pipe(
            Effect.provideService(Embeddings, embeddings),
            Effect.mapError((cause) => new MatchingFailed({ detail: cause.detail, cause }))
          )
      }
    })
  )

const isSound = (vector: ReadonlyArray<number>): boolean =>
  vector.every((value) => Number.isFinite(value)) && vector.some((value) => value !== 0)

const normed = (vector: ReadonlyArray<number>): ReadonlyArray<number> => {
  const norm = Math.sqrt(dot(vector, vector))
  return vector.map((value) => value / norm)
}

const dot = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
