/**
 * `sartor run`
 *
 * @since 0.1.0
 */
import {
  AgentRunner,
  CommandRunner,
  Workflow,
  WorkflowFile,
  WorkflowPlan,
  WorkflowRun,
  WorkflowRuns
} from "@sartor/core"
import { Clock, Deferred, Effect, FileSystem, Option, Path } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as AgentEnvironment from "../AgentEnvironment.ts"
import * as Arguments from "../Arguments.ts"
import * as Claude from "../Claude.ts"
import * as Detached from "../Detached.ts"
import * as Documents from "../Documents.ts"
import * as Exporting from "../Exporting.ts"
import * as Failure from "../Failure.ts"
import * as Guard from "../Guard.ts"
import * as LiveView from "../LiveView.ts"
import { Output, type OutputError } from "../Output.ts"
import * as Process from "../Process.ts"
import * as Progress from "../Progress.ts"
import * as RunReport from "../RunReport.ts"
import * as Transport from "../Transport.ts"

const flags = {
  workflow: Argument.String("workflow").pipe(
    Argument.withMetavar("file"),
    Argument.withDescription("A workflow, YAML or JSON")
  ),
  var: Arguments.many("var", "key=value", "A value for a variable of the file; may be given again"),
  fresh: Arguments.toggle("fresh", "Start anew, even if an earlier run of it was interrupted"),
  runId: Arguments.text("run-id", "id", "Run or resume the run of this id"),
  sequential: Arguments.toggle("sequential", "One agent at a time, in order"),
  maxParallel: Flag.Int("max-parallel").pipe(
    Flag.withMetavar("<n>"),
    Flag.withDescription("How many agents work at once; as the file says, else 5"),
    Flag.optional
  ),
  match: Flag.Literals("match", Claude.matchers).pipe(
    Flag.withDescription("How claims are found that say the same: by their words, only if equal, or by Claude"),
    Flag.withDefault("words")
  ),
  elsewhere: Arguments.toggle("elsewhere", "Execute no agent here: leave them all to sartor worker"),
  follow: Arguments.toggle("follow", "With --json: print what happens, a line each, before the document"),
  quiet: Arguments.toggle("quiet", "No progress on stderr"),
  html: Arguments.text("html", "file", "Write the report as one HTML file too"),
  dieWithParent: Arguments.dieWithParent,
  dryRun: Arguments.toggle(
    "dry-run",
    "Say what would run, and what is remembered of a run that it goes on with; start nothing"
  ),
  detach: Arguments.toggle("detach", "Start it in the background and print its run id and process id")
}

/**
 * @category commands
 * @since 0.1.0
 */
export const run = Command.make(
  "run",
  flags,
  Effect.fnUntraced(function* (input) {
    const prepared = yield* prepare(input)
    if (input.dryRun) return yield* sayWhatWouldRun(input, prepared)
    return yield* input.detach ? detach(input, prepared) : execute(input, prepared)
  })
).pipe(
  Command.withDescription("Run a workflow, or go on with a run of it that was interrupted"),
  Command.withExamples([
    { command: "sartor run site-audit.yaml" },
    { command: "sartor run site-audit.yaml --var target=./site --html report.html" },
    {
      command: "sartor run site-audit.yaml --json --follow | jq -c .",
      description: "For programs: events, then the run"
    },
    { command: "sartor run site-audit.yaml --dry-run", description: "After an edit: what would run again" },
    { command: "sartor run site-audit.yaml --elsewhere", description: "By the workers of this fleet" },
    { command: "sartor run site-audit.yaml --detach", description: "In the background" }
  ])
)

type Input = Command.Command.Config.Infer<typeof flags>

interface Prepared {
  readonly claude: Effect.Success<ReturnType<typeof Claude.runnerFor>>
  readonly matching: Effect.Success<ReturnType<typeof Claude.matchingFor>>
  readonly workflow: WorkflowFile.Workflow
  /** Absolute. */
  readonly file: string
  readonly folder: string
  readonly html: string | undefined
}

/** Reads and checks everything that was given, before anything is started. */
const prepare = Effect.fnUntraced(function* (input: Input) {
  const output = yield* Output
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (input.follow && !output.json) {
    return yield* Failure.badInput("--follow is for --json: without it, what happens is told on stderr", {
      field: "follow"
    })
  }
  if (input.detach && (input.dieWithParent || input.follow)) {
    const field = input.follow ? "follow" : "die-with-parent"
    return yield* Failure.badInput(`--${field} cannot be given with --detach`, { field })
  }
  if (input.fresh && Option.isSome(input.runId)) {
    return yield* Failure.badInput("--fresh chooses a new run, --run-id names one: give one of them", {
      field: "fresh"
    })
  }
  if (Option.isSome(input.runId)) yield* Arguments.readRunId(input.runId.value, "run-id")
  const maxParallel = Option.getOrUndefined(input.maxParallel)
  if (maxParallel !== undefined && !(maxParallel >= 1 && maxParallel <= 1000)) {
    return yield* Failure.badInput(`--max-parallel cannot be ${maxParallel}: use a number from 1 to 1000`, {
      field: "max-parallel"
    })
  }
  const vars = yield* Arguments.readPairs("var", input.var)
  const file = input.workflow
  const text = yield* fs.readFileString(file).pipe(
    Effect.mapError((error) => {
      const why: { readonly [tag: string]: string } = {
        NotFound: `there is no file ${file}`,
        BadResource: `${file} is not a file`,
        PermissionDenied: `${file} may not be read`
      }
      return Failure.badInput(why[error.reason._tag] ?? `${file} cannot be read: ${error.message}`, {
        field: "workflow",
        file
      })
    })
  )
  const workflow = yield* WorkflowFile.parse(text, { file, vars })
  const claude = yield* Claude.runnerFor(workflow, { elsewhere: input.elsewhere, file })
  const prepared: Prepared = {
    claude,
    matching: yield* Claude.matchingFor(input.match),
    workflow: maxParallel === undefined ? workflow : { ...workflow, max_parallel: maxParallel },
    file: path.resolve(file),
    folder: path.dirname(path.resolve(file)),
    html: Option.isNone(input.html) ? undefined : yield* RunReport.checkTarget("html", input.html.value)
  }
  return prepared
})

/** Reads only: which run it would go on with, and what that would do. */
const sayWhatWouldRun = Effect.fnUntraced(function* (input: Input, { folder, workflow }: Prepared) {
  const output = yield* Output
  const found = yield* Transport.working(
    Effect.gen(function* () {
      const runId =
        Option.getOrUndefined(input.runId) ?? (input.fresh ? undefined : yield* WorkflowRuns.lastOf(workflow))
      const run = runId === undefined ? WorkflowRun.empty : yield* (yield* WorkflowRuns.open(runId)).refresh
      const goesOn = run.begun !== undefined && !WorkflowRun.isOver(run)
      const plan = yield* WorkflowPlan.make(goesOn ? run : WorkflowRun.empty, workflow, folder)
      return { ...(goesOn && runId !== undefined ? { run_id: runId } : {}), ...plan }
    })
  )
  yield* output.print(found, () => {
    const first = found.run_id === undefined ? "a new run" : `goes on with run ${found.run_id}`
    return `${[first, ...Progress.ofPlan(found)].join("\n")}\n`
  })
})

const execute = Effect.fnUntraced(function* (input: Input, prepared: Prepared) {
  const output = yield* Output
  const { file, folder, workflow } = prepared
  const broken = yield* Deferred.make<never, OutputError>()
  let runId: string | undefined

  if (input.dieWithParent) yield* Effect.forkChild(Process.stopWithParent)

  const work = Effect.gen(function* () {
    if (input.elsewhere && !input.quiet) yield* output.note('Agents are left to "sartor worker"')
    const progress = yield* progressOf(input, workflow)
    const runner = AgentRunner.layer({
      command: CommandRunner.make({ env: yield* AgentEnvironment.make }),
      ...prepared.claude
    })
    const following = input.follow
      ? (event: Workflow.Event) =>
          output
            .line(Documents.event(event), "")
            .pipe(Effect.catch((error) => Effect.asVoid(Deferred.fail(broken, error))))
      : () => Effect.void
    const document = yield* Workflow.run({
      workflow,
      folder,
      file,
      runId: Option.getOrUndefined(input.runId),
      fresh: input.fresh,
      flags: input.sequential ? { ENABLE_PARALLEL_EXECUTION: false } : {},
      elsewhere: input.elsewhere,
      pool: input.elsewhere ? undefined : yield* AgentEnvironment.pool,
      ...(yield* Process.identity),
      onEvent: (event) => {
        if (event.type === "begun") runId = event.run_id
        return Effect.andThen(progress(event), following(event))
      }
    }).pipe(Effect.provide([runner, prepared.matching]), Effect.raceFirst(Deferred.await(broken)))
    return yield* RunReport.inputOf(document)
  }).pipe(Effect.scoped)

  /** Told once everything is suspended, because only then is it true. */
  const interrupted = Effect.gen(function* () {
    if (runId === undefined) return
    yield* output.note(`sartor: stopped. ${again(input, runId)}`)
    if (!output.json) return
    const document = yield* WorkflowRuns.document(runId)
    yield* output.print(document, () => "")
  }).pipe(Effect.timeout("2 seconds"), Effect.ignore)

  const exported = Effect.raceFirst(Effect.provide(work, Exporting.layer), Guard.guarding)
  const report = yield* Transport.following(Effect.onInterrupt(exported, () => interrupted))
  if (runId === undefined && !input.quiet)
    yield* output.note(`Run ${report.run_id} has ended before: this is its report`)
  if (prepared.html !== undefined) {
    yield* RunReport.write(report, "html", prepared.html)
    if (!input.quiet) yield* output.note(`The report is in ${prepared.html}`)
  }
  yield* output.print(documentOf(report), (look) => RunReport.inTerminal(report, look))
  const exit = RunReport.exitOf(report.status)
  if (exit !== 0) return yield* new Failure.Ended({ exit })
})

/** The run document is as it is stored, without what the report adds. */
const documentOf = (report: Effect.Success<ReturnType<typeof RunReport.inputOf>>): WorkflowRun.Document => ({
  ...report,
  agents: report.agents.map((agent) => {
    const { wakes: _, ...stored } = { wakes: 0, ...agent }
    return stored
  })
})

/** Who tells of the run on stderr while it goes on. */
const progressOf = Effect.fnUntraced(function* (input: Input, workflow: WorkflowFile.Workflow) {
  const output = yield* Output
  if (input.quiet) return () => Effect.void
  const { animates } = yield* output.look("stderr")
  if (animates) {
    return yield* LiveView.show(output, workflow, { stays: !(yield* Process.isTerminal("stdout")) })
  }
  const since = yield* Clock.currentTimeMillis
  const lines = Progress.lines({ since, names: workflow.agents.map(({ name }) => name) })
  return (event: Workflow.Event) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const text = lines(event, now)
      return text === undefined ? Effect.void : output.note(text)
    })
})

const again = (input: Input, runId: string) => {
  const words = ["sartor", "run", input.workflow, ...input.var.flatMap((pair) => ["--var", pair])]
  const named = Option.isSome(input.runId) ? ["--run-id", runId] : []
  const command = [...words, ...named].map(quoted).join(" ")
  return `"${command}" resumes run ${runId}`
}

/** A word as a shell takes it. */
const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

const detach = Effect.fnUntraced(function* (input: Input, { file, html, workflow }: Prepared) {
  const output = yield* Output
  const started = yield* Transport.working(
    Detached.start(workflow, {
      runId: Option.getOrUndefined(input.runId),
      fresh: input.fresh,
      args: [
        ...input.var.flatMap((pair) => ["--var", pair]),
        ...(input.sequential ? ["--sequential"] : []),
        ...(input.elsewhere ? ["--elsewhere"] : []),
        ...Option.match(input.maxParallel, { onNone: () => [], onSome: (n) => ["--max-parallel", String(n)] }),
        "--match",
        input.match,
        ...(input.quiet ? ["--quiet"] : []),
        ...(html === undefined ? [] : ["--html", html]),
        "--",
        file
      ]
    })
  )
  const { log, pid, run_id } = started
  yield* output.print({ run_id, pid, log }, () => `${run_id} is run by process ${pid}; what it prints is in ${log}`)
})
