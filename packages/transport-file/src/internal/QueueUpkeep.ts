/**
 * Keeps a queue's log short: compacts it when most of it is superseded, ends what a dead process began, removes what is left of
 * earlier segments, and all of a queue in which there is nothing.
 */
import { Effect } from "effect"
import type { TransportError } from "@sartor/core"
import * as Compaction from "./Compaction.ts"
import * as LogFile from "./LogFile.ts"
import type * as QueueFrame from "./QueueFrame.ts"
import type { QueueReader } from "./QueueReader.ts"
import * as Segments from "./Segments.ts"
import type { Store } from "./Store.ts"

export interface Upkeep {
  /** Whether most of it is superseded, or another process died while it compacted it. */
  readonly isWasteful: () => boolean
  /** Writes the next segment; a failure leaves everything as it was. */
  readonly compact: Effect.Effect<void, TransportError.TransportError>
  /** The number of the segment that counts, if there may be something left of earlier ones. */
  readonly cluttered: () => number | undefined
  /** Removes what is left of the segments before one that counts, or did. */
  readonly clean: (number: number) => Effect.Effect<void, TransportError.TransportError>
  /** Removes all of its files, unless there is something in it. */
  readonly remove: Effect.Effect<void, TransportError.TransportError>
}

export interface Options {
  /** A smaller segment is never worth the trouble, in bytes. */
  readonly compactAbove: number
}

/** What it needs of the log. */
export interface Log<Item> {
  readonly reader: QueueReader<Item>
  readonly refresh: Effect.Effect<void, TransportError.TransportError>
  /** Makes the name of the segment durable. */
  readonly published: (operation: string) => Effect.Effect<void, TransportError.TransportError>
  readonly revision: () => number
  readonly changed: (revision: number) => Effect.Effect<void>
  /** Appends the seal. */
  readonly seal: (records: ReadonlyArray<QueueFrame.Record>) => Effect.Effect<unknown, TransportError.TransportError>
}

export const make = <Item>(store: Store, path: string, options: Options, log: Log<Item>) => {
  const { reader } = log
  let compacting = 0
  let postponed = 0
  /** When the draft of another process was seen first. */
  const rivals = new Map<string, number>()

  const isOrphaned = () => {
    const seal = reader.seal()
    return seal !== undefined && store.monotonicMillis() - seal.since > patience
  }

  const compact: Upkeep["compact"] = Effect.suspend(() => {
    compacting += 1
    return Compaction.run(store, path, log).pipe(
      Effect.andThen(Effect.suspend(() => log.published("Queue.compact"))),
      Effect.tapError(() => Effect.sync(() => (postponed = store.monotonicMillis() + pause))),
      Effect.ensuring(Effect.sync(() => (compacting -= 1)))
    )
  })

  /** Waits until somebody has written the segment behind the seal; does it if nobody does. */
  const succeeded: Effect.Effect<void, TransportError.TransportError> = Effect.suspend(() => {
    const revision = log.revision()
    return Effect.andThen(log.refresh, () => {
      if (reader.seal() === undefined) return Effect.void
      if (compacting === 0 && isOrphaned()) return compact
      return Effect.andThen(Effect.timeoutOption(log.changed(revision), "10 millis"), succeeded)
    })
  })

  /** About what a log would need that holds nothing but the state, in bytes. */
  const needed = () => {
    let bytes = reader.state().awaiting.size * bytesOfClaim
    for (const { claim, id, payload, reason, state } of reader.state().items.values()) {
      bytes += id.length + (state === "completed" ? bytesOfCompleted : bytesOfOpen)
      bytes += (payload?.bytes ?? 0) + (reason?.length ?? 0) + (claim === undefined ? 0 : bytesOfClaim)
    }
    return bytes
  }

  /** Whether another process seems to compact it already. Only a courtesy: its draft may be one that a dead process left. */
  const isRivalled = () => {
    const now = store.monotonicMillis()
    const drafts = Segments.find(store, path).temporaries.filter(({ number }) => number > reader.segment().number)
    for (const file of rivals.keys()) if (!drafts.some((draft) => draft.file === file)) rivals.delete(file)
    for (const { file } of drafts) if (!rivals.has(file)) rivals.set(file, now)
    return drafts.some(({ file }) => now - (rivals.get(file) ?? 0) < courtesy)
  }

  return {
    isBusy: () => compacting > 0,
    succeeded,
    isWasteful: () => {
      if (compacting > 0 || store.monotonicMillis() < postponed) return false
      if (reader.seal() !== undefined) return isOrphaned()
      const { seen, snapshot } = reader.segment()
      // Whatever the estimate says, a log must have grown since it was compacted.
      const isDue = seen > options.compactAbove && seen > snapshot + snapshot / 8
      return isDue && seen > 2 * needed() && !isRivalled()
    },
    compact,
    cluttered: () => {
      const { number } = reader.segment()
      return reader.isCluttered() && reader.seal() === undefined && number > 0 ? number : undefined
    },
    clean: (number: number) =>
      Effect.andThen(
        Effect.suspend(() => log.published("Queue.compact")),
        LogFile.attempt("Queue.compact", () => {
          if (number === reader.segment().number) reader.cleaned()
          Segments.clean(store, path, number)
        })
      ),
    remove: Effect.gen(function* () {
      const operation = "Queue.delete"
      // What is on its way would be acknowledged, and then be gone.
      yield* Effect.callback<void>((resume) => reader.segment().log.whenIdle(() => resume(Effect.void)))
      const removed = yield* LogFile.attempt(operation, () => {
        while (reader.catchUp(Number.POSITIVE_INFINITY));
        const { log, number } = reader.segment()
        const isEmpty = reader.state().items.size === 0 && reader.seal() === undefined
        return isEmpty && compacting === 0 && log.isIdle() && Segments.remove(store, path, number)
      })
      if (!removed) return
      yield* store.directories.publish(operation, path)
      yield* log.refresh
    })
  }
}

/** How long a sealed segment may have no successor, in milliseconds, until somebody else writes one. */
const patience = 300

/** How long after a compaction that failed another one is tried, in milliseconds. */
const pause = 30_000

/** How long the draft of another process is left alone, in milliseconds. */
const courtesy = 5_000

/** What a record needs beside id, payload and reason. */
const bytesOfCompleted = 90
const bytesOfOpen = 140
const bytesOfClaim = 250
