/** Runs the built command as a user does: as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const command = join(import.meta.dirname, "..", "..", "packages", "cli", "bin", "sartor.mjs")

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  readonly ended: Promise<Ended>
}

export const start = (args: ReadonlyArray<string>, env: Record<string, string> = {}): Started => {
  const child = spawn(process.execPath, [command, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { child, pid: child.pid ?? 0, ended }
}

export const run = (args: ReadonlyArray<string>, env?: Record<string, string>): Promise<Ended> => start(args, env).ended

export const json = async (args: ReadonlyArray<string>, env?: Record<string, string>) => {
  const { stderr, stdout } = await run([...args, "--json"], env)
  try {
    return JSON.parse(stdout)
  } catch {
    throw new Error(`sartor ${args.join(" ")} printed no JSON: ${stdout}${stderr}`)
  }
}

/** A folder that goes when the test does. */
export const temporaryFolder = (cleanups: Array<() => void>) => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-e2e-"))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A zombie is dead: nobody has asked for its exit code yet. */
export const isAlive = (pid: number) => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

/** Looks until it holds, or the time is up. */
export const within = async (millis: number, holds: () => boolean | Promise<boolean>) => {
  const end = performance.now() + millis
  while (performance.now() < end) {
    if (await holds()) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return holds()
}
