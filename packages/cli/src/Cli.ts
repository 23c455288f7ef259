/**
 * The tree of commands, and what happens around every one of them.
 *
 * @since 0.1.0
 */
import { Role } from "@sartor/core"
import { Effect, Stdio } from "effect"
import { CliConfig, CliOutput, Command, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { answer } from "./commands/Answer.ts"
import { checkpoint } from "./commands/Checkpoint.ts"
import { completions } from "./commands/Completions.ts"
import { handoffCreate } from "./commands/HandoffCreate.ts"
import { handoffList } from "./commands/HandoffList.ts"
import { handoffAccept, handoffComplete, handoffReject } from "./commands/HandoffSettle.ts"
import { handoffShow } from "./commands/HandoffShow.ts"
import { flags } from "./commands/Flags.ts"
import { metrics } from "./commands/Metrics.ts"
import { rollback } from "./commands/Rollback.ts"
import { triggers } from "./commands/Triggers.ts"
import { doctor } from "./commands/Doctor.ts"
import { legacy } from "./commands/Legacy.ts"
import { monitor } from "./commands/Monitor.ts"
import { prune } from "./commands/Prune.ts"
import { questions } from "./commands/Questions.ts"
import { report } from "./commands/Report.ts"
import { run } from "./commands/Run.ts"
import { runsCancel } from "./commands/RunsCancel.ts"
import { runsFollow } from "./commands/RunsFollow.ts"
import { runsList } from "./commands/RunsList.ts"
import { runsShow } from "./commands/RunsShow.ts"
import { sessionCancel } from "./commands/SessionCancel.ts"
import { sessionCreate } from "./commands/SessionCreate.ts"
import { sessionDelete } from "./commands/SessionDelete.ts"
import { sessionFork } from "./commands/SessionFork.ts"
import { sessionHistory } from "./commands/SessionHistory.ts"
import { sessionList } from "./commands/SessionList.ts"
import { sessionLogs } from "./commands/SessionLogs.ts"
import { sessionResume } from "./commands/SessionResume.ts"
import { sessionRollback } from "./commands/SessionRollback.ts"
import { sessionShow } from "./commands/SessionShow.ts"
import { sessionTell } from "./commands/SessionTell.ts"
import { statusCleanup } from "./commands/StatusCleanup.ts"
import { statusRead } from "./commands/StatusRead.ts"
import { statusUpdate } from "./commands/StatusUpdate.ts"
import { verify } from "./commands/Verify.ts"
import { wakeAck } from "./commands/WakeAck.ts"
import { wakeAudit } from "./commands/WakeAudit.ts"
import { wakeDead } from "./commands/WakeDead.ts"
import { wakeList } from "./commands/WakeList.ts"
import { wakeWatch } from "./commands/WakeWatch.ts"
import { wakeSend } from "./commands/WakeSend.ts"
import { worker } from "./commands/Worker.ts"
import * as Help from "./Help.ts"
import * as Output from "./Output.ts"
import * as Settings from "./Settings.ts"

const runs = Command.make("runs").pipe(
  Command.withDescription("List, show, follow and cancel the runs of workflows"),
  Command.withExamples([{ command: "sartor runs list" }, { command: "sartor runs follow site-audit-0k3f9d2m" }]),
  Command.withSubcommands([runsList, runsShow, runsFollow, runsCancel])
)

const session = Command.make("session").pipe(
  Command.withDescription("Create sessions, look into them, and say how they go on"),
  Command.withExamples([
    { command: "sartor session create --role auditor --task-type security" },
    { command: "sartor session list --status running" }
  ]),
  Command.withSubcommands([
    sessionCreate,
    sessionList,
    sessionShow,
    sessionHistory,
    sessionLogs,
    sessionResume,
    sessionRollback,
    sessionFork,
    sessionTell,
    sessionCancel,
    sessionDelete
  ])
)

const wake = Command.make("wake").pipe(
  Command.withDescription("Send wakes, and account for them"),
  Command.withExamples([
    { command: "sartor wake send --session impl-001 --status complete" },
    { command: "sartor wake list" }
  ]),
  Command.withSubcommands([wakeSend, wakeList, wakeWatch, wakeAck, wakeDead, wakeAudit])
)

const handoff = Command.make("handoff").pipe(
  Command.withDescription("Hand work over from one role to the next"),
  Command.withExamples([
    {
      command:
        "sartor handoff create --from planner --to implementer --type ready_for_implementation --session plan-001"
    },
    { command: "sartor handoff list --status pending" }
  ]),
  Command.withSubcommands([handoffCreate, handoffList, handoffShow, handoffAccept, handoffReject, handoffComplete])
)

const status = Command.make("status").pipe(
  Command.withDescription("Read and write the status files of the legacy system"),
  Command.withExamples([
    { command: 'sartor status update impl-001 currentTask "Writes the parser"' },
    { command: "sartor status read" }
  ]),
  Command.withSubcommands([statusUpdate, statusRead, statusCleanup])
)

const tree = Settings.root.pipe(
  Command.withDescription("Runs agents as durable, named, parallel background sessions"),
  Command.withExamples([
    { command: "sartor run site-audit.yaml", description: "Run a workflow; after a crash, go on with it" },
    { command: "sartor monitor --once", description: "See what there is" }
  ]),
  Command.withSubcommands([
    run,
    runs,
    report,
    questions,
    answer,
    session,
    wake,
    handoff,
    checkpoint,
    status,
    legacy,
    monitor,
    worker,
    prune,
    verify,
    flags,
    rollback,
    triggers,
    metrics,
    doctor,
    completions((): Command.Command.Any => tree)
  ])
)

/** Every handler gets the settings, which only a handler needs: help works with a bad environment. */
const root = Command.provideEffect(
  Command.provideEffect(tree, Role.Additional, () => Effect.map(Settings.Settings, ({ roles }) => roles)),
  Settings.Settings,
  (flags) => Settings.resolve(flags)
)

/**
 * Runs the command that the arguments name, and answers its exit code.
 *
 * @category constructors
 * @since 0.1.0
 */
export const main = Effect.gen(function* () {
  const args = yield* Stdio.Stdio.use((stdio) => stdio.args)
  const before = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
  const output = yield* Output.make({ json: before.includes("--json") })
  const { color } = yield* output.look("stdout")
  let unwritten: Output.OutputError | undefined
  const print = (text: string) =>
    Effect.catch(output.raw(`${text}\n`), (error) =>
      Effect.sync(() => {
        unwritten = error
      })
    )

  const presenter: CliOutput.Presenter = {
    present: (event) => {
      switch (event._tag) {
        case "Version":
          return print(output.json ? JSON.stringify({ version: event.version }) : `sartor ${event.version}`)
        case "Help":
          return event.reason === "Requested" || (event.commandPath.length === 1 && !output.json)
            ? print(Help.render(event.helpDoc, { color }))
            : Effect.void
        case "InvalidInvocation":
          // The error comes after it, and says it in a line.
          return Effect.void
      }
    }
  }
  return yield* Command.runWith(root, { version: manifest.version })(args).pipe(
    Effect.andThen(Effect.suspend(() => (unwritten === undefined ? Effect.succeed(0) : Effect.fail(unwritten)))),
    // Somebody who types the bare name wants to know what there is.
    Effect.catchTag("ShowHelp", (error) =>
      error.errors.length === 0 && error.commandPath.length === 1 && !output.json
        ? Effect.succeed(0)
        : Effect.fail(error)
    ),
    Effect.provideService(CliConfig.CliConfig, {
      builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.LogLevel]
    }),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provide(Output.layerLogger),
    Effect.catchCause((cause) => Output.fail(output, cause)),
    Effect.provideService(Output.Output, output)
  )
})
