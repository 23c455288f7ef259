/**
 * `sartor prune`
 *
 * @since 0.1.0
 */
import { Deletion, Timespan } from "@sartor/core"
import { Clock, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Format from "../report/Format.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const prune = Command.make(
  "prune",
  {
    olderThan: Flag.String("older-than").pipe(
      Flag.withMetavar("<time>"),
      Flag.withDescription("How long ago they were last written to, such as 30d or 12h")
    ),
    dryRun: Arguments.toggle("dry-run", "Only tell what would be deleted")
  },
  Effect.fnUntraced(function* ({ dryRun, olderThan }) {
    const output = yield* Output
    const before = (yield* Clock.currentTimeMillis) - (yield* readAge(olderThan))
    // There may be many of them.
    const pruned = yield* Transport.following(Deletion.prune({ before, dryRun }))
    const { runs, sessions } = pruned
    yield* output.print({ dry_run: dryRun, ...pruned }, () =>
      [
        ...sessions.map((id) => `session ${id}`),
        ...runs.map((id) => `run ${id}`),
        `${Format.counted(sessions.length, "session")} and ${Format.counted(runs.length, "run")} ${dryRun ? "would be" : "are"} deleted`
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription("Delete sessions and runs that ended long ago and of whom no wake is pending"),
  Command.withExamples([
    { command: "sartor prune --older-than 30d --dry-run" },
    { command: "sartor prune --older-than 30d" }
  ])
)

/** Days too, which nothing else is measured in. */
const readAge = (text: string) => {
  const days = /^(\d{1,6})d$/.exec(text)?.[1]
  const millis = days === undefined ? Timespan.parse(text) : Option.some(Number(days) * 86_400_000)
  return Option.match(millis, {
    onSome: Effect.succeed,
    onNone: () =>
      Effect.fail(
        Failure.badInput(`--older-than cannot be ${JSON.stringify(text)}: use a time such as 30d or 12h`, {
          field: "older-than"
        })
      )
  })
}
