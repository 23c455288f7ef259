/**
 * The frames of a queue's log. A record that has a payload says how many bytes that has; the payloads follow the records, in the same
 * order, and are read only when they are needed.
 */
import { Option, Schema } from "effect"
import { QueueLog } from "@sartor/core"
import * as Frame from "./Frame.ts"
import type { Payload } from "./Payloads.ts"

export type Record = QueueLog.Record<Payload>

export const hasPayload = (record: Record): record is Record & { readonly payload: Payload } =>
  "payload" in record && record.payload !== undefined

/** What the log will say, whatever the caller does to a payload afterwards. */
export const located = (record: QueueLog.Record): Record => {
  if (!("payload" in record)) return record as Record
  const text = JSON.stringify(record.payload)
  return { ...record, payload: { segment: 0, position: 0, bytes: Buffer.byteLength(text), text } } as Record
}

/** A record as it is written. */
export interface Entry {
  readonly text: string
  readonly payload: string | undefined
}

/** `text` gives the JSON of a payload. */
export const entry = (record: Record, text: (payload: Payload) => string): Entry =>
  hasPayload(record)
    ? { text: JSON.stringify({ ...record, payload: record.payload.bytes }), payload: text(record.payload) }
    : { text: JSON.stringify(record), payload: undefined }

export const sizeOf = (entries: ReadonlyArray<Entry>): number =>
  entries.reduce((size, { payload, text }) => size + text.length + (payload?.length ?? 0), 0)

export const bytesOf = (entries: ReadonlyArray<Entry>): number =>
  entries.reduce((size, { payload, text }) => size + Buffer.byteLength(text) + Buffer.byteLength(payload ?? ""), 0)

export const encode = (header: Frame.Header, entries: ReadonlyArray<Entry>, format: 1 | 2): Buffer => {
  const payloads = entries.flatMap(({ payload }) => (payload === undefined ? [] : [payload]))
  const records = `[${entries.map(({ text }) => text).join(",")}]`
  return Frame.encode(header, records, { format: payloads.length > 0 ? 2 : format, payloads })
}

/** Tells the payloads of records where they lie, behind each other from a place of their segment. */
export const place = (records: ReadonlyArray<Record>, segment: number, position: number): void => {
  let next = position
  for (const record of records) {
    if (!hasPayload(record)) continue
    record.payload.segment = segment
    record.payload.position = next
    next += record.payload.bytes + 1
  }
}

/**
 * The records of a frame, whose payloads are in the buffer that it was read from; nothing if it isn't one of a queue. Their text
 * comes along if it is wanted.
 */
export const records = (
  frame: Frame.Frame,
  buffer: Buffer,
  end: number,
  withText: boolean
): Option.Option<ReadonlyArray<Record>> => {
  const decoded = decode(frame.records)
  if (Option.isNone(decoded)) return Option.none()
  const { body } = frame
  let next = body ?? end
  const found = decoded.value.map((record): Record => {
    if (!("payload" in record)) return record as Record
    const bytes = record.payload ?? 0
    const text = withText ? buffer.toString("utf8", next, next + bytes) : undefined
    next += bytes + 1
    return { ...record, payload: { segment: 0, position: 0, bytes, text } }
  })
  return next > end ? Option.none() : Option.some(found)
}

const decode = Schema.decodeUnknownOption(Schema.Array(QueueLog.recordOf(Schema.Natural)))
