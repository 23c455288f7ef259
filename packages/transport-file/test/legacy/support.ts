import { Effect } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { LegacyDirectory } from "../../src/legacy/index.ts"
import { temporary } from "../support.ts"

const scripts = fileURLToPath(new URL("../../../../tests/legacy/scripts", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A data directory, with the scripts of the system before and ours, on the same files. */
export const legacy = Effect.map(temporary, (directory) => {
  const run = (command: string, args: ReadonlyArray<string>) =>
    Effect.callback<Ended>((resume) => {
      const child = childProcess.spawn(command, args, {
        env: { PATH: process.env["PATH"] ?? "", DATA_DIR: directory },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let stdout = ""
      let stderr = ""
      child.stdout.on("data", (text) => (stdout += text))
      child.stderr.on("data", (text) => (stderr += text))
      child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
      return Effect.sync(() => child.kill("SIGKILL"))
    })
  const status = (agent: string) => path.join(directory, "agent-status", `${agent}.json`)
  return {
    directory,
    files: LegacyDirectory.make({ directory }),
    /** With a lock that is waited for no longer than that. */
    impatient: LegacyDirectory.make({ directory, wait: "300 millis" }),
    script: (name: string, ...args: ReadonlyArray<string>) => run(path.join(scripts, name), args),
    run,
    bash: (text: string) => run("bash", ["-c", text]),
    status,
    read: (agent: string) => fs.readFileSync(status(agent), "utf8"),
    write: (agent: string, text: string | Uint8Array) => {
      fs.mkdirSync(path.dirname(status(agent)), { recursive: true })
      fs.writeFileSync(status(agent), text)
    }
  }
})

/** The keys that lead to a value, however often a key stands in the text. */
export const parse = (text: string): Record<string, unknown> => JSON.parse(text)
