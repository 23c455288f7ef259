/**
 * Takes over what scripts write into the legacy files: of files of ours what is there beside the projection, and all of theirs.
 *
 * @since 0.1.0
 */
import { Handoffs, Journal, LegacyFiles, Outbox, Session, Sessions, type TransportError, Wakes } from "@sartor/core"
import { Clock, Effect, Equal, Option, Result, Schema, Stream } from "effect"
import * as path from "node:path"
import { attempt } from "../internal/LogFile.ts"
import * as PlainFile from "../internal/PlainFile.ts"
import * as CheckpointLog from "./CheckpointLog.ts"
import * as FeedbackFile from "./FeedbackFile.ts"
import * as FindingFile from "./FindingFile.ts"
import * as ForeignKeys from "./ForeignKeys.ts"
import * as HandoffFile from "./HandoffFile.ts"
import * as LegacyDirectory from "./LegacyDirectory.ts"
import * as LegacyEdit from "./LegacyEdit.ts"
import * as Projection from "./Projection.ts"
import * as StatusFile from "./StatusFile.ts"
import * as Touched from "./Touched.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends LegacyDirectory.Options {
  readonly namespace?: string | undefined
}

/**
 * Takes over what is new since the last time that any process did, and answers what could not be read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const takeOver = Effect.fn("LegacyMirror.takeOver")(function* (options: Options) {
  const mark = path.join(options.directory, "sartor", options.namespace ?? "default", "legacy-seen")
  const began = yield* Clock.currentTimeMillis
  const last = (yield* attempt("LegacyMirror.takeOver", () => PlainFile.modifiedOf(mark))) ?? 0
  /** Files are dated by the second on some file systems, and by another clock on none that we support. */
  const since = last > began ? 0 : last - 2000
  const isNew = (file: string) => (PlainFile.modifiedOf(file) ?? 0) >= since
  const fresh = (files: ReadonlyArray<string>) => attempt("LegacyMirror.takeOver", () => files.filter(isNew))
  const agents = yield* changedAgents(options, isNew)
  const parts: ReadonlyArray<Part> = [
    ...agents.map((agent) => ignoring(session(options, agent))),
    ...(yield* Effect.flatMap(LegacyDirectory.wakesOf(options.directory, "wake"), fresh)).map((file) =>
      ignoring(acknowledgement(file))
    ),
    ...(yield* Effect.flatMap(handoffFiles(options), fresh)).map((file) => ignoring(handoff(file))),
    ...(yield* feedbackFiles(options, isNew)).map(({ file, isNew }) => ignoring(feedback(file, isNew))),
    ignoring(findings(options))
  ]
  const problems = yield* Effect.forEach(parts, (part) => part, { concurrency: 8 })
  const found = problems.flat()
  // What could not be taken over for a reason that passes is looked at again.
  const isWhole = found.every(({ _tag }) => _tag !== "TransportError" && _tag !== "LockTimeout")
  if (isWhole) yield* Effect.ignore(attempt("LegacyMirror.takeOver", () => PlainFile.touch(mark, began)))
  return found
})

/**
 * @category models
 * @since 0.1.0
 */
export type Problem = Exclude<LegacyFiles.Failure, LegacyFiles.InvalidAgentId>

type Part = Effect.Effect<
  ReadonlyArray<Problem>,
  never,
  Journal.Journal | Sessions.Sessions | Touched.Touched | Wakes.Wakes
>

type Trouble = LegacyFiles.Failure | Sessions.SessionNotFound

/** A session that is none of ours is nothing to take over; whatever else goes wrong is told. */
const ignoring = <A, R>(work: Effect.Effect<A, Trouble, R>) =>
  work.pipe(
    Effect.as([]),
    Effect.catchTag(["InvalidAgentId", "SessionNotFound"], () => Effect.succeed([])),
    Effect.catch((problem) => Effect.succeed([problem]))
  )

const changedAgents = ({ directory }: Options, isNew: (file: string) => boolean) =>
  attempt("LegacyMirror.takeOver", () => {
    const changed = (folder: string, ending: string) =>
      PlainFile.list(path.join(directory, folder))
        .filter(({ isDirectory, name }) => !isDirectory && name.endsWith(ending))
        .filter(({ name }) => isNew(path.join(directory, folder, name)))
        .map(({ name }) => name.slice(0, -ending.length))
    return [...new Set([...changed("agent-status", ".json"), ...changed("checkpoints", ".log")])]
  })

/**
 * Takes over the lines of a session's log and the foreign keys of its status file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const session = Effect.fnUntraced(function* ({ directory, namespace = "default" }: Options, id: string) {
  const places = LegacyDirectory.placesOf(directory)
  // Whatever is wrong with the files of an agent that is none of ours is not met here.
  yield* Sessions.Sessions.use((sessions) => sessions.get(id))
  // Before the journal: then whatever of this is ours is in the journal by now.
  const lines = yield* LegacyDirectory.readLog(places.log(id))
  const file = yield* Effect.result(
    LegacyDirectory.mended(LegacyEdit.readBeside(places.status(id), places.lock(id), StatusFile.parse))
  )
  if (Result.isSuccess(file) && Projection.isOfAnother(file.success?.value.fields ?? new Map(), namespace)) return
  const open = yield* (yield* Sessions.Sessions).open(id)
  const after = yield* open
    .update((current, at) =>
      Effect.succeed(
        Projection.without(lines, Projection.log(current)).flatMap((line) =>
          Option.toArray(CheckpointLog.parse(line)).map(({ details, milestone, phase }) => ({
            type: "checkpoint" as const,
            at,
            run: current.run,
            phase,
            milestone,
            details,
            legacy_line: line
          }))
        )
      )
    )
    .pipe(Effect.catchTag("IllegalTransition", Effect.die))
  // A status file that is damaged takes nothing away from the log.
  const found = yield* Effect.fromResult(file)
  if (found === undefined) return
  yield* ForeignKeys.keep(id, yield* foreignOf(after, found.value.fields, namespace))
  const version = Number(StatusFile.textOf(found.value.fields.get(Projection.versionKey)))
  // Whoever has written it had no mirror, or died before he came to it.
  if (Projection.isKept(after) && version < after.version) (yield* Touched.Touched).add({ kind: "session", id })
})

/** What stands in a status file that neither the projection of its version nor that of today has put there. */
const foreignOf = Effect.fnUntraced(function* (
  session: Session.Session,
  fields: LegacyFiles.Fields,
  namespace: string
) {
  const known = yield* ForeignKeys.read(session.session_id)
  const projected = (state: Session.Session) =>
    Projection.status(state, { namespace, wakeWaits: false, foreign: known })
  const now = projected(session)
  const differs = (ours: LegacyFiles.Fields, [key, value]: readonly [string, LegacyFiles.Value]) =>
    !Projection.shared.has(key) && !Equal.equals(ours.get(key), value)
  const different = [...fields].filter((field) => differs(now, field))
  if (different.length === 0) return []
  const version = Number(StatusFile.textOf(fields.get(Projection.versionKey)))
  const then = version > 0 && version < session.version ? projected((yield* at(session, version)) ?? session) : now
  return different
    .filter((field) => differs(then, field))
    .map(([key, value]): readonly [string, LegacyFiles.Value] => {
      if (key !== "findings") return [key, value]
      const ours = new Set([...StatusFile.listOf(then.get(key)), ...StatusFile.listOf(now.get(key))])
      const theirs = StatusFile.listOf(value).filter((finding) => !ours.has(finding))
      return [key, [...theirs, ...StatusFile.listOf(known.get(key))]]
    })
})

/** A session as it was at a version. */
const at = Effect.fnUntraced(function* ({ session_id }: Session.Session, version: number) {
  const sessions = yield* Sessions.Sessions
  let state: Session.Whole | undefined
  yield* Stream.runForEach(
    Stream.takeWhile(sessions.history(session_id), (entry) => entry.version <= version),
    (entry) =>
      Effect.sync(() => {
        const next = Result.flatMap(decodeRecord(entry.record), (record) => Session.apply(state, record, entry.version))
        if (Result.isSuccess(next)) state = next.success
      })
  )
  return state
})

const decodeRecord = Schema.decodeUnknownResult(Schema.toCodecJson(Session.Record))

/** A message of ours that a script has acknowledged. */
const acknowledgement = Effect.fnUntraced(function* (file: string) {
  const found = yield* LegacyDirectory.readWake(file)
  if (found === undefined || !found.value.acknowledged || !Projection.isOurs(found.value)) return
  const wakes = yield* Wakes.Wakes
  const { wakeId } = found.value
  const { orchestrator } = yield* (yield* Sessions.Sessions).get(wakeId.slice(0, wakeId.indexOf("/")))
  if (yield* wakes.isSettled(orchestrator, wakeId)) {
    const dead = yield* wakes.dead(orchestrator)
    if (!dead.some(({ wake_id }) => wake_id === wakeId)) return
  }
  // One that was never sent is nobody's.
  yield* Effect.catchTag(wakes.acknowledge(wakeId), "WakeNotFound", () => Effect.void)
})

/** The files of handoffs, in the folder and in those of days. */
const handoffFiles = ({ directory }: Options) =>
  attempt("LegacyMirror.takeOver", () => {
    const root = path.join(directory, "handoffs")
    return PlainFile.list(root).flatMap(({ isDirectory, name }) =>
      isDirectory
        ? PlainFile.list(path.join(root, name))
            .filter((file) => isHandoff(file.name))
            .map((file) => path.join(root, name, file.name))
        : isHandoff(name)
          ? [path.join(root, name)]
          : []
    )
  })

const isHandoff = (name: string) => /^handoff_\d{1,15}_[0-9a-f]{8}\.json$/.test(name)

const handoff = Effect.fnUntraced(function* (file: string) {
  const found = yield* LegacyDirectory.mended(LegacyEdit.read(file, HandoffFile.parse))
  if (found === undefined) return
  const { document } = found.value
  if (`${document.handoff.handoffId}.json` !== path.basename(file)) return
  yield* Effect.catchTag(Handoffs.adopt(document), "HandoffNotFound", Effect.die)
})

/** All of them: when a session has read what it was told, no file says so. */
const feedbackFiles = ({ directory }: Options, isNew: (file: string) => boolean) =>
  Effect.flatMap(LegacyDirectory.jsonIn(path.join(directory, "feedback")), (files) =>
    attempt("LegacyMirror.takeOver", () => files.map((file) => ({ file, isNew: isNew(file) })))
  )

/** A session is told what it was given as feedback. Once it has read that its file says so, or the other way about. */
const feedback = Effect.fnUntraced(function* (file: string, isNew: boolean) {
  const found = yield* isNew
    ? LegacyDirectory.mended(LegacyEdit.read(file, FeedbackFile.parse))
    : // What was damaged before was told of before.
      Effect.catchTag(LegacyDirectory.mended(LegacyEdit.readOnce(file, FeedbackFile.parse)), "LegacyFileDamaged", () =>
        Effect.succeed(undefined)
      )
  if (found === undefined) return
  const { acknowledged, feedbackId, targetAgent } = found.value
  const open = yield* (yield* Sessions.Sessions).open(targetAgent)
  const is = ({ text }: { readonly text: string }) => Projection.feedbackOf(text) === feedbackId
  const session = yield* open
    .update((current, at) => Effect.succeed(acknowledged ? heard(current, is, at) : told(current, is, found.value, at)))
    .pipe(Effect.catchTag("IllegalTransition", Effect.die))
  if (acknowledged || !session.told.some(is)) return
  ;(yield* Touched.Touched).add({ kind: "session", id: targetAgent })
  const at = yield* LegacyFiles.nowText
  const text = yield* LegacyEdit.read(file, (text) => FeedbackFile.acknowledge(text, at))
  if (text !== undefined) yield* LegacyEdit.replace(file, text.value, { locked: false, durable: true })
})

type Is = (told: { readonly text: string }) => boolean

const told = (
  current: Session.Session,
  is: Is,
  given: FeedbackFile.Feedback,
  at: string
): ReadonlyArray<Session.Record> => {
  if (Session.isEnded(current.status) || [...current.told, ...current.unread].some(is)) return []
  const text = Projection.feedbackText(given).slice(-32_000)
  return [{ type: "told", at, run: current.run, text, priority: priorities[given.severity] ?? "normal" }]
}

/** An agent that reads its feedback with a script needs not be told of it again. */
const heard = (current: Session.Session, is: Is, at: string): ReadonlyArray<Session.Record> => {
  const versions = current.unread.filter(is).map(({ version }) => version)
  return versions.length === 0 || current.status !== "running"
    ? []
    : [{ type: "heard", at, run: current.run, versions }]
}

const priorities: { readonly [severity: string]: "high" | "critical" } = { warning: "high", critical: "critical" }

/** Findings of a session that is at work become wakes of it. */
const findings = Effect.fnUntraced(function* ({ directory }: Options) {
  const sessions = yield* Sessions.Sessions
  for (const agent of yield* foldersOf(directory)) {
    const session = yield* Effect.result(sessions.get(agent))
    if (Result.isFailure(session) || session.success.status !== "running") continue
    const known = new Set(session.success.wakes.map(Projection.legacyIdOf))
    for (const file of yield* LegacyDirectory.jsonIn(path.join(directory, "findings", agent))) {
      if (known.has(`finding-${agent}-${numberOf(file)}`)) continue
      const found = yield* LegacyDirectory.mended(LegacyEdit.read(file, FindingFile.parse))
      if (found === undefined) continue
      const { content, findingId, topic } = found.value
      yield* Outbox.send({
        sessionId: agent,
        status: "finding",
        wakeId: `${agent}/legacy/${findingId}`,
        summary: `${topic}: ${content}`.slice(0, 4000),
        extra: { legacy_id: findingId }
      }).pipe(
        // It has ended meanwhile, or its number was given twice: the file still shows it.
        Effect.catchTag(["InvalidField", "WakeConflict", "IllegalTransition"], () => Effect.void)
      )
    }
  }
})

const foldersOf = (directory: string) =>
  attempt("LegacyMirror.takeOver", () =>
    PlainFile.list(path.join(directory, "findings"))
      .filter(({ isDirectory, name }) => isDirectory && LegacyFiles.isAgentId(name))
      .map(({ name }) => name)
  )

const numberOf = (file: string) => /(\d+)\.json$/.exec(file)?.[1] ?? ""

/**
 * The agents that are no sessions.
 *
 * @category constructors
 * @since 0.1.0
 */
export const agents = Effect.gen(function* () {
  const { damaged, found } = yield* (yield* LegacyFiles.LegacyFiles).statuses
  const sessions = yield* Sessions.Sessions
  const isForeign = ({ agent, fields }: LegacyFiles.Status) =>
    fields.has(Projection.versionKey)
      ? Effect.succeed(false)
      : Effect.as(sessions.get(agent), false).pipe(Effect.catchTag("SessionNotFound", () => Effect.succeed(true)))
  return { damaged, found: yield* Effect.filter(found, isForeign) }
})

/**
 * Messages and findings that scripts have left and nobody has acknowledged, the oldest first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wakes = Effect.fnUntraced(function* ({ directory }: Options) {
  const files = yield* LegacyFiles.LegacyFiles
  const sessions = yield* Sessions.Sessions
  const { found } = yield* files.wakes
  const messages = found.filter((wake) => !wake.acknowledged && !Projection.isOurs(wake))
  const dealtWith = yield* acknowledgedFindings
  const findings = yield* Effect.forEach(yield* foldersOf(directory), (agent) =>
    Effect.gen(function* () {
      const session = yield* Effect.result(sessions.get(agent))
      const known = new Set(Result.isSuccess(session) ? session.success.wakes.map(Projection.legacyIdOf) : [])
      const { found } = yield* LegacyDirectory.everyOf(
        LegacyDirectory.jsonIn(path.join(directory, "findings", agent)),
        (file) => LegacyDirectory.mended(LegacyEdit.read(file, FindingFile.parse))
      )
      return found.flatMap((one) => {
        if (one === undefined || known.has(one.value.findingId) || dealtWith.has(one.value.findingId)) return []
        const { content, findingId, timestamp, topic } = one.value
        const wake: LegacyFiles.Wake = {
          wakeId: findingId,
          agentId: agent,
          type: "FINDING",
          message: `${topic}: ${content}`,
          priority: "normal",
          timestamp,
          acknowledged: false
        }
        return [wake]
      })
    })
  )
  return [...messages, ...findings.flat()].toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1))
})

/** The files of findings cannot say that they are dealt with: a journal does. */
const findingsKey = "legacy-findings/acknowledged"
const acknowledgedFindings: Effect.Effect<
  ReadonlySet<string>,
  TransportError.TransportError,
  Journal.Journal
> = Effect.flatMap(Journal.Journal, (journal) =>
  Stream.runCollect(journal.read(findingsKey)).pipe(
    Effect.map((entries) => new Set(entries.flatMap(({ record }) => (typeof record === "string" ? [record] : [])))),
    Effect.catchTag("InvalidKey", Effect.die)
  )
)

/**
 * Says that a message or a finding is dealt with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledge = Effect.fnUntraced(function* (
  options: Options,
  id: string
): Effect.fn.Return<boolean, LegacyFiles.Failure, Journal.Journal | LegacyFiles.LegacyFiles | Sessions.Sessions> {
  const files = yield* LegacyFiles.LegacyFiles
  if (Option.isSome(yield* files.acknowledge(id))) return true
  if (!(yield* wakes(options)).some(({ wakeId }) => wakeId === id)) return (yield* acknowledgedFindings).has(id)
  const journal = yield* Journal.Journal
  let version = 0
  while (true) {
    const appended = yield* journal
      .append(findingsKey, version, [id])
      .pipe(Effect.catchTag("VersionConflict", Effect.succeed), Effect.catchTag("InvalidKey", Effect.die))
    if (typeof appended === "number") return true
    version = appended.actual
  }
})
