/**
 * Takes a fleet back to the legacy way of working while its agents run, and forward again. Nothing is lost either way: what a
 * legacy file cannot hold stays in the journals, and what scripts have written meanwhile is taken over.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import * as Flags from "./Flags.ts"
import * as Handoffs from "./Handoffs.ts"
import * as Legacy from "./LegacyFiles.ts"
import * as Session from "./Session.ts"
import { Sessions } from "./Sessions.ts"
import type { TransportError } from "./TransportError.ts"
import { Wakes } from "./Wakes.ts"
import * as Workflow from "./Workflow.ts"
import * as WorkflowFile from "./WorkflowFile.ts"

/**
 * Where to: the files of the legacy system, or sessions again.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Target = Schema.Literals(["files", "sessions"])

/**
 * @category models
 * @since 0.1.0
 */
export type Target = typeof Target.Type

/**
 * Keeps the legacy files beside the journals. `LegacyMirror` of `@sartor/transport-file/legacy` is one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mirror {
  /** Takes over what scripts have written; answers what could not be. */
  readonly takeOver: Effect.Effect<ReadonlyArray<{ readonly message: string }>, TransportError>
  /** Writes everything that is missing or older; answers what could not be. */
  readonly rebuild: Effect.Effect<ReadonlyArray<{ readonly message: string }>, TransportError>
}

/**
 * What there is to lose.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inventory {
  readonly sessions: number
  /** Sessions that have not ended: they go on as they began. */
  readonly live: ReadonlyArray<string>
  readonly checkpoints: number
  readonly pending_wakes: ReadonlyArray<string>
  /** Handoffs that nobody has accepted, rejected or completed. */
  readonly open_handoffs: ReadonlyArray<string>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Plan {
  readonly to: Target
  readonly inventory: Inventory
  /** The flags that would change. */
  readonly flags: Flags.Some
  /** Files that are missing or older than what they stand for. */
  readonly files: ReadonlyArray<string>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Outcome {
  readonly to: Target
  readonly ok: boolean
  readonly flags: Flags.Report
  readonly before: Inventory
  readonly after: Inventory
  /** What could not be converted, or was not found again afterwards. */
  readonly problems: ReadonlyArray<string>
  readonly smoke?: Smoke
}

/**
 * How the agents of a smoke run ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Smoke {
  readonly run_id: string
  readonly status: string
  readonly agents: ReadonlyArray<string>
}

/**
 * Counts what there is to lose.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inventory = Effect.suspend(() => Effect.map(look, ({ inventory }) => inventory))

/**
 * Says what would be done, and does nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plan = Effect.fn("Rollback.plan")(function* (to: Target) {
  const now = yield* (yield* Flags.Flags).report
  const wanted = flagsOf(to)
  const seen = yield* look
  const planned: Plan = {
    to,
    inventory: seen.inventory,
    flags: Object.fromEntries(
      Flags.names.filter((name) => now[name].stored !== wanted[name]).map((name) => [name, wanted[name]])
    ),
    files: yield* differences(seen)
  }
  return planned
})

/**
 * Switches all flags for all processes, brings journals and files to the same state, runs what it is given in the new
 * way, and checks it all. What runs goes on the way it began, and is mirrored until it ends. Doing it again changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const execute = Effect.fn("Rollback.execute")(function* <E = never, R = never>(options: {
  readonly to: Target
  readonly mirror: Mirror
  readonly reason: string
  /** What is run in the new way before it is checked, such as `smoke`; nothing by default. */
  readonly smoke?: Effect.Effect<Smoke, E, R> | undefined
}) {
  const { mirror, reason, to } = options
  const before = (yield* look).inventory
  // Nothing of what scripts have written may be overwritten by what comes.
  const taken = yield* mirror.takeOver
  const report = yield* (yield* Flags.Flags).set(flagsOf(to), reason)
  const smoke = options.smoke === undefined ? undefined : yield* options.smoke
  // What is committed from here on is mirrored by whoever commits it.
  const seen = yield* look
  const rebuilt = yield* mirror.rebuild
  const differing = yield* differences(seen)
  const after = seen.inventory
  const missing = yield* lost(before, after)
  const failed =
    smoke === undefined || smoke.status === "complete" ? [] : [`the smoke run ${smoke.run_id} is ${smoke.status}`]
  const held = Flags.names
    .filter((name) => flagsOf(to)[name] && !report[name].value)
    .map((name) => `${name} stays off: the environment of this process says so`)
  const unconverted = [...taken, ...rebuilt].map(({ message }) => message)
  const problems = [...held, ...unconverted, ...differing, ...missing, ...failed]
  const outcome: Outcome = {
    to,
    ok: problems.length === 0,
    flags: report,
    before,
    after,
    problems: [...new Set(problems)],
    ...(smoke === undefined ? {} : { smoke })
  }
  return outcome
})

const flagsOf = (to: Target): Flags.Values => (to === "files" ? Flags.allOff : Flags.allOn)

/**
 * Compares the legacy files with the journals, session by session, and says what is missing, older or damaged.
 *
 * @category constructors
 * @since 0.1.0
 */
export const verify = Effect.suspend(() => Effect.flatMap(look, differences))

/** What is in the journals now. */
const look = Effect.gen(function* () {
  const sessions = yield* (yield* Sessions).list()
  const pending = yield* (yield* Wakes).pending()
  const handoffs = yield* Handoffs.list({ status: "pending" })
  const inventory: Inventory = {
    sessions: sessions.length,
    live: sessions.filter(({ status }) => !Session.isEnded(status)).map(({ session_id }) => session_id),
    checkpoints: sessions.reduce((sum, { checkpoints }) => sum + checkpoints.length, 0),
    pending_wakes: pending.map(({ wake }) => wake.wake_id),
    open_handoffs: handoffs.map(({ document }) => document.handoff.handoffId)
  }
  return { sessions, pending, inventory }
})

type Seen = Effect.Success<typeof look>

/** What the files have not of that. What has changed meanwhile is not asked for. */
const differences = Effect.fnUntraced(function* ({ pending, sessions }: Seen) {
  const files = yield* Legacy.LegacyFiles
  const { damaged, found } = yield* files.statuses
  const statuses = new Set(found.map(({ agent }) => agent))
  const wakes = yield* files.wakes
  const wakeIds = new Set(wakes.found.map(({ wakeId }) => wakeId))
  const problems = [...damaged, ...wakes.damaged].map(({ message }) => message)
  for (const { checkpoints, flags, session_id } of sessions) {
    const kept = Flags.select(flags, "ENABLE_SESSION_PERSISTENCE", { on: true, off: false })
    if (kept && !statuses.has(session_id)) problems.push(`session ${session_id} has no status file`)
    const log = yield* Effect.catchTag(
      files.checkpoints(session_id),
      ["InvalidAgentId", "LegacyFileDamaged"],
      (error) =>
        Effect.sync(() => {
          problems.push(error.message)
          return []
        })
    )
    if (log.length < checkpoints.filter(({ phase }) => isPhase(phase)).length) {
      problems.push(`the log of session ${session_id} has ${log.length} of its ${checkpoints.length} checkpoints`)
    }
  }
  for (const { orchestrator, wake } of pending) {
    const flags = sessions.find(({ session_id }) => session_id === wake.session_id)?.flags
    const polled = Flags.select(flags, "ENABLE_WAKE_MESSAGING", { on: false, off: true })
    if (polled || typeof wake["legacy_id"] === "string" || wakeIds.has(wake.wake_id)) continue
    const settled = yield* (yield* Wakes).isSettled(orchestrator, wake.wake_id)
    if (!settled) problems.push(`wake ${wake.wake_id} has no file`)
  }
  return problems
})

/** What was there before and is not to be found any more, in whatever state. */
const lost = Effect.fnUntraced(function* (before: Inventory, after: Inventory) {
  const problems: Array<string> = []
  if (after.sessions < before.sessions) problems.push(`${before.sessions - after.sessions} sessions are gone`)
  if (after.checkpoints < before.checkpoints)
    problems.push(`${before.checkpoints - after.checkpoints} checkpoints are gone`)
  const { missing, unknown } = yield* (yield* Wakes).audit()
  for (const id of missing) problems.push(`wake ${id} would wake nobody`)
  for (const id of unknown) problems.push(`wake ${id} is known to no session`)
  for (const id of before.open_handoffs) {
    const there = yield* Effect.result(Handoffs.get(id))
    if (there._tag === "Failure") problems.push(there.failure.message)
  }
  return problems
})

const isPhase = Schema.is(Legacy.Phase)

/**
 * Runs a PLANNER, an IMPLEMENTER and an AUDITOR, each a program that answers. Needs a runner of programs and `/bin/sh`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const smoke = Effect.gen(function* () {
  const workflow = yield* Effect.orDie(WorkflowFile.parse(smokeFile, { file: "rollback-smoke.yaml" }))
  const { agents, run_id, status } = yield* Workflow.run({ workflow, folder: "/", fresh: true })
  const done: Smoke = { run_id, status, agents: agents.map((agent) => `${agent.role}: ${agent.status}`) }
  return done
})

const smokeFile = `
name: rollback-smoke
timeout: 1m
agents:
  - { name: plan, role: PLANNER, task_type: smoke, prompt: Say so, command: [/bin/sh, -c, "cat > /dev/null; echo planned"] }
  - { name: build, role: IMPLEMENTER, task_type: smoke, prompt: Say so, needs: [plan], command: [/bin/sh, -c, "cat > /dev/null; echo built"] }
  - { name: audit, role: AUDITOR, task_type: smoke, prompt: Say so, needs: [build], command: [/bin/sh, -c, "cat > /dev/null; echo audited"] }
`
