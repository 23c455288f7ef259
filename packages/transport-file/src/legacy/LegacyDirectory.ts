/**
 * The legacy folders of a data directory, read and written as the scripts do, while they do.
 *
 * @since 0.1.0
 */
import { LegacyFiles, type TransportError } from "@sartor/core"
import { DateTime, Effect, Layer, Option, Random } from "effect"
import * as path from "node:path"
import { attempt } from "../internal/LogFile.ts"
import * as PlainFile from "../internal/PlainFile.ts"
import * as CheckpointLog from "./CheckpointLog.ts"
import * as HandoffFile from "./HandoffFile.ts"
import * as HandoffFolder from "./HandoffFolder.ts"
import * as LegacyEdit from "./LegacyEdit.ts"
import * as LegacyLock from "./LegacyLock.ts"
import * as Refusals from "./Refusals.ts"
import * as StatusFile from "./StatusFile.ts"
import * as WakeFile from "./WakeFile.ts"
import * as Watching from "./Watching.ts"

/**
 * Where the legacy folders lie, and how long a lock is waited for.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends LegacyLock.Options {
  /** The data directory, which may be that of any transport. */
  readonly directory: string
}

/**
 * Reads and writes the legacy files below a directory.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<LegacyFiles.LegacyFiles> =>
  Layer.sync(LegacyFiles.LegacyFiles, () => make(options))

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): LegacyFiles.LegacyFiles["Service"] => {
  const places = placesOf(options.directory)
  /** Fields as they were last read whole, for as long as this process lives. */
  const known = new Map<string, LegacyFiles.Status>()

  const status = Effect.fn("LegacyFiles.status")(function* (agent: string) {
    yield* checked(agent)
    const found = yield* mended(LegacyEdit.readBeside(places.status(agent), places.lock(agent), StatusFile.parse))
    if (found === undefined) return Option.none()
    const status: LegacyFiles.Status = { agent, fields: found.value.fields, modified: found.modified }
    known.set(agent, status)
    return Option.some(status)
  })

  const statuses = Effect.suspend(() => everyOf(agentsOf(options.directory), status)).pipe(
    Effect.map(({ damaged, found }) => ({
      damaged,
      found: found.flatMap(Option.toArray).concat(
        damaged.flatMap((error) => {
          const before = known.get(path.basename(error.file, ".json"))
          return before === undefined ? [] : [{ ...before, damaged: error }]
        })
      )
    }))
  )

  const update = Effect.fn("LegacyFiles.update")(function* (
    agent: string,
    decide: (fields: LegacyFiles.Fields | undefined) => Iterable<readonly [string, LegacyFiles.Value]> | undefined
  ) {
    yield* checked(agent)
    const file = places.status(agent)
    yield* locked(
      places,
      agent,
      Effect.gen(function* () {
        const found = yield* LegacyEdit.readOnce(file, StatusFile.parse)
        const values = decide(found?.value.fields)
        if (values === undefined) return
        const at = yield* LegacyFiles.nowText
        const text =
          found === undefined
            ? StatusFile.begin(agent, values, at)
            : StatusFile.edit(found.value, [...values, ["lastUpdate", at]])
        yield* LegacyEdit.replace(file, text, { locked: true, durable: true })
      }),
      options
    )
  })

  const wakeFiles = (folder: string) => everyOf(wakesOf(options.directory, folder), (file) => readWake(file))

  const service = LegacyFiles.LegacyFiles.of({
    directory: options.directory,
    refusals: (time) => Refusals.since(options.directory, time),
    statuses,
    status,
    update,
    removeStatuses: Effect.fn("LegacyFiles.removeStatuses")(function* (before) {
      const isOld = (agent: string) =>
        Effect.map(
          attempt("LegacyFiles.removeStatuses", () => PlainFile.modifiedOf(places.status(agent))),
          (modified) => modified !== undefined && modified < before
        )
      const old = yield* Effect.filter(yield* agentsOf(options.directory), isOld)
      const remove = (agent: string) =>
        Effect.flatMap(isOld(agent), (still) =>
          attempt("LegacyFiles.removeStatuses", () => still && PlainFile.remove(places.status(agent)))
        )
      return yield* Effect.filter(old, (agent) => locked(places, agent, remove(agent), options))
    }),
    checkpoint: Effect.fn("LegacyFiles.checkpoint")(function* (agent, { details, milestone, phase }) {
      yield* checked(agent)
      const timestamp = yield* LegacyFiles.nowText
      const line = CheckpointLog.render({ timestamp, phase, milestone, details })
      yield* LegacyEdit.append(places.log(agent), [line], true)
      const name = CheckpointLog.milestone(milestone)
      yield* update(agent, (fields) => [
        ["phase", phase],
        ["milestone", name],
        ["progress", LegacyFiles.progress[phase]],
        ["lastCheckpoint", timestamp],
        ["checkpointDetails", details],
        ["milestoneHistory", StatusFile.once(StatusFile.listOf(fields?.get("milestoneHistory")), name)]
      ])
    }),
    checkpoints: Effect.fnUntraced(function* (agent) {
      yield* checked(agent)
      const lines = yield* readLog(places.log(agent))
      return lines.flatMap((line) =>
        Option.toArray(CheckpointLog.parse(line)).flatMap(({ phase, ...rest }) =>
          CheckpointLog.isPhase(phase) ? [{ phase, ...rest }] : []
        )
      )
    }),
    wakes: Effect.suspend(() => wakeFiles("wake")).pipe(
      Effect.map(({ damaged, found }) => ({
        damaged,
        found: found.flatMap((one) => (one === undefined ? [] : [one.value]))
      }))
    ),
    wake: Effect.fn("LegacyFiles.wake")(function* (agent, { message, priority = "normal", type }) {
      yield* checked(agent)
      const at = yield* DateTime.now
      const seconds = Math.floor(DateTime.toEpochMillis(at) / 1000)
      const isTaken = (suffix: number) =>
        attempt("LegacyFiles.wake", () => {
          const name = WakeFile.nameOf({ agentId: agent }, seconds, suffix)
          return PlainFile.modifiedOf(path.join(options.directory, "wake", name)) !== undefined
        })
      let suffix = yield* Random.nextIntBetween(0, 0x1000000)
      while (yield* isTaken(suffix)) suffix += 1
      const wake: LegacyFiles.Wake = {
        wakeId: `wake-${seconds}-${WakeFile.hex(suffix)}`,
        agentId: agent,
        type,
        message,
        priority,
        timestamp: wholeSeconds(at),
        acknowledged: false
      }
      const name = WakeFile.nameOf(wake, seconds, suffix)
      for (const folder of priority === "critical" ? ["wake", "wake/URGENT"] : ["wake"]) {
        const file = path.join(options.directory, folder, name)
        yield* LegacyEdit.replace(file, WakeFile.render(wake), { locked: false, durable: true })
      }
      yield* update(agent, (fields) => (fields === undefined ? undefined : [["wakeMessageSent", true]]))
      return wake
    }),
    acknowledge: Effect.fn("LegacyFiles.acknowledge")(function* (wakeId) {
      const acknowledged = yield* acknowledgeFiles(options.directory, wakeId)
      if (Option.isNone(acknowledged)) return acknowledged
      const { agentId } = acknowledged.value
      const { found } = yield* wakeFiles("wake")
      const isWaiting = found.some((one) => one?.value.agentId === agentId && !one.value.acknowledged)
      if (!isWaiting && LegacyFiles.isAgentId(agentId)) {
        yield* update(agentId, (fields) =>
          fields?.has("wakeMessageSent") === true ? [["wakeMessageSent", false]] : undefined
        )
      }
      return acknowledged
    }),
    changes: Watching.changes(options.directory),
    handOver: Effect.fn("LegacyFiles.handOver")((document) =>
      HandoffFolder.write(path.join(options.directory, HandoffFile.pathOf(document)), document, true)
    )
  })
  const { acknowledge, checkpoint, handOver, wake } = service
  return LegacyFiles.LegacyFiles.of({
    ...service,
    update: (agent, decide) => noting(options.directory, update(agent, decide)),
    checkpoint: (agent, one) => noting(options.directory, checkpoint(agent, one)),
    wake: (agent, message) => noting(options.directory, wake(agent, message)),
    acknowledge: (wakeId) => noting(options.directory, acknowledge(wakeId)),
    handOver: (document) => noting(options.directory, handOver(document))
  })
}

/** What was asked for and could not be done is counted. */
const noting = <A, R>(directory: string, work: Effect.Effect<A, LegacyFiles.Failure, R>) =>
  Effect.tapError(work, (error) =>
    error._tag === "LegacyFileDamaged" || error._tag === "LegacyFileRefused" || error._tag === "LockTimeout"
      ? Refusals.note(directory, error.message)
      : Effect.void
  )

/**
 * The files of an agent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Places {
  readonly status: (agent: string) => string
  readonly log: (agent: string) => string
  readonly lock: (agent: string) => string
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const placesOf = (directory: string): Places => {
  const status = (agent: string) => path.join(directory, "agent-status", `${agent}.json`)
  return {
    status,
    log: (agent) => path.join(directory, "checkpoints", `${agent}.log`),
    lock: (agent) => `${status(agent)}.lock`
  }
}

/**
 * Holds the lock of an agent's files while an effect runs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const locked = <A, E, R>(
  places: Places,
  agent: string,
  effect: Effect.Effect<A, E, R>,
  options: LegacyLock.Options = {}
) =>
  Effect.andThen(
    PlainFile.attempt("LegacyLock", () => PlainFile.makeFolder(path.dirname(places.lock(agent)))),
    LegacyLock.withLock(places.lock(agent), effect, options)
  )

/**
 * The agents that have a status file, by name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const agentsOf = (directory: string) =>
  attempt("LegacyFiles.list", () =>
    PlainFile.list(path.join(directory, "agent-status"))
      .filter(({ isDirectory, name }) => !isDirectory && name.endsWith(".json"))
      .map(({ name }) => name.slice(0, -".json".length))
      .filter(LegacyFiles.isAgentId)
  )

/**
 * The files of messages, by name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wakesOf = (directory: string, folder: string) => jsonIn(path.join(directory, folder))

/**
 * The JSON files of a folder, by name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const jsonIn = (folder: string) =>
  attempt("LegacyFiles.list", () =>
    PlainFile.list(folder)
      .filter(({ isDirectory, name }) => !isDirectory && name.endsWith(".json"))
      .map(({ name }) => path.join(folder, name))
  )

/**
 * @category constructors
 * @since 0.1.0
 */
export const readWake = (file: string) => mended(LegacyEdit.read(file, WakeFile.parse))

/**
 * The whole lines of a log; none where there is no log.
 *
 * @category constructors
 * @since 0.1.0
 */
export const readLog = (file: string) =>
  mended(PlainFile.attempt("LegacyFiles.checkpoints", () => PlainFile.read(file))).pipe(
    Effect.map((found) => (found === undefined ? [] : CheckpointLog.lines(found.bytes.toString("utf8"))))
  )

/**
 * Marks a message as dealt with, in its file and in its copies, and answers it; nothing for an unknown one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledgeFiles = Effect.fnUntraced(function* (directory: string, wakeId: string) {
  let acknowledged: Option.Option<LegacyFiles.Wake> = Option.none()
  for (const folder of ["wake", "wake/URGENT"]) {
    const { found } = yield* everyOf(wakesOf(directory, folder), (file) =>
      Effect.map(readWake(file), (read) => (read === undefined ? undefined : { ...read, file }))
    )
    for (const one of found) {
      if (one?.value.wakeId !== wakeId) continue
      if (!one.value.acknowledged) yield* acknowledgeFile(one.file)
      acknowledged = Option.some({ ...one.value, acknowledged: true })
    }
  }
  return acknowledged
})

/**
 * Marks the message of a file as dealt with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledgeFile = Effect.fnUntraced(function* (file: string) {
  const at = yield* LegacyFiles.nowText
  const found = yield* LegacyEdit.read(file, (text) => WakeFile.acknowledge(text, at))
  if (found !== undefined) yield* LegacyEdit.replace(file, found.value, { locked: false, durable: true })
})

/**
 * Reads each of a list; what is damaged is told beside the rest.
 *
 * @category constructors
 * @since 0.1.0
 */
export const everyOf = <A, B>(
  names: Effect.Effect<ReadonlyArray<A>, TransportError.TransportError>,
  readOne: (
    name: A
  ) => Effect.Effect<B, LegacyFiles.LegacyFileDamaged | LegacyFiles.InvalidAgentId | TransportError.TransportError>
): Effect.Effect<LegacyFiles.Found<B>, TransportError.TransportError> =>
  Effect.gen(function* () {
    const damaged: Array<LegacyFiles.LegacyFileDamaged> = []
    const one = (name: A) =>
      readOne(name).pipe(
        Effect.asSome,
        Effect.catchTag("LegacyFileDamaged", (error) => {
          damaged.push(error)
          return Effect.succeedNone
        }),
        Effect.catchTag("InvalidAgentId", () => Effect.succeedNone)
      )
    const read = yield* Effect.forEach(yield* names, one, { concurrency: 16 })
    return { found: read.flatMap(Option.toArray), damaged }
  })

/**
 * For a reader, a file that is refused for what it is, is damaged.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mended = <A, E, R>(effect: Effect.Effect<A, E | LegacyFiles.LegacyFileRefused, R>) =>
  Effect.catchIf(
    effect,
    (error) => error instanceof LegacyFiles.LegacyFileRefused,
    ({ file, reason }) =>
      Effect.fail(new LegacyFiles.LegacyFileDamaged({ file, line: 1, offset: 0, detail: `it ${reason}` }))
  )

const checked = (agent: string) =>
  LegacyFiles.isAgentId(agent) ? Effect.void : Effect.fail(new LegacyFiles.InvalidAgentId({ input: agent }))

/**
 * A time as the legacy files have it: UTC, whole seconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const wholeSeconds = (at: DateTime.DateTime): string => DateTime.formatIso(at).replace(/\.\d+Z$/, "Z")
