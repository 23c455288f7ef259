import { DateTime, Option } from "effect"
import type { Wake } from "../Wake.ts"

/** By the time that each was sent; those of one session in the order of its journal, whatever its clock did. */
export const oldestFirst = <P extends { readonly wake: Wake }>(pending: ReadonlyArray<P>): ReadonlyArray<P> => {
  const latest = new Map<string, number>()
  return pending
    .map((item) => {
      const { session_id, timestamp } = item.wake
      const sent = Option.match(DateTime.make(timestamp), { onNone: () => 0, onSome: DateTime.toEpochMillis })
      const at = Math.max(sent, latest.get(session_id) ?? 0)
      latest.set(session_id, at)
      return { item, at }
    })
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
