import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import * as WorkflowRuns from "../src/WorkflowRuns.ts"
import * as Processes from "./support/Processes.ts"
import * as Rehearsal from "./support/Rehearsal.ts"
import { pass } from "./support/time.ts"

/** A run that nothing disturbs, with the number of calls and of writes that it makes. */
const undisturbed = Effect.gen(function* () {
  const store = yield* Processes.makeStore
  const trace = Rehearsal.makeTrace()
  let writes = 0
  const process = yield* Processes.start(store, (call) => {
    if (Processes.isWrite(call)) writes += 1
    return undefined
  })
  const document = yield* Rehearsal.live(store, trace, process)
  if (document === undefined) return yield* Effect.die(new Error("It was killed"))
  yield* Rehearsal.assertSound(store, trace)
  assert.deepStrictEqual(trace.executed.toSorted(), ["plan", "report", "security", "speed", "speed"])
  return { calls: process.calls(), writes, essence: Rehearsal.essence(document) }
})

/** Lives on the same store, the last of them undisturbed, until one sees the run end. */
const liveOn = Effect.fnUntraced(function* (
  store: Processes.Store,
  trace: Rehearsal.Trace,
  plans: ReadonlyArray<Processes.Plan>
) {
  let kills = 0
  for (const plan of [...plans, () => undefined]) {
    const document = yield* Rehearsal.live(store, trace, yield* Processes.start(store, plan))
    if (document !== undefined) return { document, kills }
    kills += 1
    // It may have died in the middle of saying that it is done.
    const ended = yield* endedRun(store)
    if (ended !== undefined) return { document: ended, kills }
  }
  return yield* Effect.die(new Error("Nobody has killed the last one"))
})

const withStatus = Effect.fnUntraced(function* (store: Processes.Store, status: Session.Status) {
  const process = yield* Processes.start(store)
  const sessions = Sessions.Sessions.use((sessions) => sessions.list({ status }))
  return (yield* Effect.provide(sessions, process.layer)).map(({ name }) => name)
})

const endedRun = Effect.fnUntraced(function* (store: Processes.Store) {
  const process = yield* Processes.start(store)
  return yield* Effect.gen(function* () {
    const [run] = yield* WorkflowRuns.list()
    return run?.finished_at === undefined ? undefined : yield* WorkflowRuns.document(run.run_id)
  }).pipe(Effect.provide(process.layer))
})

describe("a workflow whose process dies", () => {
  for (const when of ["before", "after"] as const) {
    it.effect(`${when} its n-th write is done, for any n, ends as if nothing had been, when it is run again`, () =>
      Effect.gen(function* () {
        const { essence, writes } = yield* undisturbed
        assert.isAbove(writes, 50)
        for (let n = 1; n <= writes; n++) {
          const store = yield* Processes.makeStore
          const trace = Rehearsal.makeTrace()
          const { document, kills } = yield* liveOn(store, trace, [Processes.killAt(n, when)])
          assert.strictEqual(kills, 1, `write ${n} of ${writes}`)
          assert.deepStrictEqual(Rehearsal.essence(document), essence, `killed ${when} write ${n}`)
          yield* Rehearsal.assertSound(store, trace)
        }
      })
    )
  }
})

describe("a workflow whose process dies again while it recovers", () => {
  it.effect("ends as if nothing had been", () =>
    Effect.gen(function* () {
      const { essence, writes } = yield* undisturbed
      let most = 0
      for (let n = 3; n <= writes; n += 9) {
        for (let m = 2; m <= 30; m += 5) {
          const store = yield* Processes.makeStore
          const trace = Rehearsal.makeTrace()
          const plans = [Processes.killAt(n, "after"), Processes.killAt(m, "before"), Processes.killAt(m, "after")]
          const { document, kills } = yield* liveOn(store, trace, plans)
          most = Math.max(most, kills)
          assert.deepStrictEqual(Rehearsal.essence(document), essence, `killed at write ${n}, then at ${m}`)
          yield* Rehearsal.assertSound(store, trace)
        }
      }
      assert.strictEqual(most, 3)
    })
  )
})

describe("a workflow that is stopped", () => {
  it.effect("at its n-th call, for any n, leaves nothing alive, and goes on where it was", () =>
    Effect.gen(function* () {
      const { calls, essence } = yield* undisturbed
      for (let n = 1; n <= calls; n += 3) {
        const store = yield* Processes.makeStore
        const trace = Rehearsal.makeTrace()
        const process = yield* Processes.start(store, Processes.reachAt(n))
        const first = yield* Rehearsal.live(store, trace, process, { stop: process.reached })
        assert.deepStrictEqual([...trace.alive], [], `stopped at call ${n}`)
        const called = process.calls()
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(process.calls(), called, `stopped at call ${n}, and still busy`)
        assert.isEmpty(yield* withStatus(store, "running"))
        const document = first ?? (yield* endedRun(store)) ?? (yield* liveOn(store, trace, [])).document
        assert.deepStrictEqual(Rehearsal.essence(document), essence, `stopped at call ${n}`)
        yield* Rehearsal.assertSound(store, trace)
      }
    })
  )

  it.effect(
    "from elsewhere, by cancelling it at its n-th call, for any n, ends with every agent and every wake settled",
    () =>
      Effect.gen(function* () {
        const { calls } = yield* undisturbed
        const statuses = new Set<string>()
        for (let n = 1; n <= calls; n += 3) {
          const store = yield* Processes.makeStore
          const trace = Rehearsal.makeTrace()
          const process = yield* Processes.start(store, Processes.reachAt(n))
          const other = yield* Processes.start(store)
          const cancelled = yield* Effect.forkChild(
            process.reached.pipe(
              Effect.andThen(WorkflowRuns.cancel("audit-1", "nobody needs it")),
              Effect.provide(other.layer),
              Effect.catchTag("RunNotFound", () => Effect.void)
            )
          )
          const document = yield* Rehearsal.live(store, trace, process, { runId: "audit-1" })
          // A run may take a few calls less than the undisturbed one did: then nobody cancelled it.
          yield* process.calls() >= n ? Fiber.join(cancelled) : Fiber.interrupt(cancelled)
          if (document === undefined) return yield* Effect.die(new Error("It was killed"))
          statuses.add(document.status)
          assert.include(["complete", "cancelled"], document.status)
          for (const agent of document.agents) {
            const legal = document.status === "complete" ? ["complete"] : ["complete", "cancelled", "skipped"]
            assert.include(legal, agent.status, `cancelled at call ${n}`)
          }
          assert.deepStrictEqual([...trace.alive], [])
          yield* Rehearsal.assertSound(store, trace)
        }
        assert.deepStrictEqual([...statuses].sort(), ["cancelled", "complete"])
      })
  )
})

describe("a workflow that two processes run at once", () => {
  it.effect("is run by one of them, and the other goes on when that one dies", () =>
    Effect.gen(function* () {
      const { essence, writes } = yield* undisturbed
      for (let n = 4; n <= writes - 10; n += 3) {
        const store = yield* Processes.makeStore
        const trace = Rehearsal.makeTrace()
        const first = yield* Processes.start(store, Processes.killAt(n, "after"))
        const second = yield* Processes.start(store)
        const both = [first, second].map((process) => Rehearsal.running(store, trace, process, { runId: "audit-1" }))
        const [died, ended] = yield* pass(Effect.all(both, { concurrency: "unbounded" }))
        assert.isUndefined(died)
        if (ended === undefined) return yield* Effect.die(new Error("It was killed"))
        assert.deepStrictEqual(Rehearsal.essence(ended), essence, `killed at write ${n}`)
        yield* Rehearsal.assertSound(store, trace)
      }
    })
  )

  for (const [what, isHeld] of [
    ["all that it does", () => true],
    ["its lease", (call: Processes.Call) => call.startsWith("queue")]
  ] as const) {
    it.effect(
      `because one was held up for too long in ${what} is finished by the other, and the first writes nothing that counts`,
      () =>
        Effect.gen(function* () {
          const { calls, essence } = yield* undisturbed
          for (let n = 20; n <= calls - 20; n += 29) {
            for (let m = 20; m <= calls; m += 43) {
              const store = yield* Processes.makeStore
              const trace = Rehearsal.makeTrace()
              let held = true
              const first = yield* Processes.start(store, (call, _, count) =>
                count === n ? { reach: true } : count > n && held && isHeld(call) ? { stall: true } : undefined
              )
              const second = yield* Processes.start(store, Processes.reachAt(m))
              const options = { runId: "audit-1" }
              const other = Effect.andThen(first.reached, Rehearsal.running(store, trace, second, options))
              const goOn = Effect.gen(function* () {
                yield* Effect.timeoutOption(second.reached, "10 minutes")
                held = false
                yield* first.resume
              })
              const [once, then] = yield* pass(
                Effect.all([Rehearsal.running(store, trace, first, options), other, goOn], { concurrency: "unbounded" })
              )
              if (once === undefined || then === undefined) return yield* Effect.die(new Error("One was killed"))
              const when = `held up from call ${n} on, until call ${m} of the other`
              assert.deepStrictEqual(Rehearsal.essence(then), essence, when)
              assert.deepStrictEqual(Rehearsal.essence(once), essence, when)
              yield* Rehearsal.assertSound(store, trace)
            }
          }
        })
    )
  }
})

/** A transport that goes away at the n-th call, for a while. */
const outage = Effect.fnUntraced(function* (store: Processes.Store, n: number, duration: Duration.Input) {
  let away = false
  const process = yield* Processes.start(store, (_, __, count) =>
    away ? { fail: "before" } : count === n ? { reach: true } : undefined
  )
  yield* Effect.forkChild(
    Effect.gen(function* () {
      yield* process.reached
      away = true
      yield* Effect.sleep(duration)
      away = false
    })
  )
  return process
})

describe("a workflow whose transport", () => {
  /** Runs it once, or again where it has failed, and answers whether it has. */
  const withstand = Effect.fnUntraced(function* (
    process: (store: Processes.Store) => Effect.Effect<Processes.Process>,
    essence: ReturnType<typeof Rehearsal.essence>,
    what: string
  ) {
    const store = yield* Processes.makeStore
    const trace = Rehearsal.makeTrace()
    const first = yield* Effect.result(Rehearsal.live(store, trace, yield* process(store)))
    const begun = trace.executed.length > 0
    const failed = first._tag === "Failure"
    if (failed) assert.strictEqual(first.failure._tag, "TransportError", what)
    const document = failed ? ((yield* endedRun(store)) ?? (yield* liveOn(store, trace, [])).document) : first.success
    if (document === undefined) return yield* Effect.die(new Error("It was killed"))
    assert.deepStrictEqual(Rehearsal.essence(document), essence, what)
    yield* Rehearsal.assertSound(store, trace)
    return { begun, failed }
  })

  for (const when of ["before", "after"] as const) {
    it.effect(`fails its n-th call ${when} it is done, for any n, goes on, or fails before any agent has begun`, () =>
      Effect.gen(function* () {
        const { calls, essence } = yield* undisturbed
        for (let n = 1; n <= calls; n += 2) {
          const what = `call ${n} failed ${when} it was done`
          const plan = (store: Processes.Store) => Processes.start(store, Processes.failAt(n, when))
          const { begun, failed } = yield* withstand(plan, essence, what)
          assert.isFalse(begun && failed, what)
        }
      })
    )
  }

  it.effect("is away for twenty seconds goes on, or fails before any agent has begun", () =>
    Effect.gen(function* () {
      const { calls, essence } = yield* undisturbed
      for (let n = 5; n <= calls; n += 11) {
        const what = `away at call ${n}`
        const { begun, failed } = yield* withstand((store) => outage(store, n, "20 seconds"), essence, what)
        assert.isFalse(begun && failed, what)
      }
    })
  )

  it.effect("is away for longer than anybody waits fails, and goes on when it is run again", () =>
    Effect.gen(function* () {
      const { calls, essence } = yield* undisturbed
      let failures = 0
      for (let n = 5; n <= calls; n += 11) {
        const { failed } = yield* withstand((store) => outage(store, n, "3 minutes"), essence, `away at call ${n}`)
        if (failed) failures += 1
      }
      assert.isAbove(failures, 3)
    })
  )
})
