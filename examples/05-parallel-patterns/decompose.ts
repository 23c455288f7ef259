/** Recursive decomposition: an agent that splits its work between two like itself, down to what one can do. */
import { Pattern } from "@sartor/core"
import { Effect } from "effect"
import { run, task } from "./fleet.ts"

const halves = (prompt: string) => {
  const words = prompt.split(" ")
  const middle = Math.ceil(words.length / 2)
  return words.length < 2 ? [] : [words.slice(0, middle).join(" "), words.slice(middle).join(" ")]
}

await run(
  {
    count: Pattern.decompose({
      split: halves,
      solve: ({ prompt }) => Effect.succeed(String(prompt.length)),
      merge: (reports) => String(reports.reduce((sum, { result }) => sum + Number(result?.summary), 0)),
      task: { role: "IMPLEMENTER", taskType: "count", runner: { type: "function", name: "count" } }
    })
  },
  Effect.gen(function* () {
    const root = yield* Pattern.obtain(task("count", "count-root", "how many letters are there in all"))
    return `${(yield* root.await).result?.summary} letters`
  })
)
