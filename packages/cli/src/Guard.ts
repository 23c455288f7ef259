/**
 * Watches for reasons to roll back while a command works, and does about them what the policy says.
 *
 * @since 0.1.0
 */
import { Rollback, Triggers } from "@sartor/core"
import { LegacyMirror } from "@sartor/transport-file/legacy"
import { Effect } from "effect"
import { Settings } from "./Settings.ts"

/**
 * Never ends by itself.
 *
 * @category constructors
 * @since 0.1.0
 */
export const guarding = Effect.gen(function* () {
  const { rollbackPolicy: policy, rollbackWindow: window } = yield* Settings
  const mirror = yield* LegacyMirror.LegacyMirror
  return yield* Triggers.watch({
    policy,
    window,
    // A short command has nothing to measure.
    interval: 5000,
    warn: (tripped) =>
      Effect.logWarning(
        `There is reason to roll back, "sartor rollback --to files": ${tripped.map(Triggers.message).join("; ")}`
      ),
    // Once begun it is brought to its end, though the command may be done meanwhile.
    act: Effect.fnUntraced(function* (reason) {
      const { ok, problems } = yield* Rollback.execute({ to: "files", mirror, reason })
      const how = ok ? "and nothing is missing" : `but: ${problems.join("; ")}`
      yield* Effect.logWarning(
        `Rolled back to files because ${reason}: all flags are off, all files are written, ${how}`
      )
    }, Effect.uninterruptible)
  })
}).pipe(
  Effect.scoped,
  Effect.catchCause((cause) => Effect.logWarning("Reasons to roll back are not looked for any more", cause)),
  Effect.andThen(Effect.never)
)
