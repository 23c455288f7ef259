/**
 * `sartor handoff list`
 *
 * @since 0.1.0
 */
import { Handoff, Handoffs } from "@sartor/core"
import { Clock, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const handoffList = Command.make(
  "list",
  {
    status: Flag.Literals("status", Handoff.Status.literals).pipe(
      Flag.withMetavar("<state>"),
      Flag.withDescription(`Only handoffs in this state: ${Handoff.Status.literals.join(", ")}`),
      Flag.optional
    ),
    to: Arguments.text("to", "role", "Only what this role is to take over"),
    chains: Arguments.toggle("chains", "The chains instead: all handoffs of each task, with how long they took")
  },
  Effect.fnUntraced(function* ({ chains, status, to }) {
    const output = yield* Output
    const filter = { status: Option.getOrUndefined(status), to: yield* Arguments.readRole(to, "to") }
    const handoffs = yield* Transport.working(Handoffs.list(filter))
    const now = yield* Clock.currentTimeMillis
    if (handoffs.length === 0 && !output.json) return yield* output.note("There are no such handoffs.")
    if (chains) {
      const all = Handoff.chains(handoffs)
      return yield* output.print(all, (look) =>
        Table.rows(
          look,
          ["TASK", "OUTCOME", "HANDOFFS", "MINUTES"],
          all.map(({ duration_minutes, handoffs, outcome, taskId }) => [
            taskId,
            outcome,
            handoffs.map(({ from }) => from).join(" > "),
            String(duration_minutes ?? "")
          ])
        )
      )
    }
    yield* output.print(handoffs.map(Documents.handoff), (look) =>
      Table.rows(
        look,
        ["HANDOFF", "FROM", "TO", "TYPE", "STATUS", "CREATED", "SUMMARY"],
        handoffs.map(({ document: { deliverable, handoff } }) => [
          handoff.handoffId,
          handoff.from,
          handoff.to,
          handoff.type,
          handoff.status,
          Table.ago(now, handoff.timestamp),
          deliverable?.summary ?? ""
        ])
      )
    )
  })
).pipe(
  Command.withDescription("List handoffs, the newest first"),
  Command.withExamples([
    { command: "sartor handoff list --status pending --to auditor" },
    { command: "sartor handoff list --chains" }
  ])
)
