import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as fc from "fast-check"
import * as Timespan from "../src/Timespan.ts"

describe("Timespan", () => {
  it("reads one number with one unit", () => {
    assert.deepStrictEqual(
      ["500ms", "10s", "10m", "2h", "0s", "007s"].map(Timespan.parse).map(Option.getOrNull),
      [500, 10_000, 600_000, 7_200_000, 0, 7000]
    )
    for (const text of [
      "",
      "10",
      "s",
      "1.5h",
      "-1s",
      "+1s",
      "1 s",
      " 1s",
      "1s\n",
      "1d",
      "1H",
      "1h30m",
      "9007199254740993ms"
    ]) {
      assert.isTrue(Option.isNone(Timespan.parse(text)), text)
    }
  })

  it("writes what it reads back", () =>
    fc.assert(
      fc.property(fc.maxSafeNat(), (milliseconds) => {
        assert.deepStrictEqual(Timespan.parse(Timespan.format(milliseconds)), Option.some(milliseconds))
      })
    ))

  it("writes the largest unit that divides", () => {
    assert.deepStrictEqual([0, 1, 1500, 90_000, 1_800_000, 7_200_000].map(Timespan.format), [
      "0ms",
      "1ms",
      "1500ms",
      "90s",
      "30m",
      "2h"
    ])
  })
})
