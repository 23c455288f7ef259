/**
 * The message with which an agent's run wakes its orchestrator.
 *
 * @since 0.1.0
 */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { Clock, Effect, Random, Schema } from "effect"
import { Probability, Problem, Usage } from "./Agent.ts"
import { base32 } from "./internal/base32.ts"
import { Role } from "./Role.ts"
import { SessionId } from "./SessionId.ts"

/**
 * `complete`, `blocked` and `failed` end the run; after a `finding` it goes on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Status = Schema.Literals(["complete", "blocked", "failed", "finding"])

/**
 * @category models
 * @since 0.1.0
 */
export type Status = typeof Status.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const Priority = Schema.Literals(["normal", "high", "critical"])

/**
 * @category models
 * @since 0.1.0
 */
export type Priority = typeof Priority.Type

/**
 * A date and time as RFC 3339 writes it, with its offset.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Timestamp = Schema.String.check(
  Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/, {
    message: "Expected a time such as 2026-01-31T12:00:00Z"
  })
)

const fields = Schema.Struct({
  /** `<session id>/<run>/<ULID>`: chosen before the first attempt to send, and kept over every one. */
  wake_id: Schema.String.check(Schema.isMaxLength(256)),
  session_id: SessionId,
  agent_role: Role,
  status: Status,
  timestamp: Timestamp,
  deliverables: Schema.optionalKey(
    Schema.StructWithRest(
      Schema.Struct({
        files: Schema.optionalKey(Schema.Array(Schema.String)),
        handoff_id: Schema.optionalKey(Schema.NullOr(Schema.String)),
        handoff_file: Schema.optionalKey(Schema.NullOr(Schema.String))
      }),
      [Schema.Record(Schema.String, Schema.Json)]
    )
  ),
  summary: Schema.optionalKey(Schema.String),
  next_role: Schema.optionalKey(Schema.NullOr(Schema.String)),
  run: Schema.optionalKey(Schema.Natural),
  priority: Schema.optionalKey(Priority),
  confidence: Schema.optionalKey(Probability),
  usage: Schema.optionalKey(Usage),
  error: Schema.optionalKey(Problem)
})

/**
 * The wire format. Unknown keys are kept and passed on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Wake = Schema.StructWithRest(fields, [Schema.Record(Schema.String, Schema.Json)])

/**
 * @category models
 * @since 0.1.0
 */
export interface Wake extends Schema.Schema.Type<typeof Wake> {}

/**
 * What a sender may add to a wake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Details extends Partial<
  Pick<typeof fields.Type, "deliverables" | "summary" | "next_role" | "priority" | "confidence" | "usage" | "error">
> {}

/**
 * The largest wake in bytes of JSON.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxBytes = 256 * 1024

/**
 * How much of a text goes into the summary of a wake that a worker makes, in characters; the whole is in the session.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxSummary = 4000

/**
 * How large a wake is, in bytes of JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bytesOf = (wake: Wake): number => utf8ToBytes(JSON.stringify(wake)).length

/**
 * Whether a wake ends its run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isTerminal = (status: Status): boolean => status !== "finding"

/**
 * The priority of a wake that names none: high for what is blocked or failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const priorityOf = (wake: { readonly status: Status; readonly priority?: Priority | undefined }): Priority =>
  wake.priority ?? (wake.status === "blocked" || wake.status === "failed" ? "high" : "normal")

/**
 * The priority as a queue orders it: higher is taken first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rank: { readonly [P in Priority]: number } = { normal: 0, high: 1, critical: 2 }

/**
 * Chooses the id of a wake, before the first attempt to send it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeId = (session: SessionId, run: number): Effect.Effect<string> =>
  Effect.map(ulid, (id) => `${session}/${run}/${id}`)

/** As the ULID specification has it: ten characters of time, sixteen of randomness, Crockford's base 32. */
const ulid = Effect.gen(function* () {
  const time = yield* Clock.currentTimeMillis
  const [high, low] = [yield* Random.nextIntBetween(0, 2 ** 40), yield* Random.nextIntBetween(0, 2 ** 40)]
  return base32(time, 10) + base32(high, 8) + base32(low, 8)
})
