/**
 * The state of a queue as of one message, kept as an object, so that the messages before it can go. A line of JSON a record.
 *
 * Whoever keeps one first appends a message, and only if nobody came between what it has seen and that. All before that message may be purged
 * then. Each message tells what its writer had seen; so a reader that has come less far knows that it has missed some, and starts over.
 */
import { QueueLog, type TransportError } from "@sartor/core"
import { Effect, Option, Schema, Stream } from "effect"
import type { Blobs } from "./Blobs.ts"
import * as Calls from "./Calls.ts"

export interface Snapshot {
  readonly sequence: number
  readonly state: QueueLog.QueueLog
  /** How many bytes it has. */
  readonly size: number
  /** What the next one must replace. */
  readonly revision: number
}

const nameOf = (queue: string) => `snapshot/${queue}`
const Line = Schema.fromJsonString(QueueLog.Record)
const decodeLine = Schema.decodeUnknownOption(Line)
const encodeLine = Schema.encodeSync(Line)

const patience = "30 seconds"

/** The revision of the newest one; 0 if there is none. */
export const revision = (blobs: Blobs, queue: string) =>
  Effect.map(blobs.info(nameOf(queue)), (found) => found?.revision ?? 0)

/** Reads the newest one. Fails as `corrupt` if it does not match its digest, which also happens while another one replaces it. */
export const read = Effect.fnUntraced(function* (
  blobs: Blobs,
  queue: string,
  heard: () => number
): Effect.fn.Return<Snapshot | undefined, TransportError.TransportError> {
  const found = yield* blobs.info(nameOf(queue))
  if (found === null || found.deleted) return undefined
  const state = QueueLog.make()
  const bytes = yield* Effect.timeoutOrElse(blobs.get(nameOf(queue)), {
    duration: patience,
    orElse: () => Effect.fail(Calls.unavailable("read the kept state", `it took longer than ${patience}`))
  })
  const again = yield* blobs.info(nameOf(queue))
  if (again?.revision !== found.revision) return yield* read(blobs, queue, heard)
  yield* Stream.fromIterable([bytes]).pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line !== ""),
    Stream.runForEach((line) => {
      const record = decodeLine(line)
      if (Option.isNone(record)) {
        return Effect.fail(Calls.corrupt("read the kept state", `a line of ${nameOf(queue)} is not a record`))
      }
      state.apply(record.value, 0, heard())
      return Effect.void
    })
  )
  return {
    sequence: Number(found.metadata?.["sequence"] ?? 0),
    state,
    size: bytes.length,
    revision: found.revision
  }
})

/** Keeps a state, unless another process has kept one since `replaces`. */
export const write = Effect.fnUntraced(function* (
  blobs: Blobs,
  queue: string,
  snapshot: { readonly sequence: number; readonly records: ReadonlyArray<QueueLog.Record>; readonly replaces: number }
): Effect.fn.Return<{ readonly size: number }, TransportError.TransportError> {
  const objects = yield* blobs.store
  const { records, replaces, sequence } = snapshot
  const encoder = new TextEncoder()
  const lines = Stream.fromIterable(records).pipe(
    Stream.map((record) => `${encodeLine(record)}\n`),
    Stream.grouped(256),
    Stream.map((lines) => encoder.encode(lines.join("")))
  )
  const meta = { name: nameOf(queue), metadata: { sequence: String(sequence), format: "1" } }
  const { size } = yield* Effect.timeoutOrElse(
    Calls.call("keep the state", () =>
      objects.put(meta, Stream.toReadableStream(lines), { previousRevision: replaces })
    ),
    {
      duration: patience,
      orElse: () => Effect.fail(Calls.unavailable("keep the state", `it took longer than ${patience}`))
    }
  )
  return { size }
})

/** Takes it away. */
export const remove = (blobs: Blobs, queue: string): Effect.Effect<void> => blobs.remove(nameOf(queue))
