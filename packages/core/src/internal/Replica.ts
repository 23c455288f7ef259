import { Effect, identity, Option, Result, Schema, Semaphore, Stream } from "effect"
import type { AppendOptions, Entry, Journal } from "../Journal.ts"
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
    decide: (state: S) => Effect.Effect<ReadonlyArray<R>, E2, R2>,
    options?: AppendOptions
  ) => Effect.Effect<S, E | E2 | TransportError, R2>
  /** The same for who would rather outlast a transport that is away, for up to a minute, than fail at once. */
  readonly patient: Pick<Replica<S, R, E>, "refresh" | "update">
}

/** How a call of the journal is made: once, or until it is answered. */
type Trying = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** What the records of a kind of journal mean. */
export interface Meaning<S, R, RE extends Schema.Json, E> {
  readonly record: Schema.Codec<R, RE>
  readonly initial: S
  /** What a record makes of the state, or why it can't follow on it. */
  readonly apply: (state: S, record: R, version: number) => Result.Result<S, E>
  /** What is left of the state after an entry that cannot be read, or cannot follow; by default it can't be read further. */
  readonly salvage?: ((state: S, record: Schema.Json, version: number) => Option.Option<S>) | undefined
}

/** More conflicts in a row than any real contention makes. */
const maxConflicts = 1000

interface Copy<S> {
  readonly journal: Journal["Service"]
  readonly key: string
  state: S
  version: number
  /** Whether there was anything to read when it was last read. */
  exists: boolean
}

/** Says once what a kind of journal means; what it answers follows one of them. */
export const define = <S, R, RE extends Schema.Json, E extends { readonly message: string }>(
  meaning: Meaning<S, R, RE, E>
): ((journal: Journal["Service"], key: string) => Replica<S, R, E>) => {
  const { apply, initial, salvage = Option.none } = meaning
  const decode = Schema.decodeUnknownResult(meaning.record)
  const encode = Schema.encodeSync(meaning.record)

  /** Folds what is new of some entries; answers what is wrong with one of them. */
  const fold = (copy: Copy<S>, entries: ReadonlyArray<Entry>): TransportError | undefined => {
    for (const { record, version } of entries) {
      const before = copy.exists ? copy.state : initial
      copy.exists = true
      if (version === copy.version) continue
      const next = Result.flatMap(decode(record), (decoded) => apply(before, decoded, version)).pipe(
        Result.orElse((error) => Result.fromOption(salvage(before, record, version), () => error))
      )
      if (Result.isFailure(next)) return corrupt(copy.key, version, next.failure.message)
      copy.state = next.success
      copy.version = version
    }
    return undefined
  }

  /** Reads from the newest known entry on: if that is gone, the key was deleted, and may be in use again. */
  const reading = (copy: Copy<S>) =>
    Effect.flatMap(isCurrent(copy), (current) => {
      copy.exists = current
      return current ? Effect.void : readingOn(copy)
    })
  const readingOn = (copy: Copy<S>) =>
    Stream.runForEachArray(copy.journal.read(copy.key, Math.max(copy.version - 1, 0)), (entries) => {
      const error = fold(copy, entries)
      return error === undefined ? Effect.void : Effect.fail(error)
    }).pipe(
      Effect.map(() => {
        if (copy.exists) return
        // All of it is read again, should it come back: a store that was restored may have the same versions.
        copy.state = initial
        copy.version = 0
      }),
      Effect.catchTag("InvalidKey", Effect.die)
    )

  /** Asks whether anything was appended, which costs less than to read what was not. */
  const isCurrent = (copy: Copy<S>): Effect.Effect<boolean, TransportError> =>
    Effect.suspend(() =>
      copy.version === 0
        ? Effect.succeed(false)
        : copy.journal.append(copy.key, copy.version, []).pipe(
            Effect.as(true),
            Effect.catchTag("VersionConflict", () => Effect.succeed(false)),
            Effect.catchTag("InvalidKey", Effect.die)
          )
    )

  const peek = ({ journal, key, version }: Copy<S>, count: number) =>
    Stream.runCollect(Stream.take(journal.read(key, version), count)).pipe(
      Effect.map((entries) => entries.map((entry) => entry.record)),
      Effect.catchTag("InvalidKey", Effect.die)
    )

  /** The version that somebody else made, if these records could not be appended. */
  const append = Effect.fnUntraced(function* (
    copy: Copy<S>,
    records: ReadonlyArray<RE>,
    trying: Trying,
    options: AppendOptions | undefined
  ) {
    let doubtful = false
    const appended = yield* copy.journal.append(copy.key, copy.version, records, options).pipe(
      Effect.tapError((error) => Effect.sync(() => (doubtful ||= isTransient(error)))),
      trying,
      Effect.catchTag("VersionConflict", Effect.succeed),
      Effect.catchTag("InvalidKey", Effect.die)
    )
    if (typeof appended === "number") return Option.none()
    // A try that failed may have been done all the same: then the conflict is with ourselves.
    const next = doubtful ? yield* trying(peek(copy, records.length)) : []
    return JSON.stringify(next) === JSON.stringify(records) ? Option.none() : Option.some(appended.actual)
  })

  const update = Effect.fnUntraced(function* <E2, R2>(
    copy: Copy<S>,
    decide: (state: S) => Effect.Effect<ReadonlyArray<R>, E2, R2>,
    trying: Trying,
    options: AppendOptions | undefined
  ) {
    for (let conflicts = 0; conflicts < maxConflicts; conflicts++) {
      const records = yield* decide(copy.state)
      let next = copy.state
      let at = copy.version
      for (const record of records) next = yield* Effect.fromResult(apply(next, record, ++at))
      const conflict =
        records.length === 0
          ? Option.none()
          : yield* append(
              copy,
              records.map((record) => encode(record)),
              trying,
              options
            )
      if (Option.isNone(conflict)) {
        copy.state = next
        copy.version = at
        return next
      }
      yield* trying(reading(copy))
      // The key was deleted, and its versions go on.
      if (!copy.exists) copy.version = Math.max(copy.version, conflict.value)
    }
    return yield* new TransportError({
      operation: "Journal.append",
      reason: "unavailable",
      detail: `journal "${copy.key}" changed ${maxConflicts} times while one append was tried`
    })
  })

  return (journal, key) => {
    const copy: Copy<S> = { journal, key, state: initial, version: 0, exists: false }
    const lock = Semaphore.makeUnsafe(1)
    const refresh = (trying: Trying) => lock.withPermit(Effect.map(trying(reading(copy)), () => copy.state))
    const change =
      (trying: Trying): Replica<S, R, E>["update"] =>
      (decide, options) =>
        lock.withPermit(update(copy, decide, trying, options))
    // What is asked for is made then: there may be thousands, of which most are read once.
    return {
      get refresh() {
        return refresh(identity)
      },
      update: change(identity),
      current: () => copy.state,
      version: () => copy.version,
      get patient() {
        return { refresh: refresh(patiently), update: change(patiently) }
      }
    }
  }
}

const corrupt = (key: string, version: number, detail: string) =>
  new TransportError({
    operation: "Journal.read",
    reason: "corrupt",
    detail: `journal "${key}", version ${version}: ${detail}`
  })
