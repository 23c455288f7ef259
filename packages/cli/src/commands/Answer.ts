/**
 * `sartor answer`
 *
 * @since 0.1.0
 */
import { Questions } from "@sartor/core"
import { Config, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const answer = Command.make(
  "answer",
  {
    run: Arguments.runId,
    conflict: Argument.String("conflict").pipe(
      Argument.withDescription("The id of a conflict, such as x-21aec06bbccf")
    ),
    choice: Flag.Int("choice").pipe(
      Flag.withMetavar("<n>"),
      Flag.withDescription("The side that is right, by its number; without it, none is"),
      Flag.optional
    ),
    say: Flag.String("say").pipe(
      Flag.withMetavar("<text>"),
      Flag.withDescription("The answer: why, or what is right instead")
    ),
    evidence: Arguments.many("evidence", "text", "What it rests on beside your word: path:line, an address, or text"),
    by: Arguments.text("by", "name", "Whose answer it is; USER by default")
  },
  Effect.fnUntraced(function* ({ by, choice, conflict, evidence, run: given, say }) {
    const output = yield* Output
    const run = yield* Arguments.readRunId(given)
    const user = yield* Config.withDefault(Config.String("USER"), "a human").pipe(Effect.orDie)
    const resolution = yield* Transport.working(
      Questions.answer(run, conflict, {
        by: Option.getOrElse(by, () => user),
        choice: Option.getOrUndefined(choice),
        statement: say,
        evidence
      })
    )
    yield* output.print(
      { run_id: run, ...resolution },
      () => `${conflict} is settled; a run that waits for it goes on when its workflow is run again`
    )
  })
).pipe(
  Command.withDescription("Settle a conflict: the answer is kept with the run, and is evidence from then on"),
  Command.withExamples([
    { command: 'sartor answer site-audit-0k3f9d2m x-21aec06bbccf --choice 2 --say "states.js adds the classes"' },
    {
      command: 'sartor answer site-audit-0k3f9d2m x-21aec06bbccf --say "Neither: the page goes away"',
      description: "None of the sides is right"
    }
  ])
)
