/**
 * `sartor wake audit`
 *
 * @since 0.1.0
 */
import { Wakes } from "@sartor/core"
import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const wakeAudit = Command.make(
  "audit",
  { orchestrator: Arguments.orchestrator },
  Effect.fnUntraced(function* ({ orchestrator }) {
    const output = yield* Output
    const only = yield* Arguments.readOrchestrator(orchestrator)
    const audit = yield* Transport.working(Wakes.Wakes.use((wakes) => wakes.audit(only)))
    yield* output.print(audit, () =>
      Table.pairs([
        ["committed", String(audit.committed)],
        ["acknowledged", String(audit.acknowledged)],
        ["pending", String(audit.pending)],
        ["dead", String(audit.dead)],
        ["balanced", audit.balanced ? "yes" : "NO"],
        ["missing", audit.missing.join("\n")],
        ["unknown", audit.unknown.join("\n")],
        ["repeated", audit.repeated.join("\n")]
      ])
    )
    if (!audit.balanced) return yield* new Failure.Ended({ exit: Failure.exits.check_failed })
  })
).pipe(
  Command.withDescription("Count every wake ever sent: committed = acknowledged + pending + dead. Exit 6 if it is not"),
  Command.withExamples([{ command: "sartor wake audit" }, { command: "sartor wake audit --json | jq .balanced" }])
)
