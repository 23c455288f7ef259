/** What waits for what: the nodes in file order, each with the names that it needs. */
export type Graph = ReadonlyArray<{ readonly name: string; readonly needs: ReadonlyArray<string> }>

/**
 * Puts each name after its needs; among those that are free, the first in file order goes first. Leaves out what a
 * cycle holds up.
 */
export const order = (graph: Graph): ReadonlyArray<string> => {
  const positions = new Map(graph.map(({ name }, position) => [name, position]))
  const needs = graph.map((node) => new Set(node.needs.flatMap((need) => positions.get(need) ?? [])))
  const dependents = graph.map((): Array<number> => [])
  needs.forEach((set, position) => set.forEach((need) => dependents[need]?.push(position)))
  const free = needs.flatMap((set, position) => (set.size === 0 ? [position] : [])).toReversed()
  const ordered: Array<number> = []
  for (let next = free.pop(); next !== undefined; next = free.pop()) {
    ordered.push(next)
    for (const dependent of dependents[next] ?? []) {
      needs[dependent]?.delete(next)
      if (needs[dependent]?.size === 0) {
        insertDescending(free, dependent)
      }
    }
  }
  return ordered.flatMap((position) => graph[position]?.name ?? [])
}

/**
 * At most twenty cycles, each from its first member in file order back to that member. Without the last step of each,
 * none is left.
 */
export const cycles = (graph: Graph): ReadonlyArray<ReadonlyArray<string>> => {
  const found: Array<ReadonlyArray<string>> = []
  let rest = graph
  for (let cycle = someCycle(rest); cycle !== undefined && found.length < 20; cycle = someCycle(rest)) {
    const [first, last] = [cycle[0], cycle.at(-1)]
    found.push([...cycle, ...cycle.slice(0, 1)])
    rest = rest.map((node) => (node.name === last ? { ...node, needs: node.needs.filter((n) => n !== first) } : node))
  }
  return found
}

const someCycle = (graph: Graph): ReadonlyArray<string> | undefined => {
  const free = new Set(order(graph))
  const stuck = new Map(graph.flatMap(({ name, needs }) => (free.has(name) ? [] : [[name, needs]])))
  const visited = new Set<string>()
  let [name] = stuck.keys()
  while (name !== undefined && !visited.has(name)) {
    visited.add(name)
    name = stuck.get(name)?.find((need) => stuck.has(need))
  }
  if (name === undefined) {
    return undefined
  }
  const path = [...visited]
  const cycle = path.slice(path.indexOf(name))
  const members = new Set(cycle)
  const first = cycle.indexOf([...stuck.keys()].find((member) => members.has(member)) ?? name)
  return [...cycle.slice(first), ...cycle.slice(0, first)]
}

const insertDescending = (sorted: Array<number>, value: number) => {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) > value) {
      low = middle + 1
    } else {
      high = middle
    }
  }
  sorted.splice(low, 0, value)
}
