/**
 * Writes a queue's next segment while all others go on: the state as it is now, then what came meanwhile, then the seal, then
 * what came before it. Room for that last part is taken before the seal, so that a full device is met while the log can be used.
 */
import { Duration, Effect } from "effect"
import type { QueueLog, TransportError } from "@sartor/core"
import * as Frame from "./Frame.ts"
import * as LogFile from "./LogFile.ts"
import * as OpenLog from "./OpenLog.ts"
import type * as QueueFile from "./QueueFile.ts"
import * as Segments from "./Segments.ts"
import type { Store } from "./Store.ts"

/** The log as its process knows it now. */
export interface Log {
  readonly refresh: Effect.Effect<void, TransportError.TransportError>
  readonly segment: () => QueueFile.Segment
  readonly seal: () => QueueFile.Seal | undefined
  readonly state: () => QueueLog.QueueLog
  /** How far it is folded; nothing within a line that is too long. */
  readonly position: () => number | undefined
  /** Estimates what the state needs; is told afterwards what it did. */
  readonly estimate: () => (bytes: number) => void
  /** Appends the seal. */
  readonly append: (records: ReadonlyArray<QueueLog.Record>) => Effect.Effect<unknown, TransportError.TransportError>
}

/** How long a completed id is known. */
const remembered = Duration.toMillis("30 days")

/** What may come between the last look and the seal without needing more room, in bytes. */
const reserve = 256 * 1024

const operation = "Queue.compact"

/** Does nothing where another process was faster. */
export const run = Effect.fnUntraced(function* (
  store: Store,
  path: string,
  log: Log
): Effect.fn.Return<void, TransportError.TransportError> {
  yield* log.refresh
  const segment = log.segment()
  const next = Segments.pathOf(path, segment.number + 1)
  const generation = segment.log.generation()
  const isCurrent = () =>
    log.segment() === segment && segment.log.size("read") !== undefined && segment.log.generation() === generation
  const folded = () => log.seal()?.position ?? log.position()
  const from = folded()
  if (from === undefined || from === 0) return
  const records = log.state().snapshot()
  const measured = log.estimate()

  const write = Effect.fnUntraced(function* (draft: LogFile.LogFile) {
    const copy = Effect.fnUntraced(function* (start: number, end: number, target: number) {
      for (let position = start; position < end; position += chunk) {
        yield* LogFile.attempt(operation, () => {
          if (!isCurrent()) throw LogFile.failure("unavailable", path, "was replaced while it was compacted")
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
      Buffer.from(Frame.encode({ at, writer, snapshot }, `[${" ".repeat(16 - `${snapshot}`.length)}]`, 2))
    const frame = (text: string) => Frame.encode({ at, writer: store.writer() }, text, 2)

    let size = head(0).length
    for (const texts of framed(records)) {
      yield* LogFile.attempt(operation, () => {
        const bytes = Buffer.from(texts.map(frame).join(""))
        LogFile.write(draft, bytes, size)
        size += bytes.length
      })
      yield* Effect.yieldNow
    }
    measured(size)
    let copied = from
    for (let round = 0; round < 30 && log.seal() === undefined; round++) {
      yield* log.refresh
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
        if (log.seal() === undefined && isCurrent()) yield* log.append([{ type: "pruned", completed: at - remembered }])
        yield* log.refresh
        const seal = log.seal()
        if (!isCurrent() || seal === undefined) return
        yield* OpenLog.durable(operation, segment.log, segment.seen)
        size = yield* copy(copied, seal.position, size)
        yield* LogFile.attempt(operation, () => {
          const last = Buffer.from(frame(JSON.stringify(seal.records)))
          LogFile.write(draft, last, size)
          size += last.length
          LogFile.truncate(draft, size)
          LogFile.write(draft, head(size), 0)
        })
        yield* synced(draft)
        yield* LogFile.attempt(operation, () => LogFile.linkTo(draft.path, next))
        yield* store.directories.publish(operation, next)
        yield* log.refresh
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

const chunk = 1024 * 1024
const frameBytes = 64 * 1024

/** The texts of frames, as many at a time as are written in one go. */
function* framed(records: ReadonlyArray<QueueLog.Record>): Generator<ReadonlyArray<string>> {
  let frames: Array<string> = []
  let texts: Array<string> = []
  let size = 0
  for (const record of records) {
    const text = JSON.stringify(record)
    texts.push(text)
    size += text.length
    if (size < frameBytes) continue
    frames.push(`[${texts.join(",")}]`)
    texts = []
    size = 0
    if (frames.length * frameBytes < chunk) continue
    yield frames
    frames = []
  }
  if (texts.length > 0) frames.push(`[${texts.join(",")}]`)
  if (frames.length > 0) yield frames
}
