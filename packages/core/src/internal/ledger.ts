import { HashMap } from "effect"
import * as Inbox from "../Inbox.ts"
import type { Wake } from "../Wake.ts"
import type { Audit } from "../Wakes.ts"

/** What the three sources say of the wakes of one orchestrator. */
export interface Sources {
  readonly committed: ReadonlyArray<Wake>
  readonly inbox: Inbox.Inbox
  /** The ids that the queue holds, dead letters included. */
  readonly queued: ReadonlyArray<string>
  /** Pending, but settled in the queue. */
  readonly missing: ReadonlyArray<string>
}

/** Adds up what the three sources say of one orchestrator. */
export const count = ({ committed, inbox, missing, queued }: Sources): Audit => {
  const ids = new Set(committed.map((wake) => wake.wake_id))
  const seen = new Set<string>()
  const twice = committed.flatMap(({ wake_id }) => (seen.size === seen.add(wake_id).size ? [wake_id] : []))
  const acknowledged = [...inbox.acknowledged]
  const dead = [...HashMap.keys(inbox.dead)]
  const unknown = [...new Set([...acknowledged, ...dead, ...queued])].filter(
    (id) => !ids.has(id) && !Inbox.isDeleting(inbox, id)
  )
  const pending = [...ids].filter((id) => !Inbox.isSettled(inbox, id)).length
  const repeated = [...new Set([...twice, ...inbox.repeated])]
  // Of sessions that are deleted, or about to be, the inbox says what they had committed.
  const { deleted } = inbox
  const vouched = [...acknowledged, ...dead].filter((id) => !ids.has(id) && Inbox.isDeleting(inbox, id)).length
  const adds = ids.size + vouched === acknowledged.length + pending + dead.length
  return {
    committed: ids.size + vouched + deleted.acknowledged + deleted.dead,
    acknowledged: acknowledged.length + deleted.acknowledged,
    pending,
    dead: dead.length + deleted.dead,
    balanced: adds && missing.length + unknown.length + repeated.length === 0,
    missing,
    unknown,
    repeated
  }
}

/** Adds up the accounts of several orchestrators. */
export const total = (parts: ReadonlyArray<Audit>): Audit =>
  parts.reduce(
    (sum, part) => ({
      committed: sum.committed + part.committed,
      acknowledged: sum.acknowledged + part.acknowledged,
      pending: sum.pending + part.pending,
      dead: sum.dead + part.dead,
      balanced: sum.balanced && part.balanced,
      missing: [...sum.missing, ...part.missing],
      unknown: [...sum.unknown, ...part.unknown],
      repeated: [...sum.repeated, ...part.repeated]
    }),
    { committed: 0, acknowledged: 0, pending: 0, dead: 0, balanced: true, missing: [], unknown: [], repeated: [] }
  )
