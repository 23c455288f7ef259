import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Ref, Stream } from "effect"
import { TestClock } from "effect/testing"
import type * as Agent from "../src/Agent.ts"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Journal from "../src/Journal.ts"
import * as Outbox from "../src/Outbox.ts"
import * as Queue from "../src/Queue.ts"
import * as Resumption from "../src/Resumption.ts"
import * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Wake from "../src/Wake.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Worker from "../src/Worker.ts"
import { services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

const runners = (agent: FunctionRunner.AgentFunction) =>
  AgentRunner.layer({ function: FunctionRunner.make({ work: agent }) })

/** Creates a session and puts it into the queue. */
const create = Effect.fnUntraced(function* (options: Partial<Sessions.CreateOptions> = {}) {
  const sessions = yield* Sessions.Sessions
  const session = yield* sessions.create({
    id: "impl-001",
    role: "implementer",
    taskType: "work",
    runner: { type: "function", name: "work" },
    limits: { retries: 2 },
    ...options
  })
  yield* Worker.dispatch(session)
  return session
})
const get = (id = "impl-001") => Sessions.Sessions.use((sessions) => sessions.get(id))
const take = (agent: FunctionRunner.AgentFunction, options: Partial<Worker.Options> = {}) =>
  Worker.takeOne({ orchestrator: "main", ...options }).pipe(Effect.provide(runners(agent)))

/** Takes runs until none comes for ten minutes. */
const work = Effect.fnUntraced(function* (agent: FunctionRunner.AgentFunction, options?: Partial<Worker.Options>) {
  const idle = Effect.timeoutOption(take(agent, options), "10 minutes")
  yield* pass(Effect.repeat(idle, { until: (taken) => taken._tag === "None" }))
})
const history = Effect.fnUntraced(function* (id = "impl-001") {
  const entries = yield* Sessions.Sessions.use((sessions) => Stream.runCollect(sessions.history(id)))
  return entries.map(({ record }) => {
    const { run, type } = Object(record)
    return `${type} ${run}`
  })
})
const dispatched = Effect.flatMap(Queue.Queue, (queue) => queue.statistics("dispatch/main"))
const assertSettled = Effect.gen(function* () {
  const { dead, delayed, inFlight, ready } = yield* dispatched
  assert.deepStrictEqual([dead, delayed, inFlight, ready], [0, 0, 0, 0])
})

describe("Worker", () => {
  it.effect("takes a run, commits what happens in it and how it ends, and wakes the orchestrator", () =>
    Effect.gen(function* () {
      yield* create()
      const seen: Array<string> = []
      yield* work(
        (task) =>
          Effect.gen(function* () {
            yield* task.emit({ type: "turn", text: "thinking" })
            yield* task.emit({ type: "checkpoint", phase: "testing", milestone: "half", details: "" })
            yield* task.emit({ type: "finding", summary: "odd", priority: "critical" })
            yield* task.emit({ type: "log", text: "on the side" })
            return { summary: "done", confidence: 0.7, files: ["a.ts", { path: "b.ts", content: "x" }, "a.ts"] }
          }),
        { host: "here", pid: 7, observe: (_, { type }) => Effect.sync(() => seen.push(type)) }
      )
      const session = yield* get()
      assert.strictEqual(session.status, "complete")
      assert.deepStrictEqual(session.runs[0]?.worker, { kind: "local", host: "here", pid: 7 })
      assert.deepStrictEqual(seen, ["started", "turn", "checkpoint", "finding", "ended"])
      const [finding, end] = (yield* (yield* Wakes.Wakes).pending()).map(({ wake }) => wake)
      assert.deepStrictEqual([finding?.summary, finding?.priority, finding?.run], ["odd", "critical", 1])
      assert.deepStrictEqual(
        [end?.status, end?.summary, end?.confidence, end?.deliverables],
        ["complete", "done", 0.7, { files: ["a.ts", "b.ts"] }]
      )
      const logs = yield* Sessions.Sessions.use((sessions) => Stream.runCollect(sessions.logs("impl-001")))
      assert.deepStrictEqual(
        logs.map(({ text }) => text),
        ["on the side"]
      )
      yield* assertSettled
    }).pipe(Effect.provide(services))
  )

  describe("agent failures", () => {
    it.effect(
      "are tried again with back-off, from the checkpoints so far, and escalated when the attempts are used up",
      () =>
        Effect.gen(function* () {
          yield* create()
          const attempts: Array<readonly [number, number, number]> = []
          const began = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
          yield* work((task) =>
            Effect.gen(function* () {
              const now = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
              attempts.push([task.attempt, task.checkpoints.length, now - began])
              yield* task.emit({ type: "checkpoint", phase: "p", milestone: String(task.attempt), details: "" })
              return yield* Effect.fail(new Error(`not ${task.attempt}`))
            })
          )
          assert.deepStrictEqual(
            attempts.map(([attempt, checkpoints]) => [attempt, checkpoints]),
            [
              [1, 0],
              [2, 1],
              [3, 2]
            ]
          )
          const [, second = 0, third = 0] = attempts.map(([, , at]) => at)
          assert.isTrue(second >= 700 && third - second >= 1_400, `${second} and ${third} ms`)
          const session = yield* get()
          assert.deepStrictEqual(
            [session.status, session.failures, session.error],
            ["failed", 2, { code: "error", message: "not 3" }]
          )
          const [wake] = (yield* (yield* Wakes.Wakes).pending()).map(({ wake }) => wake)
          assert.deepStrictEqual([wake?.status, wake?.priority, wake?.error?.message], ["failed", "high", "not 3"])
          yield* assertSettled
        }).pipe(Effect.provide(services))
    )

    it.effect("of any kind are recorded with their reason: defects, interruptions, a runner that throws", () =>
      Effect.gen(function* () {
        const ways: { readonly [code: string]: FunctionRunner.AgentFunction } = {
          defect: () => Effect.die(new Error("bug")),
          interrupted: () => Effect.interrupt,
          error: () => Effect.fail("typed"),
          invalid_result: () => Effect.succeed({ summary: " " })
        }
        for (const [code, agent] of Object.entries(ways)) {
          const id = `impl-${code.replace("_", "-")}`
          yield* create({ id, limits: { retries: 1 } })
          yield* work(agent)
          const session = yield* get(id)
          assert.deepStrictEqual([session.status, session.error?.code, session.runs.length], ["failed", code, 2])
        }
        yield* create({ id: "impl-throws", limits: { retries: 0 } })
        const throwing = Layer.succeed(AgentRunner.AgentRunner, {
          execute: () => {
            throw new Error("no stream at all")
          }
        })
        yield* Effect.provide(Worker.takeOne({ orchestrator: "main" }), throwing)
        const session = yield* get("impl-throws")
        assert.deepStrictEqual(session.error, { code: "defect", message: "no stream at all" })
        yield* assertSettled
      }).pipe(Effect.provide(services))
    )

    it.effect("that say so are not tried again, or wait for a human", () =>
      Effect.gen(function* () {
        const failure = (status: "failed" | "blocked") => () =>
          Effect.fail(new AgentRunner.RunFailed({ status, code: "why", detail: "because", retryable: false }))
        for (const status of ["failed", "blocked"] as const) {
          yield* create({ id: `impl-${status}` })
          yield* work(failure(status))
          const session = yield* get(`impl-${status}`)
          assert.deepStrictEqual(
            [session.status, session.runs.length, session.error],
            [status, 1, { code: "why", message: "because" }]
          )
        }
        yield* assertSettled
      }).pipe(Effect.provide(services))
    )

    it.effect("of what it needs end it before it begins", () =>
      Effect.gen(function* () {
        const { session_id } = yield* create({ id: "gone-1" })
        yield* (yield* Journal.Journal).delete("session/gone-1")
        yield* create({ inputs: { plan: session_id } })
        let executed = 0
        yield* work(() => Effect.sync(() => String((executed += 1))))
        const session = yield* get()
        assert.deepStrictEqual([executed, session.status, session.error?.code], [0, "failed", "input_missing"])
        yield* assertSettled
      }).pipe(Effect.provide(services))
    )
  })

  describe("timeout detection", () => {
    it.effect("stops a stuck agent, and counts an attempt", () =>
      Effect.gen(function* () {
        yield* create({ limits: { timeout: 60_000, retries: 1 } })
        let alive = 0
        yield* work(() =>
          Effect.suspend(() => {
            alive += 1
            return Effect.ensuring(
              Effect.never,
              Effect.sync(() => (alive -= 1))
            )
          })
        )
        const session = yield* get()
        assert.deepStrictEqual([session.status, session.runs.length, alive], ["failed", 2, 0])
        assert.deepStrictEqual(session.error, {
          code: "timeout",
          message: "it was still running after 1m and was stopped"
        })
      }).pipe(Effect.provide(services))
    )

    it.effect("may be weeks away", () =>
      Effect.gen(function* () {
        yield* create({ limits: { timeout: 2 ** 40 } })
        yield* work(() => Effect.as(Effect.sleep("40 seconds"), "late"))
        assert.strictEqual((yield* get()).status, "complete")
      }).pipe(Effect.provide(services))
    )
  })

  describe("session resume with context", () => {
    it.effect(
      "gives a run that goes on after a shut-down the checkpoints of the one before, and counts no attempt",
      () =>
        Effect.gen(function* () {
          yield* create()
          const half = yield* Deferred.make<void>()
          const fiber = yield* Effect.forkChild(
            take((task) =>
              task
                .emit({ type: "checkpoint", phase: "coding", milestone: "half", details: "kept" })
                .pipe(
                  Effect.andThen(task.emit({ type: "turn", text: "committed" })),
                  Effect.andThen(Deferred.succeed(half, undefined)),
                  Effect.andThen(Effect.never)
                )
            )
          )
          yield* Deferred.await(half)
          yield* TestClock.adjust("1 second")
          yield* Fiber.interrupt(fiber)
          const suspended = yield* get()
          assert.deepStrictEqual([suspended.status, suspended.turns], ["suspended", 1])
          assert.deepStrictEqual([(yield* dispatched).ready, (yield* dispatched).inFlight], [1, 0])
          const seen: Array<unknown> = []
          yield* work((task) =>
            Effect.sync(() => {
              seen.push([task.run, task.attempt, task.checkpoints.map(({ details }) => details)])
              return "done"
            })
          )
          assert.deepStrictEqual(seen, [[2, 1, ["kept"]]])
          assert.deepStrictEqual(yield* history(), [
            "created 0",
            "started 1",
            "checkpoint 1",
            "turn 1",
            "suspended 1",
            "started 2",
            "ended 2"
          ])
        }).pipe(Effect.provide(services))
    )

    it.effect(
      "takes over from a worker that is dead at once, and from one that is silent; that one writes nothing more",
      () =>
        Effect.gen(function* () {
          const store = yield* Processes.makeStore
          let silent = false
          const first = yield* Processes.start(store, () => (silent ? { stall: true } : undefined))
          const second = yield* Processes.start(store)
          yield* Effect.provide(create(), first.layer)
          const begun = yield* Deferred.make<void>()
          const slow = yield* Effect.forkChild(
            take((task) =>
              Effect.gen(function* () {
                yield* task.emit({ type: "checkpoint", phase: "p", milestone: "one", details: "" })
                yield* Deferred.succeed(begun, undefined)
                yield* Effect.sleep("10 seconds")
                yield* task.emit({ type: "finding", summary: "stale" })
                return "stale"
              })
            ).pipe(Effect.provide(first.layer))
          )
          yield* Deferred.await(begun)
          yield* TestClock.adjust("1 second")
          silent = true
          yield* pass(
            Effect.provide(
              take((task) => Effect.succeed(`run ${task.run}`)),
              second.layer
            )
          )
          silent = false
          yield* first.resume
          yield* pass(Fiber.join(slow))
          const session = yield* Effect.provide(get(), second.layer)
          assert.deepStrictEqual([session.status, session.result?.summary], ["complete", "run 2"])
          assert.deepStrictEqual(yield* Effect.provide(history(), second.layer), [
            "created 0",
            "started 1",
            "checkpoint 1",
            "started 2",
            "ended 2"
          ])
          const third = yield* Processes.start(store)
          yield* Effect.provide(create({ id: "impl-002" }), third.layer)
          const dying = Effect.provide(
            take(() => Effect.andThen(third.kill, Effect.never)),
            third.layer
          )
          yield* pass(Effect.raceFirst(Effect.ignore(dying), third.killed))
          const fourth = yield* Processes.start(store)
          const before = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
          yield* pass(
            Effect.provide(
              take((task) => Effect.succeed(`run ${task.run}`)),
              fourth.layer
            )
          )
          assert.isBelow((yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)) - before, 2_000)
          assert.strictEqual((yield* Effect.provide(get("impl-002"), fourth.layer)).result?.summary, "run 2")
        })
    )
  })

  it.effect(
    "an agent that kills whoever executes it waits for a human after ten of them, and goes on when that one says so",
    () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        const begin = yield* Processes.start(store)
        yield* Effect.provide(create(), begin.layer)
        let executions = 0
        const dying = Effect.gen(function* () {
          const process = yield* Processes.start(store)
          const agent = () => {
            executions += 1
            return Effect.andThen(process.kill, Effect.never)
          }
          yield* pass(take(agent).pipe(Effect.ignore, Effect.provide(process.layer), Effect.raceFirst(process.killed)))
        })
        for (let count = 0; count < 10; count++) yield* dying
        const last = yield* Processes.start(store)
        yield* Effect.gen(function* () {
          yield* pass(take(() => Effect.sync(() => `${++executions}`)))
          const session = yield* get()
          assert.deepStrictEqual([session.status, session.error?.code, executions], ["blocked", "workers_died", 10])
          assert.strictEqual(
            session.error?.message,
            "10 workers died while they executed it: look at what it does, then resume it"
          )
          yield* Resumption.resume("impl-001", { prompt: "Try with less memory" })
          yield* pass(take((task) => Effect.sync(() => `${++executions}: ${task.told.at(-1)?.text}`)))
          assert.strictEqual((yield* get()).result?.summary, "11: Try with less memory")
        }).pipe(Effect.provide(last.layer))
      })
  )

  it.effect("an agent that makes a step forward each time may lose any number of workers", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const begin = yield* Processes.start(store)
      yield* Effect.provide(create(), begin.layer)
      for (let count = 0; count < 15; count++) {
        const process = yield* Processes.start(store)
        const agent = (task: FunctionRunner.Task) =>
          Effect.gen(function* () {
            yield* task.emit({ type: "turn", text: "one step" })
            yield* Effect.sleep("1 second")
            return yield* Effect.andThen(process.kill, Effect.never)
          })
        yield* pass(take(agent).pipe(Effect.ignore, Effect.provide(process.layer), Effect.raceFirst(process.killed)))
      }
      const last = yield* Processes.start(store)
      yield* Effect.provide(pass(take(() => Effect.succeed("done"))), last.layer)
      const session = yield* Effect.provide(get(), last.layer)
      assert.deepStrictEqual([session.status, session.turns, session.run], ["complete", 15, 16])
    })
  )

  it.effect("an agent that is silent for too long is stopped, and tried again; one that is heard of is not", () =>
    Effect.gen(function* () {
      yield* create({ limits: { retries: 1, silence: 10_000 } })
      yield* work((task) =>
        Effect.gen(function* () {
          for (let count = 0; count < 5; count++) {
            yield* Effect.sleep("8 seconds")
            yield* task.emit({ type: "log", text: "still here" })
          }
          if (task.attempt === 1) yield* Effect.sleep("20 seconds")
          return `attempt ${task.attempt}`
        })
      )
      assert.strictEqual((yield* get()).result?.summary, "attempt 2")
      const entries = yield* Sessions.Sessions.use((sessions) => Stream.runCollect(sessions.history("impl-001")))
      const failed = entries.find(({ record }) => Object(record).type === "attempt_failed")
      assert.deepStrictEqual(Object(failed?.record).error, {
        code: "silent",
        message: "nothing was heard of it for 10s, and it was stopped"
      })
    }).pipe(Effect.provide(services))
  )

  it.effect("an agent whose attempts are used up waits for a human, where that is asked for", () =>
    Effect.gen(function* () {
      yield* create({ limits: { retries: 1, exhausted: "blocked" } })
      yield* work((task) => Effect.fail(new Error(`attempt ${task.attempt}`)))
      const session = yield* get()
      assert.deepStrictEqual([session.status, session.error?.message], ["blocked", "attempt 2"])
      assert.strictEqual(Session.terminalWake(session)?.priority, "high")
    }).pipe(Effect.provide(services))
  )

  it.effect("executes a session once, however often it is dispatched and whoever takes it", () =>
    Effect.gen(function* () {
      const session = yield* create()
      for (let times = 0; times < 5; times++) yield* Worker.dispatch(session)
      let executed = 0
      const agent = () =>
        Effect.as(
          Effect.andThen(
            Effect.sync(() => (executed += 1)),
            Effect.sleep("1 second")
          ),
          "done"
        )
      const workers = Array.from({ length: 4 }, () => Effect.timeoutOption(take(agent), "1 minute"))
      yield* pass(Effect.all(workers, { concurrency: "unbounded" }))
      yield* Worker.dispatch(session)
      yield* work(agent)
      assert.deepStrictEqual([executed, yield* history()], [1, ["created 0", "started 1", "ended 1"]])
      yield* assertSettled
    }).pipe(Effect.provide(services))
  )

  describe("cancelling", () => {
    it.effect("stops the agent at once, with what it has in hand", () =>
      Effect.gen(function* () {
        yield* create()
        const begun = yield* Deferred.make<void>()
        const stopped = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          take(() =>
            Effect.andThen(Deferred.succeed(begun, undefined), Effect.never).pipe(
              Effect.onInterrupt(() => Deferred.succeed(stopped, undefined))
            )
          )
        )
        yield* Deferred.await(begun)
        yield* TestClock.adjust("1 second")
        yield* Outbox.cancel("impl-001", "enough")
        yield* Deferred.await(stopped)
        yield* Fiber.join(fiber)
        yield* work(() => Effect.die("it must not run again"))
        assert.deepStrictEqual(yield* history(), ["created 0", "started 1", "cancelled 1"])
        yield* assertSettled
      }).pipe(Effect.provide(services))
    )

    it.effect("stops an agent that has only just begun a tenth of a second later", () =>
      Effect.gen(function* () {
        yield* create()
        const begun = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          take(() => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
        )
        yield* Deferred.await(begun)
        yield* Outbox.cancel("impl-001", "enough")
        yield* TestClock.adjust("100 millis")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* history(), ["created 0", "started 1", "cancelled 1"])
      }).pipe(Effect.provide(services))
    )

    it.effect("is noticed though nobody is told of it, and before it has begun", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        const deaf = yield* Processes.start(store, (call) => (call === "watch" ? { fail: "before" } : undefined))
        yield* Effect.gen(function* () {
          yield* create()
          const stopped = yield* Ref.make(false)
          const agent = () => Effect.onInterrupt(Effect.never, () => Ref.set(stopped, true))
          const fiber = yield* Effect.forkChild(take(agent), { startImmediately: true })
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* get()).status, "running")
          yield* Outbox.cancel("impl-001", "enough")
          yield* TestClock.adjust("6 seconds")
          assert.isTrue(yield* Ref.get(stopped))
          yield* Fiber.join(fiber)
          yield* create({ id: "impl-002" })
          yield* Outbox.cancel("impl-002", "not needed")
          yield* work(() => Effect.die("it must not run"))
          assert.deepStrictEqual(yield* history("impl-002"), ["created 0", "cancelled 0"])
          yield* assertSettled
        }).pipe(Effect.provide(deaf.layer), Effect.provide(services))
      })
    )

    it.effect("at the moment of its end lets one of them win, and both have the wake that tells which", () =>
      Effect.gen(function* () {
        const statuses = new Set<string>()
        for (let n = 1; n <= 24; n += 2) {
          const store = yield* Processes.makeStore
          const process = yield* Processes.start(store, Processes.reachAt(n))
          const other = yield* Processes.start(store)
          yield* Effect.provide(create(), other.layer)
          const cancel = Effect.andThen(process.reached, Effect.ignore(Outbox.cancel("impl-001", "enough")))
          const both = [
            work(() => Effect.as(Effect.sleep("1 second"), "done")).pipe(Effect.provide(process.layer)),
            Effect.timeoutOption(Effect.provide(cancel, other.layer), "5 seconds")
          ]
          yield* pass(Effect.all(both, { concurrency: "unbounded", discard: true }))
          const { status, wakes } = yield* Effect.provide(get(), other.layer)
          statuses.add(status)
          assert.include(["complete", "cancelled"], status)
          assert.deepStrictEqual(
            wakes.map((wake) => wake.status),
            [status === "complete" ? "complete" : "failed"]
          )
          yield* Effect.provide(assertSettled, other.layer)
        }
        assert.deepStrictEqual([...statuses].sort(), ["cancelled", "complete"])
      })
    )
  })

  describe("an agent's output", () => {
    it.effect("may be anything: its wake stays within bounds, and the session keeps the whole", () =>
      Effect.gen(function* () {
        yield* create()
        const nasty = `\u0000\u001b[2J\ud800 "__proto__" \u2028 ${"\u0001".repeat(300_000)}`
        const result: Agent.Result = {
          summary: nasty,
          files: Array.from({ length: 2_000 }, (_, index) => `${index}${"日".repeat(200)}`),
          claims: [{ topic: "constructor", claim: nasty, ["__proto__"]: { polluted: true } }],
          ["__proto__"]: { polluted: true }
        }
        yield* work((task) =>
          Effect.as(
            Effect.forEach(["finding", "turn"] as const, (type) =>
              task.emit(type === "finding" ? { type, summary: nasty } : { type, text: nasty })
            ),
            result
          )
        )
        const session = yield* get()
        assert.deepStrictEqual([session.status, session.result], ["complete", result])
        assert.strictEqual(session.wakes.length, 2)
        for (const wake of session.wakes) assert.isAtMost(Wake.bytesOf(wake), Wake.maxBytes)
        assert.isUndefined(Object(Object.prototype).polluted)
        yield* assertSettled
      }).pipe(Effect.provide(services))
    )

    it.effect("that is too large to be kept fails the run, once", () =>
      Effect.gen(function* () {
        const huge = "\u0001".repeat(6_000_000)
        const agents: ReadonlyArray<FunctionRunner.AgentFunction> = [
          () => Effect.succeed(huge),
          (task) => Effect.as(task.emit({ type: "turn", text: huge }), "done"),
          (task) => Effect.as(task.emit({ type: "checkpoint", phase: huge, milestone: "m", details: "" }), "done"),
          () =>
            Effect.fail(
              new AgentRunner.RunFailed({ status: "failed", code: "output_too_large", detail: huge, retryable: false })
            )
        ]
        for (const [index, agent] of agents.entries()) {
          yield* create({ id: `impl-00${index}` })
          yield* work(agent)
          const { error, runs, status } = yield* get(`impl-00${index}`)
          assert.deepStrictEqual([status, error?.code, runs.length], ["failed", "output_too_large", 1])
        }
        yield* assertSettled
      }).pipe(Effect.provide(services))
    )

    it.effect("has an end: 10,000 checkpoints and findings, and a megabyte on the side", () =>
      Effect.gen(function* () {
        yield* create({ limits: { retries: 0 } })
        yield* work((task) =>
          Effect.gen(function* () {
            yield* Effect.forEach(Array.from({ length: 30 }), () =>
              task.emit({ type: "log", text: "x".repeat(100_000) })
            )
            yield* Effect.forever(task.emit({ type: "checkpoint", phase: "p", milestone: "m", details: "" }))
            return "never"
          })
        )
        const session = yield* get()
        assert.deepStrictEqual([session.status, session.checkpoints.length], ["failed", 10_000])
        assert.deepStrictEqual(session.error, {
          code: "output_too_large",
          message: "it handed in more than 10000 checkpoints and findings"
        })
        const logs = yield* Sessions.Sessions.use((sessions) => Stream.runCollect(sessions.logs("impl-001")))
        assert.strictEqual(
          logs.reduce((sum, { text }) => sum + text.length, 0),
          1024 * 1024
        )
      }).pipe(Effect.provide(services))
    )

    it.effect("merges the draft that the agent sent itself, and gives its wake the id that was answered", () =>
      Effect.gen(function* () {
        yield* create()
        const sent: Array<Wake.Wake> = []
        const context = yield* Effect.context<Sessions.Sessions | Wakes.Wakes>()
        yield* work((task) =>
          Outbox.send({
            sessionId: task.sessionId,
            run: task.run,
            status: "complete",
            summary: "mine",
            next_role: "AUDITOR",
            deliverables: { files: ["b.ts"], handoff_id: "handoff_1" },
            usage: { input_tokens: 1, output_tokens: 2, cost_usd: 3 },
            extra: { ticket: "X-1" }
          }).pipe(
            Effect.provideContext(context),
            Effect.map((wake) => {
              sent.push(wake)
              return { summary: "the result's", files: ["a.ts"] }
            })
          )
        )
        const session = yield* get()
        const { timestamp: _, ...wake } = session.wakes[0] ?? {}
        assert.deepStrictEqual(wake, {
          wake_id: sent[0]?.wake_id,
          session_id: "impl-001",
          agent_role: "IMPLEMENTER",
          status: "complete",
          run: 1,
          priority: "normal",
          summary: "the result's",
          next_role: "AUDITOR",
          deliverables: { files: ["a.ts", "b.ts"], handoff_id: "handoff_1" },
          usage: { input_tokens: 1, output_tokens: 2, cost_usd: 3 },
          ticket: "X-1"
        })
        assert.deepStrictEqual(session.usage, { input_tokens: 1, output_tokens: 2, cost_usd: 3 })
        assert.isTrue((yield* (yield* Wakes.Wakes).audit()).balanced)
      }).pipe(Effect.provide(services))
    )
  })

  it.effect("drops from the queue what can never be run, with the reason, and goes on", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.Queue
      const journal = yield* Journal.Journal
      for (const payload of [null, { session_id: "../x" }]) {
        yield* queue.offer("dispatch/main", { id: `bad-${JSON.stringify(payload).length}`, payload })
      }
      yield* create({ id: "deleted-1" })
      yield* journal.delete("session/deleted-1")
      yield* create({ id: "damaged-1" })
      yield* journal.append("session/damaged-1", 1, [{ type: "started", nonsense: true }])
      yield* create()
      yield* work(() => Effect.succeed("done"))
      assert.strictEqual((yield* get()).status, "complete")
      const left = (yield* queue.inspect("dispatch/main")).map(({ reason, state }) => `${state} ${reason}`)
      assert.strictEqual(left.length, 3)
      for (const each of left) assert.match(each, /^dead (Expected|.*damaged after version 1)/s)
    }).pipe(Effect.provide(services))
  )

  it.effect("is harmed neither by one who listens nor by a log that cannot be written", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      const process = yield* Processes.start(store, (call, key) =>
        call === "append" && key.startsWith("log/") ? { fail: "before" } : undefined
      )
      yield* Effect.gen(function* () {
        yield* create()
        yield* work((task) => Effect.as(task.emit({ type: "log", text: "lost" }), "done"), {
          observe: () => Effect.die(new Error("EPIPE"))
        })
        assert.deepStrictEqual([(yield* get()).status, (yield* get()).runs.length], ["complete", 1])
      }).pipe(Effect.provide(process.layer), Effect.provide(services))
    })
  )

  it.effect("goes on with a run while the transport is away for a while, and commits each thing once", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      let away = false
      const process = yield* Processes.start(store, () => (away ? { fail: "after" } : undefined))
      yield* Effect.gen(function* () {
        yield* create()
        const agent = (task: FunctionRunner.Task) =>
          Effect.gen(function* () {
            away = true
            yield* Effect.forkChild(
              Effect.delay(
                Effect.sync(() => (away = false)),
                "20 seconds"
              )
            )
            yield* task.emit({ type: "turn", text: "one" })
            yield* task.emit({ type: "finding", summary: "two" })
            yield* Effect.sleep("30 seconds")
            return "done"
          })
        yield* work(agent)
        assert.deepStrictEqual(yield* history(), ["created 0", "started 1", "turn 1", "finding 1", "ended 1"])
      }).pipe(Effect.provide(process.layer), Effect.provide(services))
    })
  )

  it.effect("leaves a wake that it cannot offer to be offered later", () =>
    Effect.gen(function* () {
      const store = yield* Processes.makeStore
      let away = false
      const process = yield* Processes.start(store, (_, key) =>
        away && key === "wake/main" ? { fail: "before" } : undefined
      )
      yield* Effect.gen(function* () {
        yield* create()
        away = true
        yield* work(() => Effect.succeed("done"))
        away = false
        const wakes = yield* Wakes.Wakes
        assert.strictEqual((yield* wakes.pending())[0]?.state, "unrelayed")
        assert.strictEqual(yield* wakes.reconcile("main"), 1)
        assert.strictEqual((yield* wakes.pending())[0]?.state, "ready")
        assert.strictEqual((yield* get()).runs.length, 1)
        yield* assertSettled
      }).pipe(Effect.provide(process.layer), Effect.provide(services))
    })
  )

  it.effect("leaves alone what somebody outside is at, until that has ended", () =>
    Effect.gen(function* () {
      yield* create()
      yield* Outbox.send({ sessionId: "impl-001", status: "finding", summary: "I am at it" })
      yield* work(() => Effect.die("it must not run"))
      const running = yield* get()
      assert.deepStrictEqual([running.status, running.run, Worker.isDue(running)], ["running", 1, false])
      yield* assertSettled
      yield* Outbox.send({ sessionId: "impl-001", status: "complete", summary: "done" })
      assert.deepStrictEqual((yield* get()).result, { summary: "done", files: [] })
    }).pipe(Effect.provide(services))
  )

  it("knows which sessions are due", () => {
    const of = (status: Session.Status, type: "function" | "external", kind: "local" | "external") => {
      const runner = type === "function" ? { type, name: "work" } : { type }
      const runs = [{ run: 1, started_at: "", worker: { kind } }]
      return Worker.isDue({ status, runner, runs } as unknown as Session.Session)
    }
    const due = (type: "function" | "external", kind: "local" | "external") =>
      Session.Status.literals.filter((status) => of(status, type, kind))
    assert.deepStrictEqual(due("function", "local"), ["created", "running", "suspended"])
    assert.deepStrictEqual(due("function", "external"), ["created", "suspended"])
    assert.isEmpty([...due("external", "local"), ...due("external", "external")])
  })
})
