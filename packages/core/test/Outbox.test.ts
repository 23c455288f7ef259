import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Outbox from "../src/Outbox.ts"
import * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Wake from "../src/Wake.ts"
import * as Wakes from "../src/Wakes.ts"
import { external, send, services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"

const get = (id: string) => Sessions.Sessions.use((sessions) => sessions.get(id))
const history = (id: string) =>
  Effect.map(
    Sessions.Sessions.use((sessions) => Stream.runCollect(sessions.history(id))),
    (entries) => entries.map(({ record }) => Object(record).type)
  )
/** Puts a session into the hands of a worker. */
const supervise = Effect.fnUntraced(function* (id: string) {
  const session = yield* (yield* Sessions.Sessions).open(id)
  return yield* session.update((current, at) =>
    Effect.succeed([{ type: "started", at, run: current.run + 1, worker: { kind: "local" } }])
  )
})
const suspend = Effect.fnUntraced(function* (id: string) {
  const session = yield* (yield* Sessions.Sessions).open(id)
  return yield* session.update(({ run }, at) => Effect.succeed([{ type: "suspended", at, run, reason: "test" }]))
})
const refused = (message: Outbox.Message) =>
  Effect.map(Effect.flip(Outbox.send(message)), ({ _tag, message }) => `${_tag}: ${message}`)
const known = (session: Session.Session | undefined) => session?.wakes.map(({ wake_id }) => wake_id)

describe("Outbox", () => {
  it.effect("opens a run for a session that has none, and ends it in the same append", () =>
    Effect.gen(function* () {
      yield* external("impl-001")
      const id = yield* send("impl-001", "complete", "all done")
      const session = yield* get("impl-001")
      assert.deepStrictEqual([session.status, session.run, known(session)], ["complete", 1, [id]])
      assert.deepStrictEqual(session.result, { summary: "all done", files: [] })
      assert.strictEqual(session.runs[0]?.worker.kind, "external")
      assert.strictEqual(id.split("/").slice(0, 2).join("/"), "impl-001/1")
      assert.strictEqual(
        yield* refused({ sessionId: "impl-001", status: "failed" }),
        "WakeConflict: session impl-001 is complete, and a run wakes its orchestrator once: create a session for what is new"
      )
    }).pipe(Effect.provide(services))
  )

  it.effect("sends findings, then an ending, in one run; a blocked session goes on in another", () =>
    Effect.gen(function* () {
      yield* external("impl-001")
      yield* send("impl-001", "finding", "one")
      yield* send("impl-001", "finding", "two")
      yield* send("impl-001", "blocked", "which key?")
      const blocked = yield* get("impl-001")
      assert.deepStrictEqual(
        [blocked.status, blocked.run, blocked.error],
        ["blocked", 1, { code: "blocked", message: "which key?" }]
      )
      yield* send("impl-001", "complete", "this one")
      const complete = yield* get("impl-001")
      assert.deepStrictEqual([complete.status, complete.run, complete.error], ["complete", 2, undefined])
      assert.strictEqual(complete.wakes.length, 4)
    }).pipe(Effect.provide(services))
  )

  describe("sending again", () => {
    it.effect("under the same id is the same wake, and is offered again; with other content it is refused", () =>
      Effect.gen(function* () {
        yield* external("impl-001")
        const message: Outbox.Message = {
          sessionId: "impl-001",
          status: "complete",
          wakeId: "impl-001/1/MINE",
          summary: "done",
          deliverables: { files: ["a.ts"], handoff_id: null, ticket: { nested: [1] } },
          confidence: 0.9,
          usage: { input_tokens: 1, output_tokens: 2, cost_usd: 0.5 },
          extra: { trace: [1, { a: null }], ["__proto__"]: { polluted: true } }
        }
        const first = yield* Outbox.send(message)
        for (let times = 0; times < 3; times++) assert.deepStrictEqual(yield* Outbox.send(message), first)
        const { summary: _, ...less } = message
        assert.deepStrictEqual(yield* Outbox.send(less), first)
        assert.strictEqual((yield* get("impl-001")).wakes.length, 1)
        for (const other of [
          { summary: "other" },
          { confidence: 0.8 },
          { extra: { trace: [] } },
          { priority: "high" as const }
        ]) {
          assert.match(
            yield* refused({ ...message, ...other }),
            /^WakeConflict: .*impl-001\/1\/MINE was sent before with other/
          )
        }
        assert.match(yield* refused({ ...message, status: "failed" }), /^WakeConflict: /)
        assert.strictEqual((yield* (yield* Wakes.Wakes).pending())[0]?.state, "ready")
      }).pipe(Effect.provide(services))
    )

    it.effect("repairs what a sender that died in between has left unoffered", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        const message = { sessionId: "impl-001", status: "complete" as const, wakeId: "impl-001/1/MINE" }
        const first = yield* Processes.start(store)
        yield* Effect.provide(external("impl-001"), first.layer)
        const dying = yield* Processes.start(store, Processes.killAt(1, "after"))
        yield* Effect.ignore(Effect.provide(Outbox.send(message), dying.layer))
        const second = yield* Processes.start(store)
        yield* Effect.gen(function* () {
          const wakes = yield* Wakes.Wakes
          assert.strictEqual((yield* wakes.pending())[0]?.state, "unrelayed")
          yield* Outbox.send(message)
          assert.strictEqual((yield* wakes.pending())[0]?.state, "ready")
        }).pipe(Effect.provide(second.layer))
      })
    )

    it.effect("is not needed where only the offer has failed: the wake is durable", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        const process = yield* Processes.start(store, (call) =>
          call === "queue.append" || call === "queue.refresh" ? { fail: "before" } : undefined
        )
        yield* Effect.gen(function* () {
          yield* external("impl-001")
          const id = yield* send("impl-001", "complete", "done")
          assert.deepStrictEqual(known(yield* get("impl-001")), [id])
        }).pipe(Effect.provide(process.layer))
      })
    )
  })

  describe("from inside a supervised run", () => {
    it.effect("keeps an ending as a draft, once for each id, and sends findings", () =>
      Effect.gen(function* () {
        yield* external("impl-001")
        yield* supervise("impl-001")
        const draft = {
          sessionId: "impl-001",
          status: "complete" as const,
          run: 1,
          wakeId: "impl-001/1/D",
          summary: "s"
        }
        const first = yield* Outbox.send(draft)
        assert.deepStrictEqual(yield* Outbox.send(draft), first)
        assert.match(yield* refused({ ...draft, summary: "t" }), /^WakeConflict: .* sent before with other content/)
        yield* Outbox.send({ sessionId: "impl-001", status: "finding", run: 1 })
        const session = yield* get("impl-001")
        assert.deepStrictEqual([session.status, session.draft, session.wakes.length], ["running", first, 1])
        assert.deepStrictEqual(yield* history("impl-001"), ["created", "started", "draft", "finding"])
        assert.match(
          yield* refused({ sessionId: "impl-001", status: "failed" }),
          /^WakeConflict: run 1 of session impl-001 is executed by a worker, which ends it itself/
        )
      }).pipe(Effect.provide(services))
    )

    it.effect("that is over keeps the wake as late, and never as state", () =>
      Effect.gen(function* () {
        yield* external("impl-001")
        yield* supervise("impl-001")
        yield* suspend("impl-001")
        for (const status of ["complete", "finding"] as const) {
          assert.match(
            yield* refused({ sessionId: "impl-001", status, run: 1 }),
            /^WakeConflict: run 1 of session impl-001 is over: the wake is in its history, and wakes nobody/
          )
        }
        const suspended = yield* get("impl-001")
        assert.deepStrictEqual([suspended.status, suspended.run, suspended.wakes], ["suspended", 1, []])
        yield* supervise("impl-001")
        assert.match(yield* refused({ sessionId: "impl-001", status: "failed", run: 1 }), /is over/)
        assert.match(
          yield* refused({ sessionId: "impl-001", status: "failed", run: 3 }),
          /^WakeConflict: session impl-001 has had 2 runs, and none of number 3/
        )
        yield* Outbox.cancel("impl-001", "enough")
        assert.match(yield* refused({ sessionId: "impl-001", status: "complete", run: 2 }), /is over/)
        assert.strictEqual((yield* get("impl-001")).status, "cancelled")
        const late = (yield* history("impl-001")).filter((type) => type === "late")
        assert.strictEqual(late.length, 4)
        assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
      }).pipe(Effect.provide(services))
    )
  })

  it.effect("refuses what cannot be sent, with what to do, and writes nothing", () =>
    Effect.gen(function* () {
      yield* external("impl-001")
      const message = { sessionId: "impl-001", status: "complete" as const }
      assert.strictEqual(
        yield* refused({ ...message, role: "planner" }),
        "InvalidField: role: session impl-001 has the role AUDITOR, not PLANNER"
      )
      assert.match(
        yield* refused({ ...message, wakeId: "impl-0012/1/X" }),
        /^InvalidField: wake_id: .* begins with "impl-001\/"/
      )
      assert.match(yield* refused({ ...message, wakeId: `impl-001/1/${"X".repeat(300)}` }), /^InvalidField: wake_id: /)
      assert.match(yield* refused({ ...message, timestamp: "today" }), /^InvalidField: timestamp: Expected a time/)
      assert.match(yield* refused({ ...message, confidence: 7 }), /^InvalidField: confidence: /)
      assert.match(
        yield* refused({ ...message, summary: "日".repeat(100_000) }),
        /^InvalidField: wake: it is larger than 262144/
      )
      assert.match(yield* refused({ ...message, sessionId: "../x" }), /^SessionNotFound: /)
      assert.deepStrictEqual(yield* history("impl-001"), ["created"])
      yield* Outbox.send({ ...message, role: "auditor", summary: "日".repeat(80_000) })
    }).pipe(Effect.provide(services))
  )

  it.effect("cancels a session in any state that has not ended, with one wake; of a race with its end one wins", () =>
    Effect.gen(function* () {
      for (const [index, before] of ["created", "running", "blocked", "complete"].entries()) {
        const id = `impl-00${index}`
        yield* external(id)
        if (before === "running") yield* supervise(id)
        if (before === "blocked" || before === "complete") yield* send(id, before)
        const result = yield* Effect.result(Outbox.cancel(id, "x".repeat(500_000)))
        assert.strictEqual(result._tag, before === "complete" ? "Failure" : "Success")
        if (result._tag === "Failure") {
          assert.strictEqual(result.failure.message, `Session ${id} is complete: cancelling it is not possible now`)
          continue
        }
        const last = Session.terminalWake(result.success)
        assert.deepStrictEqual([last?.status, last?.error?.code], ["failed", "cancelled"])
        if (last !== undefined) assert.isBelow(Wake.bytesOf(last), Wake.maxBytes)
      }
      yield* external("race")
      const racers = [send("race", "complete"), Effect.as(Outbox.cancel("race", "enough"), "cancelled")]
      const results = yield* Effect.all([...racers, ...racers], { concurrency: "unbounded", mode: "result" })
      assert.strictEqual(results.filter(({ _tag }) => _tag === "Success").length, 1)
      assert.strictEqual((yield* get("race")).wakes.length, 1)
      assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
    }).pipe(Effect.provide(services))
  )
})
