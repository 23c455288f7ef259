/**
 * `sartor checkpoint`
 *
 * @since 0.1.0
 */
import { Sessions } from "@sartor/core"
import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Settings from "../Settings.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const checkpoint = Command.make(
  "checkpoint",
  {
    id: Arguments.sessionId,
    phase: Argument.String("phase").pipe(Argument.withDescription("Such as testing")),
    milestone: Argument.String("milestone").pipe(Argument.withDescription("Such as axe")),
    details: Argument.String("details").pipe(Argument.withDescription("In a sentence"), Argument.optional)
  },
  Effect.fnUntraced(function* ({ details, id: given, milestone, phase }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    for (const [field, value] of [["phase", phase] as const, ["milestone", milestone] as const]) {
      if (!/\S/.test(value)) return yield* Failure.badInput(`the ${field} is empty`, { field })
    }
    const run = yield* Settings.runOf(id)
    const point = { phase, milestone, details: Option.getOrUndefined(details) }
    const session = yield* Transport.working(Sessions.Sessions.use((sessions) => sessions.checkpoint(id, point, run)))
    const made = { session_id: id, version: session.version, phase, milestone, details: point.details }
    // What an agent prints on stdout is its result, so that words for people go beside it.
    yield* output.json
      ? output.print(made, () => "")
      : output.note(`${phase}/${milestone} is version ${session.version} of ${id}`)
  })
).pipe(
  Command.withDescription("Name the present version of a session; agents do so from inside of a run"),
  Command.withExamples([
    { command: 'sartor checkpoint "$SARTOR_SESSION_ID" testing axe "7 pages"' },
    { command: "sartor checkpoint impl-001 coding done --json" }
  ])
)
