import "effect/schema/SchemaJITCompiler/enable"
import { Queue } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, ManagedRuntime } from "effect"
import type { Driver } from "./driver.ts"
import { micros } from "./measure.ts"
import type { Message } from "./message.ts"

export const queueName = "wake/main"

/** Our queue on files, through its public interface. */
export const make = async (directory: string): Promise<Driver> => {
  const runtime = ManagedRuntime.make(FileTransport.layer({ directory }))
  const queue = await runtime.runPromise(Queue.Queue)
  const offer = (message: Message) =>
    Effect.flatMap(queue.offer(queueName, { id: message.wake_id, payload: message }), (state) =>
      state === "added" ? Effect.void : Effect.die(`${message.wake_id} was ${state}`)
    )
  return {
    lone: ({ count, next }, gap) =>
      runtime.runPromise(
        Effect.gen(function* () {
          const latencies: Array<number> = []
          for (let index = 0; index < count; index++) {
            if (gap > 0) yield* Effect.sleep(gap)
            const message = next()
            const began = micros()
            yield* offer(message)
            latencies.push(micros() - began)
          }
          return latencies
        })
      ),
    many: ({ count, next }, window) => {
      let sent = 0
      const sender = Effect.gen(function* () {
        while (sent < count) {
          sent += 1
          yield* offer(next())
        }
      })
      const senders = Array.from({ length: window }, () => sender)
      return runtime.runPromise(Effect.all(senders, { concurrency: "unbounded", discard: true }))
    },
    consume: (parallel, came, acked) => {
      const one = Effect.scoped(
        Effect.flatMap(queue.take(queueName), ({ payload }) => Effect.sync(() => came(payload as never)))
      )
      const taker = Effect.forever(Effect.tap(one, () => Effect.sync(acked)))
      const takers = Array.from({ length: parallel }, () => taker)
      runtime.runFork(Effect.all(takers, { concurrency: "unbounded", discard: true }))
    },
    close: () => runtime.dispose()
  }
}
