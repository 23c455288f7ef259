/**
 * `sartor checkpoint`
 *
 * @since 0.1.0
 */
import { SessionId, Sessions } from "@sartor/core"
import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import * as Agents from "../legacy/Agents.ts"
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
    for (const [field, value] of [["phase", phase] as const, ["milestone", milestone] as const]) {
      if (!/\S/.test(value)) return yield* Failure.badInput(`the ${field} is empty`, { field })
    }
    const point = { phase, milestone, details: Option.getOrUndefined(details) }
    const made = yield* SessionId.parse(given).pipe(
      Effect.flatMap((id) => ofSession(id, point)),
      Effect.catchTag("SessionNotFound", (error) => Effect.andThen(known(given, error), ofAgent(given, point))),
      Effect.catchTag("InvalidSessionId", () => ofAgent(given, point))
    )
    // What an agent prints on stdout is its result, so that words for people go beside it.
    yield* output.json
      ? output.print(made, () => "")
      : output.note(
          made.version === undefined
            ? `${phase}/${milestone} is in the log of ${given}`
            : `${phase}/${milestone} is version ${made.version} of ${given}`
        )
  })
).pipe(
  Command.withDescription("Name the present version of a session; agents do so from inside of a run"),
  Command.withExamples([
    { command: 'sartor checkpoint "$SARTOR_SESSION_ID" testing axe "7 pages"' },
    { command: "sartor checkpoint impl-001 coding done --json" }
  ])
)

interface Point {
  readonly phase: string
  readonly milestone: string
  readonly details: string | undefined
}

const ofSession = Effect.fnUntraced(function* (id: SessionId.SessionId, point: Point) {
  const run = yield* Settings.runOf(id)
  const session = yield* Transport.working(Sessions.Sessions.use((sessions) => sessions.checkpoint(id, point, run)))
  return { session_id: id, version: session.version, ...point }
})

const ofAgent = (agent: string, point: Point) =>
  Effect.as(Transport.onFiles(Agents.checkpoint(agent, point.phase, point.milestone, point.details)), {
    session_id: agent,
    version: undefined,
    origin: "legacy",
    ...point
  })

/** A name that could be a session's is taken for an agent's only where there is something of such an agent. */
const known = (agent: string, error: Sessions.SessionNotFound) =>
  Effect.filterOrFail(
    Transport.onFiles(Agents.isKnown(agent)),
    (is) => is,
    () => error
  )
