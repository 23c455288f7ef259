import { afterEach, assert, describe, it } from "vitest"
import { eventually, inHand, startFleet } from "../support/farWorkers.ts"
import { temporaryFolder } from "../support/sartor.ts"

describe("an orchestrator and three workers in processes of their own, on a NATS server", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it("complete each agent once, although one is killed, one comes back as a stale owner, and the server is killed", async () => {
    const fleet = await startFleet(cleanups, temporaryFolder(cleanups), {
      agents: 12,
      seconds: (index) => 1 + (index % 3)
    })
    const doomed = fleet.worker("doomed")
    const cut = fleet.worker("cut", { behindProxy: true })
    fleet.worker("steady")
    await eventually("two workers have work", () => inHand(doomed).length > 0 && inHand(cut).length === 2)

    const lost = inHand(doomed)
    doomed.child.kill("SIGKILL")
    const held = inHand(cut)
    fleet.proxy.mute()
    await fleet.restart()
    // What it had committed just then, and was not told of, is done.
    const isDone = await Promise.all(
      held.map(async ({ session_id }) => (await fleet.history(session_id)).some(({ kind }) => kind === "ended"))
    )
    const stale = held.filter((_, index) => isDone[index] === false)
    assert.isNotEmpty(stale)
    for (const { run, session_id } of stale) {
      await eventually(`${session_id} is taken over`, async () =>
        (await fleet.history(session_id)).some((record) => record.kind === "started" && record.run > run)
      )
    }
    fleet.proxy.heal()

    const histories = await fleet.settle("a worker killed, one cut off, the server killed")
    const ended = new Set(cut.committed().flatMap(({ session_id, type }) => (type === "ended" ? [session_id] : [])))
    for (const { session_id } of stale)
      assert.isFalse(ended.has(session_id), `${session_id} was ended by a stale owner`)
    const startersOf = histories.map((records) =>
      records.flatMap(({ kind, worker }) => (kind === "started" ? [worker?.pid] : []))
    )
    const handedOn = (pid: number) => startersOf.filter((pids) => pids[0] === pid && pids.length > 1)
    assert.isAtLeast(handedOn(doomed.pid).length, Math.min(lost.length, 1))
    assert.isAtLeast(handedOn(cut.pid).length, stale.length)
  }, 120_000)
})
