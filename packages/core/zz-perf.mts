import { Effect, Layer, Schema } from "effect"
import * as Journal from "./src/Journal.ts"
import * as Session from "./src/Session.ts"
import * as Sessions from "./src/Sessions.ts"
import * as Transport from "./src/Transport.ts"
import * as Wakes from "./src/Wakes.ts"
import { id as known, recordOf } from "./test/support/records.ts"
const encode = Schema.encodeSync(Schema.toCodecJson(Session.Record))
const time = (name: string, e: Effect.Effect<unknown, any, any>) =>
  Effect.gen(function* () {
    const t = performance.now()
    yield* e
    console.log(name, (performance.now() - t).toFixed(1), "ms")
  })
const main = Effect.gen(function* () {
  const sessions = yield* Sessions.Sessions
  const wakes = yield* Wakes.Wakes
  const journal = yield* Journal.Journal
  for (let index = 0; index < 10_000; index++) {
    const session_id = `${known}-${index}`
    yield* journal.append(`session/${session_id}`, 0, [
      {
        ...Object(encode(recordOf("created", 0, "k"))),
        session_id,
        orchestrator: index < 100 ? "main" : `run-${index % 500}`
      },
      encode(recordOf("started", 1, "k")),
      ...Array.from({ length: 20 }, (_, i) => encode(recordOf("turn", 1, "k" + i)))
    ])
  }
  yield* time("first list", sessions.list())
  yield* time("second list", sessions.list())
  yield* time("heads", journal.heads("session/"))
  yield* time("reconcile main", wakes.reconcile("main"))
  yield* time("reconcile all", wakes.reconcile())
  yield* time("audit all", wakes.audit())
  yield* time("audit all 2", wakes.audit())
  console.log((process.memoryUsage().heapUsed / 1e6).toFixed(0), "MB")
})
Effect.runPromise(main.pipe(Effect.provide(Transport.services(Transport.layerMemory))) as any)
