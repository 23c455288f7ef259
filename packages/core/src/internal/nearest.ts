/** The candidate that somebody who wrote `word` most likely meant, if one is close enough to say so. */
export const nearest = (word: string, candidates: Iterable<string>, except?: string): string | undefined => {
  const lower = word.toLowerCase()
  let best: string | undefined
  let least = Math.max(1, Math.floor(Math.min(word.length, 64) / 3)) + 1
  for (const candidate of candidates) {
    if (candidate !== except && Math.abs(candidate.length - word.length) < least) {
      const steps = distance(lower, candidate.toLowerCase())
      if (steps < least && steps < Math.max(word.length, candidate.length)) {
        best = candidate
        least = steps
      }
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that make `a` into `b`. */
const distance = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let row: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const steps = [at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + (same ? 0 : 1)]
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        steps.push(at(before, j - 2) + 1)
      }
      next.push(Math.min(...steps))
    }
    before = row
    row = next
  }
  return at(row, b.length)
}

const at = (row: ReadonlyArray<number>, index: number) => row[index] ?? Number.POSITIVE_INFINITY
