/**
 * `sartor worker`
 *
 * @since 0.1.0
 */
import { AgentRunner, CommandRunner, type Session, Worker } from "@sartor/core"
import { Clock, DateTime, Deferred, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as AgentEnvironment from "../AgentEnvironment.ts"
import * as Arguments from "../Arguments.ts"
import * as Claude from "../Claude.ts"
import * as Documents from "../Documents.ts"
import * as Exporting from "../Exporting.ts"
import * as Failure from "../Failure.ts"
import { Output, type OutputError } from "../Output.ts"
import * as Process from "../Process.ts"
import * as Progress from "../Progress.ts"
import * as Settings from "../Settings.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const worker = Command.make(
  "worker",
  {
    concurrency: Flag.Int("concurrency").pipe(
      Flag.withMetavar("<n>"),
      Flag.withDescription("How many runs this process executes at once; 5 by default"),
      Flag.withDefault(5)
    ),
    orchestrator: Arguments.orchestrator,
    dieWithParent: Arguments.dieWithParent
  },
  Effect.fnUntraced(
    function* ({ concurrency, dieWithParent, orchestrator: given }) {
      const output = yield* Output
      if (!(concurrency >= 1 && concurrency <= 1000)) {
        return yield* Failure.badInput(`--concurrency cannot be ${concurrency}: use a number from 1 to 1000`, {
          field: "concurrency"
        })
      }
      const orchestrator = yield* Arguments.readOrchestrator(given)
      const claude = yield* Claude.runnerWithKey
      const runner = AgentRunner.layer({
        command: CommandRunner.make({ env: yield* AgentEnvironment.make }),
        ...claude
      })
      const broken = yield* Deferred.make<never, OutputError>()
      if (dieWithParent) yield* Effect.forkChild(Process.stopWithParent)

      const observe = (session: Session.Session, record: Session.Record) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const { text, ...document } = told(session, record, now)
          return text === undefined && !output.json ? Effect.void : output.line(document, text ?? "")
        }).pipe(Effect.catch((error) => Effect.asVoid(Deferred.fail(broken, error))))
      const serving = Effect.gen(function* () {
        yield* output.note(`Waiting for runs, ${concurrency} at once: Ctrl-C gives back what is not done`)
        return yield* Worker.serve({ concurrency, orchestrator, observe, ...(yield* Process.identity) })
      }).pipe(Effect.scoped, Effect.raceFirst(Deferred.await(broken)), Effect.provide(runner))
      return yield* Transport.following(Effect.provide(serving, Exporting.layer))
    },
    Effect.updateService(Settings.Settings, Settings.ofWorker)
  )
).pipe(
  Command.withDescription(
    "Execute agents of orchestrators in other processes, here or on other machines, until it is stopped"
  ),
  Command.withExamples([
    { command: "sartor worker" },
    { command: "sartor worker --transport nats --nats-url nats://broker:4222 --concurrency 2" },
    { command: "sartor run site-audit.yaml --elsewhere", description: "Elsewhere: a run that leaves all to workers" }
  ])
)

/** A record that was committed here, as a line for programs and, where it says something, for people. */
const told = (session: Session.Session, record: Session.Record, now: number) => {
  const { name, orchestrator, session_id } = session
  const event = { type: "session" as const, agent: name ?? session_id, session_id, record }
  const words = record.type === "ended" ? record.status : Progress.words(event)
  const time = DateTime.formatIso(DateTime.makeUnsafe(now)).slice(11, 19)
  return {
    ...Documents.event(event),
    orchestrator,
    text: words === undefined ? undefined : `${time}  ${session_id}  ${words}`
  }
}
