/**
 * Keeps each journal on a subject of its own, one append a message.
 *
 * @since 0.1.0
 */
import type { JsMsg, StoredMsg } from "@nats-io/jetstream"
import { Journal, Key, TransportError } from "@sartor/core"
import { Clock, Effect, Option, type Schema, type Scope, Stream } from "effect"
import type { Blobs } from "./internal/Blobs.ts"
import * as Calls from "./internal/Calls.ts"
import * as JournalFrame from "./internal/JournalFrame.ts"
import * as JournalHeads from "./internal/JournalHeads.ts"
import * as Publishing from "./internal/Publishing.ts"
import type { NatsClient } from "./NatsClient.ts"

/** The newest append of a key, and where it lies. Nothing but a hint: the server judges each append. */
interface Place {
  readonly frame: JournalFrame.Frame
  readonly sequence: number
}

/** Keys whose newest append is remembered, which saves asking for it. */
const maxRemembered = 10_000

/** How long the next message of a journal that is there may take, in milliseconds. */
const patience = 10_000

/** @internal */
export const make = Effect.fnUntraced(function* (
  client: NatsClient["Service"],
  blobs: Blobs
): Effect.fn.Return<Journal.Journal["Service"], never, Scope.Scope> {
  const { names } = client
  const stream = names.journalStream
  const heads = yield* JournalHeads.make(client)
  const places = new Map<string, Place>()
  let epoch = client.epoch()

  const remember = (key: string, place: Place | undefined) => {
    places.delete(key)
    if (place !== undefined) places.set(key, place)
    const oldest = places.size > maxRemembered ? places.keys().next().value : undefined
    if (oldest !== undefined) places.delete(oldest)
  }
  /** What is remembered of one connection says nothing about the store behind another one. */
  const remembered = (key: string) => {
    if (epoch !== client.epoch()) places.clear()
    epoch = client.epoch()
    return places.get(key)
  }

  const lookUp = (key: string) => () => client.manager.streams.getMessage(stream, { last_by_subj: names.journal(key) })
  const placed = (key: string, message: StoredMsg | null) => {
    if (message === null) {
      remember(key, undefined)
      return Effect.succeed(undefined)
    }
    const frame = JournalFrame.decode(message.header)
    if (typeof frame === "string") return Effect.fail(unreadable(frame, stream, message.seq))
    const place = { frame, sequence: message.seq }
    remember(key, place)
    return Effect.succeed({ ...place, message })
  }
  /** The newest append of a key, of which a version is known to have been there. */
  const newest = (operation: string, key: string, known = 0) =>
    Calls.settled(
      client,
      Effect.flatMap(Calls.ask(client, operation, stream, lookUp(key)), (message) => placed(key, message)),
      (place) => versionOf(place) < known
    )

  const records = Effect.fnUntraced(function* (
    frame: JournalFrame.Frame,
    sequence: number,
    data: () => Uint8Array
  ): Effect.fn.Return<ReadonlyArray<Schema.Json>, TransportError.TransportError> {
    if (JournalFrame.isTombstone(frame)) return []
    const decoded = JournalFrame.records(frame.large === undefined ? data() : yield* blobs.get(frame.large))
    if (Option.isSome(decoded) && decoded.value.length === frame.count) return decoded.value
    return yield* Calls.corrupt("Journal.read", `message ${sequence} of ${stream} does not hold what its headers say`)
  })
  const entries = Effect.fnUntraced(function* (
    after: number,
    frame: JournalFrame.Frame,
    sequence: number,
    data: () => Uint8Array
  ) {
    const first = frame.version - frame.count + 1
    const found = yield* records(frame, sequence, data)
    return found
      .map((record, index): Journal.Entry => ({ version: first + index, at: frame.at, record }))
      .filter(({ version }) => version > after)
  })

  /** Appends what is not there, as what comes after `expected`; a tombstone if there are no records. */
  const append = Effect.fnUntraced(function* (
    operation: string,
    key: string,
    expected: number,
    added: { readonly text: string; readonly count: number } | "tombstone"
  ): Effect.fn.Return<Place, Journal.VersionConflict | TransportError.TransportError> {
    const guess = remembered(key)
    let place = guess?.frame.version === expected ? guess : yield* newest(operation, key, expected)
    const actual = versionOf(place)
    if (actual !== expected) return yield* new Journal.VersionConflict({ key, expected, actual })
    const token = Publishing.token()
    const { count, text } = added === "tombstone" ? { count: 1, text: "" } : added
    const version = expected + count
    const isLarge = Buffer.byteLength(text) > largest(client)
    const large = isLarge ? `journal/${key}/${token}` : undefined
    if (large !== undefined) yield* blobs.put(large, new TextEncoder().encode(text))
    const frame: JournalFrame.Frame = {
      version,
      count,
      at: yield* Clock.currentTimeMillis,
      token,
      start: added === "tombstone" ? version : (place?.frame.start ?? 0),
      large
    }
    const body = isLarge ? "" : text
    const headers = JournalFrame.encode(frame)
    const done = (sequence: number) => {
      const won = { frame, sequence }
      remember(key, won)
      return won
    }
    const begun = yield* Clock.monotonicTimeNanos
    while (true) {
      const after = place?.sequence ?? 0
      const subject = names.journal(key)
      // Servers of a cluster judge before they have agreed on what comes first. Two appends that follow the same one have the same name.
      const id = `${key}@${after}`
      const sent = yield* Effect.result(
        Publishing.once(client, operation, { stream, subject, body, headers, id, after })
      )
      if (sent._tag === "Success" && sent.success !== undefined) return done(sent.success)
      const gone = Number(((yield* Clock.monotonicTimeNanos) - begun) / 1_000_000n)
      if (sent._tag === "Failure") {
        if (!Calls.isTransient(sent.failure) || gone > Publishing.patience(client)) return yield* sent.failure
        if (gone > Publishing.absence && Calls.isUnanswered(sent.failure.cause)) {
          yield* Publishing.explained(client, operation, stream)
        }
        yield* Effect.sleep("150 millis")
      }
      // The answer may have been lost, and the refusal be of what is our own.
      const found = yield* Effect.result(Calls.call(operation, lookUp(key)))
      if (found._tag === "Failure") continue
      place = yield* placed(key, found.success)
      if (versionOf(place) < expected) place = yield* newest(operation, key, expected)
      if (place?.frame.token === token) return done(place.sequence)
      const now = versionOf(place)
      if (now === expected) {
        if (sent._tag === "Failure" || place?.sequence !== after) continue
        if (gone > Publishing.patience(client)) return yield* withdrawn(operation, key)
        yield* Effect.sleep("150 millis")
        continue
      }
      if (large !== undefined) yield* blobs.remove(large)
      return yield* new Journal.VersionConflict({ key, expected, actual: now })
    }
  })

  /** The entries after a version up to the newest append that there is now. */
  const read = Effect.fnUntraced(function* (key: string, after: number) {
    const hint = remembered(key)
    const last = yield* newest("Journal.read", key, hint?.frame.version ?? after)
    if (last === undefined || JournalFrame.isTombstone(last.frame) || last.frame.version <= after) return Stream.empty
    const from = Math.max(after, last.frame.start)
    if (firstOf(last) <= from + 1) {
      return Stream.fromArray(yield* entries(from, last.frame, last.sequence, () => last.message.data))
    }
    const start = hint !== undefined && firstOf(hint) <= from + 1 ? hint.sequence : 1
    return scan(key, start, last).pipe(
      Stream.mapEffect((message) => {
        const frame = JournalFrame.decode(message.headers)
        if (frame === "newer") return Effect.fail(unreadable(frame, stream, message.seq))
        // Another program's message is no append of anybody.
        if (frame === "malformed" || frame.version <= from) return Effect.succeed([])
        return entries(from, frame, message.seq, () => message.data)
      }),
      Stream.flatMap(Stream.fromArray)
    )
  })

  /** The messages of a key from a sequence on, up to the newest one. */
  const scan = (key: string, start: number, last: Place): Stream.Stream<JsMsg, TransportError.TransportError> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const consumer = yield* Calls.ask(client, "Journal.read", stream, () =>
          client.jetstream.consumers.get(stream, {
            filter_subjects: names.journal(key),
            opt_start_seq: start,
            inactive_threshold: 30_000
          })
        )
        const messages = yield* Effect.acquireRelease(
          Calls.call("Journal.read", () =>
            consumer.consume({ max_messages: 64, idle_heartbeat: 1_000, abort_on_missing_resource: true })
          ),
          (messages) =>
            Effect.ignore(
              Effect.andThen(
                Effect.promise(() => messages.close()),
                Calls.call("Journal.read", () => consumer.delete())
              )
            )
        )
        return Stream.fromAsyncIterable(messages, (cause) => Calls.failure("Journal.read", cause)).pipe(
          Stream.timeoutOrElse({
            duration: patience + Calls.election(client),
            orElse: () => Stream.fail(Calls.unavailable("Journal.read", "the server does not send what it has"))
          }),
          Stream.takeUntilEffect(({ info, seq }) =>
            seq >= last.sequence || info.pending > 0 ? Effect.succeed(seq >= last.sequence) : isLast(key, seq)
          ),
          Stream.takeWhile(({ seq }) => seq <= last.sequence)
        )
      })
    )

  /** The copy that the consumer reads may be behind, and have nothing more where the leader has. */
  const isLast = (key: string, sequence: number) => {
    const query = { seq: sequence + 1, next_by_subj: names.journal(key) }
    return Effect.map(
      Calls.ask(client, "Journal.read", stream, () => client.manager.streams.getMessage(stream, query)),
      (next) => next === null
    )
  }

  return Journal.Journal.of({
    append: Effect.fnUntraced(function* (key, expected, records) {
      yield* checked(key)
      if (records.length > 0) {
        const text = yield* encode(records)
        return (yield* append("Journal.append", key, expected, { text, count: records.length })).frame.version
      }
      const actual = (yield* newest("Journal.append", key))?.frame.version ?? 0
      return actual === expected ? actual : yield* new Journal.VersionConflict({ key, expected, actual })
    }),
    read: (key, after = 0) =>
      Stream.unwrap(
        Effect.andThen(
          checked(key),
          Effect.suspend(() => read(key, after))
        )
      ),
    heads: heads.list,
    watch: heads.watch,
    delete: Effect.fnUntraced(function* (key) {
      yield* checked(key)
      const operation = "Journal.delete"
      let tombstone: Place | undefined
      while (tombstone === undefined) {
        const last = yield* newest(operation, key)
        if (last === undefined) return
        tombstone = JournalFrame.isTombstone(last.frame)
          ? last
          : yield* Effect.catchTag(append(operation, key, last.frame.version, "tombstone"), "VersionConflict", () =>
              Effect.succeed(undefined)
            )
      }
      const { sequence } = tombstone
      const large = yield* Stream.runCollect(
        scan(key, 1, tombstone).pipe(
          Stream.map(({ headers }) => JournalFrame.decode(headers)),
          Stream.flatMap((frame) => Stream.fromIterable(typeof frame === "string" ? [] : largeOf(frame)))
        )
      )
      // An earlier delete may have died before this.
      yield* Calls.ask(client, operation, stream, () =>
        client.manager.streams.purge(stream, { filter: names.journal(key), seq: sequence })
      )
      yield* Effect.forEach(large, blobs.remove, { discard: true })
    }),
    // A head is asked of the server, which knows of no notes.
    note: () => Effect.void
  })
})

const versionOf = (place: Place | undefined) => place?.frame.version ?? 0
const firstOf = ({ frame }: Place) => frame.version - frame.count + 1
const largeOf = ({ large }: JournalFrame.Frame) => (large === undefined ? [] : [large])

/** The server knows of an append, and does not have it. It forgets its name two minutes after it was stored. */
const withdrawn = (operation: string, key: string) =>
  Calls.unavailable(operation, `what was appended to ${key} last is not there any more: try again in two minutes`)

const unreadable = (kind: "newer" | "malformed", stream: string, sequence: number) =>
  kind === "newer"
    ? JournalHeads.newer(stream, sequence)
    : Calls.corrupt("Journal.read", `message ${sequence} of ${stream} was not written by this transport: delete it`)

/** The largest append that is a message of its own, in bytes; a larger one becomes an object. */
const largest = ({ connection }: NatsClient["Service"]) =>
  Math.min(512 * 1024, (connection.info?.max_payload ?? 1024 * 1024) - 4 * 1024)

const checked = (key: string) => (Key.isKey(key) ? Effect.void : Effect.fail(new Key.InvalidKey({ key })))

const encode = (records: ReadonlyArray<Schema.Json>) => {
  const text = JSON.stringify(records)
  const bytes = Buffer.byteLength(text)
  if (bytes <= Journal.maxAppendBytes) return Effect.succeed(text)
  return Effect.fail(
    new TransportError.TransportError({
      operation: "Journal.append",
      reason: "too_large",
      detail: `${bytes} bytes are more than ${Journal.maxAppendBytes}`
    })
  )
}
