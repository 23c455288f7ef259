import { Effect } from "effect"
import type { Signal } from "../Queue.ts"
import { laterInTurn } from "./laterInTurn.ts"

export const make = (): Signal => {
  let revision = 0
  const waiters = new Set<() => void>()
  return {
    revision: () => revision,
    notify: () => {
      revision += 1
      if (waiters.size === 0) return
      const woken = [...waiters]
      waiters.clear()
      laterInTurn(() => {
        for (const wake of woken) wake()
      })
    },
    changed: (seen) =>
      Effect.callback<void>((resume) => {
        if (seen !== revision) return resume(Effect.void)
        const wake = () => resume(Effect.void)
        waiters.add(wake)
        return Effect.sync(() => waiters.delete(wake))
      })
  }
}
