import { Effect, identity, Option, Result, Schema, Semaphore, Stream } from "effect"
import type { Entry, Journal } from "../Journal.ts"
import { TransportError } from "../TransportError.ts"
import { isTransient, patiently } from "./patience.ts"

/**
 * A journal folded to a state. It reads only what is new, and appends what a decision makes of the newest state: a
 * conflict reads on and decides again, so that several processes may write one journal.
 */
export interface Replica<S, R, E> {
  /** Reads what others have appended. A key that was deleted is back at its first state. */
  readonly refresh: Effect.Effect<S, TransportError>
  /** The state as last read, without reading. */
  readonly current: () => S
  readonly version: () => number
  /** Decides on the state as last read; a conflict refreshes it. Fails with `E` if the state refuses a record. */
  readonly update: <E2, R2>(
    decide: (state: S) => Effect.Effect<ReadonlyArray<R>, E2, R2>
  ) => Effect.Effect<S, E | E2 | TransportError, R2>
  /** The same for who would rather outlast a transport that is away, for up to a minute, than fail at once. */
  readonly patient: Pick<Replica<S, R, E>, "refresh" | "update">
}

/** How a call of the journal is made: once, or until it is answered. */
type Trying = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface Options<S, R, RE extends Schema.Json, E> {
  readonly journal: Journal["Service"]
  readonly key: string
  readonly record: Schema.Codec<R, RE>
  readonly initial: S
  /** What a record makes of the state, or why it can't follow on it. */
  readonly apply: (state: S, record: R, version: number) => Result.Result<S, E>
  /** What is left of the state after an entry that cannot be read, or cannot follow; by default it can't be read further. */
  readonly salvage?: ((state: S, record: Schema.Json, version: number) => Option.Option<S>) | undefined
}

/** More conflicts in a row than any real contention makes. */
const maxConflicts = 1000

export const make = <S, R, RE extends Schema.Json, E extends { readonly message: string }>(
  options: Options<S, R, RE, E>
): Replica<S, R, E> => {
  const { apply, initial, journal, key, salvage = Option.none } = options
  const decode = Schema.decodeUnknownResult(options.record)
  const encode = Schema.encodeSync(options.record)
  const lock = Semaphore.makeUnsafe(1)
  let state = initial
  let version = 0
  /** Whether there was anything to read when it was last read. */
  let exists = false

  const corrupt = (at: number, detail: string) =>
    new TransportError({
      operation: "Journal.read",
      reason: "corrupt",
      detail: `journal "${key}", version ${at}: ${detail}`
    })

  /** Folds what is new of some entries; answers what is wrong with one of them. */
  const fold = (entries: ReadonlyArray<Entry>): TransportError | undefined => {
    for (const entry of entries) {
      const before = exists ? state : initial
      exists = true
      if (entry.version === version) continue
      const next = Result.flatMap(decode(entry.record), (record) => apply(before, record, entry.version)).pipe(
        Result.orElse((error) => Result.fromOption(salvage(before, entry.record, entry.version), () => error))
      )
      if (Result.isFailure(next)) return corrupt(entry.version, next.failure.message)
      state = next.success
      version = entry.version
    }
    return undefined
  }

  /** Reads from the newest known entry on: if that is gone, the key was deleted, and may be in use again. */
  const reading = Effect.suspend(() => {
    exists = false
    return journal.read(key, Math.max(version - 1, 0)).pipe(
      Stream.runForEachArray((entries) => {
        const error = fold(entries)
        return error === undefined ? Effect.void : Effect.fail(error)
      }),
      Effect.tap(() =>
        Effect.sync(() => {
          if (exists) return
          // All of it is read again, should it come back: a store that was restored may have the same versions.
          state = initial
          version = 0
        })
      )
    )
  }).pipe(Effect.catchTag("InvalidKey", Effect.die))

  /** The version that somebody else made, if these records could not be appended. */
  const append = Effect.fnUntraced(function* (records: ReadonlyArray<RE>, trying: Trying) {
    let doubtful = false
    const appended = yield* journal.append(key, version, records).pipe(
      Effect.tapError((error) => Effect.sync(() => (doubtful ||= isTransient(error)))),
      trying,
      Effect.catchTag("VersionConflict", Effect.succeed),
      Effect.catchTag("InvalidKey", Effect.die)
    )
    if (typeof appended === "number") return Option.none()
    // A try that failed may have been done all the same: then the conflict is with ourselves.
    const next = doubtful ? yield* trying(peek(records.length)) : []
    return JSON.stringify(next) === JSON.stringify(records) ? Option.none() : Option.some(appended.actual)
  })
  const peek = (count: number) =>
    Stream.runCollect(Stream.take(journal.read(key, version), count)).pipe(
      Effect.map((entries) => entries.map((entry) => entry.record)),
      Effect.catchTag("InvalidKey", Effect.die)
    )

  const update = Effect.fnUntraced(function* <E2, R2>(
    decide: (state: S) => Effect.Effect<ReadonlyArray<R>, E2, R2>,
    trying: Trying
  ) {
    for (let conflicts = 0; conflicts < maxConflicts; conflicts++) {
      const records = yield* decide(state)
      let next = state
      let at = version
      for (const record of records) next = yield* Effect.fromResult(apply(next, record, ++at))
      const conflict =
        records.length === 0
          ? Option.none()
          : yield* append(
              records.map((record) => encode(record)),
              trying
            )
      if (Option.isNone(conflict)) {
        state = next
        version = at
        return state
      }
      yield* trying(reading)
      // The key was deleted, and its versions go on.
      if (!exists) version = Math.max(version, conflict.value)
    }
    return yield* new TransportError({
      operation: "Journal.append",
      reason: "unavailable",
      detail: `journal "${key}" changed ${maxConflicts} times while one append was tried`
    })
  })

  const ways = (trying: Trying): Replica<S, R, E>["patient"] => ({
    refresh: lock.withPermit(Effect.map(trying(reading), () => state)),
    update: (decide) => lock.withPermit(update(decide, trying))
  })
  return { ...ways(identity), current: () => state, version: () => version, patient: ways(patiently) }
}
