import { afterEach, assert, describe, it } from "vitest"
import { killAndResume } from "../support/killing.ts"
import { temporaryFolder } from "../support/sartor.ts"

describe("a fleet that is killed many times", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  for (let seed = 100; seed < 112; seed++) {
    it(`goes on where it was, and runs no finished agent again (seed ${seed})`, async () => {
      const { kills } = await killAndResume(temporaryFolder(cleanups), { kills: 20, seed })
      assert.isAbove(kills, 0)
    })
  }
})
