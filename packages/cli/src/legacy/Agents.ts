/**
 * What the legacy scripts do with the files of an agent, and what they print about it.
 *
 * @since 0.1.0
 */
import { LegacyFiles, type Session } from "@sartor/core"
import { CheckpointLog, LegacyMirror, Projection, StatusFile } from "@sartor/transport-file/legacy"
import { Clock, Effect, Option } from "effect"
import * as Failure from "../Failure.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export const deprecation =
  'status files are deprecated: "sartor checkpoint" and "sartor wake send" tell the same, durably'

/**
 * Sets a key of a status file, and answers the line that is printed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const updateStatus = Effect.fnUntraced(function* (agent: string, key: string, value: string) {
  const files = yield* LegacyFiles.LegacyFiles
  yield* files.update(agent, (fields) => [[key, StatusFile.valueOfUpdate(fields, key, value)]])
  return JSON.stringify({ updated: key, agent })
})

/**
 * The list of `status-read.sh`.
 *
 * @category rendering
 * @since 0.1.0
 */
export const listing = (statuses: ReadonlyArray<LegacyFiles.Status>): string =>
  [
    "=== AGENT STATUS ===",
    ...statuses.map(({ agent, fields }) => {
      const [status, task] = ["status", "currentTask"].map((key) => StatusFile.textOf(fields.get(key)))
      return `[${status}] ${agent}: ${task || "idle"}`
    })
  ].join("\n")

/**
 * Deletes the status files that nobody has written to for an hour, and answers whose.
 *
 * @category constructors
 * @since 0.1.0
 */
export const cleanUp = Effect.gen(function* () {
  const files = yield* LegacyFiles.LegacyFiles
  const before = (yield* Clock.currentTimeMillis) - 3_600_000
  return yield* files.removeStatuses(before)
})

/**
 * Notes a checkpoint of a legacy agent. Its phase is one of five.
 *
 * @category constructors
 * @since 0.1.0
 */
export const checkpoint = Effect.fnUntraced(function* (agent: string, phase: string, milestone: string, details = "") {
  const files = yield* LegacyFiles.LegacyFiles
  if (!CheckpointLog.isPhase(phase)) {
    const phases = LegacyFiles.Phase.literals.join(", ")
    return yield* Failure.badInput(`Unknown phase: ${phase}. The phases of a legacy agent are ${phases}`, {
      field: "phase"
    })
  }
  yield* files.checkpoint(agent, { phase, milestone, details })
  return { agent, phase, milestone, progress: LegacyFiles.progress[phase] }
})

/**
 * Whether anything is known of a legacy agent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isKnown = Effect.fnUntraced(function* (agent: string) {
  const files = yield* LegacyFiles.LegacyFiles
  const status = yield* Effect.catchTag(files.status(agent), "LegacyFileDamaged", Effect.asSome)
  return Option.isSome(status) || (yield* files.checkpoints(agent)).length > 0
})

/**
 * The agents that are no sessions of ours and match a filter. Files that cannot be read are told of in a warning.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listed = Effect.fnUntraced(function* (filter: {
  readonly status?: Session.Status | undefined
  readonly role?: string | undefined
}) {
  const { damaged, found } = yield* LegacyMirror.LegacyMirror.use(({ agents }) => agents)
  yield* Effect.forEach(damaged, ({ message }) => Effect.logWarning(`The legacy files: ${message}`), { discard: true })
  const read = (key: string, { fields }: LegacyFiles.Status) => StatusFile.textOf(fields.get(key))
  return found
    .filter((one) => filter.status === undefined || Projection.meaningOf(read("status", one)) === filter.status)
    .filter((one) => filter.role === undefined || read("role", one).toUpperCase() === filter.role)
})

/**
 * The messages of legacy agents that wait for an orchestrator. They are for the one that has no name of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const waiting = (orchestrator: string | undefined) =>
  orchestrator === undefined || orchestrator === "main"
    ? LegacyMirror.LegacyMirror.use(({ wakes }) => wakes)
    : Effect.succeed([])
