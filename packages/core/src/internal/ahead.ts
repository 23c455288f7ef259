import { Clock, Effect } from "effect"

/** Whether the next run is taken before there is a hand for it: where runs end within a second, and none is given back for that. */
export interface Ahead {
  readonly isSensible: () => boolean
  /** A run has begun. Answers what to call at its end. */
  readonly begun: () => () => void
  /** One that was taken had to be given back, because there was a permit and no hand. */
  readonly refused: () => void
}

export const make: Effect.Effect<Ahead> = Effect.map(Clock.Clock, (clock) => {
  const now = () => clock.currentTimeMillisUnsafe()
  let from = 0
  let until = 0
  return {
    isSensible: () => from <= now() && now() < until,
    begun: () => {
      const began = now()
      return () => {
        if (now() - began < soon) until = now() + soon
      }
    },
    refused: () => {
      from = now() + soon
    }
  }
})

const soon = 1000
