/**
 * Reads a wake in its wire format from stdin.
 *
 * @since 0.1.0
 */
import { Agent, type Outbox, Role, SessionId, Wake } from "@sartor/core"
import { Effect, Option, Schema, SchemaIssue, Stdio, Stream } from "effect"
import * as Arguments from "./Arguments.ts"
import * as Failure from "./Failure.ts"

const known = Schema.Struct({
  wake_id: Schema.optionalKey(Schema.String),
  session_id: SessionId.SessionId,
  agent_role: Schema.String,
  status: Wake.Status,
  timestamp: Wake.Timestamp,
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
  priority: Schema.optionalKey(Wake.Priority),
  confidence: Schema.optionalKey(Schema.Finite),
  usage: Schema.optionalKey(Agent.Usage),
  error: Schema.optionalKey(Agent.Problem)
})
const Message = Schema.StructWithRest(known, [Schema.Record(Schema.String, Schema.Json)])
const decodeMessage = Schema.decodeUnknownEffect(Message)
const decodeText = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Json))

/**
 * What `wake send` sends. Unknown keys are kept; what is wrong is named by its JSON pointer.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = Effect.gen(function* () {
  const text = yield* readAll
  const json = yield* decodeText(text).pipe(
    Effect.mapError(() => {
      const what = /\S/.test(text) ? "is not valid JSON" : "is empty"
      return Failure.badInput(`the message on stdin ${what}`, { field: "message" })
    })
  )
  const message = yield* decodeMessage(json).pipe(Effect.mapError(pointTo))
  const role = yield* Role.parse(message.agent_role).pipe(
    Effect.mapError((error) => {
      const { hint = "", message } = Failure.of(error)
      return Failure.badInput(`/agent_role: ${message}`, { field: "/agent_role", hint })
    })
  )
  const { run, session_id, status, timestamp, wake_id } = message
  if (wake_id !== undefined && !isIdOf(session_id, wake_id)) {
    const hint = "leave it out to have one made: it is <session id>/<run>/<ULID>"
    return yield* Failure.badInput(`/wake_id: ${JSON.stringify(wake_id)} cannot be a wake of ${session_id}`, {
      field: "/wake_id",
      hint
    })
  }
  const [details, extra] = split(message)
  const sent: Outbox.Message = {
    sessionId: yield* Arguments.readSessionId(session_id, "/session_id"),
    role,
    status,
    timestamp,
    run,
    wakeId: wake_id,
    ...details,
    extra
  }
  return sent
})

/** Reads no more than a wake may be long, and waits no longer than a command may take. */
const readAll = Effect.gen(function* () {
  const { stdin } = yield* Stdio.Stdio
  const parts: Array<Uint8Array> = []
  let bytes = 0
  yield* Stream.runForEachWhile(stdin, (part) =>
    Effect.sync(() => {
      parts.push(part)
      bytes += part.length
      return bytes <= Wake.maxBytes
    })
  ).pipe(
    Effect.mapError((error) => Failure.badInput(`stdin cannot be read: ${error.message}`, { field: "message" })),
    Effect.timeoutOption("10 seconds"),
    Effect.flatMap(
      Option.match({
        onNone: () => Effect.fail(Failure.badInput("no message came on stdin within 10 seconds", { field: "message" })),
        onSome: () => Effect.void
      })
    )
  )
  if (bytes > Wake.maxBytes) {
    return yield* Failure.badInput(`the message is larger than ${Wake.maxBytes / 1024} KiB`, { field: "message" })
  }
  const decoder = new TextDecoder()
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode()
})

/** What the wire format names, and what else was given. */
const split = (message: typeof Message.Type) => {
  const { confidence, deliverables, error, next_role, priority, summary, usage, ...others } = message
  const { agent_role: _, run: __, session_id: ___, status: ____, timestamp: _____, wake_id: ______, ...extra } = others
  const details = {
    ...(confidence === undefined ? {} : { confidence }),
    ...(deliverables === undefined ? {} : { deliverables }),
    ...(error === undefined ? {} : { error }),
    ...(next_role === undefined ? {} : { next_role }),
    ...(priority === undefined ? {} : { priority }),
    ...(summary === undefined ? {} : { summary }),
    ...(usage === undefined ? {} : { usage })
  }
  return [details, extra] as const
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const pointTo = (error: Schema.SchemaError): Failure.Failure => {
  const [first] = format(error.issue).issues
  const pointer = (first?.path ?? [])
    .map((part) => String(typeof part === "object" ? part.key : part))
    .map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("")
  const place = pointer === "" ? "/" : pointer
  return Failure.badInput(`${place}: ${first?.message ?? error.message}`, { field: place })
}

const isIdOf = (session: string, wakeId: string) =>
  wakeId.startsWith(`${session}/`) && /^\/\d{1,15}\/[0-9A-Za-z]{1,64}$/.test(wakeId.slice(session.length))
