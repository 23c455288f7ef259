/**
 * Follows subjects of a stream in order, from a place on, without gaps, until its scope closes. It trusts no consumer to live: whatever is
 * odd (a number that is missing, silence, a new connection) ends it, and another one goes on behind the last message.
 */
import { AckPolicy, type ConsumerConfig, DeliverPolicy } from "@nats-io/jetstream"
import { createInbox, type Msg } from "@nats-io/transport-node"
import type { TransportError } from "@sartor/core"
import { Clock, DateTime, Deferred, Effect, Exit, Schedule, type Scope } from "effect"
import type { NatsClient } from "../NatsClient.ts"
import * as NatsFailure from "../NatsFailure.ts"
import * as Calls from "./Calls.ts"

/** A message of a stream. */
export interface Message {
  readonly subject: string
  readonly data: Uint8Array
  /** They are parsed when they are asked for. */
  readonly headers: () => Msg["headers"]
  readonly sequence: number
  /** When the server stored it, in milliseconds: with the sequence it tells a message from one of another life of the store. */
  readonly time: number
}

export interface Options {
  readonly client: NatsClient["Service"]
  readonly stream: string
  readonly filter: string
  readonly headersOnly?: boolean | undefined
  /** Where to begin: forgets what was known, and answers the sequence of what it knows now. */
  readonly begin: Effect.Effect<Start, TransportError.TransportError>
  /** Takes the next message. An effect is waited for before the one after it. `false` begins again: there is a gap. */
  readonly onMessage: (message: Message) => boolean | Effect.Effect<boolean, TransportError.TransportError>
  /** Something may have changed for those who wait: the place, or the failure. */
  readonly onChange: () => void
}

export interface Start {
  readonly sequence: number
  /** Only the newest message of each subject is wanted, to begin with. */
  readonly lastPerSubject?: boolean | undefined
}

export interface Tail {
  /** Counts a message as taken that was sent from here behind `position`, and of which the server has told the sequence. */
  readonly advance: (sequence: number) => void
  /** The sequence of the last message that was taken. */
  readonly position: () => number
  /** Why it stands still, if it is no mere interruption. */
  readonly failure: () => TransportError.TransportError | undefined
  /** Whether all that was there when it began has been taken. */
  readonly isCaughtUp: () => boolean
}

/** How often the server says that there is nothing, and after how much silence it is not believed, in milliseconds. */
const heartbeat = 500
const silence = 1_600

const pause = Schedule.spaced("200 millis")

export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Tail, never, Scope.Scope> {
  const { client, filter, stream } = options
  const { connection, manager } = client
  const context = yield* Effect.context()
  const fork = Effect.runForkWith(context)
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  let position = 0
  let time: number | undefined
  let begun = false
  let caughtUp = false
  let lastPerSubject = false
  let failure: TransportError.TransportError | undefined

  const failed = (error: TransportError.TransportError | undefined) => {
    if (failure?.detail === error?.detail) return Effect.void
    failure = error
    options.onChange()
    return error === undefined ? Effect.void : Effect.logError(`The stream ${stream} cannot be followed`, error)
  }

  /** Whether the store is still the one that the last message came from. */
  const isSameStore = Effect.gen(function* () {
    if (position === 0) return true
    const { state } = yield* Calls.call("follow", () => manager.streams.info(stream))
    if (state.last_seq < position) return false
    if (time === undefined) return true
    const stored = yield* Calls.call("follow", () => manager.streams.getMessage(stream, { seq: position }))
    return stored === null || millisOf(stored.timestamp) === time
  })

  const place = Effect.gen(function* () {
    if (begun && !(yield* Calls.settled(client, isSameStore, (isSame) => !isSame))) {
      begun = false
      yield* Effect.logError(
        `The stream ${stream} has gone back in time: the server's store was lost or restored. Starting over from what it has now`
      )
    }
    if (begun) return
    caughtUp = false
    const start = yield* options.begin
    position = start.sequence
    time = undefined
    lastPerSubject = start.lastPerSubject === true
    begun = true
  })

  /** The life of one consumer. */
  const life = Effect.scoped(
    Effect.gen(function* () {
      yield* place
      const over = yield* Deferred.make<void, TransportError.TransportError>()
      const end = () => {
        Deferred.doneUnsafe(over, Effect.void)
      }
      let heard = now()
      let next = 1
      let waiting: Array<Message> = []
      let busy = false
      let ended = false
      /** How many the server still has, as of the last message. */
      let pending = 0

      const taken = (message: Message, isNext: boolean) => {
        if (!isNext) {
          begun = false
          ended = true
          return end()
        }
        position = message.sequence
        time = message.time
        lastPerSubject = false
        if (pending === 0 && waiting.length === 0) caughtUp = true
        options.onChange()
      }
      const pump = () => {
        while (true) {
          const message = busy || ended ? undefined : waiting.shift()
          if (message === undefined) return
          const result = options.onMessage(message)
          if (typeof result === "boolean") {
            taken(message, result)
            continue
          }
          busy = true
          const done = Effect.onExit(result, (exit) => {
            busy = false
            if (ended) return Effect.void
            if (Exit.isSuccess(exit)) taken(message, exit.value)
            else Deferred.doneUnsafe(over, Exit.asVoid(exit))
            return Effect.sync(pump)
          })
          const fiber = fork(Effect.ignore(done))
          interrupts.add(fiber)
          fiber.addObserver(() => interrupts.delete(fiber))
        }
      }
      const interrupts = new Set<ReturnType<typeof fork>>()

      const inbox = createInbox()
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          connection.subscribe(inbox, {
            callback: (error, msg) => {
              heard = now()
              if (ended) return
              if (error !== null) return end()
              const { reply = "" } = msg
              if (!reply.startsWith("$JS.ACK.")) {
                // A heartbeat, or a question whether we keep up; anything else is the end of the consumer.
                const status = msg.headers?.code
                if (status !== 100) return end()
                if (reply !== "") msg.respond()
                const stalled = msg.headers?.get("Nats-Consumer-Stalled") ?? ""
                if (stalled !== "") connection.publish(stalled)
                return
              }
              const delivered = deliveryOf(reply)
              if (delivered.number !== next) return end()
              next += 1
              pending = delivered.pending
              // Taken already when it was sent.
              if (delivered.sequence <= position && !lastPerSubject) {
                if (delivered.sequence === position) time = delivered.time
                return
              }
              waiting.push({
                subject: msg.subject,
                data: msg.data,
                headers: () => msg.headers,
                sequence: delivered.sequence,
                time: delivered.time
              })
              pump()
            }
          })
        ),
        (subscription) =>
          Effect.sync(() => {
            ended = true
            waiting = []
            subscription.unsubscribe()
            for (const fiber of interrupts) fiber.interruptUnsafe()
          })
      )
      const info = yield* Effect.acquireRelease(
        Calls.call("follow", () =>
          manager.consumers.add(stream, {
            deliver_subject: inbox,
            filter_subject: filter,
            ack_policy: AckPolicy.None,
            max_deliver: 1,
            mem_storage: true,
            num_replicas: 1,
            flow_control: true,
            idle_heartbeat: heartbeat * 1_000_000,
            inactive_threshold: 30_000_000_000,
            ...(options.headersOnly === true ? { headers_only: true } : {}),
            ...(lastPerSubject
              ? { deliver_policy: DeliverPolicy.LastPerSubject }
              : position === 0
                ? { deliver_policy: DeliverPolicy.All }
                : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: position + 1 })
          } satisfies Partial<ConsumerConfig>)
        ),
        // Where its server is gone nobody answers, and what is left of it goes by itself.
        ({ name }) =>
          Effect.ignore(
            Effect.timeoutOption(
              Calls.call("follow", () => manager.consumers.delete(stream, name)),
              "500 millis"
            )
          )
      )
      if (info.num_pending === 0 && next === 1) caughtUp = true
      yield* failed(undefined)
      options.onChange()
      yield* Effect.acquireRelease(
        Effect.sync(() => client.onReconnect(end)),
        (stop) => Effect.sync(stop)
      )
      const listening = Effect.repeat(Effect.delay(Effect.void, heartbeat), {
        while: () => now() - heard < silence
      })
      yield* Effect.raceFirst(Deferred.await(over), listening)
    })
  )

  yield* Effect.forkScoped(
    life.pipe(
      Effect.catch((error) => (isLasting(error) ? failed(missing(error, stream)) : Effect.void)),
      Effect.repeat(pause)
    )
  )
  return {
    advance: (sequence) => {
      position = sequence
      time = undefined
    },
    position: () => position,
    failure: () => failure,
    isCaughtUp: () => caughtUp
  }
})

/** What a subscriber learns of a delivery from the subject that an acknowledgement would go to. */
const deliveryOf = (reply: string) => {
  const tokens = reply.split(".")
  // Newer servers put a domain and an account before the stream, and something random at the end.
  const first = tokens.length === 9 ? 5 : 7
  return {
    sequence: Number(tokens[first]),
    number: Number(tokens[first + 1]),
    time: Number(tokens[first + 2]?.slice(0, -6)),
    pending: Number(tokens[first + 3])
  }
}

const millisOf = (timestamp: string) => DateTime.toEpochMillis(DateTime.makeUnsafe(timestamp))

const isLasting = (error: TransportError.TransportError) =>
  error.reason !== "unavailable" || Calls.isMissing(error.cause)

const missing = (error: TransportError.TransportError, stream: string) =>
  Calls.isMissing(error.cause) ? Calls.failure("follow", new NatsFailure.StreamMissing({ stream })) : error
