/**
 * What one message of a journal's subject says: one append. What is needed to find the newest version, and to know one's own append
 * again, stands in its headers, so that lists of heads need no bodies.
 */
import { headers, type MsgHdrs } from "@nats-io/transport-node"
import { Option, Result, Schema } from "effect"

/** A reader refuses a higher number: it must not guess what a newer release means. */
export const format = 1

export interface Frame {
  /** The version after it, and how many of its records lead there. */
  readonly version: number
  readonly count: number
  /** When it was written, milliseconds since the epoch, by the writer's clock. */
  readonly at: number
  /** Names this append: its writer knows it again by that, whatever becomes of the server's answer. */
  readonly token: string
  /** The version of the newest tombstone before it, or its own; 0 if there is none. */
  readonly start: number
  /** The object that holds the records, where they are too large for a message. */
  readonly large: string | undefined
}

export const isTombstone = ({ start, version }: Frame): boolean => start === version

export const encode = (frame: Frame): MsgHdrs => {
  const all = headers()
  all.set("Sartor-Format", String(format))
  all.set("Sartor-Version", String(frame.version))
  all.set("Sartor-Count", String(frame.count))
  all.set("Sartor-At", String(frame.at))
  all.set("Sartor-Token", frame.token)
  if (frame.start > 0) all.set("Sartor-Start", String(frame.start))
  if (frame.large !== undefined) all.set("Sartor-Large", frame.large)
  return all
}

/** Anything may be published to a subject: what is none of ours is told from what a newer release wrote. */
export const decode = (all: MsgHdrs | undefined): Frame | "newer" | "malformed" => {
  if (all === undefined) return "malformed"
  const number = (name: string) => (all.has(name) ? Number(all.get(name)) : 0)
  if (number("Sartor-Format") > format) return "newer"
  const frame = {
    version: number("Sartor-Version"),
    count: number("Sartor-Count"),
    at: number("Sartor-At"),
    token: all.get("Sartor-Token"),
    start: number("Sartor-Start"),
    large: all.has("Sartor-Large") ? all.get("Sartor-Large") : undefined
  }
  const { at, count, start, version } = frame
  const isWhole = number("Sartor-Format") === format && [version, count, at, start].every(Number.isSafeInteger)
  return isWhole && version >= count && version > 0 ? frame : "malformed"
}

const text = new TextDecoder("utf-8", { fatal: true })
const decodeRecords = Schema.decodeUnknownOption(Schema.Array(Schema.Json))

export const records = (body: Uint8Array): Option.Option<ReadonlyArray<Schema.Json>> =>
  Result.getOrElse(
    Result.try(() => decodeRecords(JSON.parse(text.decode(body)))),
    () => Option.none()
  )
