/**
 * What a command can end with other than success: the codes, their exits, and the words for each.
 *
 * @since 0.1.0
 */
import type {
  Deletion,
  Flags,
  Handoff,
  Handoffs,
  Lease,
  LegacyFiles,
  Orchestrator,
  Outbox,
  Questions,
  Resumption,
  Role,
  Session,
  SessionId,
  Sessions,
  Steering
} from "@sartor/core"
import type { TransportError, Wakes, WorkflowFile, WorkflowRuns } from "@sartor/core"
import { Schema } from "effect"
import type { CliError } from "effect/cli"

/**
 * The exit of each code.
 *
 * @category configuration
 * @since 0.1.0
 */
export const exits = {
  internal: 1,
  corrupt: 1,
  bad_input: 2,
  flag_off: 2,
  not_found: 3,
  conflict: 4,
  at_capacity: 4,
  owned: 4,
  transport_unavailable: 5,
  storage_full: 5,
  lock_timeout: 5,
  check_failed: 6
} as const

/**
 * @category models
 * @since 0.1.0
 */
export type Code = keyof typeof exits

/**
 * Why a command failed, as it is shown: what is left out is not known or says nothing.
 *
 * @category errors
 * @since 0.1.0
 */
export class Failure extends Schema.TaggedError<Failure>("@sartor/cli/Failure")("Failure", {
  code: Schema.Literals([
    "internal",
    "corrupt",
    "bad_input",
    "flag_off",
    "not_found",
    "conflict",
    "at_capacity",
    "owned",
    "transport_unavailable",
    "storage_full",
    "lock_timeout",
    "check_failed"
  ]),
  message: Schema.String,
  field: Schema.optionalKey(Schema.String),
  file: Schema.optionalKey(Schema.String),
  line: Schema.optionalKey(Schema.Natural),
  hint: Schema.optionalKey(Schema.String),
  /** All that is wrong with a workflow file; `message`, `line` and `field` are of the first. */
  problems: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        line: Schema.Natural,
        column: Schema.Natural,
        path: Schema.String,
        field: Schema.String,
        message: Schema.String,
        hint: Schema.optionalKey(Schema.String)
      })
    )
  )
}) {}

/**
 * The command did what it had to, has said so, and its exit code tells more.
 *
 * @category errors
 * @since 0.1.0
 */
export class Ended extends Schema.TaggedError<Ended>("@sartor/cli/Failure/Ended")("Ended", { exit: Schema.Natural }) {}

/**
 * Something that a user gave cannot be used.
 *
 * @category constructors
 * @since 0.1.0
 */
export const badInput = (
  message: string,
  about: { readonly field?: string; readonly file?: string; readonly hint?: string } = {}
): Failure => new Failure({ code: "bad_input", message, ...about })

/**
 * What the services say and commands pass on.
 *
 * @category models
 * @since 0.1.0
 */
export type Known =
  | Failure
  | CliError.CliError
  | Deletion.SessionInUse
  | Flags.InvalidFlag
  | Flags.PersistenceOff
  | Handoff.IllegalHandoff
  | Handoff.InvalidHandoff
  | Handoffs.HandoffNotFound
  | Lease.Owned
  | LegacyFiles.Failure
  | LegacyFiles.LegacyFilesMissing
  | Orchestrator.AtCapacity
  | Outbox.WakeConflict
  | Questions.ConflictNotFound
  | Questions.InvalidAnswer
  | Resumption.SessionOwned
  | Role.UnknownRole
  | Session.IllegalTransition
  | Session.SessionDamaged
  | Session.VersionNotFound
  | SessionId.InvalidSessionId
  | Sessions.InvalidField
  | Sessions.SessionExists
  | Sessions.SessionNotFound
  | Steering.TooMuchUnread
  | TransportError.TransportError
  | Wakes.WakeNotFound
  | WorkflowFile.InvalidWorkflow
  | WorkflowRuns.RunNotFound

/**
 * Puts an error into words and gives it its code.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (error: Known): Failure => {
  const { message } = error
  switch (error._tag) {
    case "Failure":
      return error
    case "InvalidWorkflow":
      return invalidWorkflow(error)
    case "TransportError":
      return transport(error)
    case "SessionNotFound":
      return new Failure({ code: "not_found", message, hint: '"sartor session list" shows those that there are' })
    case "ConflictNotFound":
    case "HandoffNotFound":
    case "RunNotFound":
    case "WakeNotFound":
      return splitHint("not_found", message)
    case "Owned": {
      const { host, pid, since } = error.owner
      const hint = `"sartor runs follow ${error.name}" shows what it does, "sartor runs cancel ${error.name}" ends it`
      return new Failure({
        code: "owned",
        message: `"${error.name}" is being run by process ${pid} on ${host} since ${since}`,
        hint
      })
    }
    case "SessionInUse":
      return new Failure({ code: "conflict", message, hint: "--force deletes it all the same" })
    case "SessionOwned": {
      const hint = `wait for it to end, or stop it: "sartor session cancel ${error.session_id}"`
      return new Failure({ code: "owned", message, hint })
    }
    case "SessionDamaged": {
      const { good, session_id } = error
      const hint = `"sartor session resume ${session_id} --from ${good}" goes on from the last good version; nothing is overwritten`
      return new Failure({ code: "corrupt", message: `session ${session_id} is damaged after version ${good}`, hint })
    }
    case "PersistenceOff":
      return splitHint("flag_off", message)
    case "InvalidFlag":
      return splitHint("bad_input", message, { field: error.flag })
    case "VersionNotFound":
      return splitHint("not_found", message)
    case "AtCapacity":
      return new Failure({ code: "at_capacity", message })
    case "SessionExists":
      return splitHint("conflict", message, { field: "id" })
    case "IllegalHandoff":
    case "IllegalTransition":
    case "TooMuchUnread":
    case "WakeConflict":
      return new Failure({ code: "conflict", message })
    case "InvalidAnswer":
      return badInput(message, { field: error.field === "statement" ? "say" : error.field })
    case "InvalidHandoff":
      return badInput(message, { field: error.field })
    case "InvalidField":
      return badInput(message, { field: error.field })
    case "InvalidAgentId":
      return splitHint("bad_input", message, { field: "agent" })
    case "LegacyFileDamaged": {
      const { detail, file, line, offset } = error
      const hint = 'it was left as it is; mend it, or see what "sartor verify" says'
      return new Failure({ code: "corrupt", message: `${detail}, at byte ${offset}`, file, line, hint })
    }
    case "LegacyFileRefused":
      return new Failure({ code: "conflict", message, file: error.file })
    case "LegacyFilesMissing":
      return new Failure({ code: "flag_off", message })
    case "LockTimeout":
      return splitHint("lock_timeout", message, { file: error.file })
    case "InvalidSessionId":
      return splitHint("bad_input", message, { field: "session_id" })
    case "UnknownRole":
      return splitHint("bad_input", message, { field: "role" })
    case "ShowHelp":
      return usage(error)
    default:
      return badInput(message)
  }
}

/** Sentences of the services that go on after a colon with what to do about it. */
const splitHint = (code: Code, message: string, about: { readonly field?: string; readonly file?: string } = {}) => {
  const at = message.lastIndexOf(": ")
  return at < 0
    ? new Failure({ code, message, ...about })
    : new Failure({ code, message: message.slice(0, at), hint: message.slice(at + 2), ...about })
}

const transport = ({ detail, operation, reason }: TransportError.TransportError): Failure => {
  switch (reason) {
    case "unavailable":
    case "unsupported_format":
      return new Failure({ code: "transport_unavailable", message: detail })
    case "storage_full":
      return new Failure({ code: "storage_full", message: detail })
    case "too_large":
      return badInput(`too large: ${detail}`)
    case "corrupt": {
      const session = /^journal "session\/([^"]+)"/.exec(detail)?.[1]
      const hint = `"sartor session history ${session}" shows what is left of it: create another one, and tell it that`
      return new Failure({
        code: "corrupt",
        message: `${operation}: ${detail}`,
        ...(session === undefined ? {} : { hint })
      })
    }
  }
}

const invalidWorkflow = ({ file, message, problems }: WorkflowFile.InvalidWorkflow): Failure => {
  const [first] = problems
  if (first === undefined) return badInput(message, { file })
  return new Failure({
    code: "bad_input",
    message: first.message,
    file,
    line: first.line,
    ...(first.field === "" ? {} : { field: first.field }),
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    problems
  })
}

const usage = ({ commandPath, errors }: CliError.ShowHelp): Failure => {
  const command = commandPath.join(" ")
  const help = `see "${command} --help"`
  const [error] = errors
  if (error === undefined) return badInput(`"${command}" needs a command after it`, { hint: help })
  const meant = (suggestions: ReadonlyArray<string>) => ({
    hint: suggestions.length === 0 ? help : `did you mean ${suggestions.map((each) => `"${each}"`).join(" or ")}?`
  })
  switch (error._tag) {
    case "UnrecognizedOption":
      return badInput(
        `"${command}" has no flag ${error.option}`,
        meant(error.suggestions.length > 0 ? error.suggestions : sharedLike(error.option))
      )
    case "UnknownSubcommand":
      return badInput(`"${command}" has no command ${JSON.stringify(error.subcommand)}`, meant(error.suggestions))
    case "MissingOption":
      return badInput(`the flag --${error.option} is missing`, { field: error.option, hint: help })
    case "MissingArgument":
      return badInput(`the argument ${error.argument} is missing`, { field: error.argument, hint: help })
    case "UnexpectedArgument": {
      const extra = error.arguments.map((argument) => JSON.stringify(argument)).join(", ")
      return badInput(`nothing is expected here: ${extra}`, { hint: help })
    }
    case "InvalidValue": {
      const { expected, kind, option, value } = error
      const name = kind === "flag" ? `--${option}` : option
      const wanted = expectation(expected)
      const message =
        value === "" ? `${name} has no value: ${wanted}` : `${name} cannot be ${JSON.stringify(value)}: ${wanted}`
      return badInput(message, { field: option, hint: help })
    }
    default:
      return badInput(error.message, { hint: help })
  }
}

/** The flags of every command that somebody may have meant, which effect/cli does not think of. */
const sharedLike = (option: string): ReadonlyArray<string> =>
  [
    "--json",
    "--transport",
    "--data-dir",
    "--nats-url",
    "--namespace",
    "--connect-timeout",
    "--help",
    "--version"
  ].filter((flag) => distance(flag, option) <= 2)

/** How many letters have to be changed, added or taken away. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1]
    for (const [column, other] of [...b].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

/** What effect/cli expects, in the words of this command. */
const expectation = (expected: string): string => {
  const text = expected.replace(/^Expected:? /, "").replace(/\s*\n\s*/g, " ")
  const choices = text.split(" | ").map((choice) => choice.replace(/^"(.*)"$/, "$1"))
  if (choices.length > 1) return `use ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`
  return /^a string representing an? .*number/.test(text) ? "use a whole number" : `expected ${text}`
}
