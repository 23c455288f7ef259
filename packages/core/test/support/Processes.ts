/** Several processes on one store in memory, each of which can be killed, or fail, at any call it makes. */
import { Clock, Context, Deferred, Effect, Layer, Schema, Stream } from "effect"
import * as Journal from "../../src/Journal.ts"
import * as Queue from "../../src/Queue.ts"
import * as QueueLog from "../../src/QueueLog.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as Flags from "../../src/Flags.ts"
import * as Transport from "../../src/Transport.ts"
import { TransportError } from "../../src/TransportError.ts"
import * as Wakes from "../../src/Wakes.ts"

export { Journal } from "../../src/Journal.ts"

/** What outlives a process: the journals, and the log of each queue. */
export interface Store {
  readonly journal: Journal.Journal["Service"]
  readonly queues: Map<string, Lines>
  readonly processes: Array<{ dead: boolean }>
}

export class SharedStore extends Context.Service<SharedStore, Store>()("test/SharedStore") {}

interface Lines {
  readonly lines: Array<Line>
  readonly signal: ReturnType<typeof Queue.makeSignal>
  /** How many there were when it was removed. */
  removed: number
}

interface Line {
  readonly text: string
  readonly at: number
}

export const makeStore: Effect.Effect<Store> = Effect.map(
  Effect.provide(Journal.Journal, Layer.fresh(Journal.layerMemory)),
  (journal) => ({ journal, queues: new Map(), processes: [] })
)

export type Call =
  | "append"
  | "read"
  | "heads"
  | "watch"
  | "delete"
  | "names"
  | "queue.append"
  | "queue.refresh"
  | "queue.remove"

/** Decides on each call, counted from 1 over all of them: whether it is done, and whether it is said to be. */
export interface Fault {
  readonly kill?: "before" | "after"
  readonly fail?: "before" | "after"
  /** Only completes `reached`; the call is done. */
  readonly reach?: true
  /** Does it once `resume` is called. */
  readonly stall?: true
}
export type Plan = (call: Call, key: string, count: number) => Fault | undefined

export interface Process {
  readonly pid: number
  readonly layer: Layer.Layer<Transport.Transport | Sessions.Sessions | Wakes.Wakes>
  /** How many calls were made so far. */
  readonly calls: () => number
  readonly isDead: () => boolean
  /** Completes once it was killed. From then on nothing that it does has an effect. */
  readonly killed: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
  /** Completes at the call that the plan has marked. */
  readonly reached: Effect.Effect<void>
  /** Lets the calls go on that the plan has stalled. */
  readonly resume: Effect.Effect<void>
}

export const isWrite = (call: Call) =>
  call === "append" || call === "delete" || call === "queue.append" || call === "queue.remove"

/** Kills the process at the n-th thing that it writes. */
export const killAt = (n: number, when: "before" | "after"): Plan => {
  let writes = 0
  return (call) => (isWrite(call) && ++writes === n ? { kill: when } : undefined)
}

/** Marks the n-th call, and does it. */
export const reachAt =
  (n: number): Plan =>
  (_, __, count) =>
    count === n ? { reach: true } : undefined

/** Fails the n-th call, once. */
export const failAt =
  (n: number, when: "before" | "after"): Plan =>
  (_, __, count) =>
    count === n ? { fail: when } : undefined

/** Opens the store as a process of its own. */
export const start = Effect.fnUntraced(function* (store: Store, plan: Plan = () => undefined) {
  const pid = store.processes.length + 1
  const self = { dead: false }
  store.processes.push(self)
  const killed = yield* Deferred.make<void>()
  const reached = yield* Deferred.make<void>()
  const resumed = yield* Deferred.make<void>()
  const kill = Effect.suspend(() => {
    self.dead = true
    return Effect.asVoid(Deferred.succeed(killed, undefined))
  })
  let count = 0

  const away = (call: Call, detail: string) => new TransportError({ operation: call, reason: "unavailable", detail })
  const through = <A, E>(call: Call, key: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TransportError> =>
    Effect.suspend(() => {
      if (self.dead) return Effect.fail(away(call, "the process is dead"))
      const fault = plan(call, key, ++count) ?? {}
      if (fault.reach === true) Deferred.doneUnsafe(reached, Effect.void)
      if (fault.stall === true) return Effect.andThen(Deferred.await(resumed), effect)
      const when = fault.kill ?? fault.fail
      if (when === undefined) return effect
      const broken = Effect.andThen(
        fault.kill === undefined ? Effect.void : kill,
        Effect.fail(away(call, `call ${count} of process ${pid}`))
      )
      return when === "before" ? broken : Effect.andThen(effect, broken)
    })
  const throughStream = <A, E>(call: Call, key: string, stream: Stream.Stream<A, E>) =>
    Stream.unwrap(through(call, key, Effect.succeed(stream)))

  const { journal } = store
  const journals = Layer.succeed(Journal.Journal, {
    // Without records it asks, and writes nothing.
    append: (key, expected, records) =>
      through(records.length === 0 ? "read" : "append", key, journal.append(key, expected, records)),
    read: (key, after) => throughStream("read", key, journal.read(key, after)),
    heads: (prefix) => through("heads", prefix ?? "", journal.heads(prefix)),
    watch: (prefix) => throughStream("watch", prefix ?? "", journal.watch(prefix)),
    delete: (key) => through("delete", key, journal.delete(key)),
    note: journal.note
  })

  const logs = new Map<string, Queue.Log>()
  const open = (name: string): Queue.Log => {
    const shared = store.queues.get(name) ?? { lines: [], signal: Queue.makeSignal(), removed: 0 }
    store.queues.set(name, shared)
    const state = QueueLog.make()
    let seen = 0
    /** Writes lines and reads what is new, in one step. */
    const exchange = (records: ReadonlyArray<QueueLog.Record> = []) =>
      Effect.map(Clock.Clock, (clock) => {
        const at = clock.currentTimeMillisUnsafe()
        const heard = Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
        shared.lines.push(...records.map((record) => ({ text: encodeRecord(record), at })))
        const outcomes = shared.lines.slice(seen).map(({ at, text }) => state.apply(decodeRecord(text), at, heard))
        seen = shared.lines.length
        if (records.length > 0) shared.signal.notify()
        return outcomes.slice(outcomes.length - records.length)
      })
    const catchUp = Effect.asVoid(exchange())
    const refresh = through("queue.refresh", name, catchUp)
    return {
      state,
      payload: (id) => Effect.sync(() => state.items.get(id)?.payload ?? null),
      glance: refresh,
      refresh,
      durable: () => Effect.void,
      append: (records) => through("queue.append", name, exchange(records)),
      revision: () => seen,
      // What another process writes is folded here, as a watcher would.
      changed: (revision) =>
        Effect.suspend(() =>
          shared.lines.length === revision ? shared.signal.changed(shared.signal.revision()) : Effect.void
        ).pipe(
          Effect.andThen(refresh),
          Effect.catch(() => Effect.sleep("1 second"))
        )
    }
  }
  const queues = Layer.effect(
    Queue.Queue,
    Queue.fromLogs({
      open: (name) =>
        Effect.sync(() => {
          const log = logs.get(name) ?? open(name)
          logs.set(name, log)
          return log
        }),
      names: through(
        "names",
        "",
        Effect.sync(() =>
          [...store.queues].flatMap(([name, { lines, removed }]) => (lines.length > removed ? [name] : []))
        )
      ),
      remove: (name) =>
        through(
          "queue.remove",
          name,
          Effect.sync(() => {
            const shared = store.queues.get(name)
            if (shared !== undefined) shared.removed = shared.lines.length
          })
        ),
      owner: { host: "memory", pid, boot: "one", started: String(pid), since: "2026-01-01T00:00:00.000Z" },
      isGone: (owner) => store.processes[owner.pid - 1]?.dead === true
    })
  )

  const process: Process = {
    pid,
    layer: Layer.fresh(Transport.servicesWith(Layer.merge(journals, queues), Flags.layerFixed({}))),
    calls: () => count,
    isDead: () => self.dead,
    killed: Deferred.await(killed),
    kill,
    reached: Deferred.await(reached),
    resume: Effect.asVoid(Deferred.succeed(resumed, undefined))
  }
  return process
})

const Text = Schema.fromJsonString(QueueLog.Record)
const encodeRecord = Schema.encodeSync(Text)
const decodeRecord = Schema.decodeSync(Text)
