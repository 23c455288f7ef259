/**
 * What may stand in a workflow file, key by key, each with the sentence that says so. Every key is optional here, so that
 * a file with a mistake in one key is still read for the mistakes in the others.
 */
import { Schema } from "effect"
import * as Timespan from "../Timespan.ts"

export const mustBeText = "must be text"

const optional = Schema.optionalKey
const text = Schema.String.annotate({ message: mustBeText })
const flag = Schema.Boolean.annotate({ message: "must be true or false" })
const listOfText = Schema.Array(text).annotate({ message: "must be a list of text" })

/** The grammar of the names of workflows and agents. */
export const Name = text.check(
  Schema.isPattern(/^[a-z][a-z0-9-]{0,63}$/, {
    message: "must be 1 to 64 lower-case letters, digits and hyphens, beginning with a letter"
  })
)

/** The grammar of variable names. */
export const variablePattern = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/

/** The grammar of names in the environment. */
export const environmentPattern = /^[A-Za-z_][A-Za-z0-9_]*$/

const TaskType = text.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
    message: "must be 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or a digit"
  })
)

const number = (message: string, allowed: (n: number) => boolean) =>
  Schema.Number.annotate({ message }).check(Schema.makeFilter(allowed, { message }))

const whole = (minimum: number, maximum: number) =>
  number(
    `must be a whole number from ${minimum} to ${maximum}`,
    (n) => Number.isInteger(n) && n >= minimum && n <= maximum
  )

/** Well within what one timer can hold, and longer than anybody should wait for an agent. */
const longest = 10 * 24 * 3_600_000

const timespan = Timespan.FromString.check(
  Schema.isBetween({ minimum: 1, maximum: longest }, { message: `must be from 1ms to ${Timespan.format(longest)}` })
)

/** Taken as it is written, so that nobody has to quote a port. */
const scalarMessage = "must be text, a number, true or false"
const scalar = Schema.Union([Schema.String, Schema.Number, Schema.Boolean]).annotate({ message: scalarMessage })
const scalarOrNone = Schema.NullOr(scalar).annotate({ message: scalarMessage })

/** What a step or a workflow may spend before it is stopped. */
export const Budget = Schema.Struct({
  tokens: optional(whole(1, 1_000_000_000_000)),
  cost_usd: optional(number("must be a number above 0, at most 1000000", (n) => n > 0 && n <= 1_000_000)),
  turns: optional(whole(1, 1_000_000))
}).annotate({ message: "must be a map such as { tokens: 400000 }" })

/** A step's own flags. */
export const Flags = Schema.Struct({
  ENABLE_BACKGROUND_AGENTS: optional(flag),
  ENABLE_WAKE_MESSAGING: optional(flag),
  ENABLE_SESSION_PERSISTENCE: optional(flag),
  ENABLE_PARALLEL_EXECUTION: optional(flag)
}).annotate({ message: "must be a map such as { ENABLE_WAKE_MESSAGING: false }" })

const commandMessage = "must be a list such as [node, agent.mjs]"
const command = Schema.Array(text)
  .annotate({ message: commandMessage })
  .check(Schema.isMinLength(1, { message: commandMessage }))

const Runner = Schema.Literals(["command", "claude", "function"]).annotate({
  message: "must be command, claude or function"
})

const mapMessage = "must be a map of names to values"

/** The top of the file; the agents are read one by one. */
export const Top = Schema.Struct({
  name: optional(Name),
  runner: optional(Runner),
  max_parallel: optional(whole(1, 1000)),
  budget: optional(Budget),
  timeout: optional(timespan),
  vars: optional(Schema.Record(Schema.String, scalarOrNone).annotate({ message: mapMessage })),
  agents: optional(Schema.Array(Schema.Unknown).annotate({ message: "must be a list of agents" }))
})

/** One entry of the list of agents. */
export const Entry = Schema.Struct({
  name: optional(Name),
  role: optional(text),
  task_type: optional(TaskType),
  prompt: optional(text),
  needs: optional(Schema.Union([text, listOfText]).annotate({ message: "must be a list of agent names" })),
  runner: optional(Runner),
  command: optional(command),
  model: optional(text),
  tools: optional(listOfText),
  env: optional(Schema.Record(Schema.String, scalar).annotate({ message: mapMessage })),
  cwd: optional(text),
  timeout: optional(timespan),
  silence: optional(timespan),
  retries: optional(whole(0, 100)),
  budget: optional(Budget),
  flags: optional(Flags),
  synthesize: optional(flag),
  on_insufficient: optional(Schema.Literals(["sequential"]).annotate({ message: "must be sequential" })),
  on_conflict: optional(Schema.Literals(["ask"]).annotate({ message: "must be ask" }))
})
