import { afterEach, assert, describe, it } from "vitest"
import { killAndResume } from "../support/killing.ts"
import { temporaryFolder } from "../support/sartor.ts"

describe("a fleet that is killed at any moment", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  for (const seed of [1, 2]) {
    it(`goes on where it was, and runs no finished agent again (seed ${seed})`, async () => {
      const { kills } = await killAndResume(temporaryFolder(cleanups), { kills: 4, seed })
      assert.isAbove(kills, 0)
    })
  }
})
