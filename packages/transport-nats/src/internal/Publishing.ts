/** How messages are sent so that each is stored once, whatever becomes of answers and connections. */
import type { MsgHdrs } from "@nats-io/transport-node"
import { nuid } from "@nats-io/transport-node"
import type { TransportError } from "@sartor/core"
import { Clock, Effect } from "effect"
import type { NatsClient } from "../NatsClient.ts"
import * as NatsFailure from "../NatsFailure.ts"
import * as Calls from "./Calls.ts"

export interface Outgoing {
  readonly stream: string
  readonly subject: string
  readonly body: string | Uint8Array
  /** Of messages with one name the first is stored, and none that follows within two minutes. */
  readonly id: string
  readonly headers?: MsgHdrs | undefined
  /** Stores it only if this is the sequence of the last message of its subject. */
  readonly after?: number | undefined
}

/** A name that nobody else has. */
export const token = (): string => nuid.next()

/** How long one answer is waited for, in milliseconds. */
const answer = 2_000

/** How long a message is tried in all, and after how long it is asked why nobody answers for the stream, in milliseconds. */
export const patience = (client: Calls.Client): number => 8_000 + Calls.election(client)
export const absence = 2_000

const publish = (client: NatsClient["Service"], { after, body, headers, id, subject }: Outgoing) =>
  client.jetstream.publish(subject, body, {
    msgID: id,
    timeout: answer,
    ...(headers === undefined ? {} : { headers }),
    ...(after === undefined ? {} : { expect: { lastSubjectSequence: after } })
  })

/** Sends until the server has it, or has refused it, or was away for too long. Answers its sequence. */
export const persistently = Effect.fnUntraced(function* (
  client: NatsClient["Service"],
  operation: string,
  outgoing: Outgoing
): Effect.fn.Return<number, TransportError.TransportError> {
  const begun = yield* monotonic
  while (true) {
    const sent = yield* Effect.result(Calls.call(operation, () => publish(client, outgoing)))
    if (sent._tag === "Success") return sent.success.seq
    const error = sent.failure
    const gone = (yield* monotonic) - begun
    if (!Calls.isTransient(error) || gone > patience(client)) return yield* error
    if (gone > absence && Calls.isUnanswered(error.cause)) yield* explained(client, operation, outgoing.stream)
    yield* Effect.sleep("150 millis")
  }
})

/** Sends once. Answers its sequence, or nothing if somebody else's message came before it, or one of its name. */
export const once = (
  client: NatsClient["Service"],
  operation: string,
  outgoing: Outgoing
): Effect.Effect<number | undefined, TransportError.TransportError> =>
  Effect.tryPromise({ try: () => publish(client, outgoing), catch: (cause) => cause }).pipe(
    Effect.map(({ duplicate, seq }) => (duplicate ? undefined : seq)),
    Effect.catchIf(Calls.isOutrun, () => Effect.succeed(undefined)),
    Effect.mapError((cause) => Calls.failure(operation, cause))
  )

/** Fails if nobody answers for a stream because it is not there, or JetStream is not. While a cluster chooses a leader, that will pass. */
export const explained = Effect.fnUntraced(function* (
  client: NatsClient["Service"],
  operation: string,
  stream: string
): Effect.fn.Return<void, TransportError.TransportError> {
  const cause = yield* Effect.flip(
    Effect.tryPromise({ try: () => client.manager.streams.info(stream), catch: (cause) => cause })
  ).pipe(Effect.catch(() => Effect.succeed(undefined)))
  if (Calls.isMissing(cause)) return yield* Calls.failure(operation, new NatsFailure.StreamMissing({ stream }))
  if (Calls.isUnanswered(cause)) {
    return yield* Calls.failure(operation, new NatsFailure.JetStreamOff({ server: client.connection.getServer() }))
  }
})

const monotonic = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))
