/**
 * `sartor session list`
 *
 * @since 0.1.0
 */
import { type LegacyFiles, Session, Sessions } from "@sartor/core"
import { Clock, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Agents from "../legacy/Agents.ts"
import { type Look, Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionList = Command.make(
  "list",
  {
    status: Flag.Literals("status", Session.Status.literals).pipe(
      Flag.withMetavar("<state>"),
      Flag.withDescription(`Only sessions in this state: ${Session.Status.literals.join(", ")}`),
      Flag.optional
    ),
    role: Arguments.text("role", "role", "Only sessions of this role")
  },
  Effect.fnUntraced(function* ({ role, status }) {
    const output = yield* Output
    const filter = { status: Option.getOrUndefined(status), role: yield* Arguments.readRole(role) }
    const { agents, sessions } = yield* Transport.working(
      Effect.all({
        sessions: Sessions.Sessions.use((sessions) => sessions.list(filter)),
        agents: Agents.listed(filter)
      })
    )
    const now = yield* Clock.currentTimeMillis
    if (sessions.length + agents.length === 0 && !output.json) {
      return yield* output.note('There are no such sessions: "sartor session create --help" tells how to make one.')
    }
    yield* output.print([...sessions.map(Documents.session), ...agents.map(Documents.agent)], (look) =>
      table(look, now, sessions, agents)
    )
  })
).pipe(
  Command.withDescription("List sessions, the newest first"),
  Command.withExamples([
    { command: "sartor session list --status running" },
    { command: "sartor session list --role auditor --json | jq -r '.[].session_id'" }
  ])
)

/**
 * Sessions as people read them.
 *
 * @category rendering
 * @since 0.1.0
 */
export const table = (
  look: Look,
  now: number,
  sessions: ReadonlyArray<Session.Session>,
  agents: ReadonlyArray<LegacyFiles.Status> = []
): string =>
  Table.rows(
    look,
    ["SESSION", "ROLE", "STATUS", "RUN", "UPDATED", "TASK"],
    [
      ...sessions.map((session) => [
        session.session_id,
        session.role,
        session.status,
        String(session.run),
        Table.ago(now, session.updated_at),
        session.prompt === "" ? session.task_type : `${session.task_type}: ${session.prompt}`
      ]),
      ...agents
        .map(Documents.agent)
        .map(({ role, session_id, status, task_type, updated_at }) => [
          session_id,
          role,
          status,
          "legacy",
          Table.ago(now, updated_at),
          task_type
        ])
    ]
  )
