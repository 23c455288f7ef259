/**
 * `sartor session logs`
 *
 * @since 0.1.0
 */
import { Journal, Session, Sessions } from "@sartor/core"
import { Effect, Stream } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Process from "../Process.ts"
import * as Text from "../report/Text.ts"
import * as Transport from "../Transport.ts"
import { whenChanged } from "../Watching.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionLogs = Command.make(
  "logs",
  {
    id: Arguments.sessionId,
    follow: Arguments.toggle("follow", "Go on printing until the session has ended")
  },
  Effect.fnUntraced(function* ({ follow, id: given }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    // What an agent prints must not steer the terminal of whoever reads it later.
    const terminal = yield* Process.isTerminal("stdout")
    const text = (chunk: Sessions.LogChunk) => (terminal ? Text.clean(chunk.text) : chunk.text)

    if (follow) {
      const print = (chunk: Sessions.LogChunk) =>
        output.json ? output.line(Documents.log(chunk), "") : output.raw(text(chunk))
      return yield* Transport.following(followLogs(id, print))
    }
    const chunks = yield* Transport.working(Sessions.Sessions.use((sessions) => Stream.runCollect(sessions.logs(id))))
    if (chunks.length === 0 && !output.json) return yield* output.note("It has written nothing on stderr.")
    yield* output.print(chunks.map(Documents.log), () => chunks.map(text).join(""))
  })
).pipe(
  Command.withDescription("Print what a session's agent wrote on stderr"),
  Command.withExamples([
    { command: "sartor session logs auditor-security-0k3f9d2m" },
    { command: "sartor session logs auditor-security-0k3f9d2m --follow" }
  ])
)

const followLogs = <E>(id: string, print: (chunk: Sessions.LogChunk) => Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const sessions = yield* Sessions.Sessions
    const journal = yield* Journal.Journal
    const session = yield* sessions.open(id)
    let printed = 0
    yield* whenChanged(
      journal.watch(`log/${id}`).pipe(Stream.merge(journal.watch(`session/${id}`))),
      Effect.gen(function* () {
        // The state is read first: what was written before the end is then read too.
        const { status } = yield* session.refresh
        yield* Stream.runForEach(Stream.drop(sessions.logs(id), printed), (chunk) => {
          printed += 1
          return print(chunk)
        })
        return Session.isEnded(status) || status === "blocked"
      })
    )
  })
