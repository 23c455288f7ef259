import { afterEach, assert, describe, it } from "vitest"
import { type Far, startFleet } from "../support/farWorkers.ts"
import { randomOf } from "../support/random.ts"
import { temporaryFolder } from "../support/sartor.ts"

describe("an orchestrator and three workers in processes of their own, on a NATS server", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  for (let seed = 1; seed <= 4; seed++) {
    it(`complete each of 60 agents once, whatever is killed, cut off and started again (seed ${seed})`, async () => {
      const random = randomOf(seed)
      const pause = (least: number, most: number) =>
        new Promise((resolve) => setTimeout(resolve, least + random() * (most - least)))
      const fleet = await startFleet(cleanups, temporaryFolder(cleanups), {
        agents: 60,
        seconds: (index) => 1 + ((index * 7) % 4)
      })
      const begin = (place: number): Far => fleet.worker(`w${place}`, { behindProxy: place === 2 })
      const workers = [begin(0), begin(1), begin(2)]
      const counts = { killed: 0, cut: 0, restarted: 0 }
      for (let round = 0; fleet.orchestrator.child.exitCode === null && round < 12; round++) {
        await pause(500, 3000)
        // Each of them in turn, and at moments that nobody has chosen.
        const what = (round + seed) % 3
        if (what === 0) {
          const place = Math.floor(random() * 3)
          workers[place]?.child.kill("SIGKILL")
          await workers[place]?.ended
          workers[place] = begin(place)
          counts.killed += 1
        } else if (what === 1) {
          fleet.proxy.mute()
          // Shorter than its lease, or longer.
          await pause(3000, 22_000)
          fleet.proxy.heal()
          counts.cut += 1
        } else {
          await fleet.restart()
          counts.restarted += 1
        }
      }
      assert.isAbove(counts.killed + counts.cut + counts.restarted, 2)
      await fleet.settle(`seed ${seed}, ${JSON.stringify(counts)}`)
    }, 400_000)
  }
})
