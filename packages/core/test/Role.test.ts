import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Role from "../src/Role.ts"

describe("Role", () => {
  it.effect("is read in any case, and kept in upper case", () =>
    Effect.gen(function* () {
      for (const role of Role.builtIn) assert.strictEqual<string>(yield* Role.parse(role.toLowerCase()), role)
    })
  )

  it.effect("may be added to by a deployment", () =>
    Effect.gen(function* () {
      const added = Effect.provideService(Role.Additional, ["reviewer", "not a role"])
      assert.strictEqual<string>(yield* added(Role.parse("Reviewer")), "REVIEWER")
      assert.include((yield* Effect.flip(added(Role.parse("not a role")))).message, "Unknown role")
      assert.strictEqual((yield* Effect.flip(Role.parse("reviewer")))._tag, "UnknownRole")
    })
  )

  it.effect("that is unknown is refused with those that there are, however long it is", () =>
    Effect.gen(function* () {
      for (const input of ["", "toString", "__proto__", "ADMIN\n", "x".repeat(1_000_000)]) {
        const { message } = yield* Effect.flip(Role.parse(input))
        assert.match(message, /^Unknown role ".*": use one of PLANNER, .*, OBSERVER, or add it with SARTOR_ROLES$/)
        assert.isBelow(message.length, 400)
      }
    })
  )
})
