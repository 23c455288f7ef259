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
 * Where records have payloads, these follow them: `"head":123` right after the checksum is then the length of the line in bytes up
 * to `,"payloads":[…]}`, so that the records can be read without them.
 *
 * A journal's frame carries two numbers. `expected` is the version that it continues. `offset` is the size of the file that
 * its writer had seen. Where `offset` is the very place of the frame's leading newline, the writer had seen all that lies
 * before: nobody came between, so the frame is certainly valid and the version after it is `expected` plus what it holds.
 * Thus the head of a journal is found from the end of its file, however long that is. Other frames are decided by their
 * order (JournalState). `start` is where the newest tombstone lies, left out where there is none. A tombstone is a frame with
 * `"deleted":true` and no records, which counts as one version. A queue's frame has none of these.
 *
 * Frames of format 2 hold payloads, or belong to a queue that was compacted; a release that knows neither refuses them. `sealed`
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

export interface Frame extends Schema.Schema.Type<typeof Envelope> {
  /** Where the first payload begins, in the buffer that the frame was read from; nothing if it has none. */
  readonly body: number | undefined
}

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

/** The JSON of a payload, and how many bytes that has. */
export interface Payload {
  readonly bytes: number
  readonly text: string
}

export interface Options {
  readonly format?: 1 | 2
  readonly payloads?: ReadonlyArray<Payload>
}

/** Encodes a frame with its newlines. `records` is the JSON text of an array. */
export const encode = (header: Header, records: string, { format = 1, payloads = [] }: Options = {}): Buffer => {
  const head = `"format":${format},${JSON.stringify(header).slice(1, -1)},"records":${records}`
  const bytes = payloads.length === 0 ? Buffer.from(`${unchecked}${head}}\n`) : withPayloads(head, payloads)
  const checksum = crc32(bytes.subarray(1 + prefix, -1))
    .toString(16)
    .padStart(8, "0")
  bytes.write(checksum, 1 + opening.length, "latin1")
  return bytes
}

/** Each payload is copied once: together they are nearly all of a frame. */
const withPayloads = (head: string, payloads: ReadonlyArray<Payload>): Buffer => {
  const length = headLength(head)
  const body = 1 + length + between.length
  const bytes = Buffer.allocUnsafe(
    payloads.reduce((size, payload) => size + payload.bytes + 1, body + closing.length - 1)
  )
  bytes.write(`${unchecked}"head":${length},${head}${between}`)
  let end = body
  for (const { text } of payloads) {
    if (end > body) bytes[end++] = comma
    end += bytes.write(text, end)
  }
  bytes.write(closing, end)
  return bytes
}

/** Where the payloads of a frame begin that `encode` made with some. */
export const bodyOf = (frame: Buffer): number => 1 + lengthAt(frame, 1 + prefix + '"head":'.length) + between.length

/** Decodes the line that lies between two places of a buffer. */
export const decode = (buffer: Buffer, start: number, end: number): Frame | "damaged" | "newer" => {
  const rest = start + prefix
  if (end - start <= prefix || buffer.toString("latin1", start, start + opening.length) !== opening) return "damaged"
  if (buffer.toString("latin1", rest - 2, rest) !== '",') return "damaged"
  const checksum = buffer.toString("latin1", start + opening.length, rest - 2)
  if (crc32(buffer.subarray(rest, end)) !== Number.parseInt(checksum, 16)) return "damaged"
  const hasBody = buffer.toString("latin1", rest, rest + 7) === '"head":'
  const body = hasBody ? start + lengthAt(buffer, rest + 7) + between.length : undefined
  const head =
    body === undefined ? buffer.toString("utf8", rest, end) : `${buffer.toString("utf8", rest, body - between.length)}}`
  const parsed = parse(`{${head}`)
  if (Option.isNone(parsed)) return "damaged"
  if (parsed.value.format > format) return "newer"
  return Option.match(decodeEnvelope(parsed.value), {
    onNone: () => "damaged" as const,
    onSome: (envelope) => ({ ...envelope, body })
  })
}

/** The number whose first digit is at a place. */
const lengthAt = (buffer: Buffer, place: number) => Number.parseInt(buffer.toString("latin1", place, place + 16), 10)

/** How long a line is up to its payloads, the digits of that length included. */
const headLength = (head: string): number => {
  const rest = prefix + '"head":,'.length + Buffer.byteLength(head)
  const length = rest + String(rest).length
  return rest + String(length).length
}

const between = ',"payloads":['
const closing = "]}\n"
const comma = 44
const opening = '{"checksum":"'
/** What precedes the bytes that the checksum is of, which is not known yet. */
const unchecked = `\n${opening}00000000",`
const prefix = opening.length + 8 + 2

const isFormatted = Schema.is(Schema.Struct({ format: Schema.Number }))
const decodeEnvelope = Schema.decodeUnknownOption(Envelope)

/** The hot path of every read: `fromJsonString` costs a microsecond more a frame. */
const parse = (text: string) =>
  Option.filter(Result.getSuccess(Result.try((): unknown => JSON.parse(text))), isFormatted)
