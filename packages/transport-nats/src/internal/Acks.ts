/**
 * Sends messages to streams, and hears of what became of them on one subscription for all: a request of the client makes a promise, a timer
 * and an error for each.
 */
import { createInbox, headers, type Msg } from "@nats-io/transport-node"
import { Clock, Effect, Option, Result, Schema, type Scope } from "effect"
import type { NatsClient } from "../NatsClient.ts"

export interface Acks {
  /**
   * Sends a message that is to be stored behind a sequence, once. Calls back with its own, or with nothing if it is not known to be stored
   * there: it was refused, or nobody has answered for two seconds.
   */
  readonly send: (message: Message, onEnd: OnEnd) => void
}

export interface Message {
  readonly subject: string
  readonly body: Uint8Array
  readonly id: string
  readonly after: number
}

type OnEnd = (sequence: number | undefined) => void

interface Waiting {
  readonly reply: string
  readonly until: number
  readonly onEnd: OnEnd
}

/** How long an answer is waited for, and how often it is looked whether that is over, in milliseconds. */
const patience = 2_000
const interval = "500 millis"

const Answer = Schema.fromJsonString(Schema.Struct({ seq: Schema.Natural, error: Schema.optionalKey(Schema.Unknown) }))
const decodeAnswer = Schema.decodeUnknownOption(Answer)

export const make = Effect.fnUntraced(function* ({
  connection
}: NatsClient["Service"]): Effect.fn.Return<Acks, never, Scope.Scope> {
  const inbox = createInbox()
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  /** As many as there are queues that send at the moment: few. */
  let waiting: Array<Waiting> = []
  let count = 0

  const end = (reply: string, sequence: number | undefined) => {
    const place = waiting.findIndex((one) => one.reply === reply)
    const [found] = place < 0 ? [] : waiting.splice(place, 1)
    found?.onEnd(sequence)
  }
  const endAll = (isOver: (one: Waiting) => boolean) => {
    const over = waiting.filter(isOver)
    waiting = waiting.filter((one) => !over.includes(one))
    for (const { onEnd } of over) onEnd(undefined)
  }
  const hear = (error: Error | null, message: Msg) => {
    if (error !== null) return endAll(() => true)
    const answer = message.data.length === 0 ? Option.none() : decodeAnswer(message.string())
    const stored = Option.filter(answer, (answer) => answer.error === undefined)
    end(message.subject, Option.getOrUndefined(Option.map(stored, ({ seq }) => seq)))
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => connection.subscribe(`${inbox}.*`, { callback: hear })),
    (subscription) =>
      Effect.sync(() => {
        subscription.unsubscribe()
        endAll(() => true)
      })
  )
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.delay(
        Effect.sync(() => {
          const at = now()
          endAll(({ until }) => until <= at)
        }),
        interval
      )
    )
  )

  return {
    send: ({ after, body, id, subject }, onEnd) => {
      const reply = `${inbox}.${++count}`
      const all = headers()
      all.set("Nats-Msg-Id", id)
      all.set("Nats-Expected-Last-Subject-Sequence", String(after))
      waiting.push({ reply, until: now() + patience, onEnd })
      const sent = Result.try(() => connection.publish(subject, body, { reply, headers: all }))
      if (Result.isFailure(sent)) end(reply, undefined)
    }
  }
})
