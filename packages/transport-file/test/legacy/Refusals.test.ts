import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { LegacyDirectory } from "../../src/legacy/index.ts"
import { legacy } from "./support.ts"

describe("what could not be done to legacy files", () => {
  it.live("is noted with its path, once, for every process on the directory", () =>
    Effect.gen(function* () {
      const { directory, files } = yield* legacy
      mkdirSync(join(directory, "agent-status"))
      writeFileSync(join(directory, "agent-status", "cut.json"), "{ cut sh")
      const set = (agent: string) => Effect.exit(files.update(agent, () => [["status", "active"]]))
      yield* Effect.all([set("cut"), set("cut"), set("whole"), set("no/agent")])
      const { refusals } = LegacyDirectory.make({ directory })
      const found = yield* refusals(0)
      assert.lengthOf(found, 1)
      assert.match(found[0] ?? "", /agent-status\/cut\.json, line 1/)
      assert.deepStrictEqual(yield* refusals(Date.now() + 1000), [])
    })
  )
})
