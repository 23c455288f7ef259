import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "vitest"
import { randomOf } from "./random.ts"
import { isAlive, within } from "./sartor.ts"

const program = join(import.meta.dirname, "fleetMember.ts")

interface Member {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly stdout: string; readonly stderr: string }>
}

const begin = (kind: string, data: string, folder: string, agents: number): Member => {
  const args = [program, kind, data, folder, String(agents)]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
  return { child, ended: new Promise((resolve) => child.on("close", () => resolve({ stdout, stderr }))) }
}

/** The most runs at once, of those whose end is known; one that ends as another begins does not count. */
const mostAtOnce = (runs: ReadonlyArray<{ readonly started_at: string; readonly ended_at?: string }>) => {
  const steps = runs.flatMap(({ ended_at, started_at }) =>
    ended_at === undefined
      ? []
      : [
          { at: Date.parse(started_at), by: 1 },
          { at: Date.parse(ended_at), by: -1 }
        ]
  )
  let now = 0
  return Math.max(...steps.sort((a, b) => a.at - b.at || a.by - b.by).map(({ by }) => (now += by)))
}

/**
 * Runs a fleet, on files or on a nats-server: an orchestrator that executes too, and two workers, on five permits. Kills one of the three
 * processes after the other with SIGKILL, at random, and starts it again. Whatever the moments: every agent's effect is
 * counted once, the ledger balances, and nothing is left behind.
 */
export const killFleet = async (
  folder: string,
  options: {
    readonly agents: number
    readonly kills: number
    readonly seed: number
    /** The URL of a nats-server; files in the folder by default. */
    readonly server?: string
  }
) => {
  const { agents, kills, seed, server } = options
  const data = server ?? join(folder, "data")
  for (const name of ["agents", "counted"]) mkdirSync(join(folder, name))
  const random = randomOf(seed)
  const kinds = ["orchestrator", "worker", "worker"]
  const members = kinds.map((kind) => begin(kind, data, folder, agents))
  const traces = () =>
    readdirSync(join(folder, "agents")).flatMap((name) =>
      readFileSync(join(folder, "agents", name), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => ({ name, what: line.split(" ")[0], pid: Number(line.split(" ")[1]) }))
    )
  const done = () => readdirSync(join(folder, "counted")).length
  const why = `seed ${seed}`
  let killed = 0
  try {
    while (killed < kills && done() < agents) {
      await new Promise((resolve) => setTimeout(resolve, 50 + random() * 300))
      const victim = Math.floor(random() * kinds.length)
      members[victim]?.child.kill("SIGKILL")
      await members[victim]?.ended
      members[victim] = begin(kinds[victim] ?? "", data, folder, agents)
      killed += 1
    }
    const orchestrator = await Promise.race([
      members[0]?.ended,
      new Promise<undefined>((resolve) => setTimeout(resolve, 60_000, undefined))
    ])
    assert.isDefined(orchestrator, `the fleet does not come to an end: ${why}, ${done()} of ${agents} are done`)
    // What it was warned of on the way stands before it.
    const { outcomes } = JSON.parse(orchestrator?.stdout.trimEnd().split("\n").at(-1) ?? "")
    assert.deepStrictEqual(outcomes, Array(agents).fill("complete"), why)
    // It has ended by itself: no fibre keeps it alive. And what it had open is closed.
    assert.match(orchestrator?.stderr ?? "", /left open: \[\]\n$/, why)
  } finally {
    for (const { child } of members) child.kill("SIGTERM")
    await Promise.all(members.map(({ ended }) => ended))
  }
  const counted = readdirSync(join(folder, "counted"))
  assert.strictEqual(counted.length, agents, `${why}: ${counted.filter((name) => name.endsWith(".twice")).join(", ")}`)
  assert.isTrue(await within(10_000, () => traces().every(({ pid }) => !isAlive(pid))), `an agent lives on: ${why}`)

  const { stdout } = await begin("inspect", data, folder, agents).ended
  const { dispatch, ledger, owner, permits, runs, terminal } = JSON.parse(stdout)
  assert.deepStrictEqual(
    { ...ledger, committed: ledger.committed - agents, acknowledged: ledger.acknowledged - agents },
    { committed: 0, acknowledged: 0, pending: 0, dead: 0, balanced: true, missing: [], unknown: [], repeated: [] },
    why
  )
  assert.deepStrictEqual(terminal, Array(agents).fill(1), why)
  assert.deepStrictEqual(permits, { ready: 5, delayed: 0, inFlight: 0 }, why)
  assert.deepStrictEqual(dispatch, { ready: 0, delayed: 0, inFlight: 0 }, why)
  assert.deepStrictEqual(owner, { ready: 1, delayed: 0, inFlight: 0 }, why)
  assert.isAtMost(mostAtOnce(runs), 5, why)
  return { killed, starts: traces().filter(({ what }) => what === "start").length }
}
