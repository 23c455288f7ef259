import { afterEach, assert, describe, it } from "vitest"
import { killFleet } from "../support/killedFleet.ts"
import { temporaryFolder } from "../support/sartor.ts"

describe("a fleet of 100 agents on 5 permits, whose workers and orchestrator are killed at random", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  for (let seed = 1; seed <= 8; seed++) {
    it(`completes, counts each agent's effect once, and leaves nothing behind: 20 kills (seed ${seed})`, async () => {
      const { killed } = await killFleet(temporaryFolder(cleanups), { agents: 100, kills: 20, seed })
      assert.strictEqual(killed, 20)
    })
  }
})
