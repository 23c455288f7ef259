import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { killAndResume } from "../support/killing.ts"
import { natsTransport } from "../support/nats.ts"
import { json, temporaryFolder } from "../support/sartor.ts"

describe("the same program on NATS", () => {
  const cleanups: Array<() => void> = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  it("goes on where it was after its orchestrator was killed, and runs no finished agent again", async () => {
    const folder = temporaryFolder(cleanups)
    const transport = await natsTransport(cleanups, folder)
    const { kills } = await killAndResume(folder, { kills: 4, seed: 3, transport })
    assert.isAbove(kills, 0)
  })

  it("audits a site, with every wake accounted for", async () => {
    const transport = await natsTransport(cleanups, temporaryFolder(cleanups))
    const workflow = join(import.meta.dirname, "..", "..", "examples", "01-site-audit", "workflow.yaml")
    const document = await json(["run", workflow, ...transport])
    assert.strictEqual(document.status, "complete")
    const audit = await json(["wake", "audit", ...transport])
    assert.isTrue(audit.balanced)
    assert.isAtLeast(audit.committed, 5)
  })
})
