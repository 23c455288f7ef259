/**
 * The one rule that everything hangs on: who writes a status file holds `flock(2)` on the file beside it that ends in `.lock`.
 *
 * @since 0.1.0
 */
import { LegacyFiles, TransportError } from "@sartor/core"
import { Clock, Duration, Effect, type Scope } from "effect"
import * as PlainFile from "../internal/PlainFile.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long to wait for whoever has it; 10 seconds by default, which is also the most. */
  readonly wait?: Duration.Input | undefined
}

const longest = 10_000

/**
 * Runs an effect while this process holds a lock file. The file is made where it is missing, and never deleted. Waiting costs
 * no processor time, holds nobody else up, and ends at once when it is interrupted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const withLock = <A, E, R>(
  file: string,
  effect: Effect.Effect<A, E, R>,
  options: Options = {}
): Effect.Effect<
  A,
  E | LegacyFiles.LegacyFileRefused | LegacyFiles.LockTimeout | TransportError.TransportError,
  Exclude<R, Scope.Scope>
> => Effect.scoped(Effect.andThen(acquire(file, options), effect))

const acquire = Effect.fnUntraced(function* (file: string, { wait = longest }: Options) {
  const waits = Math.min(Duration.toMillis(Duration.fromInputUnsafe(wait)), longest)
  const deadline = (yield* Clock.currentTimeMillis) + waits
  while (true) {
    const left = deadline - (yield* Clock.currentTimeMillis)
    const descriptor = yield* Effect.acquireRelease(
      PlainFile.attempt("LegacyLock", () => PlainFile.openLock(file)),
      (descriptor) => Effect.sync(() => PlainFile.close(descriptor))
    )
    const locked = yield* flock(descriptor, left)
    if (locked === "timeout") return yield* new LegacyFiles.LockTimeout({ file, waited: waits })
    if (typeof locked === "object") {
      return yield* new TransportError.TransportError({
        operation: "LegacyLock",
        reason: "unavailable",
        detail: `${file} cannot be locked: ${locked.failed}`
      })
    }
    // Somebody has deleted the file meanwhile: whoever comes now locks another one.
    if (yield* PlainFile.attempt("LegacyLock", () => PlainFile.isAt(descriptor, file))) return
    if (left <= 0) return yield* new LegacyFiles.LockTimeout({ file, waited: waits })
  }
})

const flock = (descriptor: number, millis: number) =>
  Effect.callback<PlainFile.Locked>((resume) => {
    const giveUp = PlainFile.flock(descriptor, millis, (locked) => resume(Effect.succeed(locked)))
    return Effect.sync(giveUp)
  })
