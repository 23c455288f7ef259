import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { assert } from "vitest"
import { randomOf } from "./random.ts"
import { readTraces, writeFleet } from "./fleet.ts"
import { type Ended, isAlive, json, start, within } from "./sartor.ts"

/**
 * Runs a fleet and kills it with SIGKILL, each time at another moment, then lets it end. Whatever the moment: no agent
 * outlives it, no agent that had finished is started again, and every wake is accounted for.
 */
export const killAndResume = async (
  folder: string,
  options: {
    readonly kills: number
    readonly seed: number
    /** Where its data is; files in the folder by default. */
    readonly transport?: ReadonlyArray<string>
  }
) => {
  const traces = join(folder, "traces")
  mkdirSync(traces)
  const { file, names } = writeFleet(folder, traces)
  const transport = options.transport ?? ["--data-dir", join(folder, "data")]
  const random = randomOf(options.seed)
  const finished = new Map<string, number>()
  // By its id: a run that was killed just after its end is answered as it ended, and not begun anew.
  const args = ["run", file, "--run-id", "fleet-killed", ...transport, "--json"]
  let kills = 0
  let ended: Ended | undefined

  while (kills < options.kills && ended === undefined) {
    const sartor = start(args)
    ended = await Promise.race([
      sartor.ended,
      new Promise<undefined>((resolve) => setTimeout(resolve, 200 + random() * 900, undefined))
    ])
    if (ended !== undefined) break
    process.kill(sartor.pid, "SIGKILL")
    await sartor.ended
    kills += 1
    const why = `seed ${options.seed}, kill ${kills}`
    const { pids } = readTraces(traces)
    assert.isTrue(await within(10_000, () => pids.every((pid) => !isAlive(pid))), `an agent lives on: ${why}`)
    const document = await json(["runs", "show", "fleet-killed", ...transport])
    for (const agent of document.agents ?? []) {
      if (agent.status !== "complete") continue
      const starts = readTraces(traces).starts(agent.name)
      assert.strictEqual(starts, finished.get(agent.name) ?? starts, `${agent.name} ran again: ${why}`)
      finished.set(agent.name, starts)
    }
  }

  const { code, stderr, stdout } = ended ?? (await start(args).ended)
  assert.strictEqual(code, 0, `seed ${options.seed}: ${stderr}`)
  const document = JSON.parse(stdout)
  assert.deepStrictEqual(
    document.agents.map((agent: { status: string }) => agent.status),
    names.map(() => "complete")
  )
  assert.strictEqual(document.synthesis.report.census.reported, 4)
  for (const [name, starts] of finished) {
    assert.strictEqual(readTraces(traces).starts(name), starts, `${name} ran again after it had finished`)
  }
  const audit = await json(["wake", "audit", ...transport])
  assert.isTrue(audit.balanced, JSON.stringify(audit))
  assert.strictEqual(audit.pending, 0)
  return { kills }
}
