/**
 * `sartor rollback`
 *
 * @since 0.1.0
 */
import { AgentRunner, CommandRunner, type Flags, Rollback } from "@sartor/core"
import { LegacyMirror } from "@sartor/transport-file/legacy"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import * as AgentEnvironment from "../AgentEnvironment.ts"
import * as Arguments from "../Arguments.ts"
import * as Export from "../Export.ts"
import * as Failure from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

const flags = {
  to: Flag.Literals("to", Rollback.Target.literals).pipe(
    Flag.withMetavar("<files|sessions>"),
    Flag.withDescription("To the legacy way of working, or back to sessions")
  ),
  dryRun: Arguments.toggle("dry-run", "Say what would be done, and do nothing"),
  noSmoke: Arguments.toggle("no-smoke", "Run no agents afterwards")
}

/**
 * @category commands
 * @since 0.1.0
 */
export const rollback = Command.make(
  "rollback",
  flags,
  Effect.fnUntraced(function* ({ dryRun, noSmoke, to }) {
    return yield* dryRun ? sayWhatWouldBeDone(to) : execute(to, !noSmoke)
  })
).pipe(
  Command.withDescription("Go back to the legacy way of working while agents run, or forward again; nothing is lost"),
  Command.withExamples([
    { command: "sartor rollback --to files --dry-run" },
    { command: "sartor rollback --to files" },
    { command: "sartor rollback --to sessions" }
  ])
)

const sayWhatWouldBeDone = Effect.fnUntraced(function* (to: Rollback.Target) {
  const output = yield* Output
  const plan = yield* Transport.working(Rollback.plan(to))
  yield* output.print(plan, () =>
    Table.pairs([
      ...inventory(plan.inventory),
      ["flags", switched(plan.flags)],
      ["files to write", plan.files.join("\n") || "none"]
    ])
  )
})

const execute = Effect.fnUntraced(function* (to: Rollback.Target, smoke: boolean) {
  const output = yield* Output
  const done = yield* Transport.following(
    Effect.gen(function* () {
      const runner = AgentRunner.layer({ command: CommandRunner.make({ env: yield* AgentEnvironment.make }) })
      const mirror = yield* LegacyMirror.LegacyMirror
      const outcome = yield* Rollback.execute({
        to,
        mirror,
        reason: `sartor rollback --to ${to}`,
        smoke: smoke ? Effect.scoped(Effect.provide(Rollback.smoke, runner)) : undefined
      })
      const exported = to === "files" ? yield* Export.write : undefined
      return { ...outcome, ...(exported === undefined ? {} : { exported }) }
    })
  )
  yield* output.print(done, () =>
    Table.pairs([
      ["to", done.to],
      ...inventory(done.after),
      ["smoke run", done.smoke === undefined ? undefined : `${done.smoke.run_id}: ${done.smoke.status}`],
      ["exported", done.exported],
      ["problems", done.problems.join("\n") || "none"]
    ])
  )
  if (!done.ok) return yield* new Failure.Ended({ exit: Failure.exits.check_failed })
})

const inventory = (found: Rollback.Inventory): ReadonlyArray<readonly [string, string]> => [
  ["sessions", `${found.sessions}, ${found.live.length} of them not ended`],
  ["checkpoints", String(found.checkpoints)],
  ["pending wakes", String(found.pending_wakes.length)],
  ["open handoffs", String(found.open_handoffs.length)]
]

const switched = (flags: Flags.Some) =>
  Object.entries(flags)
    .map(([name, value]) => `${name} ${value ? "on" : "off"}`)
    .join("\n") || "none"
