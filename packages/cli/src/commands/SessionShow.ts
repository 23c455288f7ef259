/**
 * `sartor session show`
 *
 * @since 0.1.0
 */
import { Sessions, Wakes } from "@sartor/core"
import { LegacyMirror, StatusFile } from "@sartor/transport-file/legacy"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as SessionHistory from "./SessionHistory.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

const number = (name: string, description: string) =>
  Flag.Int(name).pipe(Flag.withMetavar("<n>"), Flag.withDescription(description), Flag.optional)

const flags = {
  id: Arguments.sessionId,
  context: Arguments.toggle("context", "What it knows instead: its history without what was rolled back"),
  grep: Arguments.text("grep", "text", "With --context: only records that say this, in any case"),
  kind: Arguments.text("kind", "kind", "With --context: only turn, checkpoint, finding, ended, …"),
  last: number("last", "With --context: only so many of the newest"),
  from: number("from", "With --context: from this version on"),
  to: number("to", "With --context: up to this version")
}

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionShow = Command.make(
  "show",
  flags,
  Effect.fnUntraced(function* ({ context, id: given, ...query }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    if (context) return yield* recall(id, query)
    const unused = Object.entries<Option.Option<unknown>>(query).find(([, value]) => Option.isSome(value))
    if (unused !== undefined) {
      return yield* Failure.badInput(`--${unused[0]} is for what a session knows: add --context`, { field: unused[0] })
    }
    const { foreign, pending, session } = yield* Transport.working(
      Effect.gen(function* () {
        const session = yield* (yield* Sessions.Sessions).get(id)
        const pending = yield* (yield* Wakes.Wakes).pending(session.orchestrator)
        const own = pending.filter(({ wake }) => wake.session_id === session.session_id)
        return { session, pending: own, foreign: yield* LegacyMirror.LegacyMirror.use((legacy) => legacy.foreign(id)) }
      })
    )
    yield* output.print(Documents.sessionInFull(session, pending, foreign), (look) => {
      const { checkpoints, error, forked_from, metadata, parent_id, result, runner, told } = session
      return [
        Table.pairs([
          ["session", session.session_id],
          ["role", session.role],
          ["task type", session.task_type],
          ["status", session.status],
          ["run", String(session.run)],
          ["version", String(session.version)],
          ["orchestrator", session.orchestrator],
          ["parent", parent_id],
          [
            "forked from",
            forked_from === undefined ? undefined : `${forked_from.session_id}, version ${forked_from.version}`
          ],
          ["told", told.map(({ text }) => text).join("\n")],
          ["runner", runner.type === "command" ? `command: ${runner.command.join(" ")}` : runner.type],
          ["created", session.created_at],
          ["updated", session.updated_at],
          [
            "metadata",
            Object.entries(metadata)
              .map(([key, value]) => `${key}=${value}`)
              .join("\n")
          ],
          ["legacy", [...foreign].map(([key, value]) => `${key}=${StatusFile.textOf(value)}`).join("\n")],
          ["prompt", session.prompt],
          ["result", result?.summary],
          [
            "error",
            error === undefined || session.status === "complete" ? undefined : `${error.code}: ${error.message}`
          ],
          ["wakes", `${session.wakes.length} sent, ${pending.length} pending`]
        ]),
        ...(checkpoints.length === 0
          ? []
          : [
              "\n",
              Table.rows(
                look,
                ["VERSION", "CHECKPOINT", "AT", "DETAILS"],
                checkpoints.map((point) => [
                  String(point.version),
                  `${point.phase}/${point.milestone}`,
                  point.at,
                  point.details
                ])
              )
            ])
      ].join("")
    })
  })
).pipe(
  Command.withDescription("Show a session: its state, its checkpoints, what it has handed in"),
  Command.withExamples([
    { command: "sartor session show auditor-security-0k3f9d2m" },
    { command: "sartor session show impl-001 --json | jq .status" },
    { command: "sartor session show impl-001 --context --grep token --last 5", description: "Ask what it knows" }
  ])
)

type Query = Omit<Command.Command.Config.Infer<typeof flags>, "id" | "context">

/** What it knows: its history without what was rolled back, with what it shares with its origin. */
const recall = Effect.fnUntraced(function* (id: string, query: Query) {
  const output = yield* Output
  const asked = {
    grep: Option.getOrUndefined(query.grep),
    kind: Option.getOrUndefined(query.kind),
    last: Option.getOrUndefined(query.last),
    from: Option.getOrUndefined(query.from),
    to: Option.getOrUndefined(query.to)
  }
  if (asked.last !== undefined && asked.last < 0) {
    return yield* Failure.badInput(`--last cannot be ${asked.last}: it is a count`, { field: "last" })
  }
  const known = yield* Transport.working(Sessions.recall(id, asked))
  if (known.length === 0 && !output.json) return yield* output.note("It knows nothing of that.")
  yield* output.print(known, (look) => SessionHistory.table(look, known))
})
