/**
 * Runs programs, of those only that were allowed.
 *
 * @since 0.1.0
 */
import { Config, type Duration, Effect, Option, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { supervisor } from "../internal/supervisor.ts"
import * as Tool from "./Tool.ts"
import type { Workspace } from "./Workspace.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * What may be run, each the first words of a command: `["npm", "test"]` allows `npm test` with whatever follows. What an
   * allowed program itself does is not limited to the workspace.
   */
  readonly allowed: ReadonlyArray<ReadonlyArray<string>>
  /** Two minutes by default. */
  readonly timeout?: Duration.Input | undefined
  /** Given to programs beside PATH, HOME and LANG; nothing else of this process's environment is. */
  readonly env?: { readonly [name: string]: string } | undefined
}

/**
 * How much of what a program prints is kept, in characters; of more, the beginning and the end.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxOutput = 64 * 1024

/**
 * The tool `run_command`. A program never outlives this process, and is stopped with all that it has started when its time
 * is up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (workspace: Workspace, options: Options) {
  const { allowed, env: own = {}, timeout = "2 minutes" } = options
  const inherited = yield* inheritedVariables
  const list = allowed.map((words) => words.join(" ")).join(", ")

  return yield* Tool.make("run_command", {
    description:
      `Runs a program in the workspace, without a shell, and answers its exit code and what it prints. Allowed are only ` +
      `commands that begin with: ${list}`,
    effects: "unsafe",
    timeout,
    input: Schema.Struct({
      command: Schema.NonEmptyArray(Schema.String).annotate({
        description: `The program and its arguments, each a text of its own: ["npm", "test"]`
      })
    }),
    run: Effect.fnUntraced(function* ({ command }) {
      if (!allowed.some((words) => words.length > 0 && words.every((word, index) => command[index] === word))) {
        return yield* new Tool.ToolFailed({ why: `That is not allowed. Allowed are commands that begin with: ${list}` })
      }
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      return yield* Effect.scoped(
        Effect.gen(function* () {
          const child = yield* spawner.spawn(
            ChildProcess.make("/bin/sh", ["-c", supervisor, "command", ...command], {
              cwd: workspace.root,
              env: { ...inherited, ...own },
              extendEnv: false,
              detached: true,
              stdin: "ignore",
              additionalFds: { fd3: { type: "input" } },
              forceKillAfter: "2 seconds"
            })
          )
          const output = Stream.decodeText(Stream.merge(child.stdout, child.stderr)).pipe(
            Stream.runFold(
              () => ({ head: "", tail: "", length: 0 }),
              ({ head, length, tail }, text) => ({
                head: head.length < maxOutput / 2 ? (head + text).slice(0, maxOutput / 2) : head,
                tail: (tail + text).slice(-maxOutput / 2),
                length: length + text.length
              })
            )
          )
          // What it started and left behind holds its output open: it goes with the program.
          const sweep = Effect.andThen(
            Effect.ignore(child.exitCode),
            Effect.ignore(child.kill({ killSignal: "SIGKILL" }))
          )
          const [printed] = yield* Effect.all([output, sweep], { concurrency: 2 })
          return `Exit code ${yield* child.exitCode}\n${printedOf(printed)}`
        })
      ).pipe(
        Effect.catchTag("PlatformError", ({ reason }) =>
          Effect.fail(new Tool.ToolFailed({ why: `It could not be run: ${reason._tag}` }))
        )
      )
    })
  })
})

const printedOf = ({ head, length, tail }: { readonly head: string; readonly tail: string; readonly length: number }) =>
  length <= maxOutput / 2
    ? head
    : length <= maxOutput
      ? head + tail.slice(maxOutput - length - tail.length)
      : `${head}\n… (${length - head.length - tail.length} characters are left out) …\n${tail}`

/** A key in the environment of this process is none of a program's business. */
const inheritedVariables = Effect.gen(function* () {
  const found: Array<readonly [string, string]> = []
  for (const name of ["PATH", "HOME", "LANG"]) {
    const value = yield* Effect.orDie(Config.option(Config.String(name)))
    if (Option.isSome(value)) found.push([name, value.value])
  }
  return Object.fromEntries(found)
})
