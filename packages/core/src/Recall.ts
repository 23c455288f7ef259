/**
 * What a session knows: its history without what was rolled back, with what it shares with the session it was forked from.
 *
 * @since 0.1.0
 */
import { Effect, Option, Result, Schema, Stream } from "effect"
import { type Entry as JournalEntry, Journal } from "./Journal.ts"
import * as Session from "./Session.ts"
import { SessionId } from "./SessionId.ts"
import { TransportError } from "./TransportError.ts"
import * as here from "./internal/here.ts"

/**
 * A record of a history, with the session in whose journal it stands.
 *
 * @category models
 * @since 0.1.0
 */
export interface Known {
  readonly session_id: SessionId
  readonly version: number
  readonly record: Session.Record
}

/**
 * Narrows what is recalled; everything by default.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  /** Records in which a text says this, in any case. */
  readonly grep?: string | undefined
  /** Records of this type, such as `turn` or `checkpoint`. */
  readonly kind?: string | undefined
  /** Versions of its own journal, both included. What a fork shares comes before its version 1. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Of what is left, only so many of the newest. */
  readonly last?: number | undefined
}

/**
 * A record as it is shown: its type as `kind`, its fields, and `session_id` if it is of the session it was forked from.
 *
 * @category models
 * @since 0.1.0
 */
export type Entry = { readonly version: number; readonly kind: string; readonly at: string } & {
  readonly [field: string]: unknown
}

/**
 * Reads the history of a session up to a version, oldest first; none if there is no such session.
 *
 * @category constructors
 * @since 0.1.0
 */
export const history: (
  id: SessionId,
  upTo?: number
) => Effect.Effect<Option.Option<ReadonlyArray<Known>>, TransportError, Journal> = Effect.fn("Recall.history")(
  function* (id, upTo = Number.MAX_SAFE_INTEGER) {
    const journal = yield* Journal
    const read = (key: string) => Effect.catchTag(Stream.runCollect(journal.read(key)), "InvalidKey", Effect.die)
    const kept = yield* read(`session/${id}`)
    const entries = kept.length > 0 ? kept : yield* read(`${here.prefix}session/${id}`)
    let session: Session.Whole | undefined
    let inherited: ReadonlyArray<Known> | undefined
    const own: Array<Known> = []
    for (const entry of entries) {
      const decoded = decode(id, entry)
      const record = Option.getOrUndefined(Result.getSuccess(decoded))
      if (record?.type === "inherited") {
        inherited = yield* Effect.forEach(record.entries, (known) =>
          Effect.map(Effect.fromResult(decode(id, known)), (record) => ({ ...known, record }))
        )
      }
      if (entry.version > upTo) continue
      const before: Session.Whole | undefined = session
      session = yield* Effect.fromResult(
        Result.flatMap(decoded, (record) => applied(id, before, record, entry.version)).pipe(
          Result.orElse((error) => Result.fromOption(Session.salvage(before, entry.record, entry.version), () => error))
        )
      )
      if (record !== undefined) own.push({ session_id: id, version: entry.version, record })
    }
    if (session === undefined) return Option.none()
    const versions = Session.versionsOf(session)
    const mine = own.filter(({ record, version }) => versions.has(version) && !unspoken.has(record.type))
    return Option.some([...(inherited ?? (yield* sharedBy(session))), ...mine])
  }
)

/** No part of what a session knows. */
const unspoken: ReadonlySet<string> = new Set(["late", "inherited", "closed"])

const sharedBy = ({ forked_from: origin }: Session.Session) =>
  origin === undefined
    ? Effect.succeed([])
    : Effect.map(
        history(origin.session_id, origin.version),
        Option.getOrElse((): ReadonlyArray<Known> => [])
      )

/**
 * Picks what a query asks for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const select = (id: string, known: ReadonlyArray<Known>, query: Query = {}): ReadonlyArray<Entry> => {
  const { from = 0, grep, kind, last, to = Number.MAX_SAFE_INTEGER } = query
  const text = grep?.toLowerCase()
  const found = known.filter(({ record, session_id, version }) => {
    const place = session_id === id ? version : 0
    return (
      place >= from &&
      place <= to &&
      (kind === undefined || record.type === kind) &&
      (text === undefined || says(record, text))
    )
  })
  const { length } = found
  return found
    .slice(last === undefined ? 0 : Math.max(length - last, 0))
    .map(({ record: { at, type, ...fields }, session_id, version }) => ({
      version,
      kind: type,
      at,
      ...fields,
      ...(session_id === id ? {} : { session_id })
    }))
}

/** Whether one of the texts in a value has this in it. */
const says = (value: unknown, text: string): boolean =>
  typeof value === "string"
    ? value.toLowerCase().includes(text)
    : typeof value === "object" && value !== null && Object.values(value).some((part) => says(part, text))

const decodeRecord = Schema.decodeUnknownResult(Schema.toCodecJson(Session.Record))

const decode = (id: string, { record, version }: Pick<JournalEntry, "record" | "version">) =>
  Result.mapError(decodeRecord(record), ({ message }) => damaged(id, version, message))

const applied = (id: string, session: Session.Whole | undefined, record: Session.Record, version: number) =>
  Result.mapError(Session.apply(session, record, version), ({ message }) => damaged(id, version, message))

const damaged = (id: string, version: number, detail: string) =>
  new TransportError({
    operation: "Journal.read",
    reason: "corrupt",
    detail: `journal "session/${id}", version ${version}: ${detail}`
  })
