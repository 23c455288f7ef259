import { Effect, FiberSet, type Scope } from "effect"
import type { Log } from "../Queue.ts"
import * as clock from "./clock.ts"
import * as signal from "./signal.ts"

/** Keeps the leases of what this process holds, for as long as it is held: one fibre for all of them. */
export interface Renewing {
  readonly hold: (held: Held) => Hold
  readonly letGo: (hold: Hold) => void
}

export interface Hold {
  readonly held: Held
  due: number
  /** Where it stands among all of them. */
  place: number
}

export interface Held {
  readonly log: Log
  readonly id: string
  readonly claim: string
  /** In milliseconds. */
  readonly lease: number
}

export const make: Effect.Effect<Renewing, never, Scope.Scope> = Effect.gen(function* () {
  const holds: Array<Hold> = []
  const sooner = signal.make()
  const writing = yield* FiberSet.make()
  const now = yield* clock.monotonic
  let next = Number.POSITIVE_INFINITY

  const renew = (log: Log, renewed: ReadonlyArray<Held>) =>
    Effect.catch(
      log.append(
        renewed.map(({ claim, id }) => ({ type: "renewed", id, claim })),
        { durable: false }
      ),
      (error) => Effect.logWarning(`Could not renew the leases of ${renewed.length} messages`, error)
    )

  const renewDue = Effect.gen(function* () {
    const at = now()
    const due = new Map<Log, Array<Held>>()
    next = Number.POSITIVE_INFINITY
    for (const hold of holds) {
      const { claim, id, lease, log } = hold.held
      if (hold.due <= at) {
        hold.due = at + lease / 3
        if (log.state.items.get(id)?.claim?.id === claim) {
          const same = due.get(log)
          if (same === undefined) due.set(log, [hold.held])
          else same.push(hold.held)
        }
      }
      next = Math.min(next, hold.due)
    }
    // On their own: a store that is slow with one queue keeps no other from being renewed.
    for (const [log, renewed] of due) yield* FiberSet.run(writing, renew(log, renewed))
  })

  yield* Effect.forkScoped(
    Effect.forever(
      Effect.suspend(() => {
        const revision = sooner.revision()
        return Effect.andThen(renewDue, () => {
          const changed = sooner.changed(revision)
          return next === Number.POSITIVE_INFINITY ? changed : Effect.timeoutOption(changed, Math.max(next - now(), 1))
        })
      })
    )
  )

  return {
    hold: (held) => {
      const hold = { held, due: now() + held.lease / 3, place: holds.length }
      holds.push(hold)
      if (hold.due < next) {
        next = hold.due
        sooner.notify()
      }
      return hold
    },
    letGo: (hold) => {
      const last = holds.pop()
      if (last === undefined || last === hold) return
      last.place = hold.place
      holds[hold.place] = last
    }
  }
})
