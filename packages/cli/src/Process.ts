/**
 * The process that this command is: its arguments, streams, signals and end. The one module that touches `process`.
 *
 * @since 0.1.0
 */
import { Effect, Exit, Cause, Option, Runtime, Schema } from "effect"
import * as NodeChildProcess from "node:child_process"
import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as NodePath from "node:path"
import process from "node:process"

/**
 * Nobody reads the stream any more: the reader of a pipe has gone.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputClosed extends Schema.TaggedError<OutputClosed>("@sartor/cli/Process/OutputClosed")(
  "OutputClosed",
  {}
) {}

/**
 * What was to be printed could not be written.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputFailed extends Schema.TaggedError<OutputFailed>("@sartor/cli/Process/OutputFailed")("OutputFailed", {
  stream: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `${this.stream} cannot be written: ${this.detail}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP"

/**
 * How a command ends that is stopped by a signal.
 *
 * @category configuration
 * @since 0.1.0
 */
export const exitCodes: { readonly [S in Signal]: number } = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

/**
 * @category models
 * @since 0.1.0
 */
export type Stream = "stdout" | "stderr"

/**
 * Writes a text and waits until the operating system has it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const write = (stream: Stream, text: string): Effect.Effect<void, OutputClosed | OutputFailed> =>
  Effect.callback((resume) => {
    process[stream].write(text, (error) => {
      if (!error) return resume(Effect.void)
      const code = "code" in error ? String(error.code) : ""
      resume(
        closedCodes.has(code)
          ? Effect.fail(new OutputClosed())
          : Effect.fail(new OutputFailed({ stream, detail: error.message }))
      )
    })
  })

const closedCodes: ReadonlySet<string> = new Set([
  "EPIPE",
  "ECONNRESET",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END"
])

/**
 * @category constructors
 * @since 0.1.0
 */
export const isTerminal = (stream: Stream): Effect.Effect<boolean> => Effect.sync(() => process[stream].isTTY === true)

/**
 * How much a terminal shows now; nothing for what is no terminal.
 *
 * @category constructors
 * @since 0.1.0
 */
export const size = (
  stream: Stream
): Effect.Effect<Option.Option<{ readonly columns: number; readonly rows: number }>> =>
  Effect.sync(() => {
    const { columns, isTTY, rows } = process[stream]
    return isTTY && columns > 0 && rows > 0 ? Option.some({ columns, rows }) : Option.none()
  })

/**
 * Writes to a terminal when this process ends, however: for what has to be put back there. Answers how to take it back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const writeAtExit = (stream: Stream, text: string): Effect.Effect<Effect.Effect<void>> =>
  Effect.sync(() => {
    const restore = () => {
      if (process[stream].isTTY) NodeFs.writeSync(process[stream].fd, text)
    }
    process.once("exit", restore)
    return Effect.sync(() => process.off("exit", restore))
  })

/**
 * Who executes here, for the record.
 *
 * @category constructors
 * @since 0.1.0
 */
export const identity: Effect.Effect<{ readonly host: string; readonly pid: number }> = Effect.sync(() => ({
  host: NodeOs.hostname(),
  pid: process.pid
}))

/**
 * The folder of the Node that executes this.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nodeFolder: Effect.Effect<string> = Effect.sync(() => NodePath.dirname(process.execPath))

/** Completes once the process that started this one is gone. */
const parentGone: Effect.Effect<void> = Effect.gen(function* () {
  const parent = process.ppid
  while (process.ppid === parent) yield* Effect.sleep("500 millis")
})

/**
 * A command that goes on by itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Detached {
  readonly pid: number
  /** Its exit code, if it ends while this process lives. */
  readonly ended: Effect.Effect<number>
}

/**
 * Starts this program with other arguments in a process session of its own, its output in a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const startDetached = (args: ReadonlyArray<string>, log: string): Effect.Effect<Detached, OutputFailed> =>
  Effect.try({
    try: () => {
      NodeFs.mkdirSync(NodePath.dirname(log), { recursive: true })
      const file = NodeFs.openSync(log, "a")
      const child = NodeChildProcess.spawn(
        process.execPath,
        [...process.execArgv, ...process.argv.slice(1, 2), ...args],
        { detached: true, stdio: ["ignore", file, file] }
      )
      NodeFs.closeSync(file)
      child.unref()
      if (child.pid === undefined) throw new Error("no process was started")
      const ended = Effect.callback<number>((resume) => {
        if (child.exitCode !== null) return resume(Effect.succeed(child.exitCode))
        child.once("exit", (code) => resume(Effect.succeed(code ?? 1)))
      })
      return { pid: child.pid, ended }
    },
    catch: (error) => new OutputFailed({ stream: log, detail: error instanceof Error ? error.message : String(error) })
  })

interface Stop {
  readonly signal: Signal
  readonly at: number
}

let stopped: Stop | undefined
let interrupt = () => {}

/**
 * The signal that stops this command, if there was one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stoppedBy: Effect.Effect<Option.Option<Signal>> = Effect.sync(() =>
  Option.fromUndefinedOr(stopped?.signal)
)

/**
 * Stops this command as the signal would.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stop = (signal: Signal): Effect.Effect<void> => Effect.sync(() => receive(signal))

/**
 * Stops this command, as SIGTERM would, once the process that started it is gone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stopWithParent: Effect.Effect<void> = Effect.suspend(() => Effect.andThen(parentGone, stop("SIGTERM")))

/** One press of Ctrl-C may reach us twice: from the terminal, and from a parent that hands it on. */
const onePress = 150

const receive = (signal: Signal) => {
  const at = performance.now()
  if (stopped !== undefined) {
    if (signal === "SIGINT" && at - stopped.at > onePress) process.exit(exitCodes.SIGINT)
    return
  }
  stopped = { signal, at }
  interrupt()
}

/**
 * Runs a program that answers its exit code. SIGINT, SIGTERM and SIGHUP interrupt it, a second SIGINT ends it at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runMain = (program: Effect.Effect<number>): void =>
  Runtime.makeRunMain(({ fiber, teardown }) => {
    interrupt = () => fiber.interruptUnsafe(fiber.id)
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
    for (const signal of signals) process.on(signal, () => receive(signal))
    // What cannot be written is told to the writer; without a listener it would end the process with a stack trace.
    process.stdout.on("error", () => {})
    process.stderr.on("error", () => {})
    fiber.addObserver((exit) => teardown(exit, end))
  })(program, { disableErrorReporting: true, teardown })

const teardown: Runtime.Teardown = (exit, onExit) => {
  const code = stopped === undefined ? exitCodes.SIGINT : exitCodes[stopped.signal]
  if (Exit.isFailure(exit)) return onExit(Cause.hasInterruptsOnly(exit.cause) ? code : 1)
  onExit(typeof exit.value === "number" ? exit.value : 0)
}

/** Everything is written by now; whatever still holds the process alive is none of a user's business. */
const end = (code: number) => {
  process.exitCode = code
  setTimeout(() => process.exit(code), 250).unref()
}
