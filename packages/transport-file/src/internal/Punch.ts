/**
 * Gives the room back that the superseded beginning of a log takes. Its length stays, and so does what lies behind: whoever has it
 * open reads and appends as before.
 */
import { Effect, Result } from "effect"
import * as childProcess from "node:child_process"
import * as os from "node:os"
import * as LogFile from "./LogFile.ts"

/**
 * Frees what lies before a place of a file. Node has no call for that; `fallocate` of util-linux has. Where that is not there, or the
 * file system cannot do it, nothing happens but a line in the log: the room stays taken, and nothing else is wrong. It works on the
 * descriptor, because another file may have taken the name.
 */
export const free = (find: () => LogFile.LogFile | undefined, until: number): Effect.Effect<void> =>
  until < worthwhile || os.platform() !== "linux"
    ? Effect.void
    : Effect.callback<string | undefined>((resume) => {
        const found = LogFile.caught(find)
        const file = Result.isSuccess(found) ? found.success : undefined
        if (file === undefined) return resume(Effect.undefined)
        const options = ["--punch-hole", "--offset", "0", "--length", String(until), "/proc/self/fd/3"]
        const child = childProcess.spawn("fallocate", options, {
          stdio: ["ignore", "ignore", "ignore", file.descriptor],
          timeout: patience
        })
        const tell = (problem: string | undefined) => resume(Effect.succeed(problem))
        child.on("error", (error) => tell(error.message))
        child.on("close", (code) => tell(code === 0 ? undefined : `fallocate ended with ${code}`))
        return Effect.sync(() => child.kill())
      }).pipe(
        Effect.flatMap((problem) =>
          problem === undefined ? Effect.void : Effect.logDebug(`The room of what was deleted stays taken: ${problem}`)
        )
      )

/** Starting a program for less is not worth it, in bytes. */
const worthwhile = 16 * 1024

/** In milliseconds. */
const patience = 10_000
