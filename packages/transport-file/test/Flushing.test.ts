import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Flushing from "../src/internal/Flushing.ts"
import * as LogFile from "../src/internal/LogFile.ts"

/** Flushes by clocks of its own: each flush takes so long, and the thread is at work for that share of the time. */
const start = () => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-flushing-"))
  const file = LogFile.create(join(folder, "log"))
  const device = { flush: 0.1, work: 0.2 }
  let now = 0
  let active = 0
  const { sync } = Flushing.make({
    now: () => {
      now += device.flush
      active += device.flush * device.work
      return now
    },
    active: () => active
  })
  /** Whether a flush was done before anything else could have been. */
  const isInPlace = () =>
    new Promise<boolean>((resolve, reject) => {
      let turned = false
      setImmediate(() => (turned = true))
      sync(file, (error) => (error === undefined ? resolve(!turned) : reject(error)))
    })
  const count = async (flushes: number) => {
    let inPlace = 0
    for (let index = 0; index < flushes; index++) if (await isInPlace()) inPlace += 1
    return inPlace
  }
  const end = () => {
    LogFile.close(file)
    rmSync(folder, { recursive: true })
  }
  return { device, count, end }
}

describe("a flush", () => {
  it("runs in place once it is known to be quick, where there is nothing else to do", async () => {
    const { count, end } = start()
    assert.strictEqual(await count(1), 0)
    assert.strictEqual(await count(14), 14)
    end()
  })

  it("runs on a thread where there is something else to do meanwhile, which now and then one of them finds out", async () => {
    const { count, device, end } = start()
    await count(15)
    device.work = 0.9
    assert.isBelow(await count(64), 32)
    assert.strictEqual(await count(32), 0)
    device.work = 0.1
    await count(8)
    assert.isAbove(await count(32), 28)
    end()
  })

  it("runs on a thread from the first that is slow on, and in place again when they have been quick for a while", async () => {
    const { count, device, end } = start()
    await count(5)
    device.flush = 20
    assert.strictEqual(await count(1), 1)
    assert.strictEqual(await count(5), 0)
    device.flush = 0.1
    const inPlace = await count(40)
    assert.isAbove(inPlace, 10)
    assert.isBelow(inPlace, 40)
    end()
  })
})
