import { assert, it } from "vitest"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import * as Device from "./device.ts"

it("F04: has everything that was acknowledged when the power fails, and would notice if it had not", (context) => {
  const missing = Device.missing()
  if (missing !== undefined) {
    process.stdout.write(`SKIPPED: power loss ${missing}\n`)
    return context.skip(missing)
  }
  const script = join(import.meta.dirname, "powerLoss.ts")
  const { status, stderr, stdout } = spawnSync(process.execPath, [script], { encoding: "utf8" })
  process.stdout.write(stdout)
  assert.strictEqual(status, 0, stderr)
})
