import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { assertNothingIsLost } from "./underLoad.ts"

describe("rolled back and forth while twenty agents work, five at once", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it("a fleet on files loses no turn, no wake and no handoff", async () => {
    const options = { deep: 4, turns: 3, pause: 150, flipping: 15_000 }
    const done = await assertNothingIsLost(cleanups, options, async (folder) => ["--data-dir", join(folder, "data")])
    assert.isAbove(done.unkept, 0)
  }, 120_000)
})
