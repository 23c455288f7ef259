/**
 * What the legacy files say of a session: a pure function of its journal, of what is acknowledged, and of what scripts have
 * added.
 *
 * @since 0.1.0
 */
import { LegacyFiles, type Session, type Wake } from "@sartor/core"
import { DateTime, Hash, Option } from "effect"
import * as CheckpointLog from "./CheckpointLog.ts"
import * as StatusFile from "./StatusFile.ts"
import * as WakeFile from "./WakeFile.ts"

/**
 * What is known beside the journal of the session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Beside {
  /** The fleet that it belongs to. */
  readonly namespace: string
  /** Whether a wake of it waits for an acknowledgement. */
  readonly wakeWaits: boolean
  /** Keys that scripts have added to its status file, and the findings that they have. */
  readonly foreign: LegacyFiles.Fields
}

/**
 * The keys of a status file that are ours, in their order. All keys of a checkpoint are there from the start, because the
 * scripts that add a key edit every line with a brace.
 *
 * @category constructors
 * @since 0.1.0
 */
export const status = (session: Session.Session, beside: Beside): LegacyFiles.Fields => {
  const { checkpoints, error, prompt, role, session_id, status, task_type, unread, updated_at, version } = session
  const last = checkpoints.at(-1)
  const ending = session.wakes.findLast((wake) => wake.status !== "finding" && wake.run === session.run)
  const isBlocked = status === "blocked"
  return new Map<string, LegacyFiles.Value>([
    ["agentId", session_id],
    ["role", role],
    ["status", statusOf[status]],
    ["currentTask", cut(prompt === "" ? task_type : prompt, 200)],
    ["progress", status === "complete" ? "1.0" : progressOf(last?.phase)],
    ["phase", CheckpointLog.milestone(last?.phase ?? "")],
    ["milestone", CheckpointLog.milestone(last?.milestone ?? "")],
    ["lastCheckpoint", last === undefined ? "" : lineOf(last).timestamp],
    ["checkpointDetails", cut(last?.details ?? "", 1000)],
    [
      "milestoneHistory",
      checkpoints.reduce<ReadonlyArray<string>>(
        (list, { milestone }) => StatusFile.once(list, CheckpointLog.milestone(milestone)),
        []
      )
    ],
    ["findings", [...StatusFile.listOf(beside.foreign.get("findings")), ...findingsOf(session)]],
    ["handoffId", ending?.deliverables?.handoff_id ?? ""],
    ["nextRole", ending?.next_role ?? ""],
    ["waitingFor", isBlocked ? "clarification" : ""],
    ["blockedBy", isBlocked ? cut(error?.message ?? "", 200) : ""],
    ["wakeMessageSent", beside.wakeWaits],
    ["pendingFeedback", unread.some(({ text }) => feedbackOf(text) !== undefined)],
    ["lastUpdate", seconds(updated_at)],
    // What is not kept here is theirs alone.
    ...(isKept(session) ? [[versionKey, String(version)] as const] : []),
    ...(beside.namespace === home ? [] : [[namespaceKey, beside.namespace] as const])
  ])
}

/**
 * Whether a session has a journal that outlives its process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isKept = ({ flags }: Session.Session): boolean => flags?.ENABLE_SESSION_PERSISTENCE !== false

/**
 * Whether the wakes of a session wake anybody. Where they do not, they have no files.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wakesAnybody = ({ flags }: Session.Session): boolean => flags?.ENABLE_WAKE_MESSAGING !== false

/**
 * The key by which a file of ours is known, and how new it is.
 *
 * @category configuration
 * @since 0.1.0
 */
export const versionKey = "sartorVersion"

const namespaceKey = "sartorNamespace"

/** The namespace whose files need not say so. */
const home = "default"

/**
 * Whether a file mirrors a session of another fleet, which has the same id: one data directory has one file for both.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isOfAnother = (fields: LegacyFiles.Fields, namespace: string): boolean =>
  fields.has(versionKey) && (fields.get(namespaceKey) ?? home) !== namespace

/**
 * The keys that scripts change when they do what they are for: no change of these is a foreign one.
 *
 * @category configuration
 * @since 0.1.0
 */
export const shared: ReadonlySet<string> = new Set([
  "lastUpdate",
  "wakeMessageSent",
  "pendingFeedback",
  versionKey,
  namespaceKey
])

const statusOf: { readonly [S in Session.Status]: string } = {
  created: "idle",
  suspended: "idle",
  running: "active",
  blocked: "blocked",
  complete: "completed",
  failed: "failed",
  cancelled: "failed"
}

/**
 * What the status of a legacy file means here.
 *
 * @category constructors
 * @since 0.1.0
 */
export const meaningOf = (status: string): Session.Status => {
  if (status === "idle") return "suspended"
  if (status === "blocked") return "blocked"
  if (status === "completed" || status === "complete" || status.startsWith("ready_for_")) return "complete"
  return status === "error" || status === "failed" ? "failed" : "running"
}

/**
 * Every line that a session has in its log: of all checkpoints it ever made, those included that were rolled back.
 *
 * @category constructors
 * @since 0.1.0
 */
export const log = (session: Session.Whole): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (let point: Session.Past | undefined = session.past; point !== undefined; point = point.previous) {
    if (point.checkpoint !== undefined) {
      lines.push(point.checkpoint.legacy_line ?? CheckpointLog.render(lineOf(point.checkpoint)))
    }
  }
  return lines.toReversed()
}

const lineOf = ({ at, details, legacy_line, milestone, phase }: Session.Checkpoint): CheckpointLog.Line =>
  Option.getOrElse(Option.flatMap(Option.fromUndefinedOr(legacy_line), CheckpointLog.parse), () => ({
    timestamp: seconds(at),
    phase: CheckpointLog.milestone(phase),
    milestone: CheckpointLog.milestone(milestone),
    details
  }))

/**
 * The lines of the first list that the second has not, counting those that are there twice.
 *
 * @category constructors
 * @since 0.1.0
 */
export const without = (lines: ReadonlyArray<string>, others: ReadonlyArray<string>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1)
  return lines.filter((line) => {
    const count = counts.get(line) ?? 0
    if (count > 0) counts.set(line, count - 1)
    return count === 0
  })
}

/** The message that stands for a wake, and the name of its file; nothing for what a script has told itself. */
const wake = (
  wake: Wake.Wake,
  acknowledged: boolean,
  more = 0
): { readonly name: string; readonly message: LegacyFiles.Wake } | undefined => {
  if (legacyIdOf(wake) !== undefined) return undefined
  const message: LegacyFiles.Wake = {
    wakeId: wake.wake_id,
    agentId: wake.session_id,
    type: typeOf[wake.status],
    message: wake.summary ?? wake.error?.message ?? "",
    priority: wake.priority ?? "normal",
    timestamp: seconds(wake.timestamp),
    acknowledged
  }
  const at = Option.match(DateTime.make(wake.timestamp), { onNone: () => 0, onSome: DateTime.toEpochMillis })
  return { name: WakeFile.nameOf(message, Math.floor(at / 1000), Hash.string(wake.wake_id) + more), message }
}

/**
 * The messages that stand for the wakes of a session, each with a file of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wakes = (
  session: Session.Session,
  acknowledged: ReadonlySet<string>
): ReadonlyArray<{ readonly name: string; readonly message: LegacyFiles.Wake }> => {
  const names = new Set<string>()
  return (wakesAnybody(session) ? session.wakes : []).flatMap((one) => {
    for (let more = 0; ; more++) {
      const projected = wake(one, acknowledged.has(one.wake_id), more)
      if (projected === undefined) return []
      if (names.has(projected.name)) continue
      names.add(projected.name)
      return [projected]
    }
  })
}

/**
 * Whether a message is one of ours: its id is that of a wake.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isOurs = ({ wakeId }: LegacyFiles.Wake): boolean => /^[a-z0-9-]+\/\d+\/[0-9A-Z]{26}$/.test(wakeId)

/**
 * The id that something has in the legacy files that it was read from.
 *
 * @category constructors
 * @since 0.1.0
 */
export const legacyIdOf = (wake: Wake.Wake): string | undefined => {
  const { legacy_id } = wake
  return typeof legacy_id === "string" ? legacy_id : undefined
}

/**
 * What a wake of ours is called in the legacy files.
 *
 * @category configuration
 * @since 0.1.0
 */
export const typeOf: { readonly [S in Wake.Status]: LegacyFiles.WakeType } = {
  complete: "COMPLETE",
  blocked: "BLOCKED",
  failed: "ERROR",
  finding: "FINDING"
}

/**
 * What the type of a legacy message means here.
 *
 * @category configuration
 * @since 0.1.0
 */
export const wakeStatusOf: { readonly [T in LegacyFiles.WakeType]: Wake.Status } = {
  COMPLETE: "complete",
  BLOCKED: "blocked",
  ERROR: "failed",
  FINDING: "finding"
}

/**
 * How a session is told a legacy feedback.
 *
 * @category constructors
 * @since 0.1.0
 */
export const feedbackText = (feedback: {
  readonly feedbackId: string
  readonly type: string
  readonly severity: string
  readonly message: string
}): string => `${feedback.message}\n(${feedback.type}, ${feedback.severity}: feedback ${feedback.feedbackId})`

/**
 * The id of the feedback that a text is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const feedbackOf = (text: string): string | undefined => /: feedback (\S+)\)$/.exec(text)?.[1]

/** Newest first, as the scripts add them. */
const findingsOf = ({ wakes }: Session.Session) =>
  wakes
    .filter((wake) => wake.status === "finding" && legacyIdOf(wake) === undefined)
    .map(({ summary = "" }) => cut(summary, 500))
    .slice(-maxFindings)
    .toReversed()

/** What is older stays in the journal. */
const maxFindings = 50

const progressOf = (phase: string | undefined) => (CheckpointLog.isPhase(phase) ? LegacyFiles.progress[phase] : "0.0")
const cut = (text: string, length: number) => text.replace(/\s+/g, " ").trim().slice(0, length)
const seconds = (time: string) => Option.match(DateTime.make(time), { onNone: () => time, onSome: wholeSeconds })
const wholeSeconds = (at: DateTime.DateTime) => DateTime.formatIso(at).replace(/\.\d+Z$/, "Z")
