import { Effect, Result, Schema, Semaphore, Stream } from "effect"
import type { Journal } from "../Journal.ts"
import { TransportError } from "../TransportError.ts"

/**
 * A journal folded to a state. It reads only what is new, and appends what a decision makes of the newest state: a
 * conflict reads on and decides again, so that several processes may write one journal.
 */
export interface Replica<S, R, E> {
  /** Reads what others have appended. */
  readonly refresh: Effect.Effect<S, TransportError>
  /** The state as last read, without reading. */
  readonly current: () => S
  readonly version: () => number
  /** Decides on the state as last read; a conflict refreshes it. Fails with `E` if the state refuses a record. */
  readonly update: <E2, R2>(
    decide: (state: S) => Effect.Effect<ReadonlyArray<R>, E2, R2>
  ) => Effect.Effect<S, E | E2 | TransportError, R2>
}

export interface Options<S, R, RE extends Schema.Json, E> {
  readonly journal: Journal["Service"]
  readonly key: string
  readonly record: Schema.Codec<R, RE>
  readonly initial: S
  /** What a record makes of the state, or why it can't follow on it. */
  readonly apply: (state: S, record: R, version: number) => Result.Result<S, E>
}

/** More conflicts in a row than any real contention makes. */
const maxConflicts = 1000

export const make = <S, R, RE extends Schema.Json, E extends { readonly message: string }>(
  options: Options<S, R, RE, E>
): Replica<S, R, E> => {
  const { apply, journal, key } = options
  const decode = Schema.decodeUnknownResult(options.record)
  const encode = Schema.encodeSync(options.record)
  const lock = Semaphore.makeUnsafe(1)
  let state = options.initial
  let version = 0

  const corrupt = (at: number, detail: string) =>
    new TransportError({
      operation: "Journal.read",
      reason: "corrupt",
      detail: `journal "${key}", version ${at}: ${detail}`
    })

  const catchUp = Effect.suspend(() =>
    journal.read(key, version).pipe(
      Stream.runForEach((entry) => {
        const record = decode(entry.record)
        if (Result.isFailure(record)) return Effect.fail(corrupt(entry.version, record.failure.message))
        const next = apply(state, record.success, entry.version)
        if (Result.isFailure(next)) return Effect.fail(corrupt(entry.version, next.failure.message))
        state = next.success
        version = entry.version
        return Effect.void
      }),
      Effect.catchTag("InvalidKey", Effect.die)
    )
  )

  /** One try: appends what is decided on the state as known. Answers the conflict if someone was faster. */
  const attempt = Effect.fnUntraced(function* <E2, R2>(decide: (state: S) => Effect.Effect<ReadonlyArray<R>, E2, R2>) {
    const records = yield* decide(state)
    let next = state
    let at = version
    for (const record of records) next = yield* Effect.fromResult(apply(next, record, ++at))
    if (records.length > 0) {
      const appended = yield* journal
        .append(
          key,
          version,
          records.map((record) => encode(record))
        )
        .pipe(Effect.catchTag("VersionConflict", Effect.succeed), Effect.catchTag("InvalidKey", Effect.die))
      if (typeof appended !== "number") return appended
    }
    state = next
    version = at
    return undefined
  })

  const update = Effect.fnUntraced(function* <E2, R2>(decide: (state: S) => Effect.Effect<ReadonlyArray<R>, E2, R2>) {
    for (let conflicts = 0; conflicts < maxConflicts; conflicts++) {
      const conflict = yield* attempt(decide)
      if (conflict === undefined) return state
      yield* catchUp
      if (version < conflict.actual) {
        // Nothing to read up to that version: the key was deleted.
        state = options.initial
        version = conflict.actual
      }
    }
    return yield* new TransportError({
      operation: "Journal.append",
      reason: "unavailable",
      detail: `journal "${key}" changed ${maxConflicts} times while one append was tried`
    })
  })

  return {
    refresh: lock.withPermit(Effect.map(catchUp, () => state)),
    current: () => state,
    version: () => version,
    update: (decide) => lock.withPermit(update(decide))
  }
}
