import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Call, prepared, sweepAt } from "./crashSweep.ts"
import { canTrace, skip } from "./support.ts"

/** One call of each kind that an operation makes; all of them are met in the long form of the tests. */
const points: Readonly<Record<string, ReadonlyArray<readonly [Call, number]>>> = {
  compact: [
    ["pwrite64", 2],
    ["fdatasync", 2],
    ["link", 2],
    ["fsync", 1],
    ["rename", 1],
    ["unlink", 2]
  ],
  "first append": [["mkdir", 1]],
  acknowledge: [["fdatasync", 1]],
  delete: [["unlink", 1]],
  "session cancel": [["fdatasync", 1]]
}

it.live.each(Object.entries(points).map(([name, at]) => ({ name, at })))(
  "S02, F02: $name leaves the old state or the new one when it is killed, and the next process goes on",
  ({ at, name }, context) =>
    Effect.gen(function* () {
      if (!canTrace) return skip(context, "killing at a system call needs strace, and the right to trace")
      const template = yield* prepared(name)
      for (const [call, when] of at) assert.isTrue(yield* sweepAt(template, call, when), `${call} ${when} was met`)
    }),
  60_000
)
