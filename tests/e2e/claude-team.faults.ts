import { afterAll, describe, it } from "vitest"
import { rehearse, turns } from "../support/claudeTeam.ts"

describe("a team of Claude", () => {
  const cleanups: Array<() => void> = []
  afterAll(() => {
    for (const cleanup of cleanups) cleanup()
  })

  for (let n = 1; n <= turns; n++) {
    it(`killed at request ${n} of ${turns} goes on: no committed turn is asked for again, no finished agent runs again`, async () => {
      await rehearse(n, cleanups)
    })
  }
})
