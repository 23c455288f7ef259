/**
 * `sartor wake list`
 *
 * @since 0.1.0
 */
import { type LegacyFiles, Wakes } from "@sartor/core"
import { Clock, Effect } from "effect"
import { Command } from "effect/cli"
import * as Arguments from "../Arguments.ts"
import * as Documents from "../Documents.ts"
import * as Agents from "../legacy/Agents.ts"
import { type Look, Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const wakeList = Command.make(
  "list",
  { orchestrator: Arguments.orchestrator },
  Effect.fnUntraced(function* ({ orchestrator }) {
    const output = yield* Output
    const only = yield* Arguments.readOrchestrator(orchestrator)
    const { agents, pending } = yield* Transport.working(
      Effect.gen(function* () {
        const wakes = yield* Wakes.Wakes
        yield* wakes.reconcile(only)
        return { pending: yield* wakes.pending(only), agents: yield* Agents.waiting(only) }
      })
    )
    const now = yield* Clock.currentTimeMillis
    if (pending.length + agents.length === 0 && !output.json) return yield* output.note("No wake is waiting.")
    yield* output.print(documents(pending, agents), (look) => table(look, now, pending, agents))
  })
).pipe(
  Command.withDescription("List the wakes that nobody has acknowledged yet, the oldest first"),
  Command.withExamples([
    { command: "sartor wake list" },
    { command: "sartor wake list --orchestrator main --json | jq -r '.[].wake_id'" }
  ])
)

/**
 * Wakes of sessions and messages of legacy agents, the oldest first.
 *
 * @category rendering
 * @since 0.1.0
 */
export const documents = (pending: ReadonlyArray<Wakes.Pending>, agents: ReadonlyArray<LegacyFiles.Wake>) => {
  const all = [...pending.map(Documents.wake), ...agents.map(Documents.agentWake)]
  // Those of sessions keep the order in which they were handed out.
  return agents.length === 0 ? all : all.toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1))
}

/**
 * Wakes as people read them.
 *
 * @category rendering
 * @since 0.1.0
 */
export const table = (
  look: Look,
  now: number,
  pending: ReadonlyArray<Wakes.Pending>,
  agents: ReadonlyArray<LegacyFiles.Wake> = []
): string =>
  Table.rows(
    look,
    ["WAKE", "TO", "STATUS", "PRIORITY", "STATE", "SENT", "SUMMARY"],
    [
      ...pending.map(({ attempt, orchestrator, state, wake }) => [
        wake.wake_id,
        orchestrator,
        wake.status,
        wake.priority ?? "normal",
        attempt > 1 ? `${state}, attempt ${attempt}` : state,
        Table.ago(now, wake.timestamp),
        wake.summary ?? ""
      ]),
      ...agents
        .map(Documents.agentWake)
        .map(({ orchestrator, priority, status, summary, timestamp, wake_id }) => [
          wake_id,
          orchestrator,
          status,
          priority,
          "legacy",
          Table.ago(now, timestamp),
          summary
        ])
    ]
  )
