/**
 * `sartor session tell`
 *
 * @since 0.1.0
 */
import { Steering, Timespan, Wake } from "@sartor/core"
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionTell = Command.make(
  "tell",
  {
    id: Arguments.sessionId,
    text: Argument.String("text").pipe(Argument.withDescription("What to tell it")),
    priority: Flag.Literals("priority", Wake.Priority.literals).pipe(
      Flag.withMetavar(`<${Wake.Priority.literals.join("|")}>`),
      Flag.withDescription("What is more urgent is read first; normal by default"),
      Flag.optional
    ),
    ttl: Arguments.text("ttl", "time", "Not read after this, such as 10m; by default it waits as long as it takes"),
    supersede: Arguments.toggle("supersede", "In place of everything that it has not read yet")
  },
  Effect.fnUntraced(function* ({ id: given, priority, supersede, text, ttl }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    const timeToLive = Option.isNone(ttl) ? undefined : yield* readTime(ttl.value)
    const options = { priority: Option.getOrUndefined(priority), timeToLive, supersede }
    const session = yield* Transport.working(Steering.tell(id, text, options))
    yield* output.print(Documents.session(session), () =>
      session.status === "running" ? `${id} reads it after its present turn` : `${id} reads it when it goes on`
    )
  })
).pipe(
  Command.withDescription(
    "Tell a session something while it runs; it reads that between turns, and nothing is cut off"
  ),
  Command.withExamples([
    { command: 'sartor session tell impl-001 "Use the staging server"' },
    { command: 'sartor session tell impl-001 "Leave the tests alone" --priority critical --ttl 10m' }
  ])
)

const readTime = (text: string) =>
  Option.match(Timespan.parse(text), {
    onNone: () =>
      Effect.fail(
        Failure.badInput(`--ttl cannot be ${JSON.stringify(text)}: use a time such as 500ms, 10s, 10m or 2h`, {
          field: "ttl"
        })
      ),
    onSome: Effect.succeed
  })
