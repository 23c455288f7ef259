/** A critic loop: the critic sends the draft back until it is content, three times at most. */
import { Pattern } from "@sartor/core"
import { Effect } from "effect"
import { run, task } from "./fleet.ts"

await run(
  {
    write: ({ inputs }) => Effect.succeed(`draft ${Object.keys(inputs).length === 0 ? "one" : "two, shorter"}`),
    critic: ({ inputs }) => {
      const short = Object.values(inputs).some(({ summary }) => summary.includes("shorter"))
      return Effect.succeed(short ? "content" : "it is too long")
    }
  },
  Effect.map(
    Pattern.refine({
      draft: (round) => task("write", `draft-${round}`),
      critic: (round) => task("critic", `critic-${round}`),
      isContent: ({ summary }) => summary === "content",
      rounds: 3
    }),
    ({ content, draft, rounds }) => [
      `${draft.result?.summary}`,
      `${rounds} rounds, ${content ? "content" : "not content"}`
    ]
  )
)
