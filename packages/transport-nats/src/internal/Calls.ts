/** The one place where promises of the client become effects, and its errors ours. */
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream"
import { errors, type NatsConnection } from "@nats-io/transport-node"
import { TransportError } from "@sartor/core"
import { Effect, Schedule, Schema } from "effect"
import * as NatsFailure from "../NatsFailure.ts"

/** Calls the server, and tells what went wrong in the words of an operator. */
export const call = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, TransportError.TransportError> =>
  Effect.tryPromise({ try: run, catch: (cause) => failure(operation, cause) })

/** What a call is to, as far as it matters how long it may take. */
export interface Client {
  readonly connection: Pick<NatsConnection, "info">
}

/**
 * How much longer a cluster may take than one server, in milliseconds. When a leader is gone, the others wait for it for 4 to 9 seconds
 * before they choose another one, and until then nobody answers.
 */
export const election = ({ connection }: Client): number => (connection.info?.cluster === undefined ? 0 : 4_000)

/** Asks for something of a stream, for a while again if the answer is lost: twice is as good as once. */
export const ask = <A>(
  client: Client,
  operation: string,
  stream: string,
  run: () => Promise<A>
): Effect.Effect<A, TransportError.TransportError> =>
  Effect.mapError(
    Effect.retry(call(operation, run), { while: isTransient, schedule: whileItIsAway(6_000 + election(client)) }),
    (error) => (isMissing(error.cause) ? failure(operation, new NatsFailure.StreamMissing({ stream })) : error)
  )

/** Opens something: a server that is away is not waited for, and a cluster while it chooses a leader. */
export const begin = <A>(
  client: Client,
  effect: Effect.Effect<A, TransportError.TransportError>
): Effect.Effect<A, TransportError.TransportError> =>
  election(client) === 0
    ? effect
    : Effect.retry(effect, { while: ({ cause }) => isLeaderless(cause), schedule: whileItIsAway(10_000) })

/** Looks again, for a while, at what goes back in a cluster: a leader that was chosen just now may not have come to its end yet. */
export const settled = <A, E>(
  client: Client,
  effect: Effect.Effect<A, E>,
  isBehind: (answer: A) => boolean
): Effect.Effect<A, E> =>
  Effect.repeat(effect, {
    while: (answer) => election(client) > 0 && isBehind(answer),
    schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "1 second" }))
  })

const whileItIsAway = (duration: number) => Schedule.spaced("150 millis").pipe(Schedule.upTo({ duration }))

/** Whether trying again soon may help. */
export const isTransient = ({ cause, reason }: TransportError.TransportError): boolean =>
  reason === "unavailable" && !isMissing(cause) && !(cause instanceof NatsFailure.NotPermitted)

export const failure = (operation: string, cause: unknown): TransportError.TransportError => {
  if (cause instanceof TransportError.TransportError) return cause
  if (isOurs(cause))
    return new TransportError.TransportError({ operation, reason: "unavailable", detail: cause.message, cause })
  const { reason, why } = told(cause)
  const detail = why instanceof Error ? why.message : why
  return new TransportError.TransportError({ operation, reason, detail, cause: why instanceof Error ? why : cause })
}

export const unavailable = (operation: string, detail: string) =>
  new TransportError.TransportError({ operation, reason: "unavailable", detail })

export const unsupported = (operation: string, detail: string) =>
  new TransportError.TransportError({ operation, reason: "unsupported_format", detail })

export const corrupt = (operation: string, detail: string) =>
  new TransportError.TransportError({ operation, reason: "corrupt", detail })

const isOurs = Schema.is(
  Schema.Union([
    NatsFailure.StreamMissing,
    NatsFailure.JetStreamOff,
    NatsFailure.NotPermitted,
    NatsFailure.NotAuthorized,
    NatsFailure.StreamDiffers
  ])
)

/** Whether somebody else wrote to the subject since the sequence that was expected. */
export const isOutrun = (cause: unknown): boolean =>
  cause instanceof JetStreamApiError &&
  (cause.code === JetStreamApiCodes.StreamWrongLastSequence ||
    cause.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)

/** Whether a stream or an object bucket is missing. */
export const isMissing = (cause: unknown): boolean =>
  cause instanceof NatsFailure.StreamMissing ||
  (cause instanceof JetStreamApiError && cause.code === JetStreamApiCodes.StreamNotFound) ||
  (cause instanceof Error && cause.message === "object store not found")

/** Whether it looks as if a cluster had no leader now: then its servers are silent at first, and say so later. */
export const isLeaderless = (cause: unknown): boolean =>
  cause instanceof errors.TimeoutError || (cause instanceof JetStreamApiError && cause.code === leaderless)

/** Whether nobody answers for a subject: JetStream is off, is starting, or has no such stream. */
export const isUnanswered = (cause: unknown): boolean =>
  cause instanceof errors.NoRespondersError ||
  (cause instanceof errors.RequestError && cause.isNoResponders()) ||
  (cause instanceof Error && cause.cause instanceof Error && isUnanswered(cause.cause))

interface Told {
  readonly reason: TransportError.Reason
  /** What to do, or an error of ours that says so. */
  readonly why: string | Error
}

const told = (cause: unknown): Told => {
  if (cause instanceof JetStreamApiError) return refused(cause)
  if (cause instanceof errors.PermissionViolationError) return notPermitted(cause)
  if (cause instanceof errors.InvalidArgumentError) return { reason: "too_large", why: cause.message }
  if (cause instanceof errors.TimeoutError) {
    return { reason: "unavailable", why: "the server did not answer in time: check that it runs and can be reached" }
  }
  if (cause instanceof errors.ClosedConnectionError || cause instanceof errors.DrainingConnectionError) {
    return { reason: "unavailable", why: "the connection to the server is closed" }
  }
  if (isUnanswered(cause)) {
    return { reason: "unavailable", why: "nobody answers for JetStream or the stream: see that JetStream is on" }
  }
  if (cause instanceof Error && cause.cause instanceof Error) return told(cause.cause)
  return { reason: "unavailable", why: cause instanceof Error ? cause.message : String(cause) }
}

const notPermitted = ({ operation, subject }: InstanceType<typeof errors.PermissionViolationError>): Told => ({
  reason: "unavailable",
  why: new NatsFailure.NotPermitted({ action: operation, subject })
})

const refused = (cause: JetStreamApiError): Told => {
  const { code, message } = cause
  if (storageFull.has(code)) {
    return { reason: "storage_full", why: `the server has no room (${message}): free some, or raise its limits` }
  }
  if (code === 10054) return { reason: "too_large", why: message }
  if (code === JetStreamApiCodes.JetStreamNotEnabledForAccount || code === 10076) {
    return { reason: "unavailable", why: new NatsFailure.JetStreamOff({ server: "the server" }) }
  }
  if (code === leaderless) {
    return { reason: "unavailable", why: "the cluster has no leader: see that more than half of its servers run" }
  }
  return { reason: "unavailable", why: `${message} (JetStream error ${code})` }
}

/** "JetStream system temporarily unavailable". */
const leaderless = 10008

/** Insufficient resources, storage or memory of the server or account used up, a stream at its limit, a write that failed. */
const storageFull: ReadonlySet<number> = new Set([10002, 10023, 10028, 10047, 10077, 10122, 10123, 10175])
