/** Map over many inputs: an agent for each, so many at a time, and the results in the order of the inputs. */
import { Pattern } from "@sartor/core"
import { Effect } from "effect"
import { run, task } from "./fleet.ts"

const files = ["a.ts", "b.ts", "c.ts", "d.ts", "e.ts", "f.ts"]

await run(
  { review: ({ prompt }) => Effect.delay(Effect.succeed(`${prompt} has no tests`), "50 millis") },
  Effect.map(
    Pattern.map(files, (file, index) => task("review", `review-${index}`, file), { concurrency: 3 }),
    (reports) => reports.map(({ result }) => result?.summary ?? "missing")
  )
)
