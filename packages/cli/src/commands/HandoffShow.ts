/**
 * `sartor handoff show`
 *
 * @since 0.1.0
 */
import { type Handoff, Handoffs } from "@sartor/core"
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import * as Documents from "../Documents.ts"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category constructors
 * @since 0.1.0
 */
export const handoffId = Argument.String("id").pipe(
  Argument.withMetavar("handoff"),
  Argument.withDescription("The id of a handoff")
)

/**
 * @category commands
 * @since 0.1.0
 */
export const handoffShow = Command.make(
  "show",
  { id: handoffId },
  Effect.fnUntraced(function* ({ id }) {
    const output = yield* Output
    const handoff = yield* Transport.working(Handoffs.get(id))
    yield* output.print(Documents.handoff(handoff), () => inFull(handoff))
  })
).pipe(
  Command.withDescription("Show a handoff: what is handed over, to whom, and where the context is"),
  Command.withExamples([{ command: "sartor handoff show handoff_1765468800000_0a1b2c3d" }])
)

/**
 * A handoff as people read it.
 *
 * @category rendering
 * @since 0.1.0
 */
export const inFull = ({ accepted_at, completed_at, context, document, rejected_at }: Handoff.Handoff): string => {
  const { context: about, deliverable, handoff, issues, nextSteps } = document
  return Table.pairs([
    ["handoff", handoff.handoffId],
    ["from", handoff.from],
    ["to", handoff.to],
    ["type", handoff.type],
    ["status", handoff.status],
    ["task", about?.taskId],
    ["session", handoff.session_id],
    ["version", handoff.session_version === undefined ? undefined : String(handoff.session_version)],
    ["context", context],
    ["created", handoff.timestamp],
    ["accepted", accepted_at],
    ["rejected", rejected_at],
    ["completed", completed_at],
    ["location", deliverable?.location],
    ["summary", deliverable?.summary],
    ["instructions", nextSteps?.instructions?.join("\n")],
    ["constraints", nextSteps?.constraints?.join("\n")],
    ["criteria", nextSteps?.acceptanceCriteria?.join("\n")],
    ["issues", issues?.map(({ description, severity }) => `${severity}: ${description}`).join("\n")]
  ])
}
