/**
 * Writes sessions, their wakes and handoffs into the legacy files.
 *
 * @since 0.1.0
 */
import {
  Handoff,
  Handoffs,
  type Journal,
  LegacyFiles,
  Sessions,
  type Session,
  type TransportError,
  Wakes
} from "@sartor/core"
import { Effect, Equal, Result } from "effect"
import * as path from "node:path"
import * as PlainFile from "../internal/PlainFile.ts"
import * as ForeignKeys from "./ForeignKeys.ts"
import * as HandoffFile from "./HandoffFile.ts"
import * as HandoffFolder from "./HandoffFolder.ts"
import * as Importing from "./Importing.ts"
import * as LegacyDirectory from "./LegacyDirectory.ts"
import * as LegacyEdit from "./LegacyEdit.ts"
import * as LegacyLock from "./LegacyLock.ts"
import type { One, Touched } from "./Touched.ts"
import * as Projection from "./Projection.ts"
import * as StatusFile from "./StatusFile.ts"
import * as WakeFile from "./WakeFile.ts"

/**
 * Writes what has become of one session or handoff, and answers what could not be written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const project = (options: Importing.Options, one: One): Effect.Effect<Problems, never, Services> =>
  problemsOf(
    one.kind === "session"
      ? session(options, one.id)
      : Effect.gen(function* () {
          yield* gathered(options, yield* handoff(options, one.id))
        })
  )

/**
 * Writes all sessions and handoffs, and answers what could not be written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rebuild = Effect.fn("LegacyMirror.rebuild")(function* (
  options: Importing.Options
): Effect.fn.Return<Problems, TransportError.TransportError, Services> {
  const sessions = yield* (yield* Sessions.Sessions).list()
  const handoffs = yield* Handoffs.list()
  const problems = yield* Effect.forEach(
    [
      ...sessions.map(({ session_id }) => problemsOf(session(options, session_id))),
      ...handoffs.map(({ document }) => problemsOf(handoff(options, document.handoff.handoffId))),
      problemsOf(handoffs.length === 0 ? Effect.void : gathered(options))
    ],
    (work) => work,
    { concurrency: 8 }
  )
  return problems.flat()
})

type Problems = ReadonlyArray<Importing.Problem>
type Services = Journal.Journal | Sessions.Sessions | Touched | Wakes.Wakes

const problemsOf = <A, R>(
  work: Effect.Effect<A, LegacyFiles.Failure | Sessions.SessionNotFound | Handoffs.HandoffNotFound, R>
) =>
  work.pipe(
    Effect.as([]),
    Effect.catchTag(["InvalidAgentId", "SessionNotFound", "HandoffNotFound"], () => Effect.succeed([])),
    Effect.catch((problem) => Effect.succeed([problem]))
  )

/** A session with its log and its wakes, under the lock of its status file. What scripts have put there is kept first. */
const session = Effect.fnUntraced(function* (options: Importing.Options, id: string) {
  const sessions = yield* Sessions.Sessions
  const places = LegacyDirectory.placesOf(options.directory)
  const there = yield* Effect.result(sessions.get(id))
  if (Result.isFailure(there)) {
    if (there.failure._tag !== "SessionNotFound") return yield* there.failure
    return yield* remove(options, id)
  }
  yield* LegacyDirectory.locked(
    places,
    id,
    Effect.gen(function* () {
      // Under the lock, so that nobody writes what is not taken over and then written over. A status file that is damaged is met again
      // below, and log and wakes are written all the same.
      yield* Effect.catchTag(Importing.session(options, id), "LegacyFileDamaged", () => Effect.void)
      // Read here, so that whoever comes last has the newest.
      const newest = yield* sessions.get(id)
      const acknowledged = yield* acknowledgedOf(newest)
      const foreign = yield* ForeignKeys.read(id)
      const ours = Projection.status(newest, besideOf(options, newest, acknowledged, foreign))
      const lines = yield* LegacyDirectory.readLog(places.log(id))
      yield* LegacyEdit.append(places.log(id), Projection.without(Projection.log(newest), lines), false)
      yield* writeWakes(options, newest, acknowledged)
      yield* writeStatus(options, places.status(id), ours, foreign, newest.version)
    }),
    options
  )
})

/**
 * The wakes of a session that somebody has acknowledged.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledgedOf = Effect.fnUntraced(function* ({
  orchestrator,
  wakes
}: Session.Session): Effect.fn.Return<ReadonlySet<string>, TransportError.TransportError, Wakes.Wakes> {
  const service = yield* Wakes.Wakes
  const settled = yield* Effect.filter(wakes, ({ wake_id }) => service.isSettled(orchestrator, wake_id))
  if (settled.length === 0) return new Set<string>()
  const dead = new Set((yield* service.dead(orchestrator)).map(({ wake_id }) => wake_id))
  return new Set(settled.map(({ wake_id }) => wake_id).filter((id) => !dead.has(id)))
})

/**
 * What the projection of a session takes from beside its journal.
 *
 * @category constructors
 * @since 0.1.0
 */
export const besideOf = (
  { namespace = "default" }: Importing.Options,
  session: Session.Session,
  acknowledged: ReadonlySet<string>,
  foreign: LegacyFiles.Fields
): Projection.Beside => ({
  namespace,
  wakeWaits: Projection.wakesAnybody(session) && session.wakes.some(({ wake_id }) => !acknowledged.has(wake_id)),
  foreign
})

const writeStatus = Effect.fnUntraced(function* (
  { namespace = "default" }: Importing.Options,
  file: string,
  ours: LegacyFiles.Fields,
  foreign: LegacyFiles.Fields,
  version: number
) {
  const found = yield* LegacyEdit.readOnce(file, StatusFile.parse).pipe(
    // What was never written whole holds nothing that could be lost.
    Effect.catchIf(
      (error) => error._tag === "LegacyFileDamaged" && error.detail === "it is empty",
      () => Effect.succeed(undefined)
    )
  )
  if (found === undefined) {
    const added = [...foreign].filter(([key]) => !ours.has(key))
    return yield* LegacyEdit.replace(file, StatusFile.make([...ours, ...added]), { locked: true, durable: false })
  }
  const { fields } = found.value
  if (Projection.isOfAnother(fields, namespace)) {
    return yield* new LegacyFiles.LegacyFileRefused({ file, reason: "mirrors a session of another namespace" })
  }
  // Somebody has mirrored a newer state already.
  if (Number(StatusFile.textOf(fields.get(Projection.versionKey))) > version) return
  const changed = [...ours].filter(([key, value]) => !Equal.equals(fields.get(key), value))
  if (changed.length === 0) return
  yield* LegacyEdit.replace(file, StatusFile.edit(found.value, changed), { locked: true, durable: false })
})

/**
 * The files that the wakes of a session have, and which of them say something else than the inbox.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wakeFiles = Effect.fnUntraced(function* (
  { directory }: LegacyDirectory.Options,
  session: Session.Session,
  acknowledged: ReadonlySet<string>
): Effect.fn.Return<ReadonlyArray<MirroredWake>, TransportError.TransportError> {
  const projected = Projection.wakes(session, acknowledged).flatMap(({ message, name }) => {
    const folders = message.priority === "critical" ? ["wake", "wake/URGENT"] : ["wake"]
    return folders.map((folder) => ({ file: path.join(directory, folder, name), message }))
  })
  return yield* Effect.forEach(projected, ({ file, message }) =>
    LegacyDirectory.readWake(file).pipe(
      Effect.map((found): MirroredWake => {
        if (found === undefined) return { file, message, state: message.acknowledged ? "done" : "missing" }
        const isBehind = message.acknowledged && !found.value.acknowledged
        return { file, message, state: isBehind ? "unacknowledged" : "done" }
      }),
      // What cannot be read is not written over.
      Effect.catchTag("LegacyFileDamaged", () => Effect.succeed({ file, message, state: "done" as const }))
    )
  )
})

interface MirroredWake {
  readonly file: string
  readonly message: LegacyFiles.Wake
  readonly state: "done" | "missing" | "unacknowledged"
}

const writeWakes = Effect.fnUntraced(function* (
  options: Importing.Options,
  session: Session.Session,
  acknowledged: ReadonlySet<string>
) {
  for (const { file, message, state } of yield* wakeFiles(options, session, acknowledged)) {
    if (state === "missing") {
      yield* LegacyEdit.replace(file, WakeFile.render(message), { locked: false, durable: false })
    }
    if (state === "unacknowledged") yield* LegacyDirectory.acknowledgeFile(file)
  }
})

/** Takes away the files of a session that is deleted: status and log, under the lock, which stays. */
const remove = Effect.fnUntraced(function* (options: Importing.Options, id: string) {
  const places = LegacyDirectory.placesOf(options.directory)
  const found = yield* LegacyEdit.readBeside(places.status(id), places.lock(id), StatusFile.parse)
  if (found === undefined || !found.value.fields.has(Projection.versionKey)) return
  yield* LegacyDirectory.locked(
    places,
    id,
    PlainFile.attempt("LegacyMirror.remove", () => {
      PlainFile.remove(places.status(id))
      PlainFile.remove(places.log(id))
    }),
    options
  )
  yield* ForeignKeys.forget(id)
})

/** The file of a handoff, wherever it lies; one that is new in the folder of its day. */
const handoff = Effect.fnUntraced(function* ({ directory }: LegacyDirectory.Options, id: string) {
  const { document }: Handoff.Handoff = yield* Handoffs.get(id)
  const dated = path.join(directory, HandoffFile.pathOf(document))
  const flat = path.join(directory, "handoffs", `${id}.json`)
  const isFlat = yield* PlainFile.attempt("LegacyMirror", () => PlainFile.modifiedOf(flat) !== undefined)
  const isDated = yield* PlainFile.attempt("LegacyMirror", () => PlainFile.modifiedOf(dated) !== undefined)
  if (isFlat) yield* HandoffFolder.write(flat, document, false)
  if (isDated || !isFlat) yield* HandoffFolder.write(dated, document, false)
  return document.context?.taskId ?? id
})

/** The files of chains, of one task or of all, and the index; by one process at a time, each with what there is then. */
const gathered = Effect.fnUntraced(function* (options: Importing.Options, task?: string) {
  const folder = path.join(options.directory, "handoffs")
  yield* PlainFile.attempt("LegacyMirror", () => PlainFile.makeFolder(folder))
  const write = Effect.gen(function* () {
    const all = yield* Handoffs.list()
    for (const chain of Handoff.chains(all)) {
      if (task !== undefined && chain.taskId !== task) continue
      yield* gather(path.join(options.directory, HandoffFile.chainPathOf(chain)), { ...chain })
    }
    yield* gather(path.join(folder, "index.json"), Handoff.index(all))
  })
  yield* LegacyLock.withLock(path.join(folder, ".sartor.lock"), write, options)
})

const gather = Effect.fnUntraced(function* (file: string, fields: { readonly [key: string]: unknown }) {
  const found = yield* LegacyEdit.read(file, (text) => HandoffFile.gather(text, fields))
  const text = found?.value ?? Result.getOrElse(HandoffFile.gather(undefined, fields), () => "")
  if (text !== found?.text) yield* LegacyEdit.replace(file, text, { locked: true, durable: false })
})
