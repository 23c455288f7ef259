/**
 * `sartor handoff create`
 *
 * @since 0.1.0
 */
import { Handoff, Handoffs } from "@sartor/core"
import { Effect, FileSystem, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const handoffCreate = Command.make(
  "create",
  {
    from: Flag.String("from").pipe(Flag.withMetavar("<role>"), Flag.withDescription("Who hands over")),
    to: Flag.String("to").pipe(Flag.withMetavar("<role>"), Flag.withDescription("Who takes over")),
    type: Flag.Literals("type", Handoff.Type.literals).pipe(
      Flag.withMetavar("<type>"),
      Flag.withDescription(`Where the work goes: ${Handoff.Type.literals.join(", ")}`)
    ),
    session: Arguments.text(
      "session",
      "id",
      "The session that holds the context; it fills in what the file leaves out"
    ),
    file: Arguments.text("file", "json", "What is handed over: context, deliverable, nextSteps, issues, memory")
  },
  Effect.fnUntraced(function* ({ file, from, session, to, type }) {
    const output = yield* Output
    const options: Handoffs.CreateOptions = {
      from,
      to,
      type,
      sessionId: Option.isNone(session) ? undefined : yield* Arguments.readSessionId(session.value, "session"),
      content: Option.isNone(file) ? undefined : yield* readContent(file.value)
    }
    const handoff = yield* Transport.working(Handoffs.create(options)).pipe(
      Effect.catchTag("InvalidHandoff", (error) =>
        Effect.fail(
          Failure.badInput(error.message, {
            field: error.field,
            hint: "give a --file that has them, or the --session whose result they are"
          })
        )
      )
    )
    yield* output.print(Documents.handoff(handoff), () => handoff.document.handoff.handoffId)
  })
).pipe(
  Command.withDescription("Hand work over to the next role, and print the id of the handoff"),
  Command.withExamples([
    {
      command:
        "sartor handoff create --from planner --to implementer --type ready_for_implementation --session plan-001"
    },
    { command: "sartor handoff create --from auditor --to cleaner --type ready_for_cleanup --file handoff.json" }
  ])
)

const readContent = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs
    .readFileString(file)
    .pipe(
      Effect.mapError((error) => Failure.badInput(`${file} cannot be read: ${error.message}`, { field: "file", file }))
    )
  return yield* parse(text).pipe(
    Effect.mapError(() => Failure.badInput(`${file} is not a JSON object`, { field: "file", file }))
  )
})

const parse = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))
