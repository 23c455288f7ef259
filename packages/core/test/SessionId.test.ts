import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Key from "../src/Key.ts"
import { Role } from "../src/Role.ts"
import * as SessionId from "../src/SessionId.ts"

describe("SessionId", () => {
  it.effect("generation: makes role, task type and eight characters of anything, unique and within the grammar", () =>
    Effect.gen(function* () {
      const made = new Set<string>()
      for (const role of ["AUDITOR", "A_B__C", "X".repeat(64)]) {
        for (const taskType of [
          "a11y",
          "Feature X!",
          "../../etc",
          "\u0000",
          "ünï",
          "-",
          "y".repeat(300),
          "__proto__"
        ]) {
          const id = yield* SessionId.make(Role.make(role), taskType)
          assert.strictEqual(yield* SessionId.parse(id), id)
          assert.isTrue(Key.isKey(`session/${id}`))
          made.add(id)
        }
      }
      for (let index = 0; index < 5_000; index++) made.add(yield* SessionId.make(Role.make("AUDITOR"), "a11y"))
      assert.strictEqual(made.size, 5_024)
      assert.match(yield* SessionId.make(Role.make("AUDITOR"), "Feature X!"), /^auditor-feature-x-[0-9a-z]{8}$/)
      assert.match(yield* SessionId.make(Role.make("AUDITOR"), "\u0000"), /^auditor-task-[0-9a-z]{8}$/)
    })
  )

  it.effect("takes what follows the grammar, and refuses the rest with what to do", () =>
    Effect.gen(function* () {
      for (const good of ["impl-001", "abc", "0-1-2", "a".repeat(128)])
        assert.strictEqual(yield* SessionId.parse(good), good)
      const bad = [
        "",
        "ab",
        "..",
        "/abs",
        "a/b",
        "a\0b",
        "a\nb",
        "abc\n",
        "-rf",
        "a--b",
        "abc-",
        "Abc",
        "%2e%2e",
        "é".repeat(3)
      ]
      for (const input of [...bad, "a".repeat(129), "x".repeat(1_000_000)]) {
        const { message } = yield* Effect.flip(SessionId.parse(input))
        assert.match(message, /is not a session id: use 3 to 128 lower-case letters and digits/)
        assert.isBelow(message.length, 300)
      }
    })
  )
})
