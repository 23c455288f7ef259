import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { natsTransport } from "../support/nats.ts"
import { assertNothingIsLost } from "./underLoad.ts"

describe("rolled back and forth each second for a minute while twenty agents work, five at once", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })
  const options = { deep: 4, turns: 8, pause: 2000, flipping: 60_000 }

  it("a fleet on files loses no turn, no wake and no handoff", async () => {
    const done = await assertNothingIsLost(cleanups, options, async (folder) => ["--data-dir", join(folder, "data")])
    assert.isAbove(done.unkept, 0)
    assert.isAtLeast(done.flips, 40)
  })

  it("a fleet on NATS loses no turn, no wake and no handoff", async () => {
    const done = await assertNothingIsLost(cleanups, options, (folder) => natsTransport(cleanups, folder))
    assert.isAbove(done.unkept, 0)
    assert.isAtLeast(done.flips, 40)
  })
})
