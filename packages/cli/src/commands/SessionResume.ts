/**
 * `sartor session resume`
 *
 * @since 0.1.0
 */
import { CommandRunner, Resumption, Sessions, Worker } from "@sartor/core"
import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Process from "../Process.ts"
import * as SessionRun from "../SessionRun.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const sessionResume = Command.make(
  "resume",
  {
    id: Arguments.sessionId,
    prompt: Arguments.text("prompt", "text", "What to tell it, such as the answer it waits for"),
    from: Arguments.text("from", "version", "Go back to this version, or checkpoint (phase/milestone), first"),
    ack: Arguments.toggle("ack", "Acknowledge its wakes once its result is printed; only where no orchestrator does"),
    quiet: Arguments.toggle("quiet", "No progress on stderr"),
    dieWithParent: Arguments.dieWithParent
  },
  Effect.fnUntraced(function* ({ ack, dieWithParent, from, id: given, prompt, quiet }) {
    const output = yield* Output
    const id = yield* Arguments.readSessionId(given)
    const options = { prompt: Option.getOrUndefined(prompt), from: Option.getOrUndefined(from) }
    const resumed = yield* Transport.working(
      Effect.gen(function* () {
        // Whether it can be executed is known before anything is written.
        const runner = yield* SessionRun.runnerOf(yield* Sessions.Sessions.use((sessions) => sessions.get(id)))
        const session = yield* Resumption.resume(id, options)
        const external = session.runner.type === "external"
        return { session, runner, assignment: external ? yield* Worker.assignmentOf(session) : undefined }
      }).pipe(
        // It is resumed all the same; what it would be given cannot be read.
        Effect.catchTag("RunFailed", ({ detail }) => new Failure.Failure({ code: "not_found", message: detail }))
      )
    )
    const { assignment, runner, session } = resumed
    // Whoever executes it outside of here goes on with what an agent of ours would get.
    if (assignment !== undefined) return yield* output.raw(`${JSON.stringify(CommandRunner.document(assignment))}\n`)
    if (runner !== undefined) {
      if (dieWithParent) yield* Effect.forkChild(Process.stopWithParent)
      return yield* SessionRun.execute(id, runner, { ack, quiet })
    }
    const { orchestrator } = session
    yield* output.print(Documents.session(session), () =>
      Resumption.isOfWorkflow(session)
        ? `${id} goes on when run ${orchestrator} does: run its workflow again`
        : `${id} goes on as soon as "${orchestrator}" has a place for it`
    )
  })
).pipe(
  Command.withDescription(
    "Make a session go on, whatever it has come to, and execute it to its end if it has a runner; tell it something, or take it back first"
  ),
  Command.withExamples([
    { command: 'sartor session resume auditor-security-0k3f9d2m --prompt "Use the staging server"' },
    {
      command: "sartor session resume impl-001 --ack --json | jq .result",
      description: "For programs: what it came to"
    },
    { command: "sartor session resume impl-001 --from testing/axe | ./agent", description: "Outside: what it gets" }
  ])
)
