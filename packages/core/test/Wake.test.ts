import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Wake from "../src/Wake.ts"
import { id, wake } from "./support/records.ts"

const decode = Schema.decodeUnknownEffect(Wake.Wake)
const encode = Schema.encodeSync(Wake.Wake)

describe("Wake", () => {
  it.effect("message validation: has what the wire format requires", () =>
    Effect.gen(function* () {
      const good = encode(wake("complete", 1, "k"))
      for (const key of ["wake_id", "session_id", "agent_role", "status", "timestamp"]) {
        const { [key]: _, ...rest } = good
        assert.include((yield* Effect.flip(decode(rest))).message, key)
      }
      const wrong = {
        wake_id: "x".repeat(257),
        session_id: "../x",
        agent_role: "auditor",
        status: "done",
        timestamp: "yesterday",
        priority: "low",
        confidence: 7,
        run: -1,
        deliverables: { files: "a.txt" },
        usage: { input_tokens: 1 }
      }
      for (const [key, value] of Object.entries(wrong)) {
        assert.include((yield* Effect.flip(decode({ ...good, [key]: value }))).message, key)
      }
      for (const strange of [null, [], "wake", 7])
        assert.strictEqual((yield* Effect.flip(decode(strange)))._tag, "SchemaError")
    })
  )

  it.effect("keeps unknown keys and passes them on, whatever they are called", () =>
    Effect.gen(function* () {
      const text = JSON.stringify({ ...wake("finding", 1, "k"), deliverables: { files: [], ticket: 7 }, extra: [null] })
      const given = JSON.parse(`${text.slice(0, -1)},"__proto__":{"polluted":true},"constructor":1}`)
      const kept = encode(yield* decode(given))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(kept)), given)
      assert.isUndefined(Object(Object.prototype).polluted)
    })
  )

  it.effect("has an id of its session, its run, and a ULID that grows with time", () =>
    Effect.gen(function* () {
      const first = yield* Wake.makeId(id, 3)
      yield* TestClock.adjust("1 second")
      const second = yield* Wake.makeId(id, 3)
      assert.match(first, new RegExp(`^${id}/3/[0-9A-HJKMNP-TV-Z]{26}$`))
      assert.isTrue(first < second)
      const many = yield* Effect.forEach(Array.from({ length: 2_000 }), () => Wake.makeId(id, 3))
      assert.strictEqual(new Set(many).size, 2_000)
    })
  )

  it("is urgent when it is blocked or failed, unless it says otherwise, and measured in bytes", () => {
    assert.deepStrictEqual(
      (["complete", "finding", "blocked", "failed"] as const).map((status) => Wake.priorityOf({ status })),
      ["normal", "normal", "high", "high"]
    )
    assert.strictEqual(Wake.priorityOf({ status: "finding", priority: "critical" }), "critical")
    const plain = Wake.bytesOf({ ...wake("finding", 1, "k"), summary: "" })
    assert.strictEqual(Wake.bytesOf({ ...wake("finding", 1, "k"), summary: "日本" }), plain + 6)
  })
})
