import { assert, describe, it } from "@effect/vitest"
import { HashMap, HashSet, Result } from "effect"
import * as fc from "fast-check"
import * as Inbox from "../src/Inbox.ts"

const at = "2026-01-01T00:00:00.000Z"
const record = fc.record({
  type: fc.constantFrom("acknowledged" as const, "dead" as const, "requeued" as const),
  wake_id: fc.constantFrom("a", "b", "c", "__proto__")
})
const histories = fc.array(record, { maxLength: 30 })

const apply = (inbox: Inbox.Inbox, { type, wake_id }: typeof record extends fc.Arbitrary<infer A> ? A : never) => {
  const made: Inbox.Record =
    type === "dead" ? { type, at, wake_id, reason: "no good", original: { wake_id } } : { type, at, wake_id }
  return Result.getOrThrow(Inbox.apply(inbox, made))
}

describe("Inbox", () => {
  it("holds each wake at most once, and what is acknowledged stays so, in any history", () => {
    fc.assert(
      fc.property(histories, (history) => {
        let inbox = Inbox.empty
        const acknowledged = new Map<string, number>()
        for (const step of history) {
          inbox = apply(inbox, step)
          if (step.type === "acknowledged") acknowledged.set(step.wake_id, (acknowledged.get(step.wake_id) ?? 0) + 1)
          assert.deepStrictEqual([...inbox.acknowledged].sort(), [...acknowledged.keys()].sort())
          const dead = [...HashMap.keys(inbox.dead)]
          assert.isEmpty(dead.filter((id) => acknowledged.has(id)))
          for (const id of [...acknowledged.keys(), ...dead]) assert.isTrue(Inbox.isSettled(inbox, id))
        }
        const repeated = [...acknowledged].flatMap(([id, times]) => (times > 1 ? [id] : []))
        assert.deepStrictEqual([...inbox.repeated].sort(), repeated.sort())
      })
    )
  })

  it("is what its newest record says of each wake that is not acknowledged", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const inbox = history.reduce(apply, Inbox.empty)
        for (const id of ["a", "b", "c", "__proto__"]) {
          if (HashSet.has(inbox.acknowledged, id)) continue
          const newest = history.findLast((step) => step.wake_id === id)
          assert.strictEqual(HashMap.has(inbox.dead, id), newest?.type === "dead")
        }
      })
    )
  })
})
