/**
 * Arguments and flags that several commands take.
 *
 * @since 0.1.0
 */
import { Effect, Option, Schema } from "effect"
import { Argument, Flag } from "effect/cli"
import { Key, Role, SessionId } from "@sartor/core"
import * as Failure from "./Failure.ts"

/**
 * @category constructors
 * @since 0.1.0
 */
export const sessionId = Argument.String("id").pipe(
  Argument.withMetavar("session"),
  Argument.withDescription("The id of a session")
)

/**
 * @category constructors
 * @since 0.1.0
 */
export const runId = Argument.String("run").pipe(
  Argument.withMetavar("id"),
  Argument.withDescription("The id of a run")
)

/**
 * @category constructors
 * @since 0.1.0
 */
export const orchestrator = Flag.String("orchestrator").pipe(
  Flag.withMetavar("<name>"),
  Flag.withDescription("Only this orchestrator; all by default"),
  Flag.optional
)

/**
 * A text flag that may be left out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(`<${metavar}>`), Flag.withDescription(description), Flag.optional)

/**
 * A flag that may be given again and again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const many = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(`<${metavar}>`), Flag.withDescription(description), Flag.atLeast(0))

/**
 * A switch; without it, it is off.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toggle = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDescription(description), Flag.withDefault(false))

/**
 * For what is started by another program, and is of no use without it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const dieWithParent = toggle("die-with-parent", "Stop when the process that started this one is gone")

/**
 * Reads `key=value`; of a key that is given twice the last counts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readPairs = Effect.fnUntraced(function* (name: string, given: ReadonlyArray<string>) {
  const pairs = new Map<string, string>()
  for (const pair of given) {
    const at = pair.indexOf("=")
    if (at < 1) {
      const message = `--${name} cannot be ${JSON.stringify(pair)}: write key=value`
      return yield* Failure.badInput(message, { field: name })
    }
    pairs.set(pair.slice(0, at), pair.slice(at + 1))
  }
  return Object.fromEntries(pairs)
})

/**
 * Refuses what cannot be the id of a session, before it is looked for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readSessionId = (id: string, field = "id"): Effect.Effect<SessionId.SessionId, Failure.Failure> =>
  SessionId.parse(id).pipe(
    Effect.mapError((error) => {
      const { code, hint = "", message } = Failure.of(error)
      return new Failure.Failure({ code, message, hint, field })
    })
  )

/**
 * Refuses what cannot be the id of a run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readRunId = (id: string, field = "run"): Effect.Effect<string, Failure.Failure> =>
  isSlug(id)
    ? Effect.succeed(id)
    : Effect.fail(
        Failure.badInput(`${JSON.stringify(id.slice(0, 140))} is not the id of a run`, {
          field,
          hint: "use lower-case letters and digits, in words joined by single hyphens"
        })
      )

/**
 * Refuses what cannot name an orchestrator.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readOrchestrator = (name: Option.Option<string>): Effect.Effect<string | undefined, Failure.Failure> =>
  Option.isNone(name)
    ? Effect.succeed(undefined)
    : isSlug(name.value)
      ? Effect.succeed(name.value)
      : Effect.fail(
          Failure.badInput(`--orchestrator cannot be ${JSON.stringify(name.value)}`, {
            field: "orchestrator",
            hint: "use lower-case letters and digits, in words joined by single hyphens"
          })
        )

/**
 * Reads a role in any case.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readRole = (role: Option.Option<string>, field = "role") =>
  Option.isNone(role)
    ? Effect.succeed(undefined)
    : Role.parse(role.value).pipe(
        Effect.mapError((error) => {
          const { code, hint = "", message } = Failure.of(error)
          return new Failure.Failure({ code, message, hint, field })
        })
      )

const isSlug: (name: string) => boolean = Schema.is(Key.Slug)
