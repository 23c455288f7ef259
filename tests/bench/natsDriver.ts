/** The NATS client by itself, doing what our queue promises: each id is stored once, each delivery is acknowledged and that is confirmed. */
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import type { Driver } from "./driver.ts"
import { micros } from "./measure.ts"
import { type Message, numberOf } from "./message.ts"

const stream = "RAW"

export const make = async (url: string): Promise<Driver> => {
  const connection = await connect({ servers: url })
  const manager = await jetstreamManager(connection)
  const client = jetstream(connection)
  await manager.streams.add({ name: stream, subjects: ["raw.wake"] })
  const send = (text: string) => client.publish("raw.wake", text, { msgID: String(numberOf(text)) })
  return {
    lone: async ({ acknowledged, count, next }, gap) => {
      const latencies: Array<number> = []
      for (let index = 0; index < count; index++) {
        if (gap > 0) await new Promise((resolve) => setTimeout(resolve, gap))
        const text = next()
        const began = micros()
        await send(text)
        latencies.push(micros() - began)
        acknowledged(numberOf(text))
      }
      return latencies
    },
    many: async ({ acknowledged, count, next }, window) => {
      let sent = 0
      const sender = async () => {
        while (sent < count) {
          sent += 1
          const text = next()
          await send(text)
          acknowledged(numberOf(text))
        }
      }
      await Promise.all(Array.from({ length: window }, sender))
    },
    consume: (_, came, acked) => {
      void (async () => {
        await manager.consumers.add(stream, {
          durable_name: "taker",
          ack_policy: AckPolicy.Explicit,
          max_ack_pending: 1000
        })
        const consumer = await client.consumers.get(stream, "taker")
        await consumer.consume({
          max_messages: 500,
          callback: (message) => {
            came(message.json<Message>())
            void message.ackAck().then(acked)
          }
        })
      })()
    },
    settled: async () => {},
    close: () => connection.close()
  }
}
