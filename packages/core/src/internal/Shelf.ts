/**
 * Values that cost something to make again, by key: the most recently used ones are kept, as long as their weights
 * together stay below a limit.
 */
export interface Shelf<A> {
  readonly get: (key: string) => A
  /** Only if it is kept. */
  readonly peek: (key: string) => A | undefined
  /** For one who goes through all: it displaces nothing, so that of more than there is room for most are found again. */
  readonly pass: (key: string) => A
  /** Says how much a value weighs now. */
  readonly weigh: (key: string, weight: number) => void
}

export const make = <A>(limit: number, create: (key: string) => A): Shelf<A> => {
  const kept = new Map<string, { readonly value: A; weight: number }>()
  let total = 0
  const get = (key: string) => {
    const found = kept.get(key) ?? { value: create(key), weight: 0 }
    kept.delete(key)
    kept.set(key, found)
    return found.value
  }
  return {
    get,
    peek: (key) => kept.get(key)?.value,
    pass: (key) => kept.get(key)?.value ?? (total < limit * 0.9 ? get(key) : create(key)),
    weigh: (key, weight) => {
      const found = kept.get(key)
      if (found === undefined) return
      total += weight - found.weight
      found.weight = weight
      for (const [oldest, { weight }] of kept) {
        if (total <= limit || oldest === key) break
        kept.delete(oldest)
        total -= weight
      }
    }
  }
}
