/**
 * Four switches back to the way of working that this one comes from. Each chooses how one thing is done; a run keeps those
 * that were in force when it was spawned.
 *
 * @since 0.1.0
 */
import { Config, Context, Effect, Layer, Option, Result, Schema, Stream } from "effect"
import { Journal } from "./Journal.ts"
import type { TransportError } from "./TransportError.ts"
import { Timestamp } from "./Wake.ts"
import { nowText } from "./internal/now.ts"
import * as Replica from "./internal/Replica.ts"

/**
 * @category schemas
 * @since 0.1.0
 */
export const Name = Schema.Literals([
  "ENABLE_BACKGROUND_AGENTS",
  "ENABLE_WAKE_MESSAGING",
  "ENABLE_SESSION_PERSISTENCE",
  "ENABLE_PARALLEL_EXECUTION"
])

/**
 * @category models
 * @since 0.1.0
 */
export type Name = typeof Name.Type

/**
 * All four, in the order in which they are turned on again after a rollback.
 *
 * @category configuration
 * @since 0.1.0
 */
export const names: ReadonlyArray<Name> = [
  "ENABLE_SESSION_PERSISTENCE",
  "ENABLE_WAKE_MESSAGING",
  "ENABLE_BACKGROUND_AGENTS",
  "ENABLE_PARALLEL_EXECUTION"
]

/**
 * @category models
 * @since 0.1.0
 */
export type Values = { readonly [N in Name]: boolean }

/**
 * Some of the flags, such as those of an agent of its own. What is left out is on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Some = Schema.Struct({
  ENABLE_BACKGROUND_AGENTS: Schema.optionalKey(Schema.Boolean),
  ENABLE_WAKE_MESSAGING: Schema.optionalKey(Schema.Boolean),
  ENABLE_SESSION_PERSISTENCE: Schema.optionalKey(Schema.Boolean),
  ENABLE_PARALLEL_EXECUTION: Schema.optionalKey(Schema.Boolean)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Some = typeof Some.Type

/**
 * @category constructors
 * @since 0.1.0
 */
export const allOn: Values = {
  ENABLE_BACKGROUND_AGENTS: true,
  ENABLE_WAKE_MESSAGING: true,
  ENABLE_SESSION_PERSISTENCE: true,
  ENABLE_PARALLEL_EXECUTION: true
}

/**
 * The way of working that this one comes from: one agent at a time, waited for, its traces in files.
 *
 * @category constructors
 * @since 0.1.0
 */
export const allOff: Values = {
  ENABLE_BACKGROUND_AGENTS: false,
  ENABLE_WAKE_MESSAGING: false,
  ENABLE_SESSION_PERSISTENCE: false,
  ENABLE_PARALLEL_EXECUTION: false
}

/**
 * Puts flags together: whoever switches one off wins.
 *
 * @category constructors
 * @since 0.1.0
 */
export const both = (...given: ReadonlyArray<Some | undefined>): Values => {
  const on = (name: Name) => given.every((flags) => flags?.[name] !== false)
  return {
    ENABLE_BACKGROUND_AGENTS: on("ENABLE_BACKGROUND_AGENTS"),
    ENABLE_WAKE_MESSAGING: on("ENABLE_WAKE_MESSAGING"),
    ENABLE_SESSION_PERSISTENCE: on("ENABLE_SESSION_PERSISTENCE"),
    ENABLE_PARALLEL_EXECUTION: on("ENABLE_PARALLEL_EXECUTION")
  }
}

/**
 * Those that are off, as a field of a record: nothing at all where all are on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noted = (flags: Some): { readonly flags?: Some } => {
  const off: Some = Object.fromEntries(names.flatMap((name) => (flags[name] === false ? [[name, false] as const] : [])))
  return Object.keys(off).length === 0 ? {} : { flags: off }
}

/**
 * Chooses what a flag stands for. This is the one place where a flag decides anything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const select = <A>(flags: Some | undefined, name: Name, how: { readonly on: A; readonly off: A }): A =>
  flags?.[name] === false ? how.off : how.on

/**
 * A flag with where it comes from: it is on only if the environment and what is stored both are.
 *
 * @category schemas
 * @since 0.1.0
 */
export const State = Schema.Struct({ value: Schema.Boolean, environment: Schema.Boolean, stored: Schema.Boolean })

/**
 * @category models
 * @since 0.1.0
 */
export type Report = { readonly [N in Name]: typeof State.Type }

/**
 * A variable of the environment that is neither true nor false. Nothing was started.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidFlag extends Schema.TaggedError<InvalidFlag>("@sartor/core/Flags/InvalidFlag")("InvalidFlag", {
  flag: Name,
  input: Schema.String
}) {
  override get message() {
    return `${this.flag} cannot be ${JSON.stringify(this.input.slice(0, 80))}: use true or false`
  }
}

/**
 * Sessions are not kept now, so nothing can go on from one. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class PersistenceOff extends Schema.TaggedError<PersistenceOff>("@sartor/core/Flags/PersistenceOff")(
  "PersistenceOff",
  { session_id: Schema.String, what: Schema.String }
) {
  override get message() {
    return `Session ${this.session_id} cannot be ${this.what} while ENABLE_SESSION_PERSISTENCE is off for it: "sartor flags" shows who switched it off`
  }
}

/**
 * One record of the journal `flags`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = Schema.Struct({
  type: Schema.tag("set"),
  at: Timestamp,
  flags: Some,
  /** Why, for whoever looks into it later. */
  reason: Schema.optionalKey(Schema.String)
})

/**
 * @category services
 * @since 0.1.0
 */
export class Flags extends Context.Service<
  Flags,
  {
    /** Those in force, as last seen: a change that another process has made shows within a second. */
    readonly inForce: Effect.Effect<Values>
    /** Each with where it comes from, read anew. */
    readonly report: Effect.Effect<Report, TransportError>
    /** Stores some of them, for all processes. What is stored already is not stored again. */
    readonly set: (flags: Some, reason?: string) => Effect.Effect<Report, TransportError>
    /** What was stored, oldest first. */
    readonly history: Stream.Stream<typeof Record.Type, TransportError>
  }
>()("@sartor/core/Flags") {}

/**
 * The flags of the environment and of the journal `flags`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Flags, InvalidFlag | TransportError, Journal> = Layer.effect(
  Flags,
  Effect.gen(function* () {
    const journal = yield* Journal
    const environment = yield* fromEnvironment
    const stored = replica(journal, key)
    const reportOf = (stored: Values): Report => {
      const state = (name: Name) => ({
        value: environment[name] && stored[name],
        environment: environment[name],
        stored: stored[name]
      })
      return {
        ENABLE_BACKGROUND_AGENTS: state("ENABLE_BACKGROUND_AGENTS"),
        ENABLE_WAKE_MESSAGING: state("ENABLE_WAKE_MESSAGING"),
        ENABLE_SESSION_PERSISTENCE: state("ENABLE_SESSION_PERSISTENCE"),
        ENABLE_PARALLEL_EXECUTION: state("ENABLE_PARALLEL_EXECUTION")
      }
    }
    yield* stored.refresh
    const look = Effect.ignore(stored.refresh)
    const hinted = Effect.ignore(Stream.runForEach(journal.watch(key), () => look))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(hinted, "1 second")))
    // A hint may be lost, a transport may be away: the next look finds what there is.
    yield* Effect.forkScoped(Effect.forever(Effect.delay(look, "500 millis")))
    return Flags.of({
      inForce: Effect.sync(() => both(environment, stored.current())),
      report: Effect.map(stored.refresh, reportOf),
      set: Effect.fn("Flags.set")(function* (flags, reason) {
        yield* stored.refresh
        const after = yield* stored.update((before) => {
          const changed = names.some((name) => flags[name] !== undefined && flags[name] !== before[name])
          return Effect.map(nowText, (at) =>
            changed ? [{ type: "set" as const, at, flags, ...(reason === undefined ? {} : { reason }) }] : []
          )
        })
        return reportOf(after)
      }),
      history: journal.read(key).pipe(
        Stream.mapEffect(({ record }) => Effect.orDie(decodeRecord(record))),
        Stream.catchTag("InvalidKey", Stream.die)
      )
    })
  })
)

/**
 * Flags that stay as they are, whatever the environment says: for programs that decide it themselves, and for tests.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFixed = (flags: Some): Layer.Layer<Flags> =>
  Layer.succeed(Flags, {
    inForce: Effect.succeed(both(flags)),
    report: Effect.succeed(reportFixed(both(flags))),
    set: () => Effect.succeed(reportFixed(both(flags))),
    history: Stream.empty
  })

/**
 * The flags in force, where there are any: without the service all are on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inForce: Effect.Effect<Values> = Effect.suspend(() => Effect.flatten(reading))

/**
 * The same, for a layer: its methods then see the flags that it was built with, whoever calls them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reading: Effect.Effect<Effect.Effect<Values>> = Effect.map(
  Effect.serviceOption(Flags),
  Option.match({ onNone: () => Effect.succeed(allOn), onSome: ({ inForce }) => inForce })
)

/**
 * Refuses to go on from a session that is not kept, or while none is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const requirePersistence = (id: string, what: string, own?: Some): Effect.Effect<void, PersistenceOff> =>
  Effect.flatMap(inForce, (flags) =>
    select<Effect.Effect<void, PersistenceOff>>(both(flags, own), "ENABLE_SESSION_PERSISTENCE", {
      on: Effect.void,
      off: Effect.fail(new PersistenceOff({ session_id: id, what }))
    })
  )

const key = "flags"

const RecordJson: Schema.Codec<typeof Record.Type, Schema.Json> = Schema.toCodecJson(Record)
const decodeRecord = Schema.decodeUnknownEffect(RecordJson)
const replica = Replica.define<Values, typeof Record.Type, Schema.Json, never>({
  record: RecordJson,
  initial: allOn,
  apply: (flags, record) => Result.succeed({ ...flags, ...record.flags })
})

const reportFixed = (flags: Values): Report => {
  const state = (value: boolean) => ({ value, environment: value, stored: true })
  return {
    ENABLE_BACKGROUND_AGENTS: state(flags.ENABLE_BACKGROUND_AGENTS),
    ENABLE_WAKE_MESSAGING: state(flags.ENABLE_WAKE_MESSAGING),
    ENABLE_SESSION_PERSISTENCE: state(flags.ENABLE_SESSION_PERSISTENCE),
    ENABLE_PARALLEL_EXECUTION: state(flags.ENABLE_PARALLEL_EXECUTION)
  }
}

const words: { readonly [word: string]: boolean } = {
  "": true,
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false
}

const fromEnvironment = Effect.map(
  Effect.forEach(names, (flag) =>
    Effect.gen(function* () {
      const given = yield* Effect.orDie(Config.option(Config.String(flag)))
      const input = Option.getOrElse(given, () => "").trim()
      const value = words[input.toLowerCase()]
      return [flag, value ?? (yield* new InvalidFlag({ flag, input }))] as const
    })
  ),
  (values): Values => both(Object.fromEntries(values))
)
