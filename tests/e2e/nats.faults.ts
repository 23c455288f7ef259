import { afterEach, assert, describe, it } from "vitest"
import { killFleet } from "../support/killedFleet.ts"
import { killAndResume } from "../support/killing.ts"
import { natsServer, natsTransport } from "../support/nats.ts"
import { temporaryFolder } from "../support/sartor.ts"

describe("the same program on NATS", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  for (let seed = 1; seed <= 4; seed++) {
    it(`goes on where it was after its orchestrator was killed, 20 times (seed ${seed})`, async () => {
      const folder = temporaryFolder(cleanups)
      const { kills } = await killAndResume(folder, {
        kills: 20,
        seed,
        transport: await natsTransport(cleanups, folder)
      })
      assert.isAbove(kills, 0)
    })

    it(`completes a fleet of 100 whose workers and orchestrator are killed at random (seed ${seed})`, async () => {
      const { url } = await natsServer(cleanups)
      const { killed } = await killFleet(temporaryFolder(cleanups), { agents: 100, kills: 20, seed, server: url })
      assert.strictEqual(killed, 20)
    })
  }
})
