import { DateTime, Option } from "effect"
import type { Handoff, Status } from "../Handoff.ts"

/**
 * The handoffs of one task, one after the other, and how long each of them took from its creation to its end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Chain {
  readonly chainId: string
  readonly taskId: string
  readonly created: string
  readonly completed?: string
  readonly duration_minutes?: number
  readonly handoffs: ReadonlyArray<{
    readonly handoffId: string
    readonly from: string
    readonly to: string
    readonly duration_minutes?: number
  }>
  readonly outcome: Status
}

/**
 * The chains of handoffs, the newest first: each of all those that name the same task.
 *
 * @category constructors
 * @since 0.1.0
 */
export const chains = (handoffs: ReadonlyArray<Handoff>): ReadonlyArray<Chain> => {
  const byTask = Map.groupBy(handoffs, ({ document }) => document.context?.taskId ?? document.handoff.handoffId)
  return [...byTask]
    .map(([taskId, all]): Chain => {
      const links = all.toSorted((a, b) => (a.document.handoff.timestamp < b.document.handoff.timestamp ? -1 : 1))
      const last = links.at(-1)
      const created = links[0]?.document.handoff.timestamp ?? ""
      const completed = last?.completed_at
      return {
        chainId: `chain_${taskId}`,
        taskId,
        created,
        ...(completed === undefined ? {} : { completed, duration_minutes: minutes(created, completed) }),
        handoffs: links.map(({ completed_at, document: { handoff } }) => ({
          handoffId: handoff.handoffId,
          from: handoff.from,
          to: handoff.to,
          ...(completed_at === undefined ? {} : { duration_minutes: minutes(handoff.timestamp, completed_at) })
        })),
        outcome: last?.document.handoff.status ?? "pending"
      }
    })
    .toSorted((a, b) => (a.created < b.created ? 1 : -1))
}

/**
 * What there is: how many handoffs, by day and by type.
 *
 * @category constructors
 * @since 0.1.0
 */
export const index = (handoffs: ReadonlyArray<Handoff>) => {
  const count = (keys: ReadonlyArray<string>) =>
    Object.fromEntries([...Map.groupBy(keys, (key) => key)].map(([key, all]) => [key, all.length]))
  const heads = handoffs.map(({ document }) => document.handoff)
  return {
    last_updated: heads
      .map(({ timestamp }) => timestamp)
      .toSorted()
      .at(-1),
    total_handoffs: heads.length,
    total_chains: chains(handoffs).length,
    by_date: count(heads.map(({ timestamp }) => timestamp.slice(0, 10))),
    by_type: count(heads.map(({ type }) => type))
  }
}

const minutes = (from: string, to: string) => {
  const at = (text: string) => Option.match(DateTime.make(text), { onNone: () => 0, onSome: DateTime.toEpochMillis })
  return Math.round((at(to) - at(from)) / 600) / 100
}
