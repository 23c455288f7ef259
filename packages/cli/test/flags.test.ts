import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as path from "node:path"
import { build } from "./internal/bundle.ts"
import { errorOf, place } from "./internal/sartor.ts"

beforeAll(build)

interface State {
  readonly value: boolean
  readonly environment: boolean
  readonly stored: boolean
}
type Flags = Record<string, State>

const on: State = { value: true, environment: true, stored: true }
const workflow = path.resolve(import.meta.dirname, "../../../examples/06-full-workflow/workflow.yaml")

describe("sartor flags", () => {
  it.live("shows each with where it comes from, and stores one for all processes", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* place
      const { document: before } = yield* json<Flags>(["flags"])
      assert.deepStrictEqual(before, {
        ENABLE_BACKGROUND_AGENTS: on,
        ENABLE_WAKE_MESSAGING: on,
        ENABLE_SESSION_PERSISTENCE: on,
        ENABLE_PARALLEL_EXECUTION: on
      })
      const { document: set } = yield* json<Flags>(["flags", "set", "ENABLE_WAKE_MESSAGING", "false"])
      assert.deepStrictEqual(set["ENABLE_WAKE_MESSAGING"], { value: false, environment: true, stored: false })
      const { stdout } = yield* sartor(["flags"], {
        env: { ENABLE_WAKE_MESSAGING: "0", ENABLE_PARALLEL_EXECUTION: "off" }
      })
      assert.match(stdout, /^ENABLE_WAKE_MESSAGING +off, by the environment and flags set$/m)
      assert.match(stdout, /^ENABLE_PARALLEL_EXECUTION +off, by the environment$/m)
      const { document: after } = yield* json<Flags>(["flags", "set", "ENABLE_WAKE_MESSAGING", "true"])
      assert.deepStrictEqual(after, before)
    })
  )

  it.live("refuses what is no flag, no value, or no setting of the environment, with 2", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      for (const args of [
        ["flags", "set", "ENABLE_MAGIC", "true"],
        ["flags", "set", "ENABLE_WAKE_MESSAGING", "maybe"],
        ["flags", "set", "ENABLE_WAKE_MESSAGING"]
      ]) {
        assert.strictEqual((yield* sartor(args)).code, 2, args.join(" "))
      }
      const bad = yield* sartor(["flags", "--json"], { env: { ENABLE_BACKGROUND_AGENTS: "perhaps" } })
      assert.deepStrictEqual([bad.code, errorOf(bad)["field"]], [2, "ENABLE_BACKGROUND_AGENTS"])
      const policy = yield* sartor(["flags", "--json"], { env: { SARTOR_ROLLBACK_POLICY: "panic" } })
      assert.deepStrictEqual([policy.code, errorOf(policy)["field"]], [2, "SARTOR_ROLLBACK_POLICY"])
    })
  )

  it.live("lets nobody go on from a session while none is kept: flag_off, with 2", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      yield* sartor(["session", "create", "--id", "impl-1", "--role", "implementer", "--task-type", "t"])
      for (const args of [
        ["session", "resume", "impl-1"],
        ["session", "fork", "impl-1"],
        ["session", "rollback", "impl-1", "--to", "1"],
        ["session", "show", "impl-1", "--context"]
      ]) {
        const ended = yield* sartor([...args, "--json"], { env: { ENABLE_SESSION_PERSISTENCE: "false" } })
        assert.deepStrictEqual([ended.code, errorOf(ended).code], [2, "flag_off"], args.join(" "))
      }
      assert.strictEqual((yield* sartor(["session", "resume", "impl-1"])).code, 0)
    })
  )
})

describe("sartor metrics", () => {
  it.live(
    "--check ends with 6 until five of seven hold, the legacy files among them",
    () =>
      Effect.gen(function* () {
        const { json, sartor } = yield* place
        assert.strictEqual((yield* sartor(["metrics", "--check"])).code, 6)
        yield* sartor(["run", workflow, "--quiet", "--var", "work=1500"])
        const { document } = yield* json<ReadonlyArray<{ name: string; ok: boolean | "n/a" }>>(["metrics"])
        const { code, stdout } = yield* sartor(["metrics", "--check"])
        assert.lengthOf(document, 7)
        assert.strictEqual(code, 0, stdout)
        assert.match(stdout, /^legacy_compatibility +100\.0 %.* yes/m)
        assert.match(stdout, /^context_retention .* n\/a +0$/m)
      }),
    60_000
  )
})
