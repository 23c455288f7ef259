import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import * as Inbox from "../src/Inbox.ts"
import * as Journal from "../src/Journal.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Queue from "../src/Queue.ts"
import { TransportError } from "../src/TransportError.ts"
import type { Wake } from "../src/Wake.ts"
import * as Wakes from "../src/Wakes.ts"
import { external, send, services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { id as known, wake as wakeOf } from "./support/records.ts"
import { pass } from "./support/time.ts"

const summaries = (wakes: ReadonlyArray<Wake>) => wakes.map(({ summary }) => summary)
const ignore = () => Effect.void
const counts = ({ acknowledged, balanced, committed, dead, pending }: Wakes.Audit) => ({
  committed,
  acknowledged,
  pending,
  dead,
  balanced
})

/** Handles until nothing comes for a while, and answers what the handler saw: summary and attempt. */
const drain = Effect.fnUntraced(function* (
  handler: (wake: Wake, attempt: number) => Effect.Effect<void, unknown> = ignore,
  options?: Wakes.HandleOptions
) {
  const wakes = yield* Wakes.Wakes
  const seen: Array<string> = []
  const step = wakes.handle(
    "main",
    (wake, attempt) =>
      Effect.suspend(() => {
        seen.push(`${wake.summary} ${attempt}`)
        return handler(wake, attempt)
      }),
    options
  )
  let idle = false
  while (!idle) idle = Option.isNone(yield* pass(Effect.timeoutOption(step, "2 minutes")))
  return seen
})
const failing = (which: string) => (wake: Wake) => (wake.summary === which ? Effect.fail(`no ${which}`) : Effect.void)

describe("Wakes", () => {
  it.effect(
    "message enqueue and dequeue: hands a wake to its handler, and acknowledges it once that has succeeded",
    () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        yield* external("impl-001")
        const id = yield* send("impl-001", "complete", "done")
        const [waiting] = yield* wakes.pending()
        assert.deepStrictEqual([waiting?.wake.wake_id, waiting?.state, waiting?.attempt], [id, "ready", 0])
        const handling = yield* Deferred.make<void>()
        const finish = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          wakes.handle("main", () => Effect.andThen(Deferred.succeed(handling, undefined), Deferred.await(finish)))
        )
        yield* Deferred.await(handling)
        const [during] = yield* wakes.pending("main")
        assert.deepStrictEqual([during?.state, during?.attempt], ["in_flight", 1])
        assert.isFalse(yield* wakes.isSettled("main", id))
        yield* Deferred.succeed(finish, undefined)
        assert.deepStrictEqual(
          (yield* Fiber.join(fiber)).map(({ wake_id }) => wake_id),
          [id]
        )
        assert.deepStrictEqual(yield* wakes.pending(), [])
        assert.deepStrictEqual(counts(yield* wakes.audit()), {
          committed: 1,
          acknowledged: 1,
          pending: 0,
          dead: 0,
          balanced: true
        })
      }).pipe(Effect.provide(services))
  )

  describe("dead letters", () => {
    it.effect("are made of malformed messages at once, with the reason and what had come", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        const queue = yield* Queue.Queue
        yield* external("impl-001")
        yield* send("impl-001", "finding", "good")
        const malformed = [null, "text", { session_id: "../x" }, { ...wakeOf("complete", 1, "k"), status: "done" }]
        for (const [index, payload] of malformed.entries()) {
          yield* queue.offer("wake/main", { id: `bad-${index}`, payload, priority: 2 })
        }
        assert.deepStrictEqual(yield* drain(), ["good 1"])
        const dead = yield* wakes.dead()
        assert.sameDeepMembers(
          dead.map(({ original }) => original),
          malformed
        )
        for (const { reason } of dead) assert.match(reason, /^it is not a wake message: \//)
        const { unknown, ...ledger } = yield* wakes.audit()
        assert.deepStrictEqual([unknown.length, ledger.balanced], [4, false])
      }).pipe(Effect.provide(services))
    )

    it.effect(
      "are made of what no session of this orchestrator has sent, once it has been looked for long enough",
      () =>
        Effect.gen(function* () {
          const wakes = yield* Wakes.Wakes
          const queue = yield* Queue.Queue
          yield* external("theirs-1", "other")
          yield* external("ours-1")
          yield* send("theirs-1", "complete", "theirs")
          const [theirs] = (yield* wakes.pending("other")).map(({ wake }) => wake)
          const strange = [
            wakeOf("complete", 1, "k"),
            { ...theirs },
            { ...wakeOf("complete", 1, "k"), session_id: "ours-1" }
          ]
          for (const [index, payload] of strange.entries()) {
            yield* queue.offer("wake/main", { id: `strange-${index}`, payload: JSON.parse(JSON.stringify(payload)) })
          }
          assert.deepStrictEqual(yield* drain(), [])
          assert.deepStrictEqual((yield* wakes.dead("main")).map(({ reason }) => reason).sort(), [
            `There is no session "${known}"`,
            "session ours-1 never sent it",
            'session theirs-1 wakes "other", not "main"'
          ])
          assert.deepStrictEqual(counts(yield* wakes.audit("other")).pending, 1)
        }).pipe(Effect.provide(services))
    )

    it.effect("can be requeued, with all of their attempts, and acknowledged", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        yield* external("impl-001")
        const id = yield* send("impl-001", "finding", "bad")
        const seen = yield* drain(failing("bad"), { maxAttempts: 3 })
        assert.deepStrictEqual(seen, ["bad 1", "bad 2", "bad 3"])
        const [dead] = yield* wakes.dead()
        assert.strictEqual(dead?.reason, "its handler failed in 3 deliveries, at last with: no bad")
        assert.deepStrictEqual([dead?.wake_id, Object(dead?.original).summary], [id, "bad"])
        assert.isTrue(yield* wakes.isSettled("main", id))
        assert.deepStrictEqual(counts(yield* wakes.audit()).dead, 1)
        assert.isTrue((yield* wakes.audit()).balanced)
        yield* wakes.requeue(id)
        assert.deepStrictEqual(yield* drain(failing("bad"), { maxAttempts: 2 }), ["bad 1", "bad 2"])
        yield* wakes.requeue(id)
        assert.deepStrictEqual(yield* drain(), ["bad 1"])
        assert.strictEqual((yield* Effect.flip(wakes.requeue(id)))._tag, "WakeNotFound")
        assert.deepStrictEqual(counts(yield* wakes.audit()), {
          committed: 1,
          acknowledged: 1,
          pending: 0,
          dead: 0,
          balanced: true
        })
      }).pipe(Effect.provide(services))
    )

    it.effect("are made of a wake whose handler kills its process every time, and of no other", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        const first = yield* Processes.start(store)
        yield* Effect.gen(function* () {
          yield* external("impl-001")
          yield* send("impl-001", "finding", "deadly")
          yield* send("impl-001", "blocked", "after it")
        }).pipe(Effect.provide(first.layer))
        yield* first.kill
        let deaths = 0
        for (let lives = 0; lives < 20; lives++) {
          const process = yield* Processes.start(store)
          const work = drain((wake) =>
            wake.summary === "deadly" ? Effect.andThen(process.kill, Effect.never) : Effect.void
          ).pipe(Effect.as(true), Effect.raceFirst(Effect.as(process.killed, false)))
          if (yield* pass(Effect.provide(work, process.layer))) break
          deaths += 1
        }
        // Each of its two deliveries has five attempts: nobody is left to say which of them was meant.
        assert.isTrue(deaths >= 5 && deaths <= 10, `${deaths} deaths`)
        const last = yield* Processes.start(store)
        yield* Effect.gen(function* () {
          const wakes = yield* Wakes.Wakes
          const [dead, ...others] = yield* wakes.dead()
          assert.deepStrictEqual(others, [])
          assert.strictEqual(Object(dead?.original).summary, "deadly")
          assert.strictEqual(dead?.reason, "it was delivered 5 times, and its handler never came to an end")
          assert.deepStrictEqual(counts(yield* wakes.audit()), {
            committed: 2,
            acknowledged: 1,
            pending: 0,
            dead: 1,
            balanced: true
          })
        }).pipe(Effect.provide(last.layer))
      })
    )
  })

  describe("order", () => {
    it.effect("is by priority between sessions, and oldest first within one, at the highest priority among them", () =>
      Effect.gen(function* () {
        for (const id of ["aaa", "bbb", "ccc"]) yield* external(id)
        yield* send("aaa", "finding", "a1")
        yield* send("bbb", "finding", "b1")
        yield* send("ccc", "complete", "c1")
        yield* send("bbb", "finding", "b2")
        yield* send("bbb", "failed", "b3")
        assert.deepStrictEqual(yield* drain(), ["b1 1", "b2 1", "b3 1", "a1 1", "c1 1"])
        assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
      }).pipe(Effect.provide(services))
    )

    it.effect(
      "holds a wake until the earlier ones of its session are acknowledged or dead, and loses none for them",
      () =>
        Effect.gen(function* () {
          const wakes = yield* Wakes.Wakes
          yield* external("impl-001")
          yield* send("impl-001", "finding", "poison")
          yield* send("impl-001", "finding", "middle")
          yield* send("impl-001", "failed", "end")
          const seen = yield* drain(failing("poison"))
          const poisoned = seen.filter((each) => each.startsWith("poison")).length
          assert.isTrue(poisoned >= 5 && poisoned <= 10, `${poisoned} deliveries`)
          assert.deepStrictEqual(seen.slice(poisoned), ["middle 1", "end 1"])
          assert.deepStrictEqual(
            (yield* wakes.dead()).map(({ original }) => Object(original).summary),
            ["poison"]
          )
          assert.deepStrictEqual(counts(yield* wakes.audit()), {
            committed: 3,
            acknowledged: 2,
            pending: 0,
            dead: 1,
            balanced: true
          })
        }).pipe(Effect.provide(services))
    )

    it.effect("of what is pending is by age, and within a session by its journal, whatever its clock said", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        for (const id of ["aaa", "bbb"]) yield* external(id)
        const sent = [
          ["aaa", "2026-01-01T12:00:00Z", "a1"],
          ["aaa", "2026-01-01T09:00:00Z", "a2"],
          ["bbb", "2026-01-01T12:30:00+02:00", "b1"],
          ["bbb", "2026-01-01T13:00:00Z", "b2"]
        ] as const
        for (const [sessionId, timestamp, summary] of sent) {
          yield* Outbox.send({ sessionId, status: "finding", timestamp, summary })
        }
        assert.deepStrictEqual(summaries((yield* wakes.pending()).map(({ wake }) => wake)), ["b1", "a1", "a2", "b2"])
      }).pipe(Effect.provide(services))
    )
  })

  describe("acknowledgement and retry", () => {
    it.effect("delivers a wake again whose handler has failed, in whatever way", () =>
      Effect.gen(function* () {
        const ways: ReadonlyArray<Effect.Effect<void, unknown>> = [
          Effect.fail("typed"),
          Effect.die(new Error("defect")),
          Effect.interrupt,
          Effect.flatMap(Effect.forkChild(Effect.never), (fiber) =>
            Effect.andThen(Fiber.interrupt(fiber), Fiber.join(fiber))
          )
        ]
        for (const [index, way] of ways.entries()) {
          yield* external(`impl-00${index}`)
          yield* send(`impl-00${index}`, "complete", `w${index}`)
          assert.deepStrictEqual(yield* drain((_, attempt) => (attempt < 3 ? way : Effect.void)), [
            `w${index} 1`,
            `w${index} 2`,
            `w${index} 3`
          ])
        }
        assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
      }).pipe(Effect.provide(services))
    )

    it.effect("answers what was acknowledged before a later wake of the session failed", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        yield* external("impl-001")
        yield* send("impl-001", "finding", "first")
        yield* send("impl-001", "failed", "second")
        assert.deepStrictEqual(summaries(yield* wakes.handle("main", failing("second"))), ["first"])
        assert.deepStrictEqual(yield* drain(), ["second 2"])
      }).pipe(Effect.provide(services))
    )

    it.effect("counts no attempt where the transport has failed", () =>
      Effect.gen(function* () {
        yield* external("impl-001")
        yield* send("impl-001", "complete", "done")
        const wakes = yield* Wakes.Wakes
        const away = new TransportError({ operation: "Journal.append", reason: "unavailable", detail: "away" })
        for (let times = 0; times < 20; times++) {
          const error = yield* Effect.flip(
            wakes.handle("main", (_, attempt) => {
              assert.strictEqual(attempt, 1)
              return Effect.fail(away)
            })
          )
          assert.strictEqual(error, away)
        }
        assert.deepStrictEqual(yield* drain(), ["done 1"])
      }).pipe(Effect.provide(services))
    )

    it.effect("gives a wake back, uncounted, whose handler was interrupted with the program", () =>
      Effect.gen(function* () {
        yield* external("impl-001")
        yield* send("impl-001", "complete", "done")
        const wakes = yield* Wakes.Wakes
        const handling = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          wakes.handle("main", () => Effect.andThen(Deferred.succeed(handling, undefined), Effect.never))
        )
        yield* Deferred.await(handling)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* drain(), ["done 1"])
      }).pipe(Effect.provide(services))
    )

    it.effect("is by id, from any process, as often as anybody likes", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        yield* external("impl-001")
        const id = yield* send("impl-001", "complete", "done")
        yield* Effect.all([wakes.acknowledge(id), wakes.acknowledge(id), wakes.acknowledge(id)], {
          concurrency: "unbounded"
        })
        yield* wakes.acknowledge(id)
        assert.deepStrictEqual(yield* drain(), [])
        for (const unknown of ["", "impl-001", "impl-001/1/X", "nobody/1/X", "../x/1/Y", "__proto__"]) {
          const error = yield* Effect.flip(wakes.acknowledge(unknown))
          assert.match(
            error.message,
            /There is no wake .*: "sartor wake list" and "sartor wake dead" show what there is/
          )
        }
        assert.isTrue((yield* wakes.audit()).balanced)
      }).pipe(Effect.provide(services))
    )

    it.effect("settles a wake unhandled that was acknowledged while it waited", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        const queue = yield* Queue.Queue
        yield* external("impl-001")
        const id = yield* send("impl-001", "complete", "done")
        yield* wakes.acknowledge(id)
        const [wake] = (yield* wakes.pending()).map((pending) => pending.wake)
        assert.isUndefined(wake)
        yield* queue.offer("wake/main", { id, payload: null }, { revive: true })
        yield* queue.settle("wake/main", id, { type: "dead", reason: "whatever" })
        assert.strictEqual(yield* wakes.reconcile(), 0)
        assert.deepStrictEqual(yield* drain(), [])
      }).pipe(Effect.provide(services))
    )
  })

  it.effect("concurrent message handling: hands each of 100 wakes to one of 10 handlers", () =>
    Effect.gen(function* () {
      const wakes = yield* Wakes.Wakes
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => `impl-${index}`),
        (id) => Effect.andThen(external(id), send(id, "complete", id)),
        { concurrency: "unbounded", discard: true }
      )
      const seen: Array<string> = []
      const handler = (wake: Wake) => Effect.sync(() => seen.push(wake.session_id))
      yield* Effect.all(
        Array.from({ length: 100 }, () => wakes.handle("main", handler)),
        { concurrency: 10 }
      )
      assert.deepStrictEqual([seen.length, new Set(seen).size], [100, 100])
      assert.deepStrictEqual(counts(yield* wakes.audit()), {
        committed: 100,
        acknowledged: 100,
        pending: 0,
        dead: 0,
        balanced: true
      })
    }).pipe(Effect.provide(services))
  )

  it.effect("message persistence: survives the death of whoever sent it, at any write, and of whoever handled it", () =>
    Effect.gen(function* () {
      for (let n = 1; n <= 8; n++) {
        for (const when of ["before", "after"] as const) {
          const store = yield* Processes.makeStore
          const first = yield* Processes.start(store, Processes.killAt(n, when))
          const sending = Effect.andThen(external("impl-001"), send("impl-001", "complete", "done"))
          const sent = yield* Effect.result(Effect.provide(sending, first.layer))
          const second = yield* Processes.start(store, Processes.killAt(n, when))
          const handling = Effect.raceFirst(
            Effect.andThen(
              Wakes.Wakes.use((wakes) => wakes.reconcile("main")),
              drain()
            ),
            second.killed
          )
          yield* pass(Effect.ignore(Effect.provide(handling, second.layer)))
          yield* second.kill
          const third = yield* Processes.start(store)
          const ledger = yield* Effect.gen(function* () {
            const wakes = yield* Wakes.Wakes
            yield* wakes.reconcile("main")
            yield* drain()
            return yield* wakes.audit()
          }).pipe(Effect.provide(third.layer))
          const { acknowledged, committed, ...rest } = ledger
          assert.deepStrictEqual(rest, { pending: 0, dead: 0, balanced: true, missing: [], unknown: [], repeated: [] })
          assert.strictEqual(acknowledged, committed)
          if (sent._tag === "Success") assert.strictEqual(committed, 1)
        }
      }
    })
  )

  describe("the ledger", () => {
    it.effect("names what was committed and is settled in the queue only: nobody would be woken by it", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        const queue = yield* Queue.Queue
        yield* external("impl-001")
        const id = yield* send("impl-001", "complete", "done")
        yield* queue.settle("wake/main", id, { type: "completed" })
        const ledger = yield* wakes.audit()
        assert.deepStrictEqual([ledger.missing, ledger.balanced, ledger.pending], [[id], false, 1])
        assert.strictEqual((yield* wakes.pending())[0]?.state, "unrelayed")
        assert.strictEqual(yield* wakes.reconcile(), 1)
        assert.isTrue((yield* wakes.audit()).balanced)
        assert.deepStrictEqual(yield* drain(), ["done 1"])
      }).pipe(Effect.provide(services))
    )

    it.effect("names what an inbox or a queue knows of and no session has sent, and what is acknowledged twice", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        const queue = yield* Queue.Queue
        const journal = yield* Journal.Journal
        yield* external("impl-001")
        const id = yield* send("impl-001", "complete", "done")
        const at = "2026-01-01T00:00:00.000Z"
        const acknowledged = (wake_id: string): typeof Inbox.Record.Encoded => ({ type: "acknowledged", at, wake_id })
        yield* journal.append("inbox/main", 0, [acknowledged(id), acknowledged(id), acknowledged("ghost")])
        yield* queue.offer("wake/nobody", { id: "lost", payload: null })
        const { balanced, repeated, unknown } = yield* wakes.audit()
        assert.deepStrictEqual([balanced, repeated, unknown], [false, [id], ["ghost", "lost"]])
      }).pipe(Effect.provide(services))
    )

    it.effect("balances at every moment while wakes are sent and handled", () =>
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        const total = 60
        const sender = Effect.forEach(
          Array.from({ length: total }, (_, index) => `impl-${index}`),
          (id) => Effect.andThen(external(id), Effect.andThen(Effect.yieldNow, send(id, "complete", id))),
          { discard: true }
        )
        const handler = Effect.forEach(Array.from({ length: total }), () =>
          Effect.andThen(
            Effect.yieldNow,
            wakes.handle("main", () => Effect.yieldNow)
          )
        )
        let audits = 0
        const auditor = Effect.forever(
          Effect.gen(function* () {
            const ledger = yield* wakes.audit()
            assert.isTrue(ledger.balanced, JSON.stringify(ledger))
            audits += 1
            yield* Effect.yieldNow
          })
        )
        yield* Effect.raceFirst(Effect.all([sender, handler], { concurrency: 2, discard: true }), auditor)
        assert.isAbove(audits, 20)
        assert.strictEqual((yield* wakes.audit()).acknowledged, total)
      }).pipe(Effect.provide(Layer.fresh(services)))
    )
  })
})
