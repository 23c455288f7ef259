/**
 * `sartor verify`
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Format from "../report/Format.ts"
import * as Verification from "../Verification.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const verify = Command.make(
  "verify",
  { repair: Arguments.toggle("repair", "First make the mirror in the legacy files again, from the journals") },
  Effect.fnUntraced(function* ({ repair }) {
    const output = yield* Output
    const report = yield* Verification.verify({ repair })
    yield* output.print(report, () => words(report))
    if (!report.ok) return yield* new Failure.Ended({ exit: Failure.exits.check_failed })
  })
).pipe(
  Command.withDescription(
    "Check every journal, queue, wake and legacy file, and name what is wrong with its path and line. Exit 6 if anything is"
  ),
  Command.withExamples([
    { command: "sartor verify" },
    { command: "sartor verify --repair", description: "Write the mirror again where it is missing, older or damaged" },
    { command: "sartor verify --json | jq -r '.problems[].file'" }
  ])
)

const words = ({ checked, problems }: Verification.Report) => {
  const { journals, queues, wakes } = checked
  const counts = [
    Format.counted(journals, "journal"),
    Format.counted(queues, "queue"),
    Format.counted(wakes, "wake")
  ].join(", ")
  const place = ({ file, line }: Verification.Problem) => (line === undefined ? file : `${file}:${line}`)
  return problems.length === 0
    ? `${counts} and the legacy files are as they should be`
    : [...problems.map((one) => `${one.kind}  ${place(one)}: ${one.message}`), `${counts} were checked`].join("\n")
}
