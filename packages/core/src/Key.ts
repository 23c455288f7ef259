/**
 * The strict grammar of everything that becomes a path or a subject: checked at every edge, before it gets near one.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/** Lower-case words joined by single hyphens. */
const slug = "[a-z0-9]+(?:-[a-z0-9]+)*"

/** A slug of at most 128 characters within a key. */
const part = `(?![^/]{129})${slug}`

/**
 * A name in lower case: words of letters and digits joined by single hyphens, at most 128 characters.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Slug = Schema.String.check(
  Schema.isPattern(new RegExp(`^${slug}$`), {
    message: "Expected lower-case letters and digits in words joined by single hyphens"
  }),
  Schema.isMaxLength(128)
)

/**
 * The key of a journal, or the name of a queue: one to four slugs joined by `/`, at most 400 characters, such as `session/auditor-a11y-0k3f9d2m`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Key = Schema.String.check(
  Schema.isPattern(new RegExp(`^${part}(?:/${part}){0,3}$`), {
    message: "Expected one to four lower-case names joined by /"
  }),
  Schema.isMaxLength(400)
)

/**
 * A key that does not follow the grammar. Nothing was touched.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidKey extends Schema.TaggedError<InvalidKey>("@sartor/core/Key/InvalidKey")("InvalidKey", {
  key: Schema.String
}) {
  override get message() {
    return `${JSON.stringify(this.key)} is not a valid key: use lower-case letters, digits and single hyphens, joined by "/"`
  }
}

/**
 * Tells whether a string is a valid key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isKey: (input: unknown) => input is string = Schema.is(Key)
