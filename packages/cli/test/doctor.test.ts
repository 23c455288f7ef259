import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import { build } from "./internal/bundle.ts"
import { place } from "./internal/sartor.ts"

beforeAll(build)

describe("sartor doctor", () => {
  it.live("tells where the files are and what survives there", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const { code, stdout } = yield* sartor(["doctor", "--json"])
      const report = JSON.parse(stdout)
      assert.strictEqual(code, 0)
      assert.strictEqual(report.transport, "file")
      assert.include(["power_loss", "unknown"], report.durability.level)
      assert.deepStrictEqual(report.legacy_files, { mirror: true })
      assert.match((yield* sartor(["doctor"])).stdout, /survives +kill -9/)
    })
  )

  it.live("tells if the legacy files cannot be locked here, and what would help", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const report = JSON.parse((yield* sartor(["doctor", "--json"], { env: { PATH: "/nowhere" } })).stdout)
      assert.match(report.legacy_files.problem, /there is no flock program: install util-linux/)
      const off = yield* sartor(["doctor"], { env: { SARTOR_LEGACY_MIRROR: "false" } })
      assert.match(off.stdout, /legacy files +switched off/)
    })
  )

  it.live("warns of a folder that does not survive the loss of power", (context) =>
    Effect.gen(function* () {
      if (!fs.existsSync("/dev/shm")) return context.skip("needs a file system in memory")
      const { sartor } = yield* place
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => fs.mkdtempSync("/dev/shm/sartor-doctor-")),
        (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
      )
      const report = JSON.parse((yield* sartor(["doctor", "--json", "--data-dir", folder])).stdout)
      assert.strictEqual(report.durability.level, "unknown")
      assert.match(report.durability.detail, /power loss/)
    })
  )
})
