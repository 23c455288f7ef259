/**
 * Keeps beside the data what a legacy file cannot hold, where the journals themselves are on another machine.
 *
 * @since 0.1.0
 */
import { Journal } from "@sartor/core"
import { Clock, Effect, FileSystem, Path, Schema, Stream } from "effect"
import * as Failure from "./Failure.ts"
import { Settings } from "./Settings.ts"

/** One line of an export: an entry of a journal. */
const Line = Schema.fromJsonString(Schema.Struct({ key: Schema.String, version: Schema.Natural, record: Schema.Json }))
const encode = Schema.encodeSync(Line)

const failed = ({ message }: { readonly message: string }) =>
  Effect.fail(new Failure.Failure({ code: "internal", message: `the export cannot be written: ${message}` }))

const folderOf = Effect.gen(function* () {
  const path = yield* Path.Path
  const { dataDir, namespace } = yield* Settings
  return path.join(dataDir, "export", namespace)
})

/**
 * Writes all journals into one new file, a line an entry, and answers its name; nothing on files, where they lie already.
 *
 * @category constructors
 * @since 0.1.0
 */
export const write = Effect.gen(function* () {
  const { transport } = yield* Settings
  if (transport === "file") return undefined
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const journal = yield* Journal.Journal
  const folder = yield* folderOf
  yield* fs.makeDirectory(folder, { recursive: true })
  const name = path.join(folder, `journals-${yield* Clock.currentTimeMillis}.ndjson`)
  const heads = yield* journal.heads()
  const lines = Stream.fromIterable(heads).pipe(
    Stream.flatMap(({ key }) => Stream.map(journal.read(key), ({ record, version }) => ({ key, version, record }))),
    Stream.map((line) => `${encode(line)}\n`),
    Stream.encodeText
  )
  yield* Stream.run(lines, fs.sink(`${name}.part`))
  yield* fs.rename(`${name}.part`, name)
  return name
}).pipe(Effect.catchTag("InvalidKey", Effect.die), Effect.catchTag("PlatformError", failed))
