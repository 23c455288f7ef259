/**
 * Executes one session to its end, as `sartor session resume` does: progress on stderr, what it came to on stdout.
 *
 * @since 0.1.0
 */
import {
  type Agent,
  AgentRunner,
  CommandRunner,
  Lease,
  Resumption,
  Session,
  Sessions,
  Wakes,
  Worker,
  type Workflow,
  WorkflowRun
} from "@sartor/core"
import { LegacyMirror } from "@sartor/transport-file/legacy"
import { Clock, Effect, Option } from "effect"
import * as AgentEnvironment from "./AgentEnvironment.ts"
import * as Claude from "./Claude.ts"
import * as Documents from "./Documents.ts"
import * as Exporting from "./Exporting.ts"
import * as Failure from "./Failure.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Progress from "./Progress.ts"
import * as Format from "./report/Format.ts"
import * as RunReport from "./RunReport.ts"
import * as Table from "./Table.ts"
import * as Transport from "./Transport.ts"

/**
 * What executes a session here: nothing for one that is executed outside, by an application, with its workflow, or by its
 * orchestrator, which is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runnerOf = Effect.fnUntraced(function* (session: Session.Session) {
  const { orchestrator, runner, session_id } = session
  if (runner.type !== "command" && runner.type !== "claude") return undefined
  if (Resumption.isOfWorkflow(session) || Option.isSome(yield* Lease.holder(orchestrator))) return undefined
  return AgentRunner.layer({
    command: CommandRunner.make({ env: yield* AgentEnvironment.make }),
    ...(runner.type === "claude" ? yield* Claude.runnerOf(session_id) : {})
  })
})

/**
 * Executes a session that is due, prints what it came to, and fails with the exit that tells how it ended.
 *
 * @category constructors
 * @since 0.1.0
 */
export const execute = Effect.fnUntraced(function* (
  id: string,
  runner: NonNullable<Effect.Success<ReturnType<typeof runnerOf>>>,
  { ack, quiet }: { readonly ack: boolean; readonly quiet: boolean }
) {
  const output = yield* Output
  const lines = Progress.lines({ since: yield* Clock.currentTimeMillis, names: [id] })
  const tell = Effect.fnUntraced(function* (event: Workflow.Event) {
    const text = quiet ? undefined : lines(event, yield* Clock.currentTimeMillis)
    if (text !== undefined) yield* output.note(text)
  })
  const print = Effect.fnUntraced(function* (session: Session.Session) {
    const pending = yield* Wakes.Wakes.use((wakes) => wakes.pending(session.orchestrator))
    const own = pending.filter(({ wake }) => wake.session_id === id)
    const foreign = yield* LegacyMirror.LegacyMirror.use((legacy) => legacy.foreign(id))
    yield* output.print(Documents.sessionInFull(session, own, foreign), () => inWords(session))
    return own
  })

  const work = Worker.bring(id, {
    ...(yield* Process.identity),
    observe: (_, record) => tell({ type: "session", agent: id, session_id: id, record })
  }).pipe(Effect.provide(runner), Effect.provide(Exporting.layer))

  /** Told once it is suspended, because only then is it true. */
  const interrupted = Effect.gen(function* () {
    yield* output.note(`sartor: stopped. "sartor session resume ${id}" goes on with it`)
    if (output.json) yield* print(yield* Sessions.Sessions.use((sessions) => sessions.get(id)))
  }).pipe(Effect.timeout("2 seconds"), Effect.ignore)

  const status = yield* Transport.following(
    Effect.gen(function* () {
      const session = yield* Effect.onInterrupt(work, () => interrupted)
      const finished = {
        type: "finished" as const,
        at: session.updated_at,
        agent: id,
        fingerprint: "",
        ...WorkflowRun.endingOf(session)
      }
      yield* tell({ type: "finished", agent: id, finished, remembered: false })
      const told = yield* print(session)
      if (session.status === "blocked") {
        yield* output.note(`It waits for a human: "sartor session resume ${id} --prompt ANSWER" goes on with it`)
      }
      if (ack) {
        const wakes = yield* Wakes.Wakes
        yield* Effect.forEach(told, ({ wake }) => wakes.acknowledge(wake.wake_id), { discard: true })
      }
      return session.status
    })
  )
  const exit = RunReport.exitOf(status)
  if (exit !== 0) return yield* new Failure.Ended({ exit })
})

const inWords = ({ error, result, run, session_id, status }: Session.Session): string =>
  Table.pairs([
    ["session", session_id],
    ["status", run === 1 ? status : `${status}, run ${run}`],
    ["result", result?.summary],
    ["claims", result?.claims?.map(claimInWords).join("\n")],
    ["issues", result?.issues?.map(({ description, severity }) => `${severity}: ${description}`).join("\n")],
    ["files", result?.files?.map((file) => (typeof file === "string" ? file : file.path)).join("\n")],
    ["error", error === undefined || status === "complete" ? undefined : `${error.code}: ${error.message}`]
  ])

const claimInWords = ({ claim, confidence, severity, topic }: Agent.Claim): string => {
  const notes = [severity, confidence === undefined ? undefined : Format.percent(confidence)].filter(Boolean)
  return `${topic}: ${claim}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`
}
