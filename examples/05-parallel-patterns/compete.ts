/** Competitive exploration: three ways at once, the first good one wins, and the others are cancelled. */
import { Pattern } from "@sartor/core"
import { Effect, Option } from "effect"
import { run, task } from "./fleet.ts"

const finds = (text: string, millis: number) => () => Effect.delay(Effect.succeed(text), millis)
const explorers = [task("guess", "find-guess"), task("bisect", "find-bisect"), task("read", "find-read")]

await run(
  { guess: finds("no idea", 10), bisect: finds("commit 3f9d", 100), read: finds("line 12", 60_000) },
  Effect.map(
    Pattern.compete(explorers, { isGood: ({ summary }) => summary !== "no idea" }),
    Option.match({ onNone: () => "nobody found it", onSome: ({ name, result }) => `${name}: ${result?.summary}` })
  )
)
