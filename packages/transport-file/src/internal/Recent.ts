/** A map that forgets what was used longest ago, where `forget` allows it. */
export interface Recent<A> {
  readonly get: (key: string, make: () => A) => A
  readonly peek: (key: string) => A | undefined
  readonly values: () => Iterable<A>
}

export const make = <A>(capacity: number, forget: (value: A) => boolean): Recent<A> => {
  const entries = new Map<string, A>()
  /** What was used last. */
  let latest: { readonly key: string; readonly value: A } | undefined
  return {
    get: (key, make) => {
      if (latest?.key === key) return latest.value
      const found = entries.get(key)
      const value = found ?? make()
      if (found !== undefined) entries.delete(key)
      entries.set(key, value)
      latest = { key, value }
      if (entries.size > capacity) {
        for (const [other, candidate] of entries) {
          if (other !== key && forget(candidate)) entries.delete(other)
          if (entries.size <= capacity) break
        }
      }
      return value
    },
    peek: (key) => entries.get(key),
    values: () => entries.values()
  }
}
