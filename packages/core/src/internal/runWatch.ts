import { Clock, Effect } from "effect"
import * as Alert from "../Alert.ts"
import type { Session } from "../Session.ts"
import * as Line from "./line.ts"

export interface RunWatch {
  /** It was given to its runner. */
  readonly begun: Effect.Effect<void>
  /** A turn or a checkpoint was committed. */
  readonly kept: () => void
  /** Never ends; raises each alert once. */
  readonly watching: Effect.Effect<never>
}

/** Raises an alert where an operator should look at a run; `since` is when it was taken. */
export const makeRunWatch = Effect.fnUntraced(function* (
  { checkpoints, prompt, run, session_id, synthesis, told }: Session,
  options: {
    readonly pulse: Line.Pulse
    readonly since: number
    readonly alert: (alert: Alert.Alert) => Effect.Effect<void>
  }
): Effect.fn.Return<RunWatch> {
  const { alert, pulse, since } = options
  const saved = yield* Line.makePulse
  const { checkpoint, resume, silence, state } = Alert.limits
  const size = JSON.stringify([prompt, checkpoints, told, synthesis ?? null]).length
  const quiet = (pulse: Line.Pulse, type: "no_checkpoint" | "stalled", limit: number) =>
    Effect.andThen(Line.quietFor(pulse, limit), alert({ type, session_id, run, value: limit, limit }))
  return {
    begun: Effect.gen(function* () {
      const value = (yield* Clock.currentTimeMillis) - since
      if (run > 1 && value > resume) yield* alert({ type: "slow_resume", session_id, run, value, limit: resume })
      if (size > state) yield* alert({ type: "large_state", session_id, run, value: size, limit: state })
    }),
    kept: saved.beat,
    watching: Effect.andThen(
      Effect.all([quiet(pulse, "stalled", silence), quiet(saved, "no_checkpoint", checkpoint)], {
        concurrency: "unbounded",
        discard: true
      }),
      Effect.never
    )
  }
})
