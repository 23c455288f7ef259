import "effect/schema/SchemaJITCompiler/enable"
import { Queue } from "@sartor/core"
import { Effect, type Layer, ManagedRuntime } from "effect"
import type { Driver } from "./driver.ts"
import { micros } from "./measure.ts"
import type { Message } from "./message.ts"

export const queueName = "wake/main"

/** Our queue on a transport, through its public interface. */
export const make = async (transport: Layer.Layer<Queue.Queue, unknown>): Promise<Driver> => {
  const runtime = ManagedRuntime.make(transport)
  const queue = await runtime.runPromise(Queue.Queue)
  const offer = (text: string, acknowledged: (number: number) => void) => {
    const message: Message = JSON.parse(text)
    return Effect.map(queue.offer(queueName, { id: message.wake_id, payload: message }), (state) => {
      if (state !== "added") throw new Error(`${message.wake_id} was ${state}`)
      acknowledged(message.number)
    })
  }
  return {
    lone: ({ acknowledged, count, next }, gap) =>
      runtime.runPromise(
        Effect.gen(function* () {
          const latencies: Array<number> = []
          for (let index = 0; index < count; index++) {
            if (gap > 0) yield* Effect.sleep(gap)
            const text = next()
            const began = micros()
            yield* offer(text, acknowledged)
            latencies.push(micros() - began)
          }
          return latencies
        })
      ),
    many: ({ acknowledged, count, next }, window) => {
      let sent = 0
      const sender = Effect.gen(function* () {
        while (sent < count) {
          sent += 1
          yield* offer(next(), acknowledged)
        }
      })
      const senders = Array.from({ length: window }, () => sender)
      return runtime.runPromise(Effect.all(senders, { concurrency: "unbounded", discard: true }))
    },
    consume: (parallel, came, acked) => {
      const one = Effect.scoped(
        Effect.flatMap(queue.take(queueName, { prefetch: 32 }), ({ payload }) =>
          Effect.sync(() => came(payload as never))
        )
      )
      const taker = Effect.gen(function* () {
        while (true) {
          yield* one
          acked()
        }
      })
      const takers = Array.from({ length: parallel }, () => taker)
      runtime.runFork(Effect.all(takers, { concurrency: "unbounded", discard: true }))
    },
    settled: () => runtime.runPromise(queue.stateOf(queueName, "any")),
    close: () => runtime.dispose()
  }
}
