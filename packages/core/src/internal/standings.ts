import { Clock, Effect } from "effect"
import type { Log, Logs } from "../Queue.ts"
import type * as QueueLog from "../QueueLog.ts"
import { nonce } from "./nonce.ts"
import type { Settling } from "./settling.ts"

/** Claims of the next message, whenever it comes: who waits need not write that he takes it once it is there. */
export interface Standings {
  /** After how many milliseconds of waiting one is to be made; never, where it is not. */
  readonly standsAfter: (log: Log, place: Place, terms: Terms) => number
  readonly stand: (log: Log, place: Place, terms: Terms) => Effect.Effect<void>
  /** The message that the claim of a place has got: then it has none any more. */
  readonly given: (log: Log, place: Place) => Given | undefined
  /** Ends the claim of a place, and gives back what it has got. */
  readonly withdraw: (place: Place) => Effect.Effect<void>
  /** Somebody has taken a message here. */
  readonly succeeded: (log: Log) => void
}

/** Where one may stand. */
export interface Place {
  standing: Standing | undefined
}

export interface Standing {
  readonly log: Log
  readonly claim: string
  /** Whether it is known to be written. */
  written: boolean
}

export interface Given {
  readonly item: QueueLog.Item<unknown>
  readonly claim: NonNullable<QueueLog.Item<unknown>["claim"]>
}

interface Terms {
  readonly only: string | undefined
  /** In milliseconds. */
  readonly lease: number
}

export const make = ({ isGone, owner }: Pick<Logs, "isGone" | "owner">, settling: Settling): Standings => {
  /** Where the last one got nothing: the next one follows a message, so that who waits in vain is silent. */
  const vain = new WeakSet<Log>()

  return {
    standsAfter: (log, { standing }, { lease, only }) => {
      if (standing !== undefined || only !== undefined || vain.has(log)) return Number.POSITIVE_INFINITY
      // Nobody is to make a queue by waiting for it; nor to keep a message for longer, should he be dead by then.
      return log.state.items.size > 0 && lease <= duration ? patience : Number.POSITIVE_INFINITY
    },
    stand: Effect.fnUntraced(function* (log, place, { lease }) {
      const standing: Standing = { log, claim: yield* nonce, written: false }
      const until = (yield* Clock.currentTimeMillis) + duration
      // A dead process gets nothing more.
      const gone = [...log.state.awaiting.values()].filter(({ owner }) => isGone(owner)).map(withdrawn)
      place.standing = standing
      const awaited: QueueLog.Record = { type: "awaited", claim: standing.claim, until, lease, owner }
      const written = Effect.map(log.append([...gone, awaited], { durable: false }), (applied) => {
        standing.written = true
        if (applied.at(-1) === false && place.standing === standing) place.standing = undefined
      })
      // What became of it is not known if it fails: it counts until it is withdrawn.
      yield* settling.aside(log, Effect.ignore(written))
    }),
    given: (log, place) => {
      const { standing } = place
      if (standing === undefined || log.state.awaiting.has(standing.claim)) return undefined
      for (const item of log.state.inFlight) {
        const { claim } = item
        if (claim?.id !== standing.claim) continue
        place.standing = undefined
        return { item, claim }
      }
      if (standing.written) {
        place.standing = undefined
        vain.add(log)
      }
      return undefined
    },
    withdraw: (place) => {
      const { standing } = place
      if (standing === undefined) return Effect.void
      const { log } = standing
      place.standing = undefined
      vain.add(log)
      return settling.aside(log, Effect.ignore(log.append([withdrawn(standing)], { durable: false })))
    },
    succeeded: (log) => vain.delete(log)
  }
}

export const withdrawn = ({ claim }: { readonly claim: string }): QueueLog.Record => ({ type: "withdrawn", claim })

/** Who has waited so long may wait longer, and for how long a claim stands then, in milliseconds. */
const patience = 5
const duration = 15_000
