/**
 * One frame is one line of JSON that checks itself:
 *
 * ```
 * \n{"checksum":"8 hex digits","format":1,"at":…,"writer":"…",…,"records":[…]}\n
 * ```
 *
 * The checksum is the CRC-32 of the bytes that follow its comma, up to the end of the line. It stands at a fixed place, so
 * that a damaged line is refused without parsing it. The newline in front belongs to the frame: a torn write before it
 * cannot swallow it.
 *
 * A journal's frame carries two numbers. `expected` is the version that it continues. `offset` is the size of the file that
 * its writer had seen. Where `offset` is the very place of the frame's leading newline, the writer had seen all that lies
 * before: nobody came between, so the frame is certainly valid and the version after it is `expected` plus what it holds.
 * Thus the head of a journal is found from the end of its file, however long that is. Other frames are decided by their
 * order (JournalState). `start` is where the newest tombstone lies, left out where there is none. A tombstone is a frame with
 * `"deleted":true` and no records, which counts as one version. A queue's frame has none of these.
 *
 * Frames of format 2 belong to a queue that was compacted, and no release before that may take it for another one: `sealed`
 * ends a segment, and `snapshot` in the first frame of the next one is the place where its compacted state ends.
 */
import { Option, Result, Schema } from "effect"
import { crc32 } from "node:zlib"

/** The newest format that is understood. */
export const format = 2

/** Ends a torn line before a frame, so that it stays damaged even if only its newline was missing. Alone it means nothing. */
export const spoiler = "~"

export const isSpoiler = (buffer: Buffer, start: number, end: number): boolean =>
  end - start === spoiler.length && buffer.toString("latin1", start, end) === spoiler

const Envelope = Schema.Struct({
  at: Schema.Number,
  writer: Schema.String,
  offset: Schema.optionalKey(Schema.Natural),
  expected: Schema.optionalKey(Schema.Natural),
  start: Schema.optionalKey(Schema.Natural),
  deleted: Schema.optionalKey(Schema.Boolean),
  sealed: Schema.optionalKey(Schema.Boolean),
  snapshot: Schema.optionalKey(Schema.Natural),
  // Whatever JSON.parse makes is JSON: no need to walk through all of it.
  records: Schema.Array(Schema.declare((value): value is Schema.Json => value !== undefined))
})

export type Frame = typeof Envelope.Type

/** What precedes the records; encode it in this order. */
export interface Header {
  readonly at: number
  readonly writer: string
  readonly offset?: number
  readonly expected?: number
  readonly start?: number
  readonly deleted?: true
  readonly sealed?: true
  readonly snapshot?: number
}

/** Encodes a frame with its newlines. `records` is the JSON text of an array. */
export const encode = (header: Header, records: string, format: 1 | 2 = 1): string => {
  const rest = `"format":${format},${JSON.stringify(header).slice(1, -1)},"records":${records}}`
  const checksum = crc32(rest).toString(16).padStart(8, "0")
  return `\n${opening}${checksum}",${rest}\n`
}

/** Decodes the line that lies between two places of a buffer. */
export const decode = (buffer: Buffer, start: number, end: number): Frame | "damaged" | "newer" => {
  const rest = start + prefix
  if (end - start <= prefix || buffer.toString("latin1", start, start + opening.length) !== opening) return "damaged"
  if (buffer.toString("latin1", rest - 2, rest) !== '",') return "damaged"
  const checksum = buffer.toString("latin1", start + opening.length, rest - 2)
  if (crc32(buffer.subarray(rest, end)) !== Number.parseInt(checksum, 16)) return "damaged"
  const parsed = parse(`{${buffer.toString("utf8", rest, end)}`)
  if (Option.isNone(parsed)) return "damaged"
  if (parsed.value.format > format) return "newer"
  return Option.getOrElse(decodeEnvelope(parsed.value), () => "damaged" as const)
}

const opening = '{"checksum":"'
const prefix = opening.length + 8 + 2

const isFormatted = Schema.is(Schema.Struct({ format: Schema.Number }))
const decodeEnvelope = Schema.decodeUnknownOption(Envelope)

/** The hot path of every read: `fromJsonString` costs a microsecond more a frame. */
const parse = (text: string) =>
  Option.filter(Result.getSuccess(Result.try((): unknown => JSON.parse(text))), isFormatted)
