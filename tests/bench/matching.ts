import { Wording } from "@sartor/core"
import { pairs } from "./paraphrases.ts"
import type { Row } from "./Row.ts"

/** Whether findings in other words are recognised, and different ones are kept apart, on labelled pairs. */
export const matching = async (): Promise<Row> => {
  const scored = pairs.map((pair) => ({
    ...pair,
    similarity: Wording.similarity(Wording.read(pair.a), Wording.read(pair.b))
  }))
  const at = (threshold: number) => {
    const matched = scored.filter(({ similarity }) => similarity >= threshold)
    const count = (list: typeof scored, kind: (typeof scored)[number]["kind"]) =>
      list.filter((pair) => pair.kind === kind).length
    const right = count(matched, "reworded") + count(matched, "free")
    return {
      precision: right / matched.length,
      recall: right / (count(scored, "reworded") + count(scored, "free")),
      reworded: count(matched, "reworded") / count(scored, "reworded"),
      free: count(matched, "free") / count(scored, "free")
    }
  }
  const { free, precision, recall, reworded } = at(Wording.defaultThreshold)
  const looser = at(0.7)
  return {
    id: "Y3",
    what: `claims in other words, ${pairs.length} labelled pairs: precision, recall; recall of the reworded, and of those with few words in common`,
    goal: "precision >= 95% and recall of the reworded >= 80%",
    value: [precision, recall, reworded, free].map((share) => `${(100 * share).toFixed(1)}%`).join(", "),
    met: precision >= 0.95 && reworded >= 0.8,
    raw: {
      threshold: Wording.defaultThreshold,
      different_pairs: pairs.filter(({ kind }) => kind === "different").length,
      precision_at_0_7: Math.round(1000 * looser.precision) / 1000,
      recall_at_0_7: Math.round(1000 * looser.recall) / 1000
    }
  }
}
