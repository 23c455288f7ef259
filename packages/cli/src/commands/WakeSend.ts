/**
 * `sartor wake send`
 *
 * @since 0.1.0
 */
import { LegacyFiles, Outbox, Sessions, Wake } from "@sartor/core"
import { Projection, StatusFile } from "@sartor/transport-file/legacy"
import { Effect, Option, Result } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Settings from "../Settings.ts"
import * as Transport from "../Transport.ts"
import * as WireMessage from "../WireMessage.ts"

const flags = {
  session: Arguments.text("session", "id", "The session that it is of"),
  agent: Arguments.text("agent", "id", "A legacy agent instead of a session: leaves a file in the wake folder"),
  role: Arguments.text("role", "role", "Refused if it is not the session's"),
  status: Flag.Literals("status", Wake.Status.literals).pipe(
    Flag.withMetavar(`<${Wake.Status.literals.join("|")}>`),
    Flag.withDescription("complete, blocked and failed end the run; after a finding it goes on"),
    Flag.optional
  ),
  summary: Arguments.text("summary", "text", "What is to be told"),
  file: Arguments.many("file", "path", "A file that is handed in; may be given again"),
  handoff: Arguments.text("handoff", "id", "The handoff that goes with it"),
  nextRole: Arguments.text("next-role", "role", "Who should go on"),
  priority: Flag.Literals("priority", Wake.Priority.literals).pipe(
    Flag.withMetavar(`<${Wake.Priority.literals.join("|")}>`),
    Flag.withDescription("high for blocked and failed by default, else normal"),
    Flag.optional
  ),
  message: Arguments.text("message", "-", "Read the wake message from stdin, as JSON, instead of the flags")
}

/**
 * @category commands
 * @since 0.1.0
 */
export const wakeSend = Command.make(
  "send",
  flags,
  Effect.fnUntraced(function* (input) {
    const output = yield* Output
    if (Option.isSome(input.agent)) {
      const wake = yield* Transport.onFiles(fromAgent(input.agent.value, input))
      return yield* output.print({ wake_id: wake.wakeId }, () => wake.wakeId)
    }
    const message = Option.isSome(input.message) ? yield* fromStdin(input) : yield* fromFlags(input)
    const own = yield* Settings.runOf(message.sessionId)
    const run = message.run ?? own
    const { silent, wake } = yield* Transport.working(sendOrNote({ ...message, run }, own !== undefined))
    if (silent) yield* output.note(nobody)
    if (wake === undefined) return
    // What an agent prints on stdout is its result, so that words for people go beside it.
    yield* output.json || own === undefined
      ? output.print({ wake_id: wake.wake_id }, () => wake.wake_id)
      : output.note(wake.wake_id)
  })
).pipe(
  Command.withDescription("Wake the orchestrator of a session, and print the id of the wake"),
  Command.withExamples([
    {
      command:
        'sartor wake send --session impl-001 --status complete --summary "The tests pass" --file src/login.ts --next-role auditor',
      description: "End a session's run"
    },
    {
      command:
        'sartor wake send --session impl-001 --status finding --summary "The token never expires" --priority critical'
    },
    { command: 'sartor wake send --agent Legacy_01 --status blocked --summary "No access"' },
    { command: "sartor wake send --message - < wake.json", description: "Send a wake in the wire format" }
  ])
)

const nobody = "sartor: nobody is woken, because ENABLE_WAKE_MESSAGING is off: the status file says it"

/** What is sent from inside a session that is not kept goes where its traces are: it lives in another process. */
const sendOrNote = Effect.fnUntraced(function* (message: Outbox.Message, inside: boolean) {
  const sessions = yield* Sessions.Sessions
  const there = yield* Effect.result(sessions.get(message.sessionId))
  if (Result.isFailure(there) && inside && there.failure._tag === "SessionNotFound") {
    yield* intoStatusFile(message)
    return { wake: undefined, silent: true }
  }
  const wake = yield* Outbox.send(message)
  return { wake, silent: Outbox.wakesNobody(yield* sessions.get(message.sessionId)) }
})

const intoStatusFile = Effect.fnUntraced(function* ({ sessionId, status, summary = "" }: Outbox.Message) {
  const files = yield* LegacyFiles.LegacyFiles
  yield* files.update(sessionId, (fields) =>
    status === "finding"
      ? [["findings", [summary, ...StatusFile.listOf(fields?.get("findings"))]]]
      : [["status", { complete: "completed", blocked: "blocked", failed: "failed" }[status]]]
  )
})

/** A legacy agent has no session: its wake is a file, and all that it can hold is a text. */
const fromAgent = Effect.fnUntraced(function* (agent: string, input: Input) {
  const { file, handoff, message, nextRole, priority, role, session, status, summary } = input
  const others = { session, role, handoff, "next-role": nextRole, message }
  const beside = Object.entries(others).find(([, value]) => Option.isSome(value))?.[0]
  if (beside !== undefined || file.length > 0) {
    const field = beside ?? "file"
    return yield* Failure.badInput(`--${field} cannot be given with --agent: a legacy message has only a summary`, {
      field
    })
  }
  if (Option.isNone(status)) return yield* missing("status")
  const files = yield* LegacyFiles.LegacyFiles
  return yield* files.wake(agent, {
    type: Projection.typeOf[status.value],
    message: Option.getOrElse(summary, () => ""),
    priority: Wake.priorityOf({ status: status.value, priority: Option.getOrUndefined(priority) })
  })
})

type Input = Command.Command.Config.Infer<typeof flags>

const fromFlags = Effect.fnUntraced(function* (input: Input) {
  if (Option.isNone(input.session)) return yield* missing("session")
  if (Option.isNone(input.status)) return yield* missing("status")
  const next = yield* Arguments.readRole(input.nextRole, "next-role")
  const files = input.file.length > 0 ? { files: input.file } : {}
  const handoff = Option.isSome(input.handoff) ? { handoff_id: input.handoff.value } : {}
  const deliverables = { ...files, ...handoff }
  const message: Outbox.Message = {
    sessionId: yield* Arguments.readSessionId(input.session.value, "session"),
    status: input.status.value,
    role: yield* Arguments.readRole(input.role),
    ...(Object.keys(deliverables).length === 0 ? {} : { deliverables }),
    ...(Option.isSome(input.summary) ? { summary: input.summary.value } : {}),
    ...(Option.isSome(input.priority) ? { priority: input.priority.value } : {}),
    ...(next === undefined ? {} : { next_role: next })
  }
  return message
})

const fromStdin = Effect.fnUntraced(function* ({ file, message, ...others }: Input) {
  if (Option.getOrUndefined(message) !== "-") {
    return yield* Failure.badInput('--message is for "-": the message is read from stdin', { field: "message" })
  }
  const given = Object.entries(others).find(([, value]) => Option.isSome(value))
  if (given !== undefined || file.length > 0) {
    const name = given === undefined ? "file" : given[0] === "nextRole" ? "next-role" : given[0]
    return yield* Failure.badInput(`--${name} cannot be given with --message: it is a part of the message`, {
      field: name
    })
  }
  return yield* WireMessage.read
})

const missing = (field: string) =>
  Failure.badInput(`the flag --${field} is missing`, { field, hint: 'see "sartor wake send --help"' })
