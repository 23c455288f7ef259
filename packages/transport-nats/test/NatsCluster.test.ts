import { assert, it } from "@effect/vitest"
import { TransportError } from "@sartor/core"
import { Effect } from "effect"
import { NatsFailure, NatsReport } from "../src/index.ts"
import { assertAppends, competing, faultsUnderLoad } from "./support/load.ts"
import * as NatsCluster from "./support/NatsCluster.ts"
import { append, offer, open, records, refused, take } from "./support/ports.ts"

const large = "x".repeat(1024 * 1024)
const journals = "SARTOR_default_JOURNAL"
const queues = "SARTOR_default_QUEUE"
const objects = "OBJ_SARTOR_default_LARGE"

it.live(
  "N20 keeps journals, queues and large records on three servers, and shows who asks for less how they differ",
  () =>
    Effect.gen(function* () {
      const cluster = yield* NatsCluster.make()
      const { url } = cluster
      const copies = Effect.map(NatsReport.make(), ({ streams }) =>
        streams.map(({ name, replicas }) => [name, replicas])
      )
      const three = [
        [journals, 3],
        [queues, 3],
        [objects, 3]
      ]
      yield* open(
        { url, replicas: 3 },
        Effect.gen(function* () {
          assert.strictEqual(yield* append("k", 0, "one"), 1)
          assert.strictEqual((yield* Effect.flip(append("k", 0, "other")))._tag, "VersionConflict")
          yield* append("k", 1, large)
          assert.deepStrictEqual(yield* records("k"), ["one", large])
          assert.strictEqual(yield* offer("q", "a"), "added")
          assert.strictEqual((yield* take("q")).id, "a")
          assert.strictEqual(yield* offer("q", "a"), "completed")
          assert.deepStrictEqual(yield* copies, three)
          const error = yield* refused({ url, replicas: 1 })
          assert.instanceOf(error instanceof TransportError.TransportError && error.cause, NatsFailure.StreamDiffers)
          assert.match(
            error.message,
            /SARTOR_default_JOURNAL has other settings than expected: num_replicas is 3, not 1/
          )
          assert.deepStrictEqual(yield* copies, three)
        })
      )
    })
)

it.live(
  "N21 loses and doubles nothing when the server that leads is killed under load, and lets it catch up",
  () =>
    Effect.gen(function* () {
      const cluster = yield* NatsCluster.make()
      const all = { url: cluster.url, replicas: 3 }
      const leader = yield* open(all, Effect.andThen(append("large", 0, large), cluster.leaderOf(queues)))
      // Who knows the leader alone learns of the others from it.
      const options = { url: leader.url, replicas: 3 }
      const load = faultsUnderLoad({
        options,
        faults: 1,
        seed: 1,
        fault: (goesOn) =>
          Effect.gen(function* () {
            yield* leader.stop
            yield* goesOn
            assert.deepStrictEqual(yield* open(all, records("large")), [large])
            yield* leader.start
            yield* cluster.formed
          })
      })
      const appends = yield* competing(options, "raced", Effect.asVoid(load))
      yield* open(all, assertAppends("raced", appends))
    }),
  60_000
)
