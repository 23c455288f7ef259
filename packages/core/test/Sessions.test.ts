import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Option, Random, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Journal from "../src/Journal.ts"
import * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import { TransportError } from "../src/TransportError.ts"
import { countingReads } from "./support/counting.ts"
import * as Processes from "./support/Processes.ts"
import { id as known, recordOf } from "./support/records.ts"
import { pass } from "./support/time.ts"

const layer = Layer.provideMerge(Sessions.layer, Journal.layerMemory)
const task = { role: "implementer", taskType: "feature-x", runner: { type: "function" as const, name: "do" } }
const started = (session: Session.Session, at: string): Session.Record => ({
  type: "started",
  at,
  run: session.run + 1,
  worker: { kind: "local" }
})

describe("Sessions", () => {
  describe("creation", () => {
    it.effect("keeps metadata and everything else that was given", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const parent = yield* sessions.create(task)
        yield* TestClock.adjust("1 hour")
        const session = yield* sessions.create({
          ...task,
          id: "impl-001",
          name: "one",
          prompt: "Do \u0000 it \ud83d\ude00",
          metadata: { ticket: "X-1", ["__proto__"]: "a", constructor: "b", "": "c" },
          orchestrator: "night-shift",
          parentId: parent.session_id,
          limits: { retries: 0 }
        })
        assert.deepStrictEqual(session, {
          session_id: session.session_id,
          role: session.role,
          task_type: "feature-x",
          name: "one",
          prompt: "Do \u0000 it \ud83d\ude00",
          metadata: { ticket: "X-1", ["__proto__"]: "a", constructor: "b", "": "c" },
          orchestrator: "night-shift",
          parent_id: parent.session_id,
          runner: { type: "function", name: "do" },
          limits: { timeout: 1_800_000, retries: 0 },
          inputs: {},
          status: "created",
          version: 1,
          run: 0,
          created_at: "1970-01-01T01:00:00.000Z",
          updated_at: "1970-01-01T01:00:00.000Z",
          failures: 0,
          runs: [],
          turns: 0,
          checkpoints: [],
          wakes: [],
          told: [],
          unread: [],
          takeovers: 0,
          reset_at: 0,
          past: session.past
        })
        assert.strictEqual(session.role, "IMPLEMENTER")
        assert.deepStrictEqual(yield* sessions.get("impl-001"), session)
        assert.match(parent.session_id, /^implementer-feature-x-[0-9a-z]{8}$/)
      }).pipe(Effect.provide(layer))
    )

    it.effect("refuses an id that is taken, of racers all but one, and leaves the session as it is", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const racers = Array.from({ length: 8 }, (_, index) =>
          sessions.create({ ...task, id: "taken", prompt: String(index) })
        )
        const results = yield* Effect.all(racers, { concurrency: "unbounded", mode: "result" })
        const winners = results.filter((result) => result._tag === "Success")
        assert.strictEqual(winners.length, 1)
        const error = yield* Effect.flip(sessions.create({ ...task, id: "taken" }))
        assert.strictEqual(
          error.message,
          "Session taken exists already: choose another id, or leave it out to have one made"
        )
        assert.deepStrictEqual(
          [yield* sessions.get("taken")],
          winners.map((winner) => winner.success)
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("makes another id when the one that it made is taken: session id generation is unique", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const numbers = [7, 7, 7, 8]
        const next = () => (numbers.shift() ?? 9) / 2 ** 40
        const loaded = { nextIntUnsafe: () => Math.floor(next() * 2 ** 40), nextDoubleUnsafe: next }
        const create = Effect.provideService(sessions.create(task), Random.Random, loaded)
        const ids = [(yield* create).session_id, (yield* create).session_id]
        assert.strictEqual(new Set(ids).size, 2)
        assert.deepStrictEqual(numbers, [])
      }).pipe(Effect.provide(layer))
    )

    it.effect("says which field cannot be used, and writes nothing", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const refused = (options: Partial<Sessions.CreateOptions>) =>
          Effect.map(Effect.flip(sessions.create({ ...task, ...options })), ({ message }) => message)
        assert.include(yield* refused({ id: "../etc" }), '"../etc" is not a session id: use 3 to 128')
        assert.include(yield* refused({ id: "" }), "is not a session id")
        assert.include(yield* refused({ parentId: "-rf" }), '"-rf" is not a session id')
        assert.include(yield* refused({ role: "__proto__" }), "use one of PLANNER, IMPLEMENTER")
        assert.include(yield* refused({ orchestrator: "a/b" }), "orchestrator: use lower-case words")
        assert.include(yield* refused({ taskType: " \n" }), "task_type: it is empty")
        assert.match(yield* refused({ limits: { timeout: -1 } }), /^limits\.timeout: Expected/)
        assert.match(yield* refused({ limits: { retries: Number.NaN } }), /^limits\.retries: Expected/)
        assert.deepStrictEqual(yield* sessions.list(), [])
      }).pipe(Effect.provide(layer))
    )
  })

  describe("writing", () => {
    it.effect("decides again on what another has written: one of many writers wins each version", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const { session_id } = yield* sessions.create(task)
        const writers = yield* Effect.forEach(Array.from({ length: 10 }), () => sessions.open(session_id))
        const starts = writers.map((writer) =>
          writer.update((session, at) => Effect.succeed(session.run >= 5 ? [] : [started(session, at)]))
        )
        yield* Effect.all([...starts, ...starts], { concurrency: "unbounded" })
        const session = yield* sessions.get(session_id)
        assert.deepStrictEqual([session.run, session.version], [5, 6])
      }).pipe(Effect.provide(layer))
    )

    it.effect("refuses an illegal record with all that came with it, and changes nothing", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const { session_id } = yield* sessions.create(task)
        const opened = yield* sessions.open(session_id)
        const before = yield* opened.refresh
        const error = yield* Effect.flip(
          opened.update((session, at) => Effect.succeed([started(session, at), recordOf("turn", 7, "k")]))
        )
        assert.strictEqual(error._tag, "IllegalTransition")
        assert.deepStrictEqual(yield* opened.refresh, before)
        assert.strictEqual((yield* Stream.runCollect(sessions.history(session_id))).length, 1)
      }).pipe(Effect.provide(layer))
    )

    it.effect("that outlasts the transport writes once, though its first try was done and said to have failed", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        let failing = false
        const process = yield* Processes.start(store, (call) =>
          failing && call === "append" ? { fail: "after" } : undefined
        )
        const write = Effect.gen(function* () {
          const sessions = yield* Sessions.Sessions
          const { session_id } = yield* sessions.create(task)
          const opened = yield* sessions.open(session_id, { patient: true })
          yield* opened.update((session, at) => Effect.succeed([started(session, at)]))
          failing = true
          yield* Effect.forkChild(
            Effect.delay(
              Effect.sync(() => (failing = false)),
              "5 seconds"
            )
          )
          const after = yield* opened.update((session, at) =>
            Effect.succeed([{ type: "turn", at, run: session.run, text: "once" }])
          )
          assert.deepStrictEqual([after.turns, after.version], [1, 3])
          assert.deepStrictEqual(yield* sessions.get(session_id), after)
        })
        yield* pass(Effect.provide(write, process.layer))
      })
    )

    it.effect("gives up on a transport that stays away for a minute", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        let failing = false
        const process = yield* Processes.start(store, () => (failing ? { fail: "before" } : undefined))
        const write = Effect.gen(function* () {
          const sessions = yield* Sessions.Sessions
          const { session_id } = yield* sessions.create(task)
          const patient = yield* sessions.open(session_id, { patient: true })
          const other = yield* sessions.open(session_id)
          failing = true
          const before = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
          assert.strictEqual((yield* Effect.flip(other.refresh))._tag, "TransportError")
          assert.strictEqual(yield* TestClock.testClockWith((clock) => clock.currentTimeMillis), before)
          assert.strictEqual((yield* Effect.flip(patient.refresh))._tag, "TransportError")
          const waited = (yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)) - before
          assert.isTrue(waited >= 55_000 && waited <= 70_000, `${waited} ms`)
        })
        yield* pass(Effect.provide(write, process.layer))
      })
    )

    it.effect("keeps a checkpoint of another run in the history, as late", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const { session_id } = yield* sessions.create(task)
        const opened = yield* sessions.open(session_id)
        yield* opened.update((session, at) => Effect.succeed([started(session, at)]))
        yield* opened.update((session, at) => Effect.succeed([started(session, at)]))
        const point = { phase: "testing", milestone: "axe" }
        for (const run of [1, 2, 3, undefined]) yield* sessions.checkpoint(session_id, point, run)
        const { checkpoints } = yield* sessions.get(session_id)
        assert.deepStrictEqual(
          checkpoints.map(({ version }) => version),
          [5, 7]
        )
        const kinds = (yield* Stream.runCollect(sessions.history(session_id))).map(({ record }) => Object(record).type)
        assert.deepStrictEqual(kinds, ["created", "started", "started", "late", "checkpoint", "late", "checkpoint"])
      }).pipe(Effect.provide(layer))
    )
  })

  describe("deletion", () => {
    it.effect("leaves nothing to be found, and the id free", () =>
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const sessions = yield* Sessions.Sessions
        yield* sessions.create({ ...task, id: "gone" })
        const open = yield* sessions.open("gone")
        yield* sessions.list()
        yield* journal.delete("session/gone")
        for (const gone of [sessions.get("gone"), open.refresh, Stream.runDrain(sessions.history("gone"))]) {
          const error: { readonly message: string } = yield* Effect.flip(gone)
          assert.strictEqual(error.message, 'There is no session "gone"')
        }
        assert.deepStrictEqual(yield* sessions.list(), [])
        const again = yield* sessions.create({ ...task, id: "gone", prompt: "anew" })
        assert.deepStrictEqual([again.prompt, again.version, again.run], ["anew", 3, 0])
      }).pipe(Effect.provide(layer))
    )

    it.effect("shows to one who has it open that it was created again, and lets no stale owner in", () =>
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const sessions = yield* Sessions.Sessions
        yield* sessions.create({ ...task, id: "again" })
        const owner = yield* sessions.open("again")
        const late = yield* sessions.open("again")
        yield* owner.update((session, at) => Effect.succeed([started(session, at)]))
        yield* journal.delete("session/again")
        const error = yield* Effect.flip(
          owner.update((session, at) => Effect.succeed([{ type: "turn", at, run: session.run, text: "late" }]))
        )
        assert.strictEqual(error._tag, "SessionNotFound")
        yield* sessions.create({ ...task, id: "again", prompt: "anew" })
        for (const open of [owner, late]) assert.strictEqual((yield* open.refresh).prompt, "anew")
        assert.deepStrictEqual(
          (yield* sessions.list()).map(({ prompt }) => prompt),
          ["anew"]
        )
        assert.strictEqual((yield* owner.update((session, at) => Effect.succeed([started(session, at)]))).run, 1)
      }).pipe(Effect.provide(layer))
    )
  })

  describe("listing and filtering", () => {
    it.effect("is by status, role, orchestrator and parent, newest first, each id as it was given", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const parent = yield* sessions.create({ ...task, id: "aaa" })
        yield* sessions.create({ ...task, id: "zzz", role: "Auditor" })
        yield* TestClock.adjust("1 second")
        yield* sessions.create({ ...task, id: "mmm", orchestrator: "other", parentId: parent.session_id })
        const running = yield* sessions.open("zzz")
        yield* running.update((session, at) => Effect.succeed([started(session, at)]))
        const ids = (filter?: Sessions.Filter) =>
          Effect.map(sessions.list(filter), (list) => list.map(({ session_id }): string => session_id))
        assert.deepStrictEqual(yield* ids(), ["mmm", "aaa", "zzz"])
        assert.deepStrictEqual(yield* ids({ status: "running" }), ["zzz"])
        assert.deepStrictEqual(yield* ids({ role: "AUDITOR" }), ["zzz"])
        assert.deepStrictEqual(yield* ids({ role: "implementer", orchestrator: "main" }), ["aaa"])
        assert.deepStrictEqual(yield* ids({ parentId: "aaa" }), ["mmm"])
        assert.deepStrictEqual(yield* ids({ status: "failed" }), [])
      }).pipe(Effect.provide(layer))
    )

    it.effect("leaves out what cannot be read, warns of it once, and still shows its history", () =>
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const sessions = yield* Sessions.Sessions
        yield* sessions.create({ ...task, id: "good" })
        yield* journal.append("session/bad", 0, [{ type: "created", nonsense: true }])
        yield* journal.append("session/xx", 0, [{ type: "created" }])
        const warnings: Array<unknown> = []
        const logger = Layer.succeed(
          Logger.CurrentLoggers,
          new Set([Logger.make(({ message }) => warnings.push(message))])
        )
        const listed = yield* Effect.provide(Effect.andThen(sessions.list(), sessions.list()), logger)
        assert.deepStrictEqual(
          listed.map(({ session_id }): string => session_id),
          ["good"]
        )
        assert.strictEqual(warnings.length, 1)
        assert.match(String(warnings[0]), /Session bad is left out: .*corrupt.*"session\/bad", version 1/)
        const error = yield* Effect.flip(sessions.get("bad"))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : "", "corrupt")
        assert.strictEqual((yield* Stream.runCollect(sessions.history("bad"))).length, 1)
      }).pipe(Effect.provide(layer))
    )

    it.effect("fails where the transport is away, instead of leaving everything out", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        const process = yield* Processes.start(store, (call) => (call === "read" ? { fail: "before" } : undefined))
        yield* store.journal.append("session/any", 0, [{ type: "created" }])
        const error = yield* Effect.flip(
          Effect.provide(
            Sessions.Sessions.use((sessions) => sessions.list()),
            process.layer
          )
        )
        assert.instanceOf(error, TransportError)
      })
    )

    const counter = { reads: 0 }
    it.effect("of 10,000 sessions reads each once, and then what has changed", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions.Sessions
        const journal = yield* Journal.Journal
        const encode = Schema.encodeSync(Schema.toCodecJson(Session.Record))
        for (let index = 0; index < 10_000; index++) {
          const session_id = `${known}-${index}`
          yield* journal.append(`session/${session_id}`, 0, [
            { ...Object(encode(recordOf("created", 0, "k"))), session_id },
            encode(recordOf("started", 1, "k"))
          ])
        }
        const listed = yield* sessions.list()
        assert.deepStrictEqual([listed.length, counter.reads], [10_000, 10_000])
        const again = yield* Effect.timed(sessions.list())
        assert.deepStrictEqual([again[1], counter.reads], [listed, 10_000])
        const checkpoint = { type: "checkpoint", at: "2026-01-01T00:00:00.000Z", run: 1, phase: "p", milestone: "m" }
        yield* journal.append(`session/${known}-77`, 2, [{ ...checkpoint, details: "" }])
        counter.reads = 0
        const changed = (yield* sessions.list()).filter(({ checkpoints }) => checkpoints.length > 0)
        assert.deepStrictEqual([changed.map(({ session_id }) => session_id), counter.reads], [[`${known}-77`], 1])
      }).pipe(Effect.provide(Layer.provideMerge(Sessions.layer, countingReads(counter))))
    )
  })

  it.effect("tells of changes, of one session or of all", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions.Sessions
      const journal = yield* Journal.Journal
      const hear = (id?: string) => Effect.forkChild(Stream.runHead(sessions.changes(id)), { startImmediately: true })
      yield* sessions.create({ ...task, id: "abc" })
      const [one, any] = [yield* hear("abc"), yield* hear()]
      yield* Effect.yieldNow
      yield* journal.append("session/xy", 0, ["not ours"])
      yield* sessions.create({ ...task, id: "abcd" })
      yield* sessions.checkpoint("abc", { phase: "p", milestone: "m" })
      assert.deepStrictEqual(
        [Option.getOrUndefined(yield* Fiber.join(one)), Option.getOrUndefined(yield* Fiber.join(any))].map(String),
        ["abc", "abcd"]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("keeps what an agent wrote on stderr, in order", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions.Sessions
      const { session_id } = yield* sessions.create(task)
      for (const text of ["one", "\u001b[31m\u0000two", ""]) yield* sessions.log(session_id, 1, text)
      const chunks = yield* Stream.runCollect(sessions.logs(session_id))
      assert.deepStrictEqual(
        chunks.map(({ run, text }) => [run, text]),
        [
          [1, "one"],
          [1, "\u001b[31m\u0000two"],
          [1, ""]
        ]
      )
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(sessions.logs("nobody"))))._tag, "SessionNotFound")
    }).pipe(Effect.provide(layer))
  )
})
