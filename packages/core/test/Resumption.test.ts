import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Result, Stream } from "effect"
import * as Branch from "../src/Branch.ts"
import * as Journal from "../src/Journal.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Resumption from "../src/Resumption.ts"
import * as Session from "../src/Session.ts"
import * as Flags from "../src/Flags.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Transport from "../src/Transport.ts"
import * as Worker from "../src/Worker.ts"
import * as Wakes from "../src/Wakes.ts"

const services = Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed({})))
const inMemory = <A, E>(
  effect: Effect.Effect<A, E, Transport.Transport | Sessions.Sessions | Wakes.Wakes>
): Effect.Effect<A, E> => Effect.provide(effect, Layer.merge(services, Logger.layer([])))

/** An agent outside that has made two checkpoints and is blocked: versions 1 to 5. */
const blocked = Effect.gen(function* () {
  const sessions = yield* Sessions.Sessions
  yield* sessions.create({ id: "one-1", role: "auditor", taskType: "x", prompt: "Look" })
  yield* sessions.checkpoint("one-1", { phase: "testing", milestone: "axe", details: "the token" })
  yield* sessions.checkpoint("one-1", { phase: "testing", milestone: "done" })
  yield* Outbox.send({ sessionId: "one-1", status: "blocked", summary: "Which one?" })
  return yield* sessions.get("one-1")
})

const local = Effect.gen(function* () {
  const sessions = yield* Sessions.Sessions
  yield* sessions.create({ id: "two-2", role: "auditor", taskType: "x", runner: { type: "function", name: "f" } })
  return yield* sessions.open("two-2")
})

const begin = (session: Sessions.Open) =>
  session.update((current, at) =>
    Effect.succeed([{ type: "started", at, run: current.run + 1, worker: { kind: "local" } }])
  )

describe("a version", () => {
  it.effect("is found by its number, or by the latest checkpoint of a name; an unknown one names what there is", () =>
    inMemory(
      Effect.gen(function* () {
        yield* blocked
        const sessions = yield* Sessions.Sessions
        const session = yield* sessions.checkpoint("one-1", { phase: "testing", milestone: "axe" })
        assert.deepStrictEqual(Session.versionOf(session, "2"), Result.succeed(2))
        assert.deepStrictEqual(Session.versionOf(session, "testing/axe"), Result.succeed(session.version))
        for (const wanted of ["0", "99", "testing", "no/such", "-1"]) {
          const found = Session.versionOf(session, wanted)
          assert.isTrue(Result.isFailure(found), wanted)
        }
        const error = yield* Effect.flip(Effect.fromResult(Session.versionOf(session, "no/such")))
        assert.strictEqual(
          error.message,
          'Session one-1 has no version "no/such": it has 1 to 6, and the checkpoints testing/axe, testing/done'
        )
      })
    )
  )
})

describe("resuming", () => {
  it.effect("makes a session due again in every state, with its attempts and with what it was told", () =>
    inMemory(
      Effect.gen(function* () {
        const session = yield* local
        const ends = [
          () => Effect.void,
          () => Outbox.cancel("two-2", "enough"),
          ...(["complete", "failed", "blocked"] as const).map(
            (status) => () => Outbox.send({ sessionId: "two-2", status, summary: "So it is" })
          )
        ]
        for (const [index, end] of ends.entries()) {
          yield* end()
          const resumed = yield* Resumption.resume("two-2", { prompt: `answer ${index}` })
          assert.deepStrictEqual([resumed.status, resumed.failures], ["suspended", 0])
          assert.isTrue(Worker.isDue(resumed))
        }
        const { told, version } = yield* session.refresh
        assert.deepStrictEqual(
          told.map(({ text }) => text),
          ["answer 0", "answer 1", "answer 2", "answer 3", "answer 4"]
        )
        const again = yield* Resumption.resume("two-2", { prompt: "answer 4" })
        assert.strictEqual(again.version, version)
        const ledger = yield* (yield* Wakes.Wakes).audit()
        assert.deepStrictEqual([ledger.committed, ledger.pending, ledger.balanced], [4, 4, true])
      })
    )
  )

  it.effect("marks one that is executed outside as running", () =>
    inMemory(
      Effect.gen(function* () {
        yield* blocked
        const { run, runs, status } = yield* Resumption.resume("one-1", { prompt: "The second" })
        assert.deepStrictEqual([status, run, runs.at(-1)?.worker.kind], ["running", 2, "external"])
      })
    )
  )

  it.effect("from a version takes the session back to it in the same step", () =>
    inMemory(
      Effect.gen(function* () {
        yield* blocked
        const { checkpoints, status, wakes } = yield* Resumption.resume("one-1", { from: "testing/axe" })
        assert.deepStrictEqual([status, wakes.length], ["running", 1])
        assert.deepStrictEqual(
          checkpoints.map(({ milestone }) => milestone),
          ["axe"]
        )
      })
    )
  )

  it.effect("fences a worker that was only slow", () =>
    inMemory(
      Effect.gen(function* () {
        const session = yield* local
        yield* begin(session)
        yield* Resumption.resume("two-2")
        const turn = session.update((_, at) => Effect.succeed([{ type: "turn", at, run: 1, text: "late" }]))
        assert.strictEqual((yield* Effect.flip(turn))._tag, "IllegalTransition")
      })
    )
  )

  it.effect("is refused after a gap in the journal, with the last good version, from which it goes on", () =>
    inMemory(
      Effect.gen(function* () {
        yield* blocked
        // As a transport shows it that has stepped over a damaged line: version 3 is gone.
        const journal = yield* Journal.Journal
        const holed = Layer.succeed(Journal.Journal, {
          ...journal,
          read: (key, after) =>
            journal.read(key, after).pipe((entries) => (key === "session/one-1" ? without(3, entries) : entries))
        })
        yield* Effect.gen(function* () {
          const error = yield* Effect.flip(Resumption.resume("one-1"))
          assert.deepInclude(error, { _tag: "SessionDamaged", good: 2 })
          assert.strictEqual((yield* Effect.flip(Branch.rollback("one-1", "4")))._tag, "SessionDamaged")
          const resumed = yield* Resumption.resume("one-1", { from: "2" })
          assert.deepStrictEqual([resumed.status, resumed.damaged_after], ["running", undefined])
          assert.strictEqual(resumed.wakes.length, 1)
          const known = yield* Sessions.recall("one-1")
          assert.deepStrictEqual(
            known.map(({ version }) => version),
            [1, 2, 6, 7, 8]
          )
        }).pipe(Effect.provide(Layer.fresh(Sessions.layer).pipe(Layer.provideMerge(holed))))
      })
    )
  )

  it.effect("is refused after a record that cannot be read, with the last good version, from which it goes on", () =>
    inMemory(
      Effect.gen(function* () {
        yield* blocked
        const sessions = yield* Sessions.Sessions
        const journal = yield* Journal.Journal
        const { version, wakes } = yield* sessions.get("one-1")
        const [kept] = wakes
        const newer = { type: "summarized", at: "2026-01-01T00:00:00.000Z", run: 1, text: "by a later release" }
        const finding = { type: "finding", at: "yesterday", run: 7, wake: { ...kept, wake_id: "one-1/7/late" } }
        yield* journal.append("session/one-1", version, [newer, finding])
        const damaged = yield* sessions.get("one-1")
        assert.deepInclude(damaged, { version: version + 2, damaged_after: version, run: 7 })
        assert.strictEqual(damaged.wakes.length, wakes.length + 1, "its wake is in the ledger all the same")
        assert.deepInclude(yield* Effect.flip(Resumption.resume("one-1")), { _tag: "SessionDamaged", good: version })
        assert.deepStrictEqual(
          (yield* sessions.list()).map(({ session_id }) => session_id),
          ["one-1"]
        )
        const resumed = yield* Resumption.resume("one-1", { from: String(version) })
        assert.deepStrictEqual([resumed.status, resumed.run, resumed.damaged_after], ["running", 8, undefined])
        const history = yield* Stream.runCollect(sessions.history("one-1"))
        assert.deepStrictEqual(
          history.slice(version, version + 2).map(({ record }) => record),
          [newer, finding]
        )
        const known = yield* Sessions.recall("one-1")
        assert.notInclude(
          known.map(({ kind }) => kind),
          "summarized"
        )
      })
    )
  )
})

const without = <E, R>(version: number, entries: Stream.Stream<Journal.Entry, E, R>) =>
  Stream.filter(entries, (entry) => entry.version !== version)

describe("rolling back", () => {
  it.effect("makes it as it was, keeps its wakes, its runs and its journal, and can itself be taken back", () =>
    inMemory(
      Effect.gen(function* () {
        const before = yield* blocked
        const back = yield* Branch.rollback("one-1", "2")
        assert.deepStrictEqual([back.status, back.run, back.checkpoints.length], ["created", 1, 1])
        assert.isUndefined(back.error)
        assert.deepStrictEqual([back.wakes, back.runs], [before.wakes, before.runs])
        assert.deepStrictEqual(yield* Branch.rollback("one-1", "2"), back)
        const forth = yield* Branch.rollback("one-1", "5")
        assert.deepStrictEqual(
          [forth.status, forth.checkpoints, forth.error],
          [before.status, before.checkpoints, before.error]
        )
        const ledger = yield* (yield* Wakes.Wakes).audit()
        assert.deepStrictEqual([ledger.committed, ledger.pending, ledger.balanced], [1, 1, true])
      })
    )
  )

  it.effect("of a run under way makes the session due again, and fences its worker", () =>
    inMemory(
      Effect.gen(function* () {
        const session = yield* local
        yield* begin(session)
        const back = yield* Branch.rollback("two-2", "2")
        assert.deepStrictEqual([back.status, Worker.isDue(back)], ["suspended", true])
        const end = session.update((_, at) => Effect.succeed([{ type: "turn", at, run: 1, text: "late" }]))
        assert.strictEqual((yield* Effect.flip(end))._tag, "IllegalTransition")
      })
    )
  )
})

describe("a fork", () => {
  it.effect("knows what its origin knew at that version, and gets it, without a copy", () =>
    inMemory(
      Effect.gen(function* () {
        yield* blocked
        const fork = yield* Branch.fork("one-1", { at: "testing/axe", id: "fork-1" })
        assert.deepStrictEqual([fork.status, fork.version, fork.checkpoints, fork.prompt], ["created", 1, [], "Look"])
        assert.deepStrictEqual(yield* Branch.fork("one-1", { at: "testing/axe", id: "fork-1" }), fork)
        const other = yield* Effect.flip(Branch.fork("one-1", { id: "fork-1" }))
        assert.strictEqual(other._tag, "SessionExists")
        const sessions = yield* Sessions.Sessions
        yield* sessions.checkpoint("fork-1", { phase: "own", milestone: "way" })
        yield* sessions.checkpoint("one-1", { phase: "not", milestone: "shared" })
        const { session } = yield* Worker.assignmentOf(yield* sessions.get("fork-1"))
        const names = (points: Session.Session["checkpoints"]) => points.map(({ milestone }) => milestone)
        assert.deepStrictEqual(names(session.checkpoints), ["axe", "way"])
        const grand = yield* Branch.fork("fork-1", { id: "fork-2" })
        const { session: shown } = yield* Worker.assignmentOf(grand)
        assert.deepStrictEqual(names(shown.checkpoints), ["axe", "way"])
      })
    )
  )
})

describe("what a session knows", () => {
  it.effect("is asked for by text, kind, versions and count, without what was rolled back", () =>
    inMemory(
      Effect.gen(function* () {
        yield* blocked
        yield* Branch.rollback("one-1", "testing/axe")
        yield* Branch.fork("one-1", { id: "fork-1" })
        const ask = (id: string, query?: Parameters<typeof Sessions.recall>[1]) =>
          Effect.map(Sessions.recall(id, query), (found) => found.map(({ kind, version }) => `${kind} ${version}`))
        assert.deepStrictEqual(yield* ask("one-1"), ["created 1", "checkpoint 2", "rolled_back 6"])
        assert.deepStrictEqual(yield* ask("one-1", { grep: "TOKEN" }), ["checkpoint 2"])
        assert.deepStrictEqual(yield* ask("one-1", { kind: "created" }), ["created 1"])
        assert.deepStrictEqual(yield* ask("one-1", { from: 2, to: 5 }), ["checkpoint 2"])
        assert.deepStrictEqual(yield* ask("one-1", { last: 1 }), ["rolled_back 6"])
        const shared = yield* Sessions.recall("fork-1", { grep: "token" })
        assert.deepStrictEqual(
          shared.map(({ kind, session_id, version }) => [kind, session_id, version]),
          [["checkpoint", "one-1", 2]]
        )
        assert.deepStrictEqual(yield* ask("fork-1", { from: 1 }), ["created 1"])
        assert.strictEqual((yield* Effect.flip(ask("no-such")))._tag, "SessionNotFound")
      })
    )
  )
})
