/**
 * Executes agents that are programs: one JSON document on stdin, NDJSON or text on stdout.
 *
 * @since 0.1.0
 */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { Effect, Option, type PlatformError, Predicate, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import type * as Agent from "./Agent.ts"
import { type Assignment, type Event, type Execute, parseResult, RunFailed } from "./AgentRunner.ts"
import { Priority } from "./Wake.ts"
import { pointTo } from "./internal/issues.ts"
import { supervisor } from "./internal/supervisor.ts"

/**
 * The longest line and the most output in all that an agent may print, in bytes; more is `output_too_large`.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxLineBytes = 1024 * 1024

/**
 * @category configuration
 * @since 0.1.0
 */
export const maxOutputBytes = 16 * 1024 * 1024

/**
 * How much of stderr is kept of a run, in bytes; the rest is read and dropped.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxLogBytes = 1024 * 1024

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Added to the environment that agents inherit from this process; a value of `undefined` removes a variable. */
  readonly env?: { readonly [name: string]: string | undefined } | undefined
}

/**
 * Makes the runner. An agent never outlives its worker: a supervisor that holds a pipe from this process ends the agent's
 * whole process group when the pipe closes, whatever killed this process. Needs a POSIX shell at `/bin/sh`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Execute, never, ChildProcessSpawner.ChildProcessSpawner> =>
  Effect.map(
    ChildProcessSpawner.ChildProcessSpawner,
    (spawner): Execute =>
      (assignment, line) =>
        Stream.unwrap(Effect.map(start(spawner, assignment, options), (agent) => follow(agent, line?.alive)))
  )

const start = Effect.fnUntraced(function* (
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"],
  assignment: Assignment,
  { env }: Options
) {
  const { session } = assignment
  if (session.runner.type !== "command") return yield* Effect.die(`session ${session.session_id} has no command`)
  const { command, cwd, env: own } = session.runner
  return yield* spawner
    .spawn(
      ChildProcess.make("/bin/sh", ["-c", supervisor, "agent", ...command], {
        ...(cwd === undefined ? {} : { cwd }),
        env: {
          ...env,
          ...own,
          SARTOR_SESSION_ID: session.session_id,
          SARTOR_RUN: String(session.run),
          SARTOR_ORCHESTRATOR: session.orchestrator,
          // What was off when it was spawned is off for the commands that it calls.
          ...Object.fromEntries(Object.keys(session.flags ?? {}).map((flag) => [flag, "false"]))
        },
        extendEnv: true,
        detached: true,
        stdin: Stream.make(utf8ToBytes(`${JSON.stringify(document(assignment))}\n`)),
        additionalFds: { fd3: { type: "input" } },
        forceKillAfter: "2 seconds"
      })
    )
    .pipe(Effect.mapError(notStarted))
})

/**
 * What an agent that is a program reads on stdin.
 *
 * @category constructors
 * @since 0.1.0
 */
export const document = ({ attempt, inputs, session }: Assignment) => ({
  session_id: session.session_id,
  run: session.run,
  role: session.role,
  task_type: session.task_type,
  prompt: session.prompt,
  attempt,
  inputs,
  ...(session.synthesis === undefined ? {} : { synthesis: session.synthesis }),
  checkpoints: session.checkpoints,
  told: session.told
})

/** Everything that the agent prints, then the result that its exit code makes of it. */
const follow = (
  agent: ChildProcessSpawner.ChildProcessHandle,
  alive: Effect.Effect<void> = Effect.void
): Stream.Stream<Event, RunFailed> => {
  const text: Array<string> = []
  let last: Agent.Result | undefined

  const events = agent.stdout.pipe(
    Stream.mapError(broken),
    Stream.tap(() => alive),
    limited,
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.trim() !== ""),
    Stream.mapEffect((line) =>
      isTooLong(line) ? Effect.fail(tooLarge(`a line of more than ${maxLineBytes} bytes`)) : parseLine(line)
    ),
    Stream.tap((line) =>
      Effect.sync(() => {
        if (line.type === "text") text.push(line.text)
        if (line.type === "result") last = line.result
      })
    ),
    Stream.filter((line): line is Event => line.type !== "text" && line.type !== "result")
  )
  const logs = agent.stderr.pipe(
    Stream.catch(() => Stream.empty),
    Stream.tap(() => alive),
    Stream.decodeText(),
    Stream.mapAccum(
      () => 0,
      (kept, chunk) => [kept + chunk.length, kept < maxLogBytes ? [chunk.slice(0, maxLogBytes - kept)] : []]
    ),
    Stream.map((text): Event => ({ type: "log", text }))
  )
  // What the agent started and left behind holds its stdout open: it goes with the agent.
  const sweep = Effect.andThen(Effect.ignore(agent.exitCode), Effect.ignore(agent.kill({ killSignal: "SIGKILL" })))
  const result = Effect.gen(function* () {
    const code = yield* agent.exitCode.pipe(Effect.catch((error) => Effect.fail(broken(error))))
    if (code !== 0) return yield* exited(code, last?.summary ?? text.join("\n"))
    if (last !== undefined) return { type: "result" as const, result: last }
    const whole = text.join("\n")
    const object = Option.filter(parseObject(whole), Predicate.hasProperty("summary"))
    const found = yield* parseResult(Option.getOrElse(object, () => ({ summary: whole })))
    return { type: "result" as const, result: found }
  })

  return Stream.mergeAll([events, logs, Stream.fromEffectDrain(sweep)], { concurrency: "unbounded" }).pipe(
    Stream.concat(Stream.fromEffect(result))
  )
}

const limited = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>) => {
  let total = 0
  return Stream.mapEffect(bytes, (chunk) => {
    total += chunk.length
    return total > maxOutputBytes
      ? Effect.fail(tooLarge(`more than ${maxOutputBytes} bytes in all`))
      : Effect.succeed(chunk)
  })
}

/** Counts only where it may matter. */
const isTooLong = (line: string) => line.length * 3 > maxLineBytes && utf8ToBytes(line).length > maxLineBytes

type Line = Event | { readonly type: "text"; readonly text: string }

/** A line that is not one of ours is text: a program that prints JSON of its own is no error. */
const parseLine = (line: string): Effect.Effect<Line, RunFailed> => {
  const text = { type: "text" as const, text: line }
  // Most text is no JSON: a flood of it must not cost a failed parse a line.
  const object = line.startsWith("{") ? parseObject(line) : Option.none()
  if (Option.isNone(object) || !Predicate.hasProperty(object.value, "type")) return Effect.succeed(text)
  const { type } = object.value
  if (type === "result") {
    const { type: _, ...result } = object.value
    return Effect.map(parseResult(result), (result) => ({ type: "result", result }))
  }
  if (type !== "turn" && type !== "checkpoint" && type !== "finding") return Effect.succeed(text)
  return decodeEvent(object.value).pipe(
    Effect.mapError((error) => failed("invalid_result", `its "${type}" line is not valid: ${pointTo(error)}`, true))
  )
}

const decodeEvent = Schema.decodeUnknownEffect(
  Schema.Union([
    Schema.Struct({ type: Schema.tag("turn"), text: Schema.String }),
    Schema.Struct({
      type: Schema.tag("checkpoint"),
      phase: Schema.String,
      milestone: Schema.String,
      details: Schema.String.pipe(Schema.withDecodingDefaultKey(Effect.succeed("")))
    }),
    Schema.Struct({
      type: Schema.tag("finding"),
      summary: Schema.String,
      priority: Schema.optionalKey(Priority)
    })
  ])
)

const parseObject = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))

/** What the exit codes of agents mean: 10 is blocked, 75 asks to be tried again, anything else failed. */
const exited = (code: number, said: string) => {
  const words = said.trim() === "" ? "" : `: ${said.trim().slice(0, 2000)}`
  if (code === 10) {
    return new RunFailed({ status: "blocked", code: "blocked", detail: `it is blocked${words}`, retryable: false })
  }
  if (code === 75) return failed("exit_75", `it asked to be tried again${words}`, true)
  if (code === 127) return failed("exit_127", "its program was not found", false)
  if (code === 126) return failed("exit_126", "its program may not be executed", false)
  if (code > 128)
    return failed(`signal_${code - 128}`, `it was killed by signal ${code - 128} (exit code ${code})`, true)
  return failed(`exit_${code}`, `it ended with exit code ${code}${words}`, true)
}

const failed = (code: string, detail: string, retryable: boolean) =>
  new RunFailed({ status: "failed", code, detail, retryable })

const tooLarge = (what: string) => failed("output_too_large", `it printed ${what}`, false)

const broken = (error: PlatformError.PlatformError) => failed("broken", `the agent was lost: ${error.message}`, true)

const notStarted = (error: PlatformError.PlatformError) => {
  const forGood = error.reason._tag === "NotFound" || error.reason._tag === "BadArgument"
  return failed("not_started", `it could not be started: ${error.message}`, !forGood)
}
