import { assert, describe, it } from "@effect/vitest"
import { Flags } from "@sartor/core"
import { Clock, Effect, Layer } from "effect"
import { files, type MakeTransport, nats } from "./transports.ts"

/** Two openings of one store, as two processes have them. */
const seenAfter = Effect.fnUntraced(function* (make: MakeTransport) {
  const transport = yield* make
  const open = Effect.flatMap(Layer.build(Layer.fresh(Flags.layer.pipe(Layer.provide(transport)))), (context) =>
    Effect.provideContext(Flags.Flags, context)
  )
  const here = yield* open
  const there = yield* open
  const times: Array<number> = []
  for (const value of [false, true, false]) {
    yield* here.set({ ENABLE_PARALLEL_EXECUTION: value })
    const since = yield* Clock.currentTimeMillis
    yield* there.inForce.pipe(
      Effect.delay("10 millis"),
      Effect.repeat({ until: (flags) => flags.ENABLE_PARALLEL_EXECUTION === value }),
      Effect.timeout("5 seconds")
    )
    times.push((yield* Clock.currentTimeMillis) - since)
  }
  return times
})

describe("a flag that is set reaches another process within a second", () => {
  for (const [name, make] of [
    ["files", files],
    ["NATS", nats]
  ] as const) {
    it.live(`on ${name}`, () =>
      Effect.gen(function* () {
        const times = yield* seenAfter(make)
        assert.isBelow(Math.max(...times), 1000, String(times))
      })
    )
  }
})
