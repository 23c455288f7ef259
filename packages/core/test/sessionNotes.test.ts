import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Effect, Layer, Schema, Struct } from "effect"
import * as Journal from "../src/Journal.ts"
import * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Flags from "../src/Flags.ts"
import * as Notes from "../src/internal/sessionNotes.ts"
import { countingReads } from "./support/counting.ts"
import { attempts, created, id, takeLegal } from "./support/records.ts"

const head = (version: number): Journal.Head => ({ key: `session/${id}`, version, at: 0 })

/** A note as a transport keeps it. */
const kept = (heads: ReadonlyArray<Journal.Head>): ReadonlyArray<Journal.Head> => JSON.parse(JSON.stringify(heads))

/** Where in a value there is something, each place once. */
const pathsOf = (value: unknown, path = ""): ReadonlyArray<string> => {
  if (typeof value !== "object" || value === null) return [path]
  const inner = Array.isArray(value)
    ? value.flatMap((one) => pathsOf(one, `${path}[]`))
    : Object.entries(value).flatMap(([key, one]) => pathsOf(one, path === "" ? key : `${path}.${key}`))
  return [...new Set(inner)].sort()
}

describe("the note of a session", () => {
  it("gives the session back as its journal tells it", () => {
    fc.assert(
      fc.property(attempts, (tried) => {
        const { records, state } = takeLegal(tried)
        if (state === undefined) assert.fail("it was not created")
        const [noted] = kept(Notes.noted(head(records.length), state))
        assert.deepStrictEqual(
          noted && Notes.sessionOf(noted),
          JSON.parse(JSON.stringify(Struct.omit(state, ["past"])))
        )
      })
    )
  })

  it("is not made of a damaged session, nor of another version than that of the head", () => {
    const state = takeLegal([]).state
    if (state === undefined) assert.fail("it was not created")
    assert.deepStrictEqual(Notes.noted(head(2), state), [])
    assert.deepStrictEqual(Notes.noted(head(1), { ...state, damaged_after: 1 }), [])
  })

  it("is passed over if it is of another format, of another version, or no note at all", () => {
    const state = takeLegal([]).state
    if (state === undefined) assert.fail("it was not created")
    const [noted] = kept(Notes.noted(head(1), state))
    if (noted === undefined) assert.fail("it was not noted")
    assert.isDefined(Notes.sessionOf(noted))
    assert.isUndefined(Notes.sessionOf({ ...noted, version: 2 }))
    const others = [null, "note", [], {}, { format: Notes.format + 1, session: state }, { format: Notes.format }]
    for (const note of others) assert.isUndefined(Notes.sessionOf({ ...noted, note: JSON.parse(JSON.stringify(note)) }))
  })

  it("is of a format that is raised when the same journal comes to another session", () => {
    const kinds = [
      "started",
      "checkpoint",
      "finding",
      "told",
      "attempt_failed",
      "resumed",
      "started",
      "draft",
      "ended"
    ] as const
    const { records, state } = takeLegal(kinds.map((type) => ({ type, ahead: 0 })))
    if (state === undefined) assert.fail("it was not created")
    const [noted] = kept(Notes.noted(head(records.length), state))
    const note = noted?.note
    // Where this fails, raise `format` together with it: notes of before must not be taken for such sessions.
    assert.deepStrictEqual(
      [Notes.format, pathsOf(note)],
      [
        1,
        [
          "format",
          "session.checkpoints[].at",
          "session.checkpoints[].details",
          "session.checkpoints[].milestone",
          "session.checkpoints[].phase",
          "session.checkpoints[].version",
          "session.created_at",
          "session.draft.agent_role",
          "session.draft.run",
          "session.draft.session_id",
          "session.draft.status",
          "session.draft.timestamp",
          "session.draft.wake_id",
          "session.failures",
          "session.limits.retries",
          "session.limits.timeout",
          "session.orchestrator",
          "session.prompt",
          "session.reset_at",
          "session.result.summary",
          "session.role",
          "session.run",
          "session.runner.name",
          "session.runner.type",
          "session.runs[].ended_at",
          "session.runs[].retried",
          "session.runs[].run",
          "session.runs[].started_at",
          "session.runs[].worker.host",
          "session.runs[].worker.kind",
          "session.runs[].worker.pid",
          "session.session_id",
          "session.status",
          "session.takeovers",
          "session.task_type",
          "session.told[].at",
          "session.told[].text",
          "session.turns",
          "session.unread[].at",
          "session.unread[].priority",
          "session.unread[].text",
          "session.unread[].version",
          "session.updated_at",
          "session.version",
          "session.wakes[].agent_role",
          "session.wakes[].run",
          "session.wakes[].session_id",
          "session.wakes[].status",
          "session.wakes[].timestamp",
          "session.wakes[].wake_id"
        ]
      ]
    )
  })
})

describe("a list", () => {
  const counter = { reads: 0 }
  it.effect("reads no session that somebody has noted and that has not changed", () =>
    Effect.gen(function* () {
      const journal = yield* Journal.Journal
      const encode = Schema.encodeSync(Schema.toCodecJson(Session.Record))
      const create = (count: number, from = 0) =>
        Effect.forEach(Array.from({ length: count }), (_, index) =>
          journal.append(`session/audit-${from + index}`, 0, [
            { ...Object(encode(created)), session_id: `audit-${from + index}` }
          ])
        )
      /** As a process that has read none of them. */
      const list = Effect.suspend(() => {
        counter.reads = 0
        return Sessions.Sessions.use((sessions) => sessions.list())
      }).pipe(Effect.provide(Layer.fresh(Layer.provide(Sessions.layer, Flags.layer))))
      yield* create(Notes.worthwhile - 1)
      assert.strictEqual((yield* list).length, Notes.worthwhile - 1)
      yield* list
      assert.strictEqual(counter.reads, Notes.worthwhile - 1)
      yield* create(1, Notes.worthwhile - 1)
      const first = yield* list
      const second = yield* list
      assert.strictEqual(counter.reads, 0)
      assert.deepStrictEqual(
        second,
        first.map((session) => JSON.parse(JSON.stringify({ ...session, past: undefined })))
      )
      yield* journal.append("session/audit-7", 1, [{ type: "closed", at: "2026-01-01T00:00:00.000Z", run: 0 }])
      assert.strictEqual((yield* list).length, Notes.worthwhile - 1)
      assert.strictEqual(counter.reads, 1)
    }).pipe(Effect.provide(countingReads(counter)))
  )
})
