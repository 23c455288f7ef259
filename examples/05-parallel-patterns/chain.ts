/** A serial chain: a planner, an implementer and an auditor, each of whom gets the result of the one before. */
import { Pattern } from "@sartor/core"
import { Effect } from "effect"
import { run, task } from "./fleet.ts"

await run(
  {
    plan: () => Effect.succeed("split the parser in two"),
    build: ({ inputs }) => Effect.succeed(`did: ${inputs["chain-plan"]?.summary}`),
    audit: ({ inputs }) => Effect.succeed(`saw: ${inputs["chain-build"]?.summary}`)
  },
  Effect.map(
    Pattern.chain([task("plan", "chain-plan"), task("build", "chain-build"), task("audit", "chain-audit")]),
    (sessions) => sessions.map(({ result }) => result?.summary ?? "missing")
  )
)
