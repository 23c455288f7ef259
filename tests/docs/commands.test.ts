import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { start, temporaryFolder } from "../support/sartor.ts"

const pages = [
  "migration.md",
  "coordination-protocol.md",
  "session-usage.md",
  "runbook-rollback.md",
  "templates/spawning.md",
  "templates/orchestrator-bootstrap.md",
  "templates/CLAUDE.md"
]

/** The words of a command as a shell takes them, with names in the place of what is to be filled in. */
const wordsOf = (command: string) =>
  [
    ...command
      .replace(/<([^<>]*)>/g, (_, what: string) => what.replace(/\W+/g, "-").replace(/^-|-$/g, ""))
      .replaceAll("$SARTOR_SESSION_ID", "impl-1")
      .matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)
  ].map(([, double, single, bare]) => double ?? single ?? bare ?? "")

/** What a page tells to type: whole lines, and commands within sentences. */
const commandsOf = (page: string) => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", page), "utf8")
  const lines = [...text.matchAll(/^(?:> )?\$ (sartor .*)$/gm)].map(([, command = ""]) => command)
  const inline = [...text.matchAll(/`(sartor [^`]+)`/g)].map(([, command = ""]) => command)
  return [...new Set([...lines, ...inline])]
}

describe("commands in the docs", () => {
  const cleanups: Array<() => void> = []
  afterAll(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })
  for (const page of pages) {
    it(`of ${page} are commands of sartor, with flags that they have`, async () => {
      const folder = temporaryFolder(cleanups)
      const commands = commandsOf(page)
      assert.isNotEmpty(commands)
      await Promise.all(
        commands.map(async (command, index) => {
          const data = ["--data-dir", join(folder, String(index)), "--json"]
          const [, ...words] = wordsOf(command)
          const at = words.indexOf("--")
          const args = at < 0 ? [...words, ...data] : [...words.slice(0, at), ...data, ...words.slice(at)]
          const { child, ended } = start(args.filter((word) => word !== "--follow"))
          // Some go on until they are stopped.
          const stop = setTimeout(() => child.kill(), 10_000)
          const { stdout } = await ended
          clearTimeout(stop)
          assert.notMatch(stdout, /has no (?:flag|command)|nothing is expected here/, command)
          if (!command.includes("<")) assert.notMatch(stdout, /cannot be \\?"[^"]*\\?": use/, command)
        })
      )
    }, 120_000)
  }
})
