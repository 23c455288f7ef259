/**
 * Gives the room back that the superseded beginning of a log takes. Its length stays, and so does what lies behind: whoever has it
 * open reads and appends as before.
 */
import { Effect } from "effect"
import * as childProcess from "node:child_process"
import * as os from "node:os"

/**
 * Frees what lies before a place of a file. Node has no call for that; `fallocate` of util-linux has. Where that is not there, or the
 * file system cannot do it, nothing happens but a line in the log: the room stays taken, and nothing else is wrong.
 */
export const free = (file: string, until: number): Effect.Effect<void> =>
  until < worthwhile || os.platform() !== "linux"
    ? Effect.void
    : Effect.callback<string | undefined>((resume) => {
        const options = ["--punch-hole", "--offset", "0", "--length", String(until), file]
        const child = childProcess.execFile("fallocate", options, { timeout: patience }, (error) =>
          resume(Effect.succeed(error?.message.trim()))
        )
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
