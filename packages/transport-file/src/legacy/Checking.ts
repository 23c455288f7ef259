/**
 * Looks through all legacy files: whether each can be read, and whether those of ours say what the journals say.
 *
 * @since 0.1.0
 */
import {
  Handoff,
  Handoffs,
  type Journal,
  LegacyFiles,
  type Session,
  Sessions,
  type TransportError,
  type Wakes
} from "@sartor/core"
import { DateTime, Effect, Equal, Option, Result } from "effect"
import * as path from "node:path"
import { attempt } from "../internal/LogFile.ts"
import * as PlainFile from "../internal/PlainFile.ts"
import * as CheckpointLog from "./CheckpointLog.ts"
import * as FeedbackFile from "./FeedbackFile.ts"
import * as FindingFile from "./FindingFile.ts"
import * as ForeignKeys from "./ForeignKeys.ts"
import * as HandoffFile from "./HandoffFile.ts"
import type * as Importing from "./Importing.ts"
import * as JsonText from "./JsonText.ts"
import * as LegacyDirectory from "./LegacyDirectory.ts"
import * as LegacyEdit from "./LegacyEdit.ts"
import * as Mirroring from "./Mirroring.ts"
import * as Projection from "./Projection.ts"
import * as StatusFile from "./StatusFile.ts"
import type { Touched } from "./Touched.ts"
import * as WakeFile from "./WakeFile.ts"

/**
 * Something that is wrong with a legacy file.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fault {
  /** `file` if it cannot be read, or is in the way; `mirror` if it says something else than the journals. */
  readonly kind: "file" | "mirror"
  readonly file: string
  /** From 1; 0 for all of a file. */
  readonly line: number
  readonly message: string
}

type Services = Journal.Journal | Sessions.Sessions | Touched | Wakes.Wakes

/**
 * Reads every legacy file, and answers what is wrong with them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const files = Effect.fn("LegacyMirror.checkFiles")(function* (
  directory: string
): Effect.fn.Return<ReadonlyArray<Fault>, TransportError.TransportError> {
  const of = (folder: string, parse: LegacyEdit.Parse<unknown>) =>
    Effect.flatMap(LegacyDirectory.jsonIn(path.join(directory, folder)), (all) =>
      Effect.forEach(all, (file) => unreadable(file, parse), { concurrency: 16 })
    )
  const below = (folder: string) => foldersOf(path.join(directory, folder))
  const days = yield* below("handoffs")
  const agents = yield* below("findings")
  const faults = yield* Effect.all([
    of("agent-status", StatusFile.parse),
    of("wake", WakeFile.parse),
    of("wake/URGENT", WakeFile.parse),
    of("feedback", FeedbackFile.parse),
    ...["handoffs", ...days.map((day) => `handoffs/${day}`)].map((folder) =>
      handoffFiles(path.join(directory, folder))
    ),
    ...agents.map((agent) => of(`findings/${agent}`, agent === "_aggregated" ? JsonText.parse : FindingFile.parse))
  ])
  const leftovers = yield* attempt("LegacyMirror.checkFiles", () =>
    ["agent-status", "wake", "wake/URGENT", "feedback", "handoffs"].flatMap((folder) =>
      PlainFile.drafts(path.join(directory, folder)).map((name) =>
        faultOf(
          "file",
          path.join(directory, folder, name),
          0,
          "somebody died while this was written: it can be deleted"
        )
      )
    )
  )
  return [...faults.flat(2), ...(yield* logs(directory)), ...leftovers]
})

const foldersOf = (folder: string) =>
  attempt("LegacyMirror.checkFiles", () =>
    PlainFile.list(folder)
      .filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => name)
  )

const faultOf = (kind: Fault["kind"], file: string, line: number, message: string): Fault => ({
  kind,
  file,
  line,
  message
})

/** What keeps a file from being read, or from being written. */
const unreadable = (file: string, parse: LegacyEdit.Parse<unknown>) =>
  Effect.andThen(
    LegacyEdit.readBeside(file, `${file}.lock`, parse),
    PlainFile.attempt("LegacyMirror.checkFiles", () => PlainFile.look(file))
  ).pipe(
    Effect.as<ReadonlyArray<Fault>>([]),
    Effect.catchTag("LegacyFileDamaged", ({ detail, line, offset }) =>
      Effect.succeed([faultOf("file", file, line, `${detail} (byte ${offset})`)])
    ),
    Effect.catchTag("LegacyFileRefused", (error) =>
      Effect.succeed([faultOf("file", error.file, 0, `it ${error.reason}`)])
    )
  )

const handoffFiles = (folder: string) =>
  Effect.flatMap(LegacyDirectory.jsonIn(folder), (all) =>
    Effect.forEach(all, (file) =>
      unreadable(file, path.basename(file).startsWith("handoff_") ? HandoffFile.parse : JsonText.parse)
    )
  )

const logs = Effect.fnUntraced(function* (directory: string) {
  const folder = path.join(directory, "checkpoints")
  const names = yield* attempt("LegacyMirror.checkFiles", () => PlainFile.list(folder).map(({ name }) => name))
  const faults = yield* Effect.forEach(
    names.filter((name) => name.endsWith(".log")),
    (name) => logFaults(path.join(folder, name))
  )
  return faults.flat()
})

const logFaults = (file: string) =>
  PlainFile.attempt("LegacyMirror.checkFiles", () => PlainFile.read(file)).pipe(
    Effect.map((found) => {
      const text = found?.bytes.toString("utf8") ?? ""
      const isTorn = text !== "" && !text.endsWith("\n")
      const bad = text.split("\n").flatMap((line, index, all) => {
        const isLast = index === all.length - 1
        if (isLast || line.trim() === "" || CheckpointLog.parse(line)._tag === "Some") return []
        return [faultOf("file", file, index + 1, `it is no checkpoint: ${JSON.stringify(line.slice(0, 80))}`)]
      })
      const last = faultOf("file", file, text.split("\n").length, "its last line is not whole")
      return isTorn ? [...bad, last] : bad
    }),
    Effect.catchTag("LegacyFileRefused", ({ reason }) => Effect.succeed([faultOf("file", file, 0, `it ${reason}`)]))
  )

/**
 * Compares the files of every session and handoff with what its journal comes to.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mirror = Effect.fn("LegacyMirror.checkMirror")(function* (
  options: Importing.Options
): Effect.fn.Return<ReadonlyArray<Fault>, TransportError.TransportError, Services> {
  const sessions = yield* (yield* Sessions.Sessions).list()
  const ofSessions = yield* Effect.forEach(sessions, (session) => settled(() => sessionFaults(options, session)), {
    concurrency: 8
  })
  const handoffs = yield* Handoffs.list()
  const ofHandoffs = yield* Effect.forEach(handoffs, ({ document }) => handoffFaults(options, document))
  return [...ofSessions, ...ofHandoffs].flat()
})

/** What somebody is about to mirror just now is no fault: it is looked at once more. */
const settled = <R>(look: () => Effect.Effect<ReadonlyArray<Fault>, TransportError.TransportError, R>) =>
  Effect.flatMap(look(), (faults) =>
    faults.length === 0 ? Effect.succeed(faults) : Effect.andThen(Effect.sleep("1 second"), Effect.suspend(look))
  )

const sessionFaults = Effect.fnUntraced(function* (options: Importing.Options, { session_id: id }: Session.Session) {
  const places = LegacyDirectory.placesOf(options.directory)
  const session = yield* Effect.result((yield* Sessions.Sessions).get(id))
  // It was deleted meanwhile.
  if (Result.isFailure(session)) return []
  const acknowledged = yield* Mirroring.acknowledgedOf(session.success)
  const foreign = yield* ForeignKeys.read(id)
  const ours = Projection.status(session.success, Mirroring.besideOf(options, session.success, acknowledged, foreign))
  const file = places.status(id)
  const found = yield* Effect.result(LegacyEdit.readBeside(file, places.lock(id), StatusFile.parse))
  const faults: Array<Fault> = []
  if (Result.isSuccess(found)) {
    if (found.success === undefined) {
      if (!(yield* isCleanedUp(session.success))) faults.push(faultOf("mirror", file, 0, "it is missing"))
    } else if (Projection.isOfAnother(found.success.value.fields, options.namespace ?? "default")) {
      return [faultOf("mirror", file, 0, "it mirrors a session of another namespace")]
    } else faults.push(...statusFaults(file, found.success.value, ours))
  }
  const log = places.log(id)
  const lines = yield* Effect.result(LegacyDirectory.readLog(log))
  const missing = Projection.without(
    Projection.log(session.success),
    Result.getOrElse(lines, () => [])
  )
  if (missing.length > 0) faults.push(faultOf("mirror", log, 0, `${missing.length} checkpoints are missing in it`))
  for (const { file, state } of yield* Mirroring.wakeFiles(options, session.success, acknowledged)) {
    if (state === "missing") faults.push(faultOf("mirror", file, 0, "it is missing, and its wake waits"))
    if (state === "unacknowledged") faults.push(faultOf("mirror", file, 0, "it does not say that it is acknowledged"))
  }
  return faults
})

/** The scripts delete status files that nobody has written to for an hour. */
const isCleanedUp = ({ updated_at }: Session.Session) =>
  Effect.map(DateTime.now, (now) =>
    Option.exists(DateTime.make(updated_at), (at) => DateTime.isLessThan(DateTime.addDuration(at, "1 hour"), now))
  )

const statusFaults = (file: string, { fields, root, text }: StatusFile.StatusFile, ours: LegacyFiles.Fields) =>
  [...ours].flatMap(([key, value]) => {
    const there = fields.get(key)
    // Those that scripts set too are not ours alone, once they are there.
    const isTheirs = there !== undefined && key !== Projection.versionKey && Projection.shared.has(key)
    if (isTheirs || Equal.equals(there, value)) return []
    const place = root.members.findLast((member) => member.key === key)
    const line = place === undefined ? 0 : JsonText.lineOf(text, place.start)
    const is = there === undefined ? "is missing" : `is ${JSON.stringify(there)}`
    return [faultOf("mirror", file, line, `"${key}" ${is}, and should be ${JSON.stringify(value)}`)]
  })

const handoffFaults = Effect.fnUntraced(function* (
  { directory }: LegacyDirectory.Options,
  document: Parameters<typeof HandoffFile.pathOf>[0]
) {
  const { handoffId, status } = document.handoff
  const dated = path.join(directory, HandoffFile.pathOf(document))
  const flat = path.join(directory, "handoffs", `${handoffId}.json`)
  const read = (file: string) => Effect.result(LegacyEdit.read(file, HandoffFile.parse))
  const found = [
    { file: dated, read: yield* read(dated) },
    { file: flat, read: yield* read(flat) }
  ]
  // What cannot be read is a fault of the file already.
  if (found.some(({ read }) => Result.isFailure(read))) return []
  const there = found.flatMap(({ file, read }) =>
    Result.isSuccess(read) && read.success !== undefined ? [{ file, document: read.success.value.document }] : []
  )
  if (there.length === 0) return [faultOf("mirror", dated, 0, "it is missing")]
  return (
    there
      // One that a script has moved on is only not taken over yet.
      .filter((one) => Handoff.steps[one.document.handoff.status] < Handoff.steps[status])
      .map((one) =>
        faultOf("mirror", one.file, 0, `its status is ${one.document.handoff.status}, and should be ${status}`)
      )
  )
})

/**
 * Makes the mirror again where it is missing, older or damaged. What a damaged file of ours held is kept beside it; files that
 * are not ours stay as they are. Answers what could not be made.
 *
 * @category constructors
 * @since 0.1.0
 */
export const repair = Effect.fn("LegacyMirror.repair")(function* (
  options: Importing.Options
): Effect.fn.Return<ReadonlyArray<LegacyFiles.Failure>, TransportError.TransportError, Services> {
  const places = LegacyDirectory.placesOf(options.directory)
  const at = (yield* LegacyFiles.nowText).replaceAll(":", "")
  const sessions = yield* (yield* Sessions.Sessions).list()
  const setAside = (id: string) =>
    Effect.gen(function* () {
      const file = places.status(id)
      const found = yield* Effect.result(LegacyEdit.readOnce(file, StatusFile.parse))
      if (Result.isSuccess(found) || found.failure._tag !== "LegacyFileDamaged") return
      yield* PlainFile.attempt("LegacyMirror.repair", () => {
        PlainFile.look(file)
        PlainFile.keepBeside(file, `damaged-${at}`)
        PlainFile.remove(file)
      })
    })
  const problems = yield* Effect.forEach(sessions, ({ session_id }) =>
    LegacyDirectory.locked(places, session_id, setAside(session_id), options).pipe(
      Effect.as<ReadonlyArray<LegacyFiles.Failure>>([]),
      Effect.catch((problem) => Effect.succeed([problem]))
    )
  )
  const tidied = yield* Effect.forEach(["agent-status", "wake", "wake/URGENT", "feedback", "handoffs"], (folder) =>
    tidy(path.join(options.directory, folder))
  )
  return [...problems.flat(), ...tidied.flat(), ...(yield* Mirroring.rebuild(options))]
})

/** Deletes the drafts of those who have died. */
const tidy = (folder: string) =>
  attempt("LegacyMirror.repair", () => {
    for (const name of PlainFile.drafts(folder)) PlainFile.remove(path.join(folder, name))
    return []
  })
