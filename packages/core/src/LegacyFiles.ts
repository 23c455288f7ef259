/**
 * The files of the system that this one replaces, which scripts still read and write at the same time.
 *
 * @since 0.1.0
 */
import { Clock, Context, DateTime, Effect, Layer, Option, PubSub, Schema, Stream } from "effect"
import * as Flags from "./Flags.ts"
import type { Document } from "./Handoff.ts"
import type { TransportError } from "./TransportError.ts"

/**
 * Names an agent of the legacy system: like the id of a session, and it may hold capitals, dots and underscores.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AgentId = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, {
    message: "Expected 1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or a digit"
  })
)

/**
 * Tells whether a string can name a legacy agent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isAgentId: (input: unknown) => input is string = Schema.is(AgentId)

/**
 * What a key of a status file can hold. Anything else that is found there is given as its JSON text.
 *
 * @category models
 * @since 0.1.0
 */
export type Value = string | boolean | ReadonlyArray<string>

/**
 * The keys of a status file, in their order. Of a key that stands there twice, the last counts.
 *
 * @category models
 * @since 0.1.0
 */
export type Fields = ReadonlyMap<string, Value>

/**
 * One agent's status file.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  readonly agent: string
  readonly fields: Fields
  /** When the file was last written to, in milliseconds since the epoch. */
  readonly modified: number
  /** What is wrong with the file now: these are its fields as they were last read whole. */
  readonly damaged?: LegacyFileDamaged
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Checkpoint {
  readonly phase: Phase
  readonly milestone: string
  readonly details: string
}

/**
 * @category schemas
 * @since 0.1.0
 */
export const Phase = Schema.Literals(["research", "planning", "implementation", "testing", "cleanup"])

/**
 * @category models
 * @since 0.1.0
 */
export type Phase = typeof Phase.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const WakeType = Schema.Literals(["COMPLETE", "BLOCKED", "FINDING", "ERROR"])

/**
 * @category models
 * @since 0.1.0
 */
export type WakeType = typeof WakeType.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const Priority = Schema.Literals(["normal", "high", "critical"])

/**
 * One message of the wake folder.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wake {
  readonly wakeId: string
  readonly agentId: string
  readonly type: WakeType
  readonly message: string
  readonly priority: typeof Priority.Type
  readonly timestamp: string
  readonly acknowledged: boolean
}

/**
 * What is in a folder: what could be read, and what is wrong with the rest. One damaged file never hides the others.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found<A> {
  readonly found: ReadonlyArray<A>
  readonly damaged: ReadonlyArray<LegacyFileDamaged>
}

/**
 * The name cannot be that of a legacy agent. Nothing was touched.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidAgentId extends Schema.TaggedError<InvalidAgentId>("@sartor/core/LegacyFiles/InvalidAgentId")(
  "InvalidAgentId",
  { input: Schema.String }
) {
  override get message() {
    const shown = JSON.stringify(this.input.slice(0, 140))
    return `${shown} is not the id of an agent: use 1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or a digit`
  }
}

/**
 * A file that cannot be read as what it should be. It was left as it is.
 *
 * @category errors
 * @since 0.1.0
 */
export class LegacyFileDamaged extends Schema.TaggedError<LegacyFileDamaged>(
  "@sartor/core/LegacyFiles/LegacyFileDamaged"
)("LegacyFileDamaged", {
  file: Schema.String,
  /** From 1. */
  line: Schema.Natural,
  /** How many bytes come before what is wrong. */
  offset: Schema.Natural,
  detail: Schema.String
}) {
  override get message() {
    return `${this.file}, line ${this.line} (byte ${this.offset}): ${this.detail}`
  }
}

/**
 * A file that would not be the same afterwards, or is none. It was left as it is.
 *
 * @category errors
 * @since 0.1.0
 */
export class LegacyFileRefused extends Schema.TaggedError<LegacyFileRefused>(
  "@sartor/core/LegacyFiles/LegacyFileRefused"
)("LegacyFileRefused", { file: Schema.String, reason: Schema.String }) {
  override get message() {
    return `${this.file} was left as it is: it ${this.reason}`
  }
}

/**
 * Somebody else holds the lock of a file for longer than is waited for. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class LockTimeout extends Schema.TaggedError<LockTimeout>("@sartor/core/LegacyFiles/LockTimeout")(
  "LockTimeout",
  { file: Schema.String, waited: Schema.Natural }
) {
  override get message() {
    return `${this.file} is locked, and was not released within ${this.waited / 1000} s: "fuser ${this.file}" tells by whom`
  }
}

/**
 * Session persistence is off, and nothing provides the legacy files that take its place.
 *
 * @category errors
 * @since 0.1.0
 */
export class LegacyFilesMissing extends Schema.TaggedError<LegacyFilesMissing>(
  "@sartor/core/LegacyFiles/LegacyFilesMissing"
)("LegacyFilesMissing", {}) {
  override get message() {
    return "Without session persistence the legacy files are needed: provide LegacyDirectory.layer of @sartor/transport-file/legacy"
  }
}

/**
 * Refuses to go without session persistence where nothing can take its place.
 *
 * @category constructors
 * @since 0.1.0
 */
export const required = (flags: Flags.Some): Effect.Effect<void, LegacyFilesMissing> =>
  Flags.select<Effect.Effect<void, LegacyFilesMissing>>(flags, "ENABLE_SESSION_PERSISTENCE", {
    on: Effect.void,
    off: Effect.flatMap(Effect.serviceOption(LegacyFiles), (files) =>
      Option.isSome(files) ? Effect.void : Effect.fail(new LegacyFilesMissing())
    )
  })

/**
 * Why a legacy file could not be written.
 *
 * @category errors
 * @since 0.1.0
 */
export type Failure = InvalidAgentId | LegacyFileDamaged | LegacyFileRefused | LockTimeout | TransportError

/**
 * The legacy directory, at a level above its texts. Everything that is written is on the device before it answers, and every
 * change of a status file is made under its lock, on what stands there then.
 *
 * @category services
 * @since 0.1.0
 */
export class LegacyFiles extends Context.Service<
  LegacyFiles,
  {
    /** The data directory that the folders are in. */
    readonly directory: string
    readonly statuses: Effect.Effect<Found<Status>, TransportError>
    readonly status: (
      agent: string
    ) => Effect.Effect<Option.Option<Status>, InvalidAgentId | LegacyFileDamaged | TransportError>
    /**
     * Sets what is decided on the newest fields (none, where there is no file), and `lastUpdate`. Everything else in the
     * file stays as it is, byte by byte. Deciding on `undefined` changes nothing.
     */
    readonly update: (
      agent: string,
      decide: (fields: Fields | undefined) => Iterable<readonly [key: string, value: Value]> | undefined
    ) => Effect.Effect<void, Failure>
    /** Deletes the status files that were last written to before a time, in milliseconds since the epoch, and answers whose. */
    readonly removeStatuses: (before: number) => Effect.Effect<ReadonlyArray<string>, Failure>
    /** Adds a line to the agent's log, and what it says to its status file. */
    readonly checkpoint: (agent: string, checkpoint: Checkpoint) => Effect.Effect<void, Failure>
    readonly checkpoints: (
      agent: string
    ) => Effect.Effect<
      ReadonlyArray<Checkpoint & { readonly timestamp: string }>,
      InvalidAgentId | LegacyFileDamaged | TransportError
    >
    readonly wakes: Effect.Effect<Found<Wake>, TransportError>
    /** Leaves a message, with a copy in `URGENT` for a critical one, and says so in the agent's status file. */
    readonly wake: (
      agent: string,
      message: Pick<Wake, "type" | "message"> & Partial<Pick<Wake, "priority">>
    ) => Effect.Effect<Wake, Failure>
    /** Says that a message is dealt with, in its file, its copy and its agent's status; nothing for an unknown one. */
    readonly acknowledge: (wakeId: string) => Effect.Effect<Option.Option<Wake>, Failure>
    /** What could not be read, written or locked since a time in milliseconds since the epoch, in sentences, each once. */
    readonly refusals: (since: number) => Effect.Effect<ReadonlyArray<string>, TransportError>
    /** Emits an agent each time that its status file or its log has changed, by whomever, from now on. */
    readonly changes: Stream.Stream<string, TransportError>
    /** Writes the file of a handoff. */
    readonly handOver: (document: Document) => Effect.Effect<void, Failure>
  }
>()("@sartor/core/LegacyFiles") {}

/**
 * How far an agent has come in a phase, as the scripts write it.
 *
 * @category configuration
 * @since 0.1.0
 */
export const progress: { readonly [phase in Phase]: string } = {
  research: "0.2",
  planning: "0.4",
  implementation: "0.6",
  testing: "0.8",
  cleanup: "1.0"
}

/**
 * A time as the legacy files have it: UTC, whole seconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nowText: Effect.Effect<string> = Effect.map(DateTime.now, (at) =>
  DateTime.formatIso(at).replace(/\.\d+Z$/, "Z")
)

/**
 * Keeps in memory what the files would hold, for tests. Nobody else can write it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<LegacyFiles> = Layer.effect(
  LegacyFiles,
  Effect.gen(function* () {
    const statuses = new Map<string, Status>()
    const logs = new Map<string, Array<Checkpoint & { readonly timestamp: string }>>()
    const wakes: Array<Wake> = []
    const changed = yield* PubSub.sliding<string>(1024)
    const update: LegacyFiles["Service"]["update"] = Effect.fnUntraced(function* (agent, decide) {
      if (!isAgentId(agent)) return yield* new InvalidAgentId({ input: agent })
      const before = statuses.get(agent)
      const values = decide(before?.fields)
      if (values === undefined) return
      const fields = new Map<string, Value>(before?.fields ?? [["agentId", agent]])
      for (const [key, value] of values) fields.set(key, value)
      fields.set("lastUpdate", yield* nowText)
      if (before === undefined && !fields.has("status")) fields.set("status", "active")
      if (before === undefined && !fields.has("findings")) fields.set("findings", [])
      statuses.set(agent, { agent, fields, modified: yield* Clock.currentTimeMillis })
      yield* PubSub.publish(changed, agent)
    })
    return LegacyFiles.of({
      directory: "",
      refusals: () => Effect.succeed([]),
      statuses: Effect.sync(() => ({ found: [...statuses.values()], damaged: [] })),
      status: (agent) =>
        isAgentId(agent)
          ? Effect.sync(() => Option.fromUndefinedOr(statuses.get(agent)))
          : Effect.fail(new InvalidAgentId({ input: agent })),
      update,
      removeStatuses: (before) =>
        Effect.sync(() => {
          const old = [...statuses.values()].filter(({ modified }) => modified < before).map(({ agent }) => agent)
          for (const agent of old) statuses.delete(agent)
          return old
        }),
      checkpoint: Effect.fnUntraced(function* (agent, { details, milestone, phase }) {
        const timestamp = yield* nowText
        yield* update(agent, () => [
          ["phase", phase],
          ["milestone", milestone],
          ["progress", progress[phase]],
          ["lastCheckpoint", timestamp],
          ["checkpointDetails", details]
        ])
        logs.set(agent, [...(logs.get(agent) ?? []), { timestamp, phase, milestone, details }])
      }),
      checkpoints: (agent) => Effect.sync(() => logs.get(agent) ?? []),
      wakes: Effect.sync(() => ({ found: [...wakes], damaged: [] })),
      wake: Effect.fnUntraced(function* (agent, { message, priority = "normal", type }) {
        const at = yield* Clock.currentTimeMillis
        const number = wakes.length.toString(16).padStart(6, "0")
        const wake: Wake = {
          wakeId: `wake-${Math.floor(at / 1000)}-${number}`,
          agentId: agent,
          type,
          message,
          priority,
          timestamp: yield* nowText,
          acknowledged: false
        }
        wakes.push(wake)
        yield* update(agent, (fields) => (fields === undefined ? undefined : [["wakeMessageSent", true]]))
        return wake
      }),
      acknowledge: (wakeId) =>
        Effect.sync(() => {
          const index = wakes.findIndex((wake) => wake.wakeId === wakeId)
          const found = wakes[index]
          if (found === undefined) return Option.none()
          const acknowledged = { ...found, acknowledged: true }
          wakes[index] = acknowledged
          return Option.some(acknowledged)
        }),
      changes: Stream.fromPubSub(changed),
      handOver: () => Effect.void
    })
  })
)
