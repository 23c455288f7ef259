import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result, Schema } from "effect"
import * as fc from "fast-check"
import * as Journal from "../src/Journal.ts"
import * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import { attempts, created, id, recordOf, takeLegal, types, wake } from "./support/records.ts"

const fold = (records: ReadonlyArray<Session.Record>, first = 0) => {
  let state: Session.Whole | undefined
  for (const [index, record] of records.entries()) {
    state = Result.getOrThrow(Session.apply(state, record, first + index + 1))
  }
  return state
}
const after = (...given: ReadonlyArray<Session.Record["type"]>) => {
  let run = 0
  return fold([created, ...given.map((type, index) => recordOf(type, type === "started" ? ++run : run, `k${index}`))])
}
/** The version of the next record: with any other one there is a gap, after which nothing is refused. */
const next = (session: Session.Session | undefined) => (session?.version ?? 0) + 1
const encode = Schema.encodeSync(Schema.toCodecJson(Session.Record))

describe("Session", () => {
  it("follows the table of states: session state validation", () => {
    const histories = {
      created: [],
      running: ["started"],
      suspended: ["started", "suspended"],
      complete: ["started", "ended"],
      cancelled: ["cancelled"]
    } as const
    const legal = {
      created: ["started", "checkpoint", "cancelled", "told", "late"],
      running: types.filter((type) => type !== "created"),
      suspended: ["started", "checkpoint", "cancelled", "told", "late"],
      complete: ["checkpoint", "late"],
      cancelled: ["checkpoint", "late"]
    }
    for (const status of ["created", "running", "suspended", "complete", "cancelled"] as const) {
      const session = after(...histories[status])
      assert.strictEqual(session?.status, status)
      const run = session?.run ?? 0
      const allowed = types.filter((type) =>
        Result.isSuccess(
          Session.apply(session, recordOf(type, type === "started" ? run + 1 : run, "next"), next(session))
        )
      )
      assert.deepStrictEqual(
        allowed,
        types.filter((type) => legal[status].some((each) => each === type)),
        status
      )
    }
  })

  it("takes no record of another run, whoever wrote it", () => {
    const session = after("started", "suspended", "started")
    for (const type of types) {
      if (type === "late" || type === "created") continue
      for (const run of [0, 1, type === "started" ? 2 : 3, 7]) {
        const error = Session.apply(session, recordOf(type, run, "next"), next(session))
        if (Result.isSuccess(error)) assert.fail(`${type} of run ${run} was taken`)
        assert.match(error.failure.message, new RegExp(`^Session ${id} is running, in another run: .+ by run ${run} `))
      }
    }
  })

  it("says in words what is not possible", () => {
    const messages = types.flatMap((type) => {
      const result = Session.apply(after("cancelled"), recordOf(type, 0, "next"), next(after("cancelled")))
      return Result.isFailure(result) ? [result.failure.message] : []
    })
    assert.include(messages, `Session ${id} is cancelled: starting it is not possible now`)
    for (const message of messages) assert.match(message, /^Session \S+ is cancelled: \w[\w ]+ is not possible now$/)
  })

  it("forgets the error of an attempt once a later one completes, and the failures once a human unblocks it", () => {
    const failed = after("started", "attempt_failed")
    assert.deepStrictEqual([failed?.failures, failed?.error?.code], [1, "error"])
    const complete = after("started", "attempt_failed", "started", "ended")
    assert.deepStrictEqual([complete?.status, complete?.error], ["complete", undefined])
    const blocked = fold([
      created,
      recordOf("started", 1, "a"),
      recordOf("attempt_failed", 1, "b"),
      recordOf("started", 2, "c"),
      { type: "ended", at: created.at, run: 2, status: "blocked", wake: wake("blocked", 2, "w") },
      recordOf("started", 3, "d")
    ])
    assert.strictEqual(blocked?.failures, 0)
  })

  it("has been worked on since it was last taken up, failed attempts counted, waiting for a human not", () => {
    const at = (second: number, record: Session.Record): Session.Record => ({
      ...record,
      at: `2026-01-01T00:00:0${second}.000Z`
    })
    const since = (...given: ReadonlyArray<Session.Record["type"]>) => {
      let run = 0
      const records = given.map((type, index) =>
        at(index, recordOf(type, type === "started" ? ++run : run, `k${index}`))
      )
      const session = fold([created, ...records])
      return session === undefined ? undefined : Session.workedSince(session)?.slice(17, 19)
    }
    assert.strictEqual(since(), undefined)
    assert.strictEqual(since("started", "ended"), "00")
    assert.strictEqual(since("started", "attempt_failed", "started", "ended"), "00")
    assert.strictEqual(since("started", "suspended", "started", "ended"), "02")
    assert.strictEqual(since("started", "started", "ended"), "01")
    assert.strictEqual(since("started", "started", "attempt_failed", "started", "ended"), "01")
  })

  it("is the same however often what is illegal is tried in between", () => {
    fc.assert(
      fc.property(attempts, (tried) => {
        const { records, state } = takeLegal(tried)
        assert.deepStrictEqual(fold(records), state)
        const before = structuredClone(state)
        for (const type of types) {
          for (const run of [0, 1, 2, 3, 50]) Session.apply(state, recordOf(type, run, "x"), records.length + 1)
        }
        assert.deepStrictEqual(state, before)
      }),
      { numRuns: 300 }
    )
  })

  it.effect("replays to the same state however its records are cut into appends: session state save and load", () =>
    Effect.gen(function* () {
      const journal = yield* Journal.Journal
      const sessions = yield* Sessions.Sessions
      const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 50, maxLength: 50 })
      for (const [tried, sizes] of fc.sample(fc.tuple(attempts, cuts), 60)) {
        const { records } = takeLegal(tried)
        const key = `session/${id}`
        let version = (yield* journal.heads(key))[0]?.version ?? 0
        if (version > 0) {
          yield* journal.delete(key)
          version += 1
        }
        const first = version
        let opened: Sessions.Open | undefined
        for (let from = 0, step = 0; from < records.length; step++) {
          const part = records.slice(from, from + (sizes[step] ?? 1))
          version = yield* journal.append(
            key,
            version,
            part.map((record) => encode(record))
          )
          from += part.length
          // Read in between, and by one that was open all the time: nothing may depend on when it is read.
          opened ??= yield* sessions.open(id)
          yield* opened.refresh
          yield* sessions.get(id)
        }
        const expected = fold(records, first)
        assert.deepStrictEqual(yield* sessions.get(id), expected)
        assert.deepStrictEqual(yield* (opened ?? (yield* sessions.open(id))).refresh, expected)
        assert.deepStrictEqual(yield* sessions.list(), expected === undefined ? [] : [expected])
      }
    }).pipe(Effect.provide(Layer.provideMerge(Sessions.layer, Journal.layerMemory)))
  )
})
