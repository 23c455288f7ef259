/**
 * Who decides which claims say the same, for every synthesis of a program: by their words, unless an application provides something
 * else, such as `Embeddings.layerMatching` or Claude.
 *
 * @since 0.1.0
 */
import { Context, Effect, Schema } from "effect"
import type { Report } from "./Census.ts"
import type { Matcher } from "./Claims.ts"
import * as Wording from "./Wording.ts"

/**
 * The claims could not be matched in the way that was asked for.
 *
 * @category errors
 * @since 0.1.0
 */
export class MatchingFailed extends Schema.TaggedError<MatchingFailed>("@sartor/core/Matching/MatchingFailed")(
  "MatchingFailed",
  { detail: Schema.String, cause: Schema.optional(Schema.Defect()) }
) {
  override get message() {
    return `Claims were not matched as asked: ${this.detail}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Matching {
  /** Is asked before a synthesis, which is pure, about all claims of its reports. */
  readonly matcherFor: (reports: ReadonlyArray<Report>) => Effect.Effect<Matcher, MatchingFailed>
}

/**
 * @category services
 * @since 0.1.0
 */
export const Matching: Context.Reference<Matching> = Context.Reference<Matching>("@sartor/core/Matching", {
  defaultValue: () => ({ matcherFor: () => Effect.succeed(Wording.matcher()) })
})

/**
 * The matcher for these reports. Where it fails, claims are matched by their words, and the log says why: a synthesis never waits for a
 * model that does not answer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const matcherFor = (reports: ReadonlyArray<Report>): Effect.Effect<Matcher> =>
  Effect.flatMap(Matching, (matching) => matching.matcherFor(reports)).pipe(
    Effect.catch((error) =>
      Effect.as(Effect.logWarning(`${error.message}. They are matched by their words`), Wording.matcher())
    ),
    Effect.withSpan("Matching.matcherFor", { attributes: { reports: reports.length } })
  )
