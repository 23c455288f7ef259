/**
 * What an agent is for. Any case comes in, upper case goes out.
 *
 * @since 0.1.0
 */
import { Context, Effect, Schema } from "effect"

/**
 * The roles that every fleet has.
 *
 * @category models
 * @since 0.1.0
 */
export const builtIn = ["PLANNER", "IMPLEMENTER", "AUDITOR", "CLEANER", "ORCHESTRATOR", "OBSERVER"] as const

/**
 * Roles that a deployment adds to the built-in ones; none by default.
 *
 * @category configuration
 * @since 0.1.0
 */
export const Additional = Context.Reference<ReadonlyArray<string>>("@sartor/core/Role/Additional", {
  defaultValue: () => []
})

/**
 * A role in upper case, as stored.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Role = Schema.String.check(Schema.isPattern(/^[A-Z][A-Z0-9_]{0,63}$/)).pipe(
  Schema.brand("@sartor/core/Role")
)

/**
 * @category models
 * @since 0.1.0
 */
export type Role = typeof Role.Type

/**
 * A role that this fleet does not have.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownRole extends Schema.TaggedError<UnknownRole>("@sartor/core/Role/UnknownRole")("UnknownRole", {
  input: Schema.String,
  roles: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Unknown role ${JSON.stringify(this.input.slice(0, 140))}: use one of ${this.roles.join(", ")}, or add it with SARTOR_ROLES`
  }
}

/**
 * Reads a role in any case.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = Effect.fnUntraced(function* (input: string) {
  const roles = [...builtIn, ...(yield* Additional).map((role) => role.toUpperCase())].filter(isRole)
  const role = input.toUpperCase()
  return roles.find((known) => known === role) ?? (yield* new UnknownRole({ input, roles }))
})

const isRole = Schema.is(Role)
