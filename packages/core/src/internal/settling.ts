import { Effect, Fiber, type Scope } from "effect"
import type { Log } from "../Queue.ts"
import type { Record } from "../QueueLog.ts"
import { laterInTurn } from "./laterInTurn.ts"

/** Writes what becomes of messages. Once that is written it outlives this process; what a power cut undoes is delivered again. */
export interface Settling {
  readonly write: (log: Log, records: ReadonlyArray<Outcome>) => Effect.Effect<void>
  /**
   * For takers that are in a hurry: they don't wait until it is written, and what is said in one turn is written in one go. Who looks at the
   * queue waits.
   */
  readonly begin: (log: Log, record: Outcome) => Effect.Effect<void>
  /** Writes something else that nobody waits for but who looks at the queue. */
  readonly aside: (log: Log, work: Effect.Effect<void>) => Effect.Effect<void>
  /** Waits until what was said of messages of a log is written. */
  readonly settled: (log: Log) => Effect.Effect<void>
}

export type Outcome = Extract<Record, { readonly type: "completed" | "released" | "retried" | "dead" }>

export const make: Effect.Effect<Settling, never, Scope.Scope> = Effect.gen(function* () {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  /** Said in this turn. */
  const gathered = new Map<Log, Array<Outcome>>()
  const writing = new Map<Log, Set<Fiber.Fiber<void>>>()

  const write: Settling["write"] = (log, records) =>
    Effect.asVoid(
      Effect.catch(log.append(records, { durable: false }), (error) =>
        Effect.logWarning(`Could not settle ${namesOf(records)}: delivered again later`, error)
      )
    )

  const run = (log: Log, work: Effect.Effect<void>) => {
    const fiber = fork(Effect.uninterruptible(work))
    if (fiber.pollUnsafe() !== undefined) return
    const fibers = writing.get(log) ?? new Set()
    writing.set(log, fibers.add(fiber))
    fiber.addObserver(() => {
      fibers.delete(fiber)
      if (fibers.size === 0) writing.delete(log)
    })
  }
  const writeGathered = (log: Log) => {
    const records = gathered.get(log)
    if (records === undefined) return
    gathered.delete(log)
    run(log, write(log, records))
  }
  const gather = (log: Log, record: Outcome) => {
    const records = gathered.get(log)
    if (records === undefined) {
      gathered.set(log, [record])
      laterInTurn(() => writeGathered(log))
    } else if (records.push(record) === most) writeGathered(log)
  }
  const settled = (log: Log) =>
    Effect.suspend(() => {
      writeGathered(log)
      const fibers = writing.get(log)
      return fibers === undefined ? Effect.void : Effect.asVoid(Fiber.awaitAll(fibers))
    })

  yield* Effect.addFinalizer(() => Effect.forEach([...gathered.keys(), ...writing.keys()], settled, { discard: true }))
  return {
    write,
    begin: (log, record) => Effect.sync(() => gather(log, record)),
    aside: (log, work) => Effect.sync(() => run(log, work)),
    settled
  }
})

/** So many records are far from the largest append, whatever their ids. */
const most = 1000

const namesOf = ([first, ...more]: ReadonlyArray<Outcome>) =>
  more.length === 0 ? first?.id : `${first?.id} and ${more.length} more`
