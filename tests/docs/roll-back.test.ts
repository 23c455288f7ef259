import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { temporaryFolder } from "../support/sartor.ts"

const example = join(import.meta.dirname, "..", "..", "examples", "07-roll-back", "there-and-back.ts")

describe("examples/07-roll-back", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it("loses nothing on the way there and back", () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [example, temporaryFolder(cleanups)], {
      encoding: "utf8"
    })
    assert.strictEqual(status, 0, stderr)
    assert.strictEqual(
      stdout,
      `to files: nothing is missing
to sessions: nothing is missing
impl-quick spawned after the rollback: a status file
impl-patient began with sessions: a journal and a status file
1 of 1 wakes acknowledged, balanced
`
    )
  })
})
