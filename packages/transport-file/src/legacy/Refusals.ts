/**
 * Notes what of the legacy files could not be read, written or locked, so that it can be counted later, by any process.
 *
 * @since 0.1.0
 */
import type { TransportError } from "@sartor/core"
import { Clock, DateTime, Effect, Option, Schema } from "effect"
import * as path from "node:path"
import * as PlainFile from "../internal/PlainFile.ts"
import * as LegacyEdit from "./LegacyEdit.ts"

/** One line of the log. */
const Line = Schema.fromJsonString(Schema.Struct({ at: Schema.String, message: Schema.String }))
const encode = Schema.encodeSync(Line)
const decode = Schema.decodeUnknownOption(Line)

const fileOf = (directory: string) => path.join(directory, "sartor", "legacy-refused.log")

/** Older lines are dropped beyond this, in bytes. */
const maxBytes = 1024 * 1024

/**
 * Notes one. That it cannot be noted is no reason to fail.
 *
 * @category constructors
 * @since 0.1.0
 */
export const note = (directory: string, message: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const at = DateTime.formatIso(yield* DateTime.now)
    const file = fileOf(directory)
    yield* PlainFile.attempt("Refusals.note", () => {
      if ((PlainFile.look(file)?.size ?? 0) > maxBytes) PlainFile.rename(file, `${file}.1`)
    })
    yield* LegacyEdit.append(file, [encode({ at, message: message.slice(0, 1000) })], false)
  }).pipe(Effect.ignore)

/**
 * What was noted at or after a time, in milliseconds since the epoch, each once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const since = Effect.fn("Refusals.since")(function* (
  directory: string,
  time: number
): Effect.fn.Return<ReadonlyArray<string>, TransportError.TransportError> {
  const now = yield* Clock.currentTimeMillis
  const texts = yield* Effect.forEach([`${fileOf(directory)}.1`, fileOf(directory)], (file) =>
    Effect.catchTag(
      PlainFile.attempt("Refusals.since", () => PlainFile.read(file)?.bytes.toString("utf8") ?? ""),
      "LegacyFileRefused",
      () => Effect.succeed("")
    )
  )
  const found = texts
    .join("")
    .split("\n")
    .flatMap((line) => Option.toArray(decode(line)))
    .filter(({ at }) => Option.match(DateTime.make(at), { onNone: () => now, onSome: DateTime.toEpochMillis }) >= time)
  return [...new Set(found.map(({ message }) => message))]
})
