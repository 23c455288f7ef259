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
    content: Schema.optionalKey(Schema.String),
    /** What the file held before the agent changed it: with it, two agents' changes can be merged. */
    base: Schema.optionalKey(Schema.String)
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
  /** All that was sent, from the cache or not. */
  input_tokens: Schema.Natural,
  output_tokens: Schema.Natural,
  cost_usd: Schema.Finite,
  /** How many calls of a model it took. */
  calls: Schema.optionalKey(Schema.Natural)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Usage = typeof Usage.Type

/**
 * What two parts of a work used together.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addUsage = (a: Usage | undefined, b: Usage): Usage =>
  a === undefined
    ? b
    : {
        input_tokens: a.input_tokens + b.input_tokens,
        output_tokens: a.output_tokens + b.output_tokens,
        cost_usd: a.cost_usd + b.cost_usd,
        ...(a.calls === undefined && b.calls === undefined ? {} : { calls: (a.calls ?? 0) + (b.calls ?? 0) })
      }

/**
 * What may be used before a work is stopped; what is left out has no limit.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Budget = Schema.Struct({
  /** All tokens that are sent and answered, from the cache or not. */
  tokens: Schema.optionalKey(Schema.Natural),
  cost_usd: Schema.optionalKey(Schema.Finite),
  /** Calls of a model. */
  turns: Schema.optionalKey(Schema.Natural)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Budget = typeof Budget.Type

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
 * Who executes a session: a program, Claude, a function registered in code under a name, or someone outside who sends wakes.
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
  Schema.Struct({
    type: Schema.tag("claude"),
    model: Schema.optionalKey(Schema.String),
    /** What it may use, by name, such as `read_file` or `run_command(npm test)`; the runner's choice if left out. */
    tools: Schema.optionalKey(Schema.Array(Schema.String)),
    /** The folder that its tools work in, absolute; without one there are no files for it. */
    workspace: Schema.optionalKey(Schema.String),
    budget: Schema.optionalKey(Budget),
    /** How long an answer may make no progress, in milliseconds. */
    silence: Schema.optionalKey(Schema.Natural)
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
 * How long a run may take and be silent, in milliseconds, and how often it is tried.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Limits = Schema.Struct({
  /** After this a run has failed with `timeout`; 30 minutes by default. */
  timeout: Schema.Natural,
  /** Further attempts after one that failed and may be tried again; 2 by default. */
  retries: Schema.Natural,
  /** After so long without a sign of life an attempt has failed with `silent`; without it, only an alert tells. */
  silence: Schema.optionalKey(Schema.Natural),
  /** Workers that may die on it, with no step forward in between, before it is blocked and a human is woken; 10 by default. */
  takeovers: Schema.optionalKey(Schema.Natural),
  /** What becomes of it when its attempts are used up: `failed` by default; `blocked` wakes a human, who can resume it. */
  exhausted: Schema.optionalKey(Schema.Literals(["failed", "blocked"]))
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
