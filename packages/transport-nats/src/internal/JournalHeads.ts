/** The newest version of every journal, followed from when somebody first asks for it. */
import { Journal, Queue, type TransportError } from "@sartor/core"
import { Effect, PubSub, Scope, Semaphore, Stream } from "effect"
import type { NatsClient } from "../NatsClient.ts"
import * as Calls from "./Calls.ts"
import * as JournalFrame from "./JournalFrame.ts"
import * as Reading from "./Reading.ts"
import * as Tail from "./Tail.ts"

export interface JournalHeads {
  readonly list: (prefix?: string) => Effect.Effect<ReadonlyArray<Journal.Head>, TransportError.TransportError>
  readonly watch: (prefix?: string) => Stream.Stream<Journal.Head, TransportError.TransportError>
}

export const make = Effect.fnUntraced(function* (
  client: NatsClient["Service"]
): Effect.fn.Return<JournalHeads, never, Scope.Scope> {
  const { journalStream: stream, journals: filter, keyOf } = client.names
  const context = yield* Effect.context<Scope.Scope>()
  const changes = yield* PubSub.sliding<{ readonly head: Journal.Head; readonly sequence: number }>(4096)
  const signal = Queue.makeSignal()
  const heads = new Map<string, Journal.Head>()
  const lock = Semaphore.makeUnsafe(1)
  let tail: Tail.Tail | undefined
  /** What was there already when it began is no change. */
  let known = 0

  const lastSequence = Effect.map(
    Calls.ask(client, "Journal.heads", stream, () => client.manager.streams.info(stream)),
    ({ state }) => state.last_seq
  )
  const begin = Effect.gen(function* () {
    known = yield* lastSequence
    heads.clear()
    return { sequence: 0, lastPerSubject: true }
  })
  const onMessage: Tail.Options["onMessage"] = ({ headers, sequence, subject }) => {
    const frame = JournalFrame.decode(headers())
    if (frame === "newer") return Effect.fail(newer(stream, sequence))
    if (frame === "malformed") return true
    const key = keyOf(subject)
    const head = { key, version: frame.version, at: frame.at }
    if (JournalFrame.isTombstone(frame)) heads.delete(key)
    else heads.set(key, head)
    if (sequence > known) PubSub.publishUnsafe(changes, { head, sequence })
    return true
  }
  const following = lock.withPermit(
    Effect.suspend(() => {
      if (tail !== undefined) return Effect.succeed(tail)
      const options = { client, stream, filter, headersOnly: true, begin, onMessage, onChange: signal.notify }
      return Effect.tap(Effect.provideContext(Tail.make(options), context), (made) => Effect.sync(() => (tail = made)))
    })
  )

  return {
    list: Effect.fnUntraced(function* (prefix = "") {
      const tail = yield* following
      const last = yield* lastSequence
      // The last message of the stream is a journal's, unless it names the fleet: then there is none after it.
      yield* Reading.until(client, "Journal.heads", tail, signal, () => tail.isCaughtUp() && tail.position() >= last)
      return [...heads.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1))
    }),
    watch: (prefix = "") =>
      Stream.unwrap(
        Effect.gen(function* () {
          const subscription = yield* PubSub.subscribe(changes)
          const tail = yield* following
          yield* Reading.until(client, "Journal.watch", tail, signal, tail.isCaughtUp)
          // What was appended before may still be on its way here.
          const last = yield* lastSequence
          return Stream.fromSubscription(subscription).pipe(
            Stream.filter(({ head, sequence }) => sequence > last && Journal.isWatched(prefix, head.key)),
            Stream.map(({ head }) => head)
          )
        })
      )
  }
})

export const newer = (stream: string, sequence: number): TransportError.TransportError =>
  Calls.unsupported(
    "Journal.read",
    `message ${sequence} of ${stream} has a newer format than ${JournalFrame.format}: use the release that wrote it`
  )
