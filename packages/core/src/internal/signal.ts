import { Effect } from "effect"
import type { Signal } from "../Queue.ts"

export const make = (): Signal => {
  let revision = 0
  const waiters = new Set<() => void>()
  return {
    revision: () => revision,
    notify: () => {
      revision += 1
      const woken = [...waiters]
      waiters.clear()
      for (const wake of woken) wake()
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
