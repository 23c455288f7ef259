/**
 * One queue's log: a subject of the queues' stream. Every process folds the same messages in the stream's order, its own ones too, so that
 * claims are decided by that order and nothing depends on what the server thinks of consumers and acknowledgements.
 */
import type { MsgRequest } from "@nats-io/jetstream"
import { Queue, QueueLog, type TransportError } from "@sartor/core"
import { Cause, Clock, Effect, Option, Result, type Scope } from "effect"
import type { NatsClient } from "../NatsClient.ts"
import type { Acks } from "./Acks.ts"
import type { Blobs } from "./Blobs.ts"
import * as Calls from "./Calls.ts"
import * as Publishing from "./Publishing.ts"
import * as QueueBody from "./QueueBody.ts"
import * as Reading from "./Reading.ts"
import { shared } from "./sharing.ts"
import * as Snapshot from "./Snapshot.ts"
import * as Tail from "./Tail.ts"

export interface QueueStream {
  readonly queue: Queue.Log
  /** Nobody waits for it or is in the middle of something: it may be forgotten and opened again. */
  readonly isIdle: () => boolean
  /** Whether so much has come since the state was kept that it should be again. */
  readonly isWasteful: () => boolean
  /** Keeps the state, and purges what led to it. */
  readonly compact: Effect.Effect<void, TransportError.TransportError>
  /** Purges the queue, unless there is something in it. */
  readonly remove: Effect.Effect<void, TransportError.TransportError>
}

/** An append on its way. */
interface Appending {
  readonly text: string
  readonly ids: ReadonlyArray<string>
  readonly done: (applied: ReadonlyArray<boolean>) => void
  readonly failed: (error: TransportError.TransportError) => void
}

/** Appends that left together. */
interface Flight {
  readonly writer: string
  readonly batch: ReadonlyArray<Appending>
  /** What it says, once that is known, and its bytes: by them it is known again when it comes back. */
  sent?: Sent
}

interface Sent {
  readonly head: QueueBody.Head
  readonly bytes: Uint8Array
  /** What was sent, as a reader has it. */
  readonly read: () => QueueBody.Appends
}

interface Landed {
  readonly batch: ReadonlyArray<Appending>
  readonly applied: ReadonlyArray<ReadonlyArray<boolean>>
}

export interface Options {
  /** What came since the state was kept is not worth keeping it again if it is less, in bytes. */
  readonly compactAbove: number
}

export const make = Effect.fnUntraced(function* (
  client: NatsClient["Service"],
  acks: Acks,
  blobs: Blobs,
  queue: string,
  options: Options
): Effect.fn.Return<QueueStream, TransportError.TransportError, Scope.Scope> {
  const { names } = client
  const stream = names.queueStream
  const subject = names.queue(queue)
  const clock = yield* Clock.Clock
  const monotonic = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const fork = Effect.runForkWith(yield* Effect.context())
  const signal = Queue.makeSignal()
  let state = QueueLog.make()
  let waiting = 0
  /** Bytes folded since the state was kept, and bytes of that. */
  let folded = 0
  let kept = 0
  let large: Array<string> = []
  /** Where something was missing, and how often in a row. */
  let gap = { from: 0, to: 0, times: 0 }
  let gathered: Array<Appending> = []
  let flying: Flight | undefined
  let landed: Landed | undefined
  /** How many sends are not tried in the hope that nobody else writes, since somebody did. */
  let crowded = 0
  let keeping: { readonly writer: string; records?: ReadonlyArray<QueueLog.Record> } | undefined
  /** When another process has begun to keep the state. */
  let keptElsewhere = -Infinity
  const inCluster = Calls.election(client) > 0

  const begin = Effect.gen(function* () {
    const snapshot = yield* Snapshot.read(blobs, queue, monotonic)
    state = snapshot?.state ?? QueueLog.make()
    folded = 0
    kept = snapshot?.size ?? 0
    large = []
    return { sequence: snapshot?.sequence ?? 0 }
  })

  const fold = (body: QueueBody.Body, appends: QueueBody.Appends) => {
    const heard = monotonic()
    const applied = appends.map((records) => records.map((record) => state.apply(record, body.at, heard)))
    if (body.kept === true && keeping?.writer !== body.writer) keptElsewhere = heard
    if (keeping?.writer === body.writer && !(inCluster && heard - keptElsewhere < turn))
      keeping.records = state.snapshot()
    if (flying?.writer !== body.writer) return
    landed = { batch: flying.batch, applied }
    flying = undefined
  }

  /** Answers those whose append has come back, once it counts as taken. */
  const onChange = () => {
    const back = landed
    landed = undefined
    signal.notify()
    back?.batch.forEach(({ done }, index) => done(back.applied[index] ?? []))
    pump()
  }

  const foldOwn = ({ bytes, head, read }: Sent) => {
    folded += bytes.length
    fold({ format: QueueBody.format, ...head }, read())
  }

  const onMessage: Tail.Options["onMessage"] = ({ data, sequence, time }) => {
    const own = flying?.sent
    if (own?.head.large === undefined && own !== undefined && own.head.seen <= tail.position()) {
      if (Buffer.compare(own.bytes, data) === 0) {
        foldOwn(own)
        return true
      }
    }
    const body = QueueBody.decode(data)
    if (body === "newer") return Effect.fail(newer(stream, sequence))
    folded += data.length
    if (body === "malformed") {
      for (const record of QueueBody.malformed(data, sequence)) state.apply(record, time, monotonic())
      return true
    }
    if (body.seen > tail.position()) {
      // The state was kept again meanwhile, or a purge has moved the consumer: it is read again. Only what is missing between the same two
      // places again and again is gone for good: then a deleted queue begins with what comes next.
      const from = tail.position()
      const isSame = gap.from === from && gap.to === sequence
      gap = { from, to: sequence, times: isSame ? gap.times + 1 : 1 }
      if (gap.times < 4) return false
      if (body.kept === true) return Effect.fail(stateless(queue, sequence))
    }
    if (body.kept === true) folded = 0
    if (body.large === undefined) {
      fold(body, body.appends ?? [])
      return true
    }
    const { ids, object } = body.large
    large.push(object)
    return blobs.get(object).pipe(
      Effect.map((bytes) => {
        folded += bytes.length
        return Option.getOrElse(QueueBody.decodeLarge(bytes), () =>
          QueueBody.lost(ids, "the object is not what was written")
        )
      }),
      Effect.catchIf(
        ({ reason }) => reason === "corrupt",
        ({ detail }) => Effect.as(Effect.logError(detail), QueueBody.lost(ids, detail))
      ),
      Effect.map((appends) => {
        fold(body, appends)
        return true
      })
    )
  }

  const tail = yield* Tail.make({ client, stream, filter: subject, begin, onMessage, onChange })

  const until = (operation: string, isThere: () => boolean) => Reading.until(client, operation, tail, signal, isThere)

  /** One batch is on its way at a time; what comes meanwhile goes with the next one. */
  const pump = () => {
    if (flying !== undefined || gathered.length === 0) return
    let size = 0
    const limit = maxBatch(client)
    const count = gathered.findIndex(({ text }, index) => (size += Buffer.byteLength(text)) > limit && index > 0)
    const batch = count < 0 ? gathered : gathered.slice(0, count)
    gathered = count < 0 ? [] : gathered.slice(count)
    const own: Flight = { writer: Publishing.token(), batch }
    flying = own
    const first = batch[0]
    const large = first !== undefined && Buffer.byteLength(first.text) > limit ? first.ids : undefined
    // In a cluster, the server may let somebody come between after all: what is read back there is the truth.
    if (large === undefined && crowded === 0 && !inCluster) return hope(own)
    if (crowded > 0) crowded -= 1
    depart(own, large)
  }

  /** Puts it into words. */
  const worded = (own: Flight, large?: QueueBody.Head["large"]) => {
    const { batch, writer: id } = own
    const head = {
      at: clock.currentTimeMillisUnsafe(),
      writer: id,
      seen: tail.position(),
      ...(large === undefined ? {} : { large })
    }
    const texts = batch.map(({ text }) => text)
    let appends: QueueBody.Appends | undefined
    const sent: Sent = {
      head,
      bytes: Buffer.from(QueueBody.encode(head, texts)),
      read: () => (appends ??= QueueBody.parse(texts))
    }
    own.sent = sent
    return { sent, outgoing: { stream, subject, body: sent.bytes, id } }
  }

  /** Sends it in the hope that nobody comes between: then what would be read back is known. */
  const hope = (own: Flight) => {
    const { outgoing, sent } = worded(own)
    const seen = tail.position()
    acks.send({ subject, id: own.writer, body: sent.bytes, after: seen }, (sequence) => {
      if (flying !== own) return
      if (sequence !== undefined && tail.position() === seen) {
        foldOwn(sent)
        tail.advance(sequence)
        return onChange()
      }
      if (sequence === undefined) crowded = crowd
      // Whether it was stored is not known: sent again with the same name it is stored once.
      land(own, Effect.succeed(outgoing))
    })
    // Once it has left, and before the server answers.
    queueMicrotask(sent.read)
  }

  const depart = (own: Flight, large: ReadonlyArray<string> | undefined) => {
    if (large === undefined)
      return land(
        own,
        Effect.sync(() => worded(own).outgoing)
      )
    const object = `queue/${queue}/${own.writer}`
    const content = encoder.encode(`[${own.batch.map(({ text }) => text).join(",")}]`)
    return land(
      own,
      Effect.map(blobs.put(object, content), () => worded(own, { object, ids: large }).outgoing)
    )
  }

  /** Ends once the message came back in its place of the stream. */
  const land = (own: Flight, outgoing: Effect.Effect<Publishing.Outgoing, TransportError.TransportError>) => {
    const landing = Effect.gen(function* () {
      yield* Publishing.persistently(client, "Queue.append", yield* outgoing)
      yield* until("Queue.append", () => flying !== own)
    })
    fork(
      Effect.catchCause(landing, (cause) => {
        if (flying !== own) return Effect.void
        flying = undefined
        const error = Option.getOrElse(Cause.findErrorOption(cause), () =>
          Calls.unavailable("Queue.append", "the queue was closed")
        )
        for (const { failed } of own.batch) failed(error)
        return Effect.sync(pump)
      })
    )
  }

  const append: Queue.Log["append"] = (records) =>
    Effect.callback((resume) => {
      const encoded = QueueBody.encodeAppend(records)
      if (Result.isFailure(encoded)) return resume(Effect.die(encoded.failure))
      gathered.push({
        text: encoded.success,
        ids: records.flatMap((record) => (record.type === "offered" ? [record.id] : [])),
        done: (applied) => resume(Effect.succeed(applied)),
        failed: (error) => resume(Effect.fail(error))
      })
      pump()
    })

  const glance = Effect.suspend(() => {
    const failure = tail.failure()
    return failure === undefined ? Effect.void : Effect.fail(failure)
  })
  const stored = (query: MsgRequest) =>
    Calls.ask(client, "Queue.refresh", stream, () => client.manager.streams.getMessage(stream, query))
  const refresh = yield* shared(
    Effect.gen(function* () {
      // Most often there is nothing new, which is a short answer: a message comes whole.
      const next = { seq: tail.position() + 1, next_by_subj: subject }
      if ((yield* stored(next)) === null) return
      const last = yield* stored({ last_by_subj: subject })
      if (last !== null) yield* until("Queue.refresh", () => tail.position() >= last.seq)
    })
  )

  yield* until("Queue.open", tail.isCaughtUp)

  const compact = Effect.gen(function* () {
    const replaces = yield* Snapshot.revision(blobs, queue)
    const at = clock.currentTimeMillisUnsafe()
    const forgotten: QueueLog.Record = { type: "pruned", completed: at - keptFor }
    const seen = tail.position()
    const writer = Publishing.token()
    const text = yield* Effect.orDie(Effect.fromResult(QueueBody.encodeAppend([forgotten])))
    const old = large
    const own: NonNullable<typeof keeping> = { writer }
    keeping = own
    const sequence = yield* Publishing.once(client, "Queue.compact", {
      stream,
      subject,
      body: QueueBody.encode({ at, writer, seen, kept: true }, [text]),
      id: writer,
      after: seen
    })
    if (sequence === undefined) return
    yield* until("Queue.compact", () => tail.position() >= sequence)
    const { records } = own
    if (records === undefined) return
    const { size } = yield* Snapshot.write(blobs, queue, { sequence, records, replaces })
    kept = size
    large = large.filter((name) => !old.includes(name))
    yield* Calls.call("Queue.compact", () => client.manager.streams.purge(stream, { filter: subject, seq: sequence }))
    yield* Effect.forEach(old, blobs.remove, { discard: true })
  }).pipe(Effect.ensuring(Effect.sync(() => (keeping = undefined))))

  const remove = Effect.gen(function* () {
    const operation = "Queue.delete"
    const sequence = tail.position()
    // Who reads the queue anew must know of all who wait for a message.
    if (state.items.size > 0 || state.awaiting.size > 0 || sequence === 0) return
    const old = large.splice(0)
    const replaces = yield* Snapshot.revision(blobs, queue)
    // A state that is kept must not come back when what superseded it is gone.
    if (replaces > 0) yield* Snapshot.write(blobs, queue, { sequence, records: [], replaces })
    yield* Calls.ask(client, operation, stream, () =>
      client.manager.streams.purge(stream, { filter: subject, seq: sequence + 1 })
    )
    if (replaces > 0) yield* Snapshot.remove(blobs, queue)
    yield* Effect.forEach(old, blobs.remove, { discard: true })
  })

  return {
    queue: {
      get state() {
        return state
      },
      payload: (id) => Effect.sync(() => state.items.get(id)?.payload ?? null),
      glance,
      refresh,
      durable: () => Effect.void,
      append,
      revision: signal.revision,
      changed: (revision) =>
        Effect.suspend(() => {
          waiting += 1
          return Effect.ensuring(
            signal.changed(revision),
            Effect.sync(() => (waiting -= 1))
          )
        })
    },
    isIdle: () => waiting === 0 && flying === undefined && gathered.length === 0 && state.inFlight.size === 0,
    isWasteful: () => folded > Math.max(options.compactAbove, kept),
    compact,
    remove
  }
})

const encoder = new TextEncoder()

/** After how many sends it is tried again whether anybody else writes. */
const crowd = 20

/** How long who begins to keep the state in a cluster has it to himself, in milliseconds: he takes 44 seconds at most. */
const turn = 60_000

/** How long completed ids are remembered, in milliseconds. */
const keptFor = 30 * 24 * 3_600_000

/** The largest batch in one message, in bytes; a single append that is larger becomes an object. */
const maxBatch = ({ connection }: NatsClient["Service"]) =>
  Math.min(256 * 1024, (connection.info?.max_payload ?? 1024 * 1024) - 4 * 1024)

const newer = (stream: string, sequence: number) =>
  Calls.unsupported(
    "follow",
    `message ${sequence} of ${stream} has a newer format than ${QueueBody.format}: use the release that wrote it`
  )

const stateless = (queue: string, sequence: number) =>
  Calls.corrupt(
    "follow",
    `the kept state of queue ${queue} as of message ${sequence} is missing: restore the object store from a backup`
  )
