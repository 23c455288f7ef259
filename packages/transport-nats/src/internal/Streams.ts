/** Makes what is missing on the server, and compares what is there. Only what a server of version 2.9 knows is used. */
import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig
} from "@nats-io/jetstream"
import type { TransportError } from "@sartor/core"
import { Effect } from "effect"
import * as NatsFailure from "../NatsFailure.ts"
import * as Calls from "./Calls.ts"
import type { Names } from "./Names.ts"

type Settings = Pick<StreamConfig, "name"> & Partial<StreamConfig>

/** How long a stream knows the id of a message, so that sending it again within that time stores nothing. */
const duplicateWindow = 120_000_000_000

const operation = "connect"

/** What both streams of a namespace are to be, and that of the large records once it is there. */
const wanted = (names: Names, replicas: number): ReadonlyArray<Settings> => {
  const common = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    // Nothing is ever dropped to make room: a full stream refuses, and says so.
    discard: DiscardPolicy.New,
    num_replicas: replicas,
    max_age: 0,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    duplicate_window: duplicateWindow
  }
  return [
    { ...common, name: names.journalStream, subjects: [names.journals] },
    { ...common, name: names.queueStream, subjects: [names.fleet, names.queues] },
    // What else it has to be is up to the client's object store.
    { name: names.bucketStream, num_replicas: replicas }
  ]
}

export const ensure = (
  jsm: JetStreamManager,
  names: Names,
  replicas: number
): Effect.Effect<void, TransportError.TransportError> =>
  Effect.forEach(wanted(names, replicas), (expected) => stream(jsm, expected), { discard: true })

/** How the streams that are there differ from what they are to be; makes none. */
export const differing = Effect.fnUntraced(function* (jsm: JetStreamManager, names: Names, replicas: number) {
  const found = yield* Effect.forEach(wanted(names, replicas), (expected) =>
    Effect.map(info(jsm, expected.name), (actual) => (actual === undefined ? undefined : difference(expected, actual)))
  )
  return found.flatMap((differs) => (differs === undefined ? [] : [differs.message]))
})

const stream = Effect.fnUntraced(function* (jsm: JetStreamManager, expected: Settings) {
  const found = yield* info(jsm, expected.name)
  if (found !== undefined) return yield* compare(expected, found)
  if (expected.subjects === undefined) return
  const created = yield* Effect.result(Calls.call(operation, () => jsm.streams.add({ ...expected })))
  if (created._tag === "Success") return yield* compare(expected, created.success.config)
  // Another process may have made it at the same time, or the answer was lost.
  const now = yield* info(jsm, expected.name)
  if (now === undefined) return yield* created.failure
  yield* compare(expected, now)
})

const info = (jsm: JetStreamManager, name: string) =>
  Effect.tryPromise({ try: () => jsm.streams.info(name), catch: (cause) => cause }).pipe(
    Effect.map(({ config }): StreamConfig | undefined => config),
    Effect.catchIf(Calls.isMissing, () => Effect.succeed(undefined)),
    Effect.mapError((cause) => Calls.failure(operation, cause))
  )

/** What is in force is what the server echoes, never what was asked for. */
const compare = (expected: Settings, actual: StreamConfig) => {
  const cause = difference(expected, actual)
  return cause === undefined ? Effect.void : Effect.fail(Calls.failure(operation, cause))
}

const difference = (expected: Settings, actual: StreamConfig) => {
  const found = new Map(Object.entries(actual))
  const differences = Object.entries(expected).flatMap(([setting, value]) => {
    const text = JSON.stringify(sorted(found.get(setting) ?? null))
    return text === JSON.stringify(sorted(value))
      ? []
      : [{ setting, expected: JSON.parse(JSON.stringify(value)), actual: JSON.parse(text) }]
  })
  return differences.length === 0 ? undefined : new NatsFailure.StreamDiffers({ stream: expected.name, differences })
}

const sorted = (value: unknown) => (Array.isArray(value) ? value.toSorted() : value)
