import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { calls, prepared, sweepAt } from "./crashSweep.ts"
import { operationsIn } from "./fixtures/operations.ts"
import { canTrace, skip } from "./support.ts"

it.live.each(Object.keys(operationsIn("")).map((name) => ({ name })))(
  "S02, F02: $name leaves the old state or the new one when it is killed at any call, and its recovery too",
  ({ name }, context) =>
    Effect.gen(function* () {
      if (!canTrace) return skip(context, "killing at a system call needs strace, and the right to trace")
      const template = yield* prepared(name)
      let kills = 0
      for (const [index, call] of calls.entries()) {
        // Its recovery each time at another call, so that all pairs come about in the course of the sweep.
        const again = (when: number) => [calls[(index + when) % calls.length] ?? call, 1 + (when % 3)] as const
        for (let when = 1; yield* sweepAt(template, call, when, again(when)); when++) kills += 1
      }
      process.stdout.write(`${name}: killed at ${kills} calls\n`)
      assert.isAbove(kills, 3)
    })
)
