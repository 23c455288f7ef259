import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Lease from "../src/Lease.ts"
import { services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

const hold = Effect.fnUntraced(function* (name: string) {
  const scope = yield* Scope.make()
  const lost = yield* Scope.provide(Lease.acquire(name), scope)
  return { lost, release: Scope.close(scope, Exit.void) }
})

describe("Lease", () => {
  it.effect("has one holder at a time; the others are told who", () =>
    Effect.gen(function* () {
      const attempts = Array.from({ length: 8 }, () => Effect.result(Lease.acquire("main")))
      const results = yield* pass(Effect.all(attempts, { concurrency: "unbounded" }))
      assert.strictEqual(results.filter(({ _tag }) => _tag === "Success").length, 1)
      for (const result of results) {
        if (result._tag === "Success") continue
        assert.strictEqual(result.failure._tag, "Owned")
        assert.match(
          result.failure.message,
          /^"main" is owned by process 0 on memory since .*: wait for it to end, or stop it$/
        )
      }
      assert.isTrue(Option.isSome(yield* Lease.holder("main")))
      assert.isTrue(Option.isNone(yield* Lease.holder("other")))
    }).pipe(Effect.provide(services))
  )

  it.effect("is free again when its holder's scope closes, at once for one who waits", () =>
    Effect.gen(function* () {
      const first = yield* hold("main")
      const waiting = yield* Effect.forkChild(Lease.acquire("main", { wait: "1 hour" }), { startImmediately: true })
      yield* TestClock.adjust("20 minutes")
      assert.isUndefined(waiting.pollUnsafe())
      yield* first.release
      assert.isTrue(Option.isSome(yield* pass(Effect.timeoutOption(Fiber.join(waiting), "1 second"))))
    }).pipe(Effect.provide(services))
  )

  it.effect("that could not be had is not held", () =>
    Effect.gen(function* () {
      const first = yield* hold("main")
      const scope = yield* Scope.make()
      const second = yield* pass(Effect.flip(Scope.provide(Lease.acquire("main"), scope)))
      assert.strictEqual(second._tag, "Owned")
      yield* first.release
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Option.isNone(yield* Lease.holder("main")))
      yield* (yield* hold("main")).release
    }).pipe(Effect.provide(services))
  )

  it.effect(
    "of a process that is dead is taken over at once, of one that is silent after 15 seconds, which is told",
    () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        let silent = false
        const first = yield* Processes.start(store, () => (silent ? { stall: true } : undefined))
        const second = yield* Processes.start(store)
        const third = yield* Processes.start(store)
        const held = yield* Effect.provide(hold("main"), first.layer)
        const lost = yield* Effect.forkChild(Effect.provide(held.lost, first.layer), { startImmediately: true })
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* pass(Effect.flip(Effect.provide(hold("main"), second.layer))))._tag, "Owned")
        silent = true
        const before = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        yield* pass(Effect.provide(Lease.acquire("main", { wait: "1 minute" }), second.layer))
        const waited = (yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)) - before
        assert.isTrue(waited > 5_000 && waited < 20_000, `${waited} ms`)
        silent = false
        yield* first.resume
        yield* Fiber.join(lost)
        yield* second.kill
        yield* Effect.provide(hold("main"), third.layer)
      })
  )
})
