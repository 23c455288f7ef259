/** What one message of a queue's subject holds: appends of one process that left together. All of it counts, or nothing. */
import { QueueLog } from "@sartor/core"
import { Option, Result, Schema } from "effect"

/** A reader refuses a higher number: it must not guess what a newer release means. */
export const format = 1

/** It was parsed from JSON, or is about to be made JSON, and need not be gone through for that. */
const Parsed = Schema.declare((value: unknown): value is Schema.Json => value !== undefined)
const Records = Schema.Array(QueueLog.recordOf(Parsed))
const Appends = Schema.Array(Records)

const Body = Schema.Struct({
  format: Schema.Literal(format),
  /** When it was written, milliseconds since the epoch, by the writer's clock. */
  at: Schema.Number,
  /** Names this message for good: its writer finds it in the stream by that. */
  writer: Schema.String,
  appends: Schema.optionalKey(Appends),
  /** The object that holds the appends, where they are too large for a message, and the ids that they offer. */
  large: Schema.optionalKey(Schema.Struct({ object: Schema.String, ids: Schema.Array(Schema.String) })),
  /** The last message of the queue that its writer had seen: a reader that has come less far by then has missed some. */
  seen: Schema.Natural,
  /** The state as of this message is kept, and what came before it may be gone. */
  kept: Schema.optionalKey(Schema.Literal(true))
})

export type Body = typeof Body.Type
export type Head = Omit<Body, "format" | "appends">
export type Appends = typeof Appends.Type

const isNewer = Schema.is(Schema.Struct({ format: Schema.Number.check(Schema.isGreaterThan(format)) }))
const decodeBody = Schema.decodeUnknownOption(Body)
const decodeAppends = Schema.decodeUnknownOption(Appends)
const encodeRecords = Schema.encodeResult(Records)
const text = new TextDecoder("utf-8", { fatal: true })

export const encode = (head: Head, appends: ReadonlyArray<string>): string =>
  `${JSON.stringify({ format, ...head }).slice(0, -1)}${head.large === undefined ? `,"appends":[${appends.join(",")}]` : ""}}`

/** One append as text. */
export const encodeAppend = (records: ReadonlyArray<QueueLog.Record>) =>
  Result.map(encodeRecords(records), (encoded) => JSON.stringify(encoded))

/** What was encoded, as whoever reads it back has it: apart from the values that it was made of. */
export const parse = (appends: ReadonlyArray<string>): Appends => JSON.parse(`[${appends.join(",")}]`)

/** Anything may be published to a subject: what is none of ours is told from what a newer release wrote. */
export const decode = (data: Uint8Array): Body | "newer" | "malformed" =>
  Result.getOrElse(
    Result.try((): Body | "newer" | "malformed" => {
      const json: unknown = JSON.parse(text.decode(data))
      return Option.getOrElse(decodeBody(json), () => (isNewer(json) ? "newer" : "malformed"))
    }),
    () => "malformed"
  )

export const decodeLarge = (data: Uint8Array): Option.Option<Appends> =>
  Result.getOrElse(
    Result.try(() => decodeAppends(JSON.parse(text.decode(data)))),
    () => Option.none()
  )

/** Some other program's message becomes a dead letter, with what it held. */
export const malformed = (data: Uint8Array, sequence: number): ReadonlyArray<QueueLog.Record> => {
  const id = `malformed-${sequence}`
  const payload = new TextDecoder().decode(data.subarray(0, maxKept))
  return [
    { type: "offered", id, payload, priority: 0 },
    { type: "dead", id, reason: "malformed: it was not written by this transport" }
  ]
}

/** What stands for an append whose object is damaged: a dead letter, so that nobody waits for it in silence. */
export const lost = (ids: ReadonlyArray<string>, reason: string): Appends => [
  ids.flatMap((id): ReadonlyArray<QueueLog.Record> => [
    { type: "offered", id, payload: null, priority: 0 },
    { type: "dead", id, reason }
  ])
]

/** How much of a malformed message is kept, in bytes. */
const maxKept = 64 * 1024
