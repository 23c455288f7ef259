/**
 * Reads and replaces files that scripts of others read and write: never half, and never with less than was there.
 *
 * @since 0.1.0
 */
import { LegacyFiles, type TransportError } from "@sartor/core"
import { Clock, Effect, Result, Schedule } from "effect"
import * as path from "node:path"
import * as PlainFile from "../internal/PlainFile.ts"
import * as JsonText from "./JsonText.ts"
import * as LegacyLock from "./LegacyLock.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Read<A> {
  readonly value: A
  readonly text: string
  readonly modified: number
}

/**
 * How a text becomes what it stands for.
 *
 * @category models
 * @since 0.1.0
 */
export type Parse<A> = (text: string) => Result.Result<A, JsonText.Damage>

/** The scripts write in place, so that a reader can find a file empty or half written: for some milliseconds. */
const whileWritten = Schedule.exponential("5 millis", 2).pipe(Schedule.upTo({ times: 6, duration: "1 second" }))

/**
 * Reads a file without its lock, or nothing if there is none. It is damaged only if it still is after some time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = <A>(file: string, parse: Parse<A>) =>
  Effect.retry(readOnce(file, parse), { schedule: whileWritten, while: (error) => error._tag === "LegacyFileDamaged" })

/**
 * Reads a file that is written under a lock. Where writers follow each other so closely that it is never found whole, it is
 * read once with the lock held: then nobody writes it, and it is what it is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readBeside = <A>(
  file: string,
  lock: string,
  parse: Parse<A>
): Effect.Effect<
  Read<A> | undefined,
  LegacyFiles.LegacyFileDamaged | LegacyFiles.LegacyFileRefused | TransportError.TransportError
> =>
  Effect.catchTag(read(file, parse), "LegacyFileDamaged", (damaged) =>
    Effect.flatMap(
      PlainFile.attempt("LegacyEdit.read", () => PlainFile.modifiedOf(lock)),
      // Nobody who keeps to the lock has ever written it.
      (there) =>
        there === undefined
          ? Effect.fail(damaged)
          : LegacyLock.withLock(lock, readOnce(file, parse), { wait: "1 second" }).pipe(
              Effect.catchTag("LockTimeout", () => Effect.fail(damaged))
            )
    )
  )

/**
 * Reads a file whose lock is held, or that nobody writes: what it is now, it is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readOnce = <A>(
  file: string,
  parse: Parse<A>
): Effect.Effect<
  Read<A> | undefined,
  LegacyFiles.LegacyFileDamaged | LegacyFiles.LegacyFileRefused | TransportError.TransportError
> =>
  Effect.flatMap(
    PlainFile.attempt("LegacyEdit.read", () => PlainFile.read(file)),
    (found) => {
      if (found === undefined) return Effect.succeed(undefined)
      const parsed = Result.flatMap(JsonText.fromBytes(found.bytes), (text) =>
        Result.map(parse(text), (value) => ({ value, text, modified: found.modified }))
      )
      return Effect.fromResult(
        Result.mapError(parsed, ({ detail, offset }) => {
          const line = JsonText.lineOf(found.bytes.toString("latin1"), offset)
          return new LegacyFiles.LegacyFileDamaged({ file, line, offset, detail })
        })
      )
    }
  )

/**
 * @category models
 * @since 0.1.0
 */
export interface ReplaceOptions {
  /** Whether the caller holds the lock of the file. */
  readonly locked: boolean
  /** Whether to wait for the device; a mirror that can be made again needs not. */
  readonly durable: boolean
}

/**
 * Puts a text in the place of a file, as a whole, with the mode and the owner that it had. A link, a file with several names
 * and one whose owner cannot be kept are refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const replace = Effect.fnUntraced(function* (file: string, text: string, options: ReplaceOptions) {
  const operation = "LegacyEdit.replace"
  const folder = path.dirname(file)
  const draft = PlainFile.draftOf(file)
  const abandonedBefore = options.locked ? Infinity : (yield* Clock.currentTimeMillis) - draftLife
  yield* PlainFile.attempt(operation, () => PlainFile.makeFolder(folder))
  const write = Effect.acquireUseRelease(
    PlainFile.attempt(operation, () =>
      PlainFile.draft(file, JsonText.toBytes(text), PlainFile.look(file), abandonedBefore)
    ),
    (descriptor) => (options.durable ? sync((done) => PlainFile.syncFile(draft, descriptor, done)) : Effect.void),
    (descriptor) => Effect.sync(() => PlainFile.close(descriptor))
  )
  const moved = Effect.andThen(
    Effect.retry(write, { schedule: whileWritten, while: PlainFile.isBusy }),
    PlainFile.attempt(operation, () => PlainFile.rename(draft, file))
  )
  yield* Effect.uninterruptible(
    Effect.tapError(moved, (error) =>
      error._tag === "LegacyFileRefused"
        ? Effect.void
        : Effect.ignore(PlainFile.attempt(operation, () => PlainFile.remove(draft)))
    )
  )
  if (options.durable) yield* sync((done) => PlainFile.syncFolder(folder, done))
})

/**
 * Adds whole lines to a file in one write.
 *
 * @category constructors
 * @since 0.1.0
 */
export const append = Effect.fnUntraced(function* (file: string, lines: ReadonlyArray<string>, durable: boolean) {
  if (lines.length === 0) return
  const operation = "LegacyEdit.append"
  yield* PlainFile.attempt(operation, () => PlainFile.makeFolder(path.dirname(file)))
  yield* Effect.acquireUseRelease(
    PlainFile.attempt(operation, () => PlainFile.append(file, lines.map((line) => `${line}\n`).join(""))),
    (descriptor) => (durable ? sync((done) => PlainFile.syncFile(file, descriptor, done)) : Effect.void),
    (descriptor) => Effect.sync(() => PlainFile.close(descriptor))
  )
})

/** How long the writing of a draft may take where nobody holds a lock, in milliseconds. */
const draftLife = 10_000

const sync = (start: (done: (error: TransportError.TransportError | undefined) => void) => void) =>
  Effect.callback<void, TransportError.TransportError>((resume) =>
    start((error) => resume(error === undefined ? Effect.void : Effect.fail(error)))
  )
