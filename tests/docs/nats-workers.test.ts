import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { natsServer } from "../support/nats.ts"
import { temporaryFolder } from "../support/sartor.ts"

const root = join(import.meta.dirname, "..", "..")
const example = join(root, "examples", "03-nats-workers")
const readme = readFileSync(join(example, "README.md"), "utf8")

describe("examples/03-nats-workers", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  const start = (program: string, env: Record<string, string>) => {
    const child: ChildProcess = spawn(process.execPath, [program], { cwd: root, env: { ...process.env, ...env } })
    cleanups.push(() => child.kill("SIGKILL"))
    let printed = ""
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk))
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk))
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
    return { child, ended, printed: () => printed }
  }

  /** Two workers and the audit, in processes of their own. */
  const runs = async (folder: string, env: Record<string, string>) => {
    const workers = [1, 2].map(() => start(join(folder, "worker.ts"), env))
    const audit = start(join(folder, "audit.ts"), env)
    assert.strictEqual(await audit.ended, 0, audit.printed())
    // Warnings of the log, such as that there are conflicts, come before it.
    const last = audit.printed().trimEnd().split("\n").at(-1) ?? ""
    assert.strictEqual(last, "complete: 3 audits, 13 conflicts kept")
    assert.include(readme, last)
    for (const { child } of workers) child.kill("SIGTERM")
    await Promise.all(workers.map(({ ended }) => ended))
    const lines = workers.flatMap(({ printed }) =>
      printed()
        .split("\n")
        .filter((line) => line !== "")
    )
    assert.deepStrictEqual(
      lines.toSorted(),
      ["plan", "security", "performance", "accessibility", "report"]
        .flatMap((name) => [`${name} ended`, `${name} started`])
        .toSorted()
    )
  }

  it("runs the site audit with its agents in other processes, on a NATS server", async () => {
    const { url } = await natsServer(cleanups)
    await runs(example, { SARTOR_NATS_URL: url })
  })

  it("does the same on files, with one line changed, which the page shows", async () => {
    const [, before = "", after = ""] = /^-(.*)\n\+(.*)$/m.exec(readme) ?? []
    const text = readFileSync(join(example, "fleet.ts"), "utf8")
    assert.include(text, `\n${before}\n`)
    // Below the others, so that package names resolve as they do there; ignored by git.
    const folder = join(example, "dist")
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    for (const file of ["audit.ts", "worker.ts", "files.ts"]) cpSync(join(example, file), join(folder, file))
    writeFileSync(join(folder, "fleet.ts"), text.replace(before, after))
    await runs(folder, { SARTOR_DATA_DIR: temporaryFolder(cleanups) })
  })
})
