import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Flushing from "../src/internal/Flushing.ts"
import * as LogFile from "../src/internal/LogFile.ts"

/** Flushes by clocks of its own: each flush takes so long, and the thread is at work for that share of the rest of the time. */
const start = () => {
  const folder = mkdtempSync(join(tmpdir(), "sartor-flushing-"))
  const file = LogFile.create(join(folder, "log"))
  const device = { flush: 0.1, load: 0.2 }
  let now = 0
  let active = 0
  const pass = (time: number) => {
    now += time
    active += time * device.load
  }
  const { sync } = Flushing.make({
    now: () => {
      now += device.flush
      active += device.flush
      return now
    },
    active: () => active
  })
  /** Whether a flush was done before anything else could have been. */
  const isInPlace = () =>
    new Promise<boolean>((resolve, reject) => {
      pass(200)
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
  it("runs in place once it is known to be quick, where there is little else to do", async () => {
    const { count, end } = start()
    assert.strictEqual(await count(1), 0)
    assert.strictEqual(await count(10), 10)
    end()
  })

  it("runs on a thread in a process that has much to do", async () => {
    const { count, device, end } = start()
    await count(5)
    device.load = 0.9
    assert.strictEqual(await count(5), 0)
    device.load = 0.2
    assert.strictEqual(await count(5), 5)
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
