import { Effect, Schema, Stream } from "effect"
import type { Journal } from "../Journal.ts"
import { TransportError } from "../TransportError.ts"
import { Timestamp } from "../Wake.ts"
import { nowText } from "./now.ts"

/**
 * A piece of what an agent wrote on stderr.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LogChunk = Schema.Struct({ at: Timestamp, run: Schema.Natural, text: Schema.String })

/**
 * @category models
 * @since 0.1.0
 */
export type LogChunk = typeof LogChunk.Type

const decode = Schema.decodeUnknownEffect(LogChunk)
const encode = Schema.encodeSync(LogChunk)

/** Keeps a piece, at whatever version the journal is at. */
export const append = Effect.fnUntraced(function* (
  journal: Journal["Service"],
  key: string,
  run: number,
  text: string
) {
  const chunk = encode({ at: yield* nowText, run, text })
  let expected = 0
  while (true) {
    const appended = yield* journal
      .append(key, expected, [chunk])
      .pipe(Effect.catchTag("VersionConflict", Effect.succeed), Effect.catchTag("InvalidKey", Effect.die))
    if (typeof appended === "number") return
    expected = appended.actual
  }
})

/** All pieces, oldest first. */
export const read = (journal: Journal["Service"], key: string): Stream.Stream<LogChunk, TransportError> =>
  journal.read(key).pipe(
    Stream.catchTag("InvalidKey", (error) => Stream.die(error)),
    Stream.mapEffect(({ record, version }) =>
      Effect.mapError(
        decode(record),
        ({ message }) =>
          new TransportError({
            operation: "Journal.read",
            reason: "corrupt",
            detail: `journal "${key}", version ${version}: ${message}`
          })
      )
    )
  )
