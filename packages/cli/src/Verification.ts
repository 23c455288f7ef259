/**
 * Looks through everything that is kept: journals, queues, the ledger, the legacy files and what they mirror.
 *
 * @since 0.1.0
 */
import { Journal, Queue, Sessions, Wakes } from "@sartor/core"
import { LegacyMirror } from "@sartor/transport-file/legacy"
import { Effect, Logger, Stream } from "effect"
import * as Transport from "./Transport.ts"

/**
 * Something that is not as it should be.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly kind: "journal" | "queue" | "ledger" | "file" | "mirror"
  /** The path of a file, or the key of what it is about. */
  readonly file: string
  /** From 1, where it is a line of a file. */
  readonly line?: number
  readonly message: string
}

/**
 * What was looked at, and what is wrong with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly ok: boolean
  readonly checked: { readonly journals: number; readonly queues: number; readonly wakes: number }
  readonly problems: ReadonlyArray<Problem>
}

/**
 * Checks everything, after mending the mirror if that is asked for. What cannot be mended is a problem that stays.
 *
 * @category constructors
 * @since 0.1.0
 */
export const verify = Effect.fnUntraced(function* (options: { readonly repair: boolean }) {
  const told: Array<Problem> = []
  const listening = Logger.make<unknown, void>(({ logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    const [, file = "", what = ""] = /^(\/[^:]+): (.*)$/s.exec(text) ?? []
    // Damage of a log is stepped over, with a warning that names the file and the byte.
    if (logLevel === "Warn" && file !== "") told.push({ kind: "journal", file, message: what })
  })
  const found = yield* Transport.inspecting(check(options)).pipe(Effect.provide(Logger.layer([listening])))
  const problems = [...told, ...found.problems]
  const report: Report = { ok: problems.length === 0, checked: found.checked, problems }
  return report
})

const check = Effect.fnUntraced(function* ({ repair }: { readonly repair: boolean }) {
  const mirror = yield* LegacyMirror.LegacyMirror
  if (repair) {
    // What scripts have written is kept before anything is written over it.
    yield* mirror.takeOver
    yield* mirror.repair
  }
  const journals = yield* journalProblems
  const queues = yield* queueProblems
  const audit = yield* (yield* Wakes.Wakes).audit()
  const faults = yield* mirror.verify
  const problems: ReadonlyArray<Problem> = [
    ...journals.problems,
    ...queues.problems,
    ...ledgerProblems(audit),
    ...faults.map(({ line, ...fault }) => ({ ...fault, ...(line === 0 ? {} : { line }) }))
  ]
  return { checked: { journals: journals.count, queues: queues.count, wakes: audit.committed }, problems }
})

/** Reads every journal to its end; sessions are also folded. */
const journalProblems = Effect.gen(function* () {
  const journal = yield* Journal.Journal
  const sessions = yield* Sessions.Sessions
  const heads = yield* journal.heads()
  const of =
    (key: string) =>
    (message: string): ReadonlyArray<Problem> => [{ kind: "journal", file: key, message }]
  const problems = yield* Effect.forEach(
    heads,
    ({ key }) => {
      const id = key.startsWith("session/") ? key.slice("session/".length) : undefined
      const read = Effect.as(Stream.runDrain(journal.read(key)), [])
      const folded =
        id === undefined
          ? Effect.succeed([])
          : Effect.map(sessions.get(id), ({ damaged_after }) =>
              damaged_after === undefined ? [] : of(key)(`it is damaged after version ${damaged_after}`)
            )
      return Effect.andThen(read, folded).pipe(
        Effect.catchTag("SessionNotFound", () => Effect.succeed([])),
        Effect.catchTag(["TransportError", "InvalidKey"], ({ message }) => Effect.succeed(of(key)(message)))
      )
    },
    { concurrency: 8 }
  )
  return { count: heads.length, problems: problems.flat() }
})

const queueProblems = Effect.gen(function* () {
  const queue = yield* Queue.Queue
  const names = yield* queue.names()
  const problems = yield* Effect.forEach(names, (name) =>
    queue.statistics(name).pipe(
      Effect.as<ReadonlyArray<Problem>>([]),
      Effect.catchTag(["TransportError", "InvalidKey"], ({ message }) =>
        Effect.succeed<ReadonlyArray<Problem>>([{ kind: "queue", file: name, message }])
      )
    )
  )
  return { count: names.length, problems: problems.flat() }
})

const ledgerProblems = ({ balanced, missing, repeated, unknown }: Wakes.Audit): ReadonlyArray<Problem> => {
  const of =
    (message: string) =>
    (id: string): Problem => ({ kind: "ledger", file: id, message })
  const all = [
    ...missing.map(of("it is pending, and nobody would ever be woken by it")),
    ...unknown.map(of("it was never sent by a session")),
    ...repeated.map(of("it stands in the ledger more than once"))
  ]
  return balanced || all.length > 0
    ? all
    : [{ kind: "ledger", file: "wakes", message: "what was committed is not what is acknowledged, pending and dead" }]
}
