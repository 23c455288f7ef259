/** A hedged agent: nothing is heard of the first one, so a second is spawned, and the first of the two that completes wins. */
import { Pattern } from "@sartor/core"
import { Effect } from "effect"
import { run, task } from "./fleet.ts"

await run(
  { search: ({ sessionId }) => (sessionId === "search-1" ? Effect.never : Effect.succeed(`found by ${sessionId}`)) },
  Effect.map(
    Pattern.hedge(task("search", "search-1"), { silence: "300 millis" }),
    ({ result }) => result?.summary ?? "missing"
  )
)
