/**
 * What scripts have put into the status file of a session of ours: kept in a journal, so that it outlives the file.
 *
 * @since 0.1.0
 */
import { Journal, LegacyFiles, type TransportError } from "@sartor/core"
import { Effect, Equal, Option, Schema, Stream } from "effect"

const Value = Schema.Union([Schema.String, Schema.Boolean, Schema.Array(Schema.String)])

/**
 * One record of the journal `legacy/<session id>`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Record = Schema.Struct({
  type: Schema.tag("key"),
  at: Schema.String,
  key: Schema.String,
  value: Value
})

/**
 * What is kept of a session.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (
  session: string
): Effect.Effect<LegacyFiles.Fields, TransportError.TransportError, Journal.Journal> =>
  Effect.map(load(session), ({ fields }) => fields)

/**
 * Keeps what is new of some keys.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keep = Effect.fnUntraced(function* (
  session: string,
  values: Iterable<readonly [key: string, value: LegacyFiles.Value]>
): Effect.fn.Return<void, TransportError.TransportError, Journal.Journal> {
  const journal = yield* Journal.Journal
  const wanted = [...values]
  let newest = 0
  while (wanted.length > 0) {
    const { fields, version } = yield* load(session)
    const at = yield* LegacyFiles.nowText
    const records = wanted
      .filter(([key, value]) => !Equal.equals(fields.get(key), value))
      .map(([key, value]) => encode({ type: "key", at, key, value }))
    const appended = yield* journal
      .append(keyOf(session), Math.max(version, newest), records)
      .pipe(Effect.catchTag("VersionConflict", Effect.succeed), Effect.catchTag("InvalidKey", Effect.die))
    if (typeof appended === "number") return
    // Where the key was deleted before, its versions go on.
    newest = appended.actual
  }
})

/**
 * Forgets what is kept of a session that is deleted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const forget = (session: string): Effect.Effect<void, TransportError.TransportError, Journal.Journal> =>
  Journal.Journal.use((journal) => Effect.catchTag(journal.delete(keyOf(session)), "InvalidKey", Effect.die))

const load = Effect.fnUntraced(function* (session: string) {
  const journal = yield* Journal.Journal
  const fields = new Map<string, LegacyFiles.Value>()
  let version = 0
  yield* Stream.runForEach(journal.read(keyOf(session)), (entry) =>
    Effect.sync(() => {
      version = entry.version
      for (const { key, value } of Option.toArray(decode(entry.record))) fields.set(key, value)
    })
  ).pipe(Effect.catchTag("InvalidKey", Effect.die))
  return { fields, version }
})

const keyOf = (session: string) => `legacy/${session}`
const decode = Schema.decodeUnknownOption(Record)
const encode = Schema.encodeSync(Record)
