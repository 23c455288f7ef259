import { afterEach, assert, describe, it } from "vitest"
import { killFleet } from "../support/killedFleet.ts"
import { temporaryFolder } from "../support/sartor.ts"

describe("a fleet on 5 permits, whose workers and orchestrator are killed at random", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it("completes, counts each agent's effect once, and leaves nothing behind: 40 agents, 8 kills (seed 1)", async () => {
    const { killed } = await killFleet(temporaryFolder(cleanups), { agents: 40, kills: 8, seed: 1 })
    assert.strictEqual(killed, 8)
  }, 90_000)
})
