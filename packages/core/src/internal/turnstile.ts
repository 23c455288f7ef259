import { Effect } from "effect"
import { laterInTurn } from "./laterInTurn.ts"

/** Lets one fibre pass at a time, in the order of their coming. */
export interface Turnstile {
  /** Waits for its turn; it can be interrupted only as long as it waits. */
  readonly enter: Effect.Effect<void>
  readonly leave: Effect.Effect<void>
}

/** Unlike a semaphore it lets all pass in one turn, so that what they then write is written in one go. */
export const make = (): Turnstile => {
  const waiting = new Set<() => void>()
  let occupied = false
  const pass = () => {
    for (const next of waiting) {
      if (occupied) return
      occupied = true
      waiting.delete(next)
      next()
    }
  }
  const wait = Effect.interruptible(
    Effect.callback<void>((resume) => {
      const next = () => resume(Effect.void)
      waiting.add(next)
      return Effect.sync(() => waiting.delete(next))
    })
  )
  return {
    enter: Effect.suspend(() => {
      if (occupied || waiting.size > 0) return wait
      occupied = true
      return Effect.void
    }),
    leave: Effect.sync(() => {
      occupied = false
      if (waiting.size > 0) laterInTurn(pass)
    })
  }
}
