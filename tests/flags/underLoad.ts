/** A fleet that works while it is rolled back and forth: nothing of it may be lost. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "vitest"
import { isAlive, json, run, start, temporaryFolder, within } from "../support/sartor.ts"

const sartor = join(import.meta.dirname, "..", "..", "packages", "cli", "bin", "sartor.mjs")
const program = join(import.meta.dirname, "agent.mjs")

export interface Options {
  /** Agents that come one after the other, of whom five work at once. */
  readonly deep: number
  readonly turns: number
  readonly pause: number
  /** For how long there is a flip each second, in milliseconds. */
  readonly flipping: number
}

/** Five rows of agents: those of later columns are spawned after flips. */
const workflowOf = ({ deep, pause, turns }: Options) => {
  const rows = ["a", "b", "c", "d", "e"]
  const agents = rows.flatMap((row) =>
    Array.from({ length: deep }, (_, index) => {
      const name = `${row}${index}`
      const needs = index === 0 ? "" : `, needs: [${row}${index - 1}]`
      const command = JSON.stringify([process.execPath, program, sartor, name, String(turns), String(pause)])
      return `  - { name: ${name}, role: IMPLEMENTER, task_type: load, prompt: P, command: ${command}${needs} }`
    })
  )
  return `name: load\nmax_parallel: 5\nagents:\n${agents.join("\n")}\n`
}

export const assertNothingIsLost = async (
  cleanups: Array<() => void>,
  options: Options,
  transportOf: (folder: string) => Promise<ReadonlyArray<string>>
) => {
  const folder = temporaryFolder(cleanups)
  const transport = await transportOf(folder)
  writeFileSync(join(folder, "load.yaml"), workflowOf(options))
  const running = start(["run", join(folder, "load.yaml"), "--json", "--follow", "--quiet", ...transport])

  // What is spawned first is spawned before anything is switched off.
  const hasBegun = async () => (await json(["session", "list", ...transport])).length === 5
  assert.isTrue(await within(20_000, hasBegun))
  const flips: Array<string> = []
  const until = performance.now() + options.flipping
  while (performance.now() < until && isAlive(running.pid)) {
    const next = performance.now() + 1000
    const to = flips.length % 2 === 0 ? "files" : "sessions"
    const { code, stdout } = await run(["rollback", "--to", to, "--no-smoke", "--json", ...transport])
    assert.strictEqual(code, 0, stdout)
    flips.push(to)
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())))
  }
  const { code, stderr, stdout } = await running.ended
  assert.strictEqual(code, 0, `${stderr}${stdout.split("\n").at(-2)}`)
  assert.isAtLeast(flips.length, 3)

  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  const document = events.at(-1)
  const names: ReadonlyArray<string> = document.agents.map(({ name }: { name: string }) => name)
  assert.lengthOf(names, 5 * options.deep)
  assert.strictEqual(document.status, "complete")
  for (const { attempts, name, result } of document.agents) {
    const before = Number(name.slice(1))
    const told = Array.from({ length: before + 1 }, (_, index) => `${name[0]}${before - index}`).join(" after ")
    assert.deepStrictEqual([attempts, result.summary], [1, `${told} after nothing`])
    // Each turn once, in its order, whether or not the session was kept.
    const turns = events.filter(({ agent, type }) => type === "turn" && agent === name).map(({ text }) => text)
    assert.deepStrictEqual(
      turns,
      Array.from({ length: options.turns }, (_, index) => `${name} ${index + 1}`)
    )
  }
  const last = await run(["rollback", "--to", "sessions", "--no-smoke", "--json", ...transport])
  assert.strictEqual(last.code, 0, last.stdout)

  // What was not kept shows as the legacy agents that it has left the files of.
  const listed = await json(["session", "list", ...transport])
  assert.lengthOf(listed, names.length)
  const kept = listed.filter(({ origin }: { origin: string }) => origin === "sartor")
  for (const { session_id } of kept) {
    const history = await json(["session", "history", session_id, ...transport])
    assert.lengthOf(
      history.filter(({ kind }: { kind: string }) => kind === "turn"),
      options.turns
    )
  }
  const audit = await json(["wake", "audit", ...transport])
  assert.deepStrictEqual(
    { balanced: audit.balanced, pending: audit.pending, dead: audit.dead, missing: audit.missing },
    { balanced: true, pending: 0, dead: 0, missing: [] }
  )
  // Of each that is kept, and of each that was woken for: a finding and an end.
  assert.isAtLeast(audit.acknowledged, 2 * kept.length)
  const handoffs = await json(["handoff", "list", ...transport])
  assert.sameMembers(
    handoffs.map(({ context }: { context: { taskId: string } }) => context.taskId),
    [...names]
  )
  const unkept = names.length - kept.length
  assert.isAbove(kept.length, 0)
  return { flips: flips.length, kept: kept.length, unkept }
}
