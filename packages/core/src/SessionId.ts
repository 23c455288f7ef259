/**
 * Names a session for good: `<role>-<task-type>-<unique-id>` when generated, any lower-case name of that form when given.
 *
 * @since 0.1.0
 */
import { Effect, Random, Schema } from "effect"
import { base32 } from "./internal/base32.ts"
import { Slug } from "./Key.ts"
import type { Role } from "./Role.ts"

/**
 * 3 to 128 lower-case letters and digits, in words joined by single hyphens. Role and task type are never read back out
 * of it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SessionId = Slug.check(Schema.isMinLength(3)).pipe(Schema.brand("@sartor/core/SessionId"))

/**
 * @category models
 * @since 0.1.0
 */
export type SessionId = typeof SessionId.Type

/**
 * A string that cannot name a session.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidSessionId extends Schema.TaggedError<InvalidSessionId>("@sartor/core/SessionId/InvalidSessionId")(
  "InvalidSessionId",
  { input: Schema.String }
) {
  override get message() {
    const shown = JSON.stringify(this.input.slice(0, 140))
    return `${shown} is not a session id: use 3 to 128 lower-case letters and digits, in words joined by single hyphens`
  }
}

/**
 * Reads a given id.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (input: string): Effect.Effect<SessionId, InvalidSessionId> =>
  isSessionId(input) ? Effect.succeed(input) : Effect.fail(new InvalidSessionId({ input }))

/**
 * Makes a new id. Eight base-32 characters make a collision unlikely; creating the session at version 0 rules it out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (role: Role, taskType: string): Effect.Effect<SessionId> =>
  Effect.map(uniqueSuffix, (suffix) => derive(role, taskType, suffix))

/**
 * The id of the same convention whose last part is given: lower-case letters and digits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const derive = (role: string, taskType: string, suffix: string): SessionId =>
  SessionId.make(`${slug(role, 32)}-${slug(taskType, 64)}-${suffix}`)

/**
 * Eight characters of Crockford's base 32, in lower case.
 *
 * @category constructors
 * @since 0.1.0
 */
export const uniqueSuffix: Effect.Effect<string> = Effect.map(Random.nextIntBetween(0, 2 ** 40), (number) =>
  base32(number, 8).toLowerCase()
)

const isSessionId = Schema.is(SessionId)

const slug = (text: string, length: number) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, length)
    .replace(/^-+|-+$/g, "") || "task"
