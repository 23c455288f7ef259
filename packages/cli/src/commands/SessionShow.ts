/**
 * `sartor session show`
 *
 * @since 0.1.0
 */
import { Sessions, Wakes } from "@sartor/core"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionShow = Command.make(
  "show",
  { id: Arguments.sessionId },
  Effect.fnUntraced(function* ({ id: given }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    const { pending, session } = yield* Transport.working(
      Effect.gen(function* () {
        const session = yield* (yield* Sessions.Sessions).get(id)
        const pending = yield* (yield* Wakes.Wakes).pending(session.orchestrator)
        return { session, pending: pending.filter(({ wake }) => wake.session_id === session.session_id) }
      })
    )
    yield* output.print(Documents.sessionInFull(session, pending), (look) => {
      const { checkpoints, error, metadata, parent_id, result, runner } = session
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
          ["runner", runner.type === "command" ? `command: ${runner.command.join(" ")}` : runner.type],
          ["created", session.created_at],
          ["updated", session.updated_at],
          [
            "metadata",
            Object.entries(metadata)
              .map(([key, value]) => `${key}=${value}`)
              .join("\n")
          ],
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
    { command: "sartor session show impl-001 --json | jq .status" }
  ])
)
