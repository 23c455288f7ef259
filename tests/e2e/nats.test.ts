import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { killFleet } from "../support/killedFleet.ts"
import { killAndResume } from "../support/killing.ts"
import { natsServer, natsTransport } from "../support/nats.ts"
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

  it("completes a fleet whose workers and orchestrator are killed at random, and leaves nothing behind", async () => {
    const { url } = await natsServer(cleanups)
    const { killed } = await killFleet(temporaryFolder(cleanups), { agents: 24, kills: 6, seed: 4, server: url })
    assert.strictEqual(killed, 6)
  }, 120_000)

  it("is looked at by the doctor, who makes nothing there", async () => {
    const transport = await natsTransport(cleanups, temporaryFolder(cleanups))
    const missing = ["SARTOR_default_JOURNAL", "SARTOR_default_QUEUE"]
    for (let visit = 1; visit <= 2; visit++) {
      const report = await json(["doctor", ...transport])
      assert.deepStrictEqual([report.streams, report.missing, report.differences], [[], missing, []])
    }
    await json(["session", "list", ...transport])
    assert.deepStrictEqual((await json(["doctor", ...transport])).missing, [])
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
