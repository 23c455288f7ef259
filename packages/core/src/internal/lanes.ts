import { Option } from "effect"
import type { Item } from "../QueueLog.ts"

/** Ready messages of a queue, in the order in which they are handed out. */
export interface Lanes<P> {
  readonly add: (item: Item<P>) => void
  /** Up to so many to hand out next, first to last, that `skip` does not hold. */
  readonly first: (skip: ReadonlySet<string>, count: number) => ReadonlyArray<Item<P>>
  /** When the one was offered that is ready for longest. */
  readonly oldest: () => Option.Option<number>
}

/** Ready messages by priority, then by age. Removal is lazy: what left is skipped, and dropped once it is at the front. */
export const makeLanes = <P>(): Lanes<P> => {
  interface Lane {
    readonly items: Array<Item<P>>
    front: number
  }
  const lanes = new Map<number, Lane>()
  const priorities: Array<number> = []
  const advance = (lane: Lane) => {
    while (lane.items[lane.front] !== undefined && lane.items[lane.front]?.state !== "ready") lane.front += 1
    if (lane.front > 1024 && lane.front * 2 > lane.items.length) {
      lane.items.splice(0, lane.front)
      lane.front = 0
    }
  }
  return {
    add: (item: Item<P>) => {
      let lane = lanes.get(item.priority)
      if (lane === undefined) {
        lane = { items: [], front: 0 }
        lanes.set(item.priority, lane)
        insert(priorities, item.priority, (a, b) => b - a)
      }
      const last = lane.items.at(-1)
      if (last === undefined || last.sequence < item.sequence) {
        lane.items.push(item)
      } else if (!lane.items.includes(item, lane.front)) {
        lane.items.splice(0, lane.front)
        lane.front = 0
        insert(lane.items, item, (a, b) => a.sequence - b.sequence)
      }
    },
    oldest: (): Option.Option<number> => {
      let oldest: number | undefined
      for (const lane of lanes.values()) {
        advance(lane)
        const at = lane.items[lane.front]?.offeredAt
        if (at !== undefined && (oldest === undefined || at < oldest)) oldest = at
      }
      return Option.fromUndefinedOr(oldest)
    },
    first: (skip, count) => {
      const found: Array<Item<P>> = []
      for (const priority of priorities) {
        const lane = lanes.get(priority)
        if (lane === undefined) continue
        advance(lane)
        for (let index = lane.front; index < lane.items.length; index++) {
          if (found.length >= count) return found
          const item = lane.items[index] as Item<P>
          if (item.state === "ready" && !skip.has(item.id)) found.push(item)
        }
      }
      return found
    }
  }
}

/** Puts a value where it belongs in a sorted array, behind its equals. */
export const insert = <A>(sorted: Array<A>, value: A, order: (a: A, b: A) => number) => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (order(sorted[middle] as A, value) <= 0) low = middle + 1
    else high = middle
  }
  sorted.splice(low, 0, value)
}
