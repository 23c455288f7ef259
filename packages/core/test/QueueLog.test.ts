import { assert, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import * as QueueLog from "../src/QueueLog.ts"

const owner: QueueLog.Owner = { host: "h", pid: 1, boot: "b", started: "s", since: "2026-01-01T00:00:00Z" }

const id = fc.constantFrom("a", "b", "c", "d", "e")
const claim = fc.constantFrom("c1", "c2", "c3")
const due = fc.integer({ min: 1, max: 60 })

/** Few names and short times, so that records meet. */
const record: fc.Arbitrary<QueueLog.Record> = fc.oneof(
  fc.record(
    {
      type: fc.constant("offered" as const),
      id,
      payload: fc.jsonValue().map((value) => value as Schema.Json),
      priority: fc.integer({ min: -1, max: 2 }),
      due,
      capacity: fc.integer({ min: 0, max: 4 }),
      revive: fc.boolean()
    },
    { requiredKeys: ["type", "id", "payload", "priority"] }
  ),
  fc.record(
    {
      type: fc.constant("claimed" as const),
      id,
      more: fc.array(id),
      claim,
      over: claim,
      lease: due,
      owner: fc.constant(owner)
    },
    { requiredKeys: ["type", "id", "claim", "lease", "owner"] }
  ),
  fc.record({
    type: fc.constant("awaited" as const),
    claim,
    until: fc.integer({ min: 0, max: 160 }),
    lease: due,
    owner: fc.constant(owner)
  }),
  fc.record({ type: fc.constant("withdrawn" as const), claim }),
  fc.record({ type: fc.constant("renewed" as const), id, claim }),
  fc.record({ type: fc.constant("released" as const), id, claim }),
  fc.record({ type: fc.constant("retried" as const), id, claim, due, reason: fc.string() }),
  fc.record({ type: fc.constant("completed" as const), id, claim }, { requiredKeys: ["type", "id"] }),
  fc.record(
    { type: fc.constant("dead" as const), id, claim, reason: fc.string() },
    { requiredKeys: ["type", "id", "reason"] }
  ),
  fc.record({ type: fc.constant("requeued" as const), id }),
  fc.record(
    { type: fc.constant("pruned" as const), completed: fc.integer({ max: 80 }), dead: fc.integer({ max: 80 }) },
    { requiredKeys: ["type"] }
  )
)

const log = fc.array(record, { maxLength: 80 })

/** What a reader knows. Whether a time has come is the one thing that each finds out for itself. */
const known = (queue: QueueLog.QueueLog) =>
  [...queue.items.values()].map(({ claim, state, ...item }) => ({
    ...item,
    claim: claim?.id,
    state: state === "delayed" ? "ready" : state
  }))

const everything = (queue: QueueLog.QueueLog) =>
  JSON.stringify([
    [...queue.items.values()],
    [...queue.inFlight],
    [...queue.awaiting.values()],
    queue.delayed,
    queue.live
  ])

const none: ReadonlySet<string> = new Set()

const check = <A>(property: fc.IProperty<A>) => fc.assert(property, { numRuns: 500 })

it("folds to the same state on every reader, whenever each reads and looks", () => {
  check(
    fc.property(log, fc.array(fc.integer({ min: 0, max: 80 })), (records, looks) => {
      const eager = QueueLog.make()
      const late = QueueLog.make()
      records.forEach((record, index) => {
        assert.strictEqual(eager.apply(record, index, index), late.apply(record, index, index + 5000))
        for (const look of looks) if (look % (index + 1) === 0) eager.next(look, none, 0)
      })
      assert.deepStrictEqual(known(eager), known(late))
      assert.deepStrictEqual([...eager.awaiting.values()], [...late.awaiting.values()])
      assert.strictEqual(eager.live, late.live)
    })
  )
})

it("changes nothing for a record that it calls void", () => {
  check(
    fc.property(log, (records) => {
      const queue = QueueLog.make()
      records.forEach((record, index) => {
        const before = everything(queue)
        const effective = queue.apply(record, index, index)
        if (!effective) assert.strictEqual(everything(queue), before)
      })
    })
  )
})

it("counts as live what is not settled, and keeps its indexes right", () => {
  check(
    fc.property(log, (records) => {
      const queue = QueueLog.make()
      records.forEach((record, index) => {
        queue.apply(record, index, index)
        if (index % 3 === 0) queue.next(index, none, 0)
        const items = [...queue.items.values()]
        assert.strictEqual(queue.live, items.filter(({ state }) => !QueueLog.isSettled(state)).length)
        assert.sameMembers(
          [...queue.inFlight],
          items.filter(({ state }) => state === "in_flight")
        )
        assert.sameMembers(
          [...queue.delayed],
          items.filter(({ state }) => state === "delayed")
        )
        queue.delayed.forEach((item, place) => assert.isAtLeast(item.due, queue.delayed[place - 1]?.due ?? 0))
        for (const item of items) {
          assert.strictEqual(item.claim !== undefined, item.state === "in_flight")
          assert.isAtLeast(item.attempt, 0)
        }
      })
    })
  )
})

it("gives a message to a claim that was awaited, the longest one first, and one message to each", () => {
  check(
    fc.property(log, (records) => {
      const queue = QueueLog.make()
      const given = new Set<string>()
      records.forEach((record, index) => {
        // Each name once, as takers have it.
        const one = record.type === "awaited" || record.type === "claimed" ? { ...record, claim: `${index}` } : record
        const before = [...queue.awaiting.values()]
        queue.apply(one, index, index)
        const now = new Set(queue.awaiting.keys())
        const left = before.filter(({ claim }) => !now.has(claim))
        if (one.type === "withdrawn" || one.type === "awaited") return
        // Those who waited longer and still did would have been before it.
        for (const { claim, until } of left) {
          if (until < index) continue
          const held = [...queue.inFlight].filter((item) => item.claim?.id === claim)
          assert.strictEqual(held.length, 1)
          assert.isFalse(given.has(claim))
          given.add(claim)
          assert.strictEqual(claim, left.at(-1)?.claim)
        }
        if (now.size > 0)
          assert.isFalse([...queue.items.values()].some(({ due, state }) => state === "ready" && due === 0))
      })
    })
  )
})

const offered = (id: string): QueueLog.Record => ({ type: "offered", id, payload: null, priority: 0 })
const awaited = (claim: string, until = 100): QueueLog.Record => ({ type: "awaited", claim, until, lease: 10, owner })

const after = (...records: ReadonlyArray<QueueLog.Record>) => {
  const queue = QueueLog.make()
  records.forEach((record, index) => queue.apply(record, index, index))
  return {
    holders: Object.fromEntries([...queue.inFlight].map(({ attempt, claim, id }) => [id, `${claim?.id} ${attempt}`])),
    awaiting: [...queue.awaiting.keys()],
    ready: queue.counts.ready
  }
}

it("passes by a claim whose time was over when the message was written", () => {
  const late = after(awaited("old", 1), awaited("new", 2), offered("a"), offered("b"))
  assert.deepStrictEqual(late, { holders: { a: "new 1" }, awaiting: [], ready: 1 })
})

it("takes no claim ahead of a message that waits already", () => {
  const behind = after(offered("a"), awaited("c"), offered("b"))
  assert.deepStrictEqual(behind, { holders: {}, awaiting: [], ready: 2 })
})

it("gives what a withdrawn claim had got to the next one, uncounted", () => {
  const withdrawn = after(awaited("c"), offered("a"), awaited("d"), { type: "withdrawn", claim: "c" })
  assert.deepStrictEqual(withdrawn, { holders: { a: "d 1" }, awaiting: [], ready: 0 })
})

it("forgets claims of long ago that nobody withdrew", () => {
  assert.deepStrictEqual(after(awaited("c", 1), awaited("d", 60_001)).awaiting, ["c", "d"])
  assert.deepStrictEqual(after(awaited("c", 0), awaited("d", 60_001)).awaiting, ["d"])
})

it("hands out the highest priority first, then the oldest, and nothing before its time", () => {
  check(
    fc.property(log, fc.integer({ min: 0, max: 80 }), fc.uniqueArray(id), (records, now, skipped) => {
      const queue = QueueLog.make()
      const skip: ReadonlySet<string> = new Set(skipped)
      records.forEach((record, index) => {
        queue.apply(record, index, index)
        const expected = [...queue.items.values()]
          .filter(({ due, id, state }) => !skip.has(id) && (state === "ready" || (state === "delayed" && due <= now)))
          .sort((a, b) => b.priority - a.priority || a.sequence - b.sequence)
        assert.deepStrictEqual(queue.next(now, skip, 3), expected.slice(0, 3))
      })
    })
  )
})

it("never holds more than the capacity that each offer names", () => {
  check(
    fc.property(fc.array(fc.tuple(fc.string(), fc.integer({ min: 0, max: 9 }))), (offers) => {
      const queue = QueueLog.make()
      for (const [id, capacity] of offers) {
        const live = queue.live
        const effective = queue.apply({ type: "offered", id, payload: null, priority: 0, capacity }, 0, 0)
        if (effective) assert.isBelow(live, capacity)
      }
    })
  )
})

it("keeps every record in JSON as it is", () => {
  const codec = Schema.fromJsonString(QueueLog.Record)
  check(
    fc.property(record, (record) => {
      const text = Schema.encodeSync(codec)(record)
      assert.deepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(record)))
      assert.strictEqual(JSON.stringify(Schema.decodeSync(codec)(text)), text)
    })
  )
})

it("goes on from a snapshot as from the records that led to it", () => {
  check(
    fc.property(log, log, (before, after) => {
      const long = QueueLog.make()
      before.forEach((record, index) => long.apply(record, index, index))
      const short = QueueLog.make()
      const snapshot = Schema.decodeUnknownSync(Schema.Array(QueueLog.Record))(
        JSON.parse(JSON.stringify(long.snapshot()))
      )
      for (const record of snapshot) assert.isTrue(short.apply(record, 1000, 1000))
      for (const queue of [long, short]) queue.apply({ type: "pruned", completed: 19 }, 1000, 1000)
      const apply = (queue: QueueLog.QueueLog) =>
        after.map((record, index) => {
          const applied = queue.apply(record, 100 + index, 100 + index)
          return [applied, queue.live, queue.next(index, none, 1)[0]?.id, ...queue.awaiting.keys()]
        })
      assert.deepStrictEqual(apply(short), apply(long))
      const waiting = (queue: QueueLog.QueueLog) =>
        known(queue)
          .filter(({ state }) => state !== "completed")
          .map((item) =>
            JSON.stringify({ ...item, sequence: 0, settledAt: item.state === "dead" ? item.settledAt : 0 })
          )
      assert.deepStrictEqual(waiting(short), waiting(long))
    })
  )
})
