/** Fan-out and fan-in: three auditors at once, and one synthesis that keeps what they disagree on. */
import { Pattern } from "@sartor/core"
import { Effect } from "effect"
import { run, task } from "./fleet.ts"

const says = (stance: "support" | "oppose") => () =>
  Effect.succeed({ summary: `I ${stance} it`, claims: [{ topic: "cache", claim: "The cache helps.", stance }] })

await run(
  { reader: says("support"), tester: says("oppose"), user: says("support") },
  Effect.map(
    Pattern.fanOut([task("reader", "audit-reader"), task("tester", "audit-tester"), task("user", "audit-user")]),
    ({ census, conflicts }) => [
      `${census.reported} of ${census.expected} reported`,
      ...conflicts.map(({ topic, type }) => `${type}: ${topic}`)
    ]
  )
)
