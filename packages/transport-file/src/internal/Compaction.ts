/**
 * Writes a queue's next segment while all others go on: the state as it is now, then what came meanwhile, then the seal, then
 * what came before it. Room for that last part is taken before the seal, so that a full device is met while the log can be used.
 */
import { Duration, Effect } from "effect"
import type { TransportError } from "@sartor/core"
import * as Frame from "./Frame.ts"
import * as LogFile from "./LogFile.ts"
import * as OpenLog from "./OpenLog.ts"
import * as QueueFrame from "./QueueFrame.ts"
import type { Log } from "./QueueUpkeep.ts"
import * as Segments from "./Segments.ts"
import type { Store } from "./Store.ts"

/** How long a completed id is known. */
const remembered = Duration.toMillis("30 days")

/** What may come between the last look and the seal without needing more room, in bytes. */
const reserve = 256 * 1024

const operation = "Queue.compact"

/** Does nothing where another process was faster. */
export const run = Effect.fnUntraced(function* <Item>(
  store: Store,
  path: string,
  { reader, refresh, seal: append }: Pick<Log<Item>, "reader" | "refresh" | "seal">
): Effect.fn.Return<void, TransportError.TransportError> {
  yield* refresh
  const segment = reader.segment()
  const next = Segments.pathOf(path, segment.number + 1)
  const generation = segment.log.generation()
  const isCurrent = () =>
    reader.segment() === segment && segment.log.size("read") !== undefined && segment.log.generation() === generation
  const folded = () => reader.seal()?.position ?? reader.position()
  const from = folded()
  if (from === undefined || from === 0) return
  const records = reader.state().snapshot()

  const write = Effect.fnUntraced(function* (draft: LogFile.LogFile) {
    const copy = Effect.fnUntraced(function* (start: number, end: number, target: number) {
      for (let position = start; position < end; position += chunk) {
        yield* LogFile.attempt(operation, () => {
          if (!isCurrent()) throw replaced(path)
          const buffer = Buffer.allocUnsafe(Math.min(chunk, end - position))
          const count = LogFile.read(segment.log.file(), buffer, buffer.length, position)
          LogFile.write(draft, buffer.subarray(0, count), target + position - start)
        })
        yield* Effect.yieldNow
      }
      return target + end - start
    })
    const at = store.clock.currentTimeMillisUnsafe()
    const writer = store.writer()
    const head = (snapshot: number) =>
      Frame.encode({ at, writer, snapshot }, `[${" ".repeat(16 - `${snapshot}`.length)}]`, { format: 2 })
    const frame = (records: ReadonlyArray<QueueFrame.Record>) =>
      QueueFrame.encode({ at, writer: store.writer() }, records, QueueFrame.textOf(records), reader.textOf, 2)

    let size = head(0).length
    for (const some of framed(records)) {
      if (!isCurrent()) return
      yield* LogFile.attempt(operation, () => {
        const bytes = frame(some)
        LogFile.write(draft, bytes, size)
        size += bytes.length
      })
      yield* Effect.yieldNow
    }
    let copied = from
    for (let round = 0; round < 30 && reader.seal() === undefined; round++) {
      yield* refresh
      const end = folded()
      if (!isCurrent() || end === undefined) return
      size = yield* copy(copied, end, size)
      if (end - copied < reserve / 4) round = 30
      copied = end
    }
    yield* LogFile.attempt(operation, () => {
      LogFile.write(draft, Buffer.alloc(reserve, "\n"), size)
      // Where a file cannot have two names, that must be known before the seal.
      const probe = `${draft.path}.tmp`
      LogFile.linkTo(draft.path, probe)
      LogFile.remove(probe)
    })
    yield* synced(draft)
    yield* Effect.uninterruptible(
      Effect.gen(function* () {
        if (reader.seal() === undefined && isCurrent()) yield* append([{ type: "pruned", completed: at - remembered }])
        yield* refresh
        const seal = reader.seal()
        if (!isCurrent() || seal === undefined) return
        yield* OpenLog.durable(operation, segment.log, segment.seen)
        size = yield* copy(copied, seal.position, size)
        yield* LogFile.attempt(operation, () => {
          const last = frame(seal.records)
          LogFile.write(draft, last, size)
          size += last.length
          LogFile.truncate(draft, size)
          LogFile.write(draft, head(size), 0)
        })
        yield* synced(draft)
        yield* LogFile.attempt(operation, () => {
          // Without its first segment the queue was deleted: who went on with this one would be alone.
          if (LogFile.linkTo(draft.path, next) && LogFile.look(path) === undefined) LogFile.remove(next)
        })
        yield* store.directories.publish(operation, next)
        yield* refresh
      })
    )
  })

  yield* Effect.acquireUseRelease(
    LogFile.attempt(operation, () =>
      store.descriptors.spare(() => LogFile.create(Segments.temporary(path, segment.number + 1, store.writer())))
    ),
    write,
    (draft) =>
      Effect.sync(() => {
        LogFile.close(draft)
        LogFile.caught(() => LogFile.remove(draft.path))
      })
  )
})

const synced = (file: LogFile.LogFile) =>
  Effect.callback<void, TransportError.TransportError>((resume) =>
    LogFile.sync(file, (error) =>
      resume(error === undefined ? Effect.void : Effect.fail(LogFile.relabel(operation, error)))
    )
  )

const replaced = (path: string) => LogFile.failure("unavailable", path, "was replaced while it was compacted")

const chunk = 1024 * 1024

/** As many records at a time as go into one frame. */
const frameBytes = 64 * 1024

function* framed(records: ReadonlyArray<QueueFrame.Record>): Generator<ReadonlyArray<QueueFrame.Record>> {
  let some: Array<QueueFrame.Record> = []
  let size = 0
  for (const record of records) {
    some.push(record)
    size += 150 + ("payload" in record ? (record.payload?.bytes ?? 0) : 0)
    if (size < frameBytes) continue
    yield some
    some = []
    size = 0
  }
  if (some.length > 0) yield some
}
