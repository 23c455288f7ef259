/**
 * What goes into an agent and what comes out: its task, its result, the claims in it.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

const Fields = Schema.Record(Schema.String, Schema.Json)
const open = <F extends Schema.Struct.Fields>(fields: F) => Schema.StructWithRest(Schema.Struct(fields), [Fields])

/**
 * How bad something is, worst first.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Severity = Schema.Literals(["critical", "high", "medium", "low"])

/**
 * @category models
 * @since 0.1.0
 */
export type Severity = typeof Severity.Type

/**
 * Whether the agent holds the claim to be true, to be false, or cannot tell.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Stance = Schema.Literals(["support", "oppose", "uncertain"])

/**
 * @category models
 * @since 0.1.0
 */
export type Stance = typeof Stance.Type

/**
 * From 0, certainly not, to 1, certainly.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Probability = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

const NotBlank = Schema.String.check(Schema.isPattern(/\S/, { message: "Expected some text" }))

/**
 * One typed statement of an agent. Without a confidence it has the result's, else 0.5; without a stance it supports.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Claim = open({
  topic: NotBlank,
  claim: NotBlank,
  stance: Schema.optionalKey(Stance),
  confidence: Schema.optionalKey(Probability),
  /** `path:line`, an address, or text. */
  evidence: Schema.optionalKey(Schema.Array(Schema.String)),
  severity: Schema.optionalKey(Severity)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Claim extends Schema.Schema.Type<typeof Claim> {}

/**
 * A file that an agent made or changed: its path, with the content or its digest where it was given.
 *
 * @category schemas
 * @since 0.1.0
 */
export const File = Schema.Union([
  Schema.String,
  open({
    path: NotBlank,
    sha256: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))),
    content: Schema.optionalKey(Schema.String)
  })
])

/**
 * @category models
 * @since 0.1.0
 */
export type File = typeof File.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const Issue = open({
  severity: Severity,
  description: NotBlank,
  recommendation: Schema.optionalKey(Schema.String)
})

/**
 * What an agent hands in when it is complete. Unknown keys are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Result = open({
  summary: NotBlank,
  claims: Schema.optionalKey(Schema.Array(Claim)),
  files: Schema.optionalKey(Schema.Array(File)),
  issues: Schema.optionalKey(Schema.Array(Issue)),
  confidence: Schema.optionalKey(Probability)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Result extends Schema.Schema.Type<typeof Result> {}

/**
 * Tokens and money that a run used.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Usage = Schema.Struct({
  input_tokens: Schema.Natural,
  output_tokens: Schema.Natural,
  cost_usd: Schema.Finite
})

/**
 * Why a run did not complete: a short code for machines, a sentence for people.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Problem = Schema.Struct({ code: Schema.String, message: Schema.String })

/**
 * @category models
 * @since 0.1.0
 */
export type Problem = typeof Problem.Type

/**
 * Who executes a session: a program, a function registered in code under a name, or someone outside who sends wakes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Runner = Schema.Union([
  Schema.Struct({
    type: Schema.tag("command"),
    /** The program and its arguments; never seen by a shell. */
    command: Schema.NonEmptyArray(Schema.String),
    cwd: Schema.optionalKey(Schema.String),
    env: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
  }),
  Schema.Struct({ type: Schema.tag("function"), name: Schema.String }),
  Schema.Struct({ type: Schema.tag("external") })
])

/**
 * @category models
 * @since 0.1.0
 */
export type Runner = typeof Runner.Type

/**
 * How long a run may take and how often it is tried, in milliseconds and counts.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Limits = Schema.Struct({
  /** After this a run has failed with `timeout`; 30 minutes by default. */
  timeout: Schema.Natural,
  /** Further attempts after one that failed and may be tried again; 2 by default. */
  retries: Schema.Natural
})

/**
 * @category models
 * @since 0.1.0
 */
export type Limits = typeof Limits.Type

/**
 * @category configuration
 * @since 0.1.0
 */
export const defaultLimits: Limits = { timeout: 30 * 60_000, retries: 2 }
