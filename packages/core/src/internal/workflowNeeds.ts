import { cycles } from "./graph.ts"
import type { Draft, Source } from "./workflowReader.ts"

/** Checks the agents' names and needs against one another. */
export const checkNeeds = (source: Source, drafts: ReadonlyArray<Draft>): void => {
  const byName = uniqueNames(source, drafts)
  for (const draft of drafts) {
    checkEach(source, draft, byName)
  }
  const graph = [...byName].map(([name, { needs }]) => ({ name, needs: needs.filter((need) => need !== name) }))
  for (const cycle of cycles(graph)) {
    const [first = "", second = ""] = cycle
    const draft = byName.get(first)
    if (draft !== undefined) {
      const shown = cycle.length > 12 ? [...cycle.slice(0, 10), "…", first] : cycle
      const path = needPath(draft, draft.needs.indexOf(second))
      source.problems.add(path, `the needs go round in a circle: ${shown.join(" -> ")}`)
    }
  }
}

const uniqueNames = ({ problems, tree }: Source, drafts: ReadonlyArray<Draft>) => {
  const byName = new Map<string, Draft>()
  for (const draft of drafts) {
    const first = byName.get(draft.name ?? "")
    if (first !== undefined) {
      const hint = `first on line ${tree.position([...first.path, "name"], "value").line}`
      problems.add([...draft.path, "name"], `the name ${JSON.stringify(draft.name)} is used twice`, { hint })
    } else if (draft.name !== undefined) {
      byName.set(draft.name, draft)
    }
  }
  return byName
}

const checkEach = ({ problems }: Source, draft: Draft, byName: ReadonlyMap<string, Draft>) => {
  const seen = new Set<string>()
  draft.needs.forEach((need, index) => {
    const path = needPath(draft, index)
    const agent = problems.agent(draft.path)
    const shown = JSON.stringify(need.slice(0, 64))
    if (need === draft.name) {
      problems.add(path, `${agent} needs itself`)
    } else if (!byName.has(need)) {
      problems.add(path, `${agent} needs ${shown}, which does not exist`, { near: [need, byName.keys(), draft.name] })
    } else if (seen.has(need)) {
      problems.add(path, `${agent} needs ${shown} twice`)
    }
    seen.add(need)
  })
}

const needPath = ({ entry, path }: Draft, index: number) =>
  typeof entry.needs === "string" ? [...path, "needs"] : [...path, "needs", index]
