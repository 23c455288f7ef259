/**
 * The frames of a queue's log. A record that has a payload says how many bytes that has; the payloads follow the records, in the same
 * order, and are read only when they are needed.
 */
import { Option, Schema } from "effect"
import { QueueLog } from "@sartor/core"
import * as Frame from "./Frame.ts"
import { type Body, nowhere, type Payload } from "./Payloads.ts"

export type Record = QueueLog.Record<Payload>

export const hasPayload = (record: Record): record is Record & { readonly payload: Payload } =>
  "payload" in record && record.payload !== undefined

/** What the log will say, whatever the caller does to a payload afterwards. */
export const located = (record: QueueLog.Record): Record => {
  if (!("payload" in record)) return record as Record
  const text = JSON.stringify(record.payload)
  return { ...record, payload: { bytes: Buffer.byteLength(text), text, body: nowhere, offset: 0 } } as Record
}

/** The JSON of records as they stand in a frame, without its brackets. */
export const textOf = (records: ReadonlyArray<Record>): string =>
  records
    .map((record) => JSON.stringify(hasPayload(record) ? { ...record, payload: record.payload.bytes } : record))
    .join(",")

/** How many bytes the payloads of records have. */
export const payloadBytes = (records: ReadonlyArray<Record>): number => {
  let bytes = 0
  for (const record of records) if (hasPayload(record)) bytes += record.payload.bytes
  return bytes
}

/** `text` is the JSON of the records, and `read` gives that of a payload. */
export const encode = (
  header: Frame.Header,
  records: ReadonlyArray<Record>,
  text: string,
  read: (payload: Payload) => string,
  format: 1 | 2
): Buffer => {
  const payloads: Array<Frame.Payload> = []
  for (const record of records) {
    if (hasPayload(record)) payloads.push({ bytes: record.payload.bytes, text: read(record.payload) })
  }
  return Frame.encode(header, `[${text}]`, { format: payloads.length > 0 ? 2 : format, payloads })
}

/** Tells the payloads of records where they lie: behind each other. */
export const place = (records: ReadonlyArray<Record>, body: Body): void => {
  let next = 0
  for (const record of records) {
    if (!hasPayload(record)) continue
    record.payload.body = body
    record.payload.offset = next
    record.payload.text = undefined
    next += record.payload.bytes + 1
  }
}

/** The records of a frame, which ends at a place of the buffer that it was read from; nothing if it isn't one of a queue. */
export const records = (frame: Frame.Frame, end: number): Option.Option<ReadonlyArray<Record>> => {
  const decoded = decode(frame.records)
  if (Option.isNone(decoded)) return Option.none()
  const { body } = frame
  let next = body ?? end
  const found = decoded.value.map((record): Record => {
    if (!("payload" in record)) return record as Record
    const bytes = record.payload ?? 0
    next += bytes + 1
    return { ...record, payload: { bytes, text: undefined, body: nowhere, offset: 0 } }
  })
  return next > end ? Option.none() : Option.some(found)
}

const decode = Schema.decodeUnknownOption(Schema.Array(QueueLog.recordOf(Schema.Natural)))
