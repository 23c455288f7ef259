/**
 * `sartor legacy`: what the legacy-named scripts call. It behaves as they always did, to the letter.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import * as Scripts from "../legacy/Scripts.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const legacy = Command.make(
  "legacy",
  {
    script: Argument.Literals("script", Scripts.names).pipe(Argument.withDescription("The name of a legacy script")),
    args: Argument.String("args").pipe(
      Argument.withDescription("Its arguments, all of them after --"),
      Argument.variadic()
    )
  },
  Effect.fnUntraced(function* ({ args, script }) {
    const output = yield* Output
    const { exit, stderr, stdout } = yield* Transport.onFiles(Scripts.run(script, args))
    yield* output.raw(stdout)
    if (stderr !== "") yield* output.note(stderr)
    if (exit !== 0) return yield* new Failure.Ended({ exit })
  })
).pipe(
  Command.withDescription("Do what a legacy script does: same arguments, same output, same exit codes"),
  Command.withExamples([
    { command: "sartor legacy checkpoint.sh -- impl-001 testing unit-tests" },
    { command: "sartor legacy wake-check.sh -- --urgent-only" }
  ])
)
