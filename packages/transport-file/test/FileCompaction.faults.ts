import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { calls, prepared, sweepAt } from "./compactionSweep.ts"
import { canTrace, skip } from "./support.ts"

it.live.each(calls.map((call) => ({ call })))(
  "leaves the old state or the new one when a compaction is killed at any $call, and its recovery too",
  ({ call }, context) =>
    Effect.gen(function* () {
      if (!canTrace) return skip(context, "killing at a system call needs strace, and the right to trace")
      const template = yield* prepared
      let when = 1
      while (yield* sweepAt(template, call, when)) {
        for (const again of calls) yield* sweepAt(template, call, when, [again, 1 + (when % 3)])
        when += 1
      }
      assert.isAbove(when, 1, "it was met at all")
    })
)
