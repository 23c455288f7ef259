/** Ports in memory that outlive their openings, so that one thing about them can be broken on purpose. */
import { Context, Effect, Layer, type Schema } from "effect"
import * as memoryQueue from "../../src/internal/memoryQueue.ts"
import * as Journal from "../../src/Journal.ts"
import * as Queue from "../../src/Queue.ts"
import * as QueueLog from "../../src/QueueLog.ts"
import type { Driver } from "../../src/testing/Driver.ts"

/** What all openings of a case share. */
export class Memory extends Context.Service<
  Memory,
  {
    readonly journal: Journal.Journal["Service"]
    readonly logs: Map<string, Queue.Log>
    /** Where the logs stood that were removed. */
    readonly removed: Map<string, number>
  }
>()("Memory") {
  static readonly layer = Layer.effect(
    this,
    Effect.map(Effect.provide(Journal.Journal, Layer.fresh(Journal.layerMemory)), (journal) => ({
      journal,
      logs: new Map(),
      removed: new Map()
    }))
  )
}

/** A port that is broken in one way, and the case of the suite that was made to catch it. */
export interface Mutant<Service> {
  readonly name: string
  readonly caughtBy: string
  readonly layer: Layer.Layer<Service, never, Memory>
}

export const driverOf = <Service>(name: string, layer: Mutant<Service>["layer"]): Driver<Service, Memory> => ({
  name,
  storage: Memory.layer,
  layer,
  durable: true
})

type JournalPort = Journal.Journal["Service"]

/** Each opening gets a breakage of its own. */
export const journalLayer = (broken: (journal: JournalPort) => Partial<JournalPort> = () => ({})) =>
  Layer.effect(
    Journal.Journal,
    Effect.map(Memory, ({ journal }) => ({ ...journal, ...broken(journal) }))
  )

type QueuePort = Queue.Queue["Service"]

export interface QueueBreakage {
  readonly port?: (queue: QueuePort) => Partial<QueuePort>
  /** Of one opening of a log. */
  readonly log?: (log: Queue.Log) => Partial<Queue.Log>
  /** Of what all openings of a log share. */
  readonly state?: (state: QueueLog.QueueLog) => Partial<QueueLog.QueueLog>
  /** Whether the logs go with their opening. */
  readonly volatile?: boolean
}

export const queueLayer = ({ log: brokenLog, port, state: brokenState, volatile }: QueueBreakage = {}) =>
  Layer.effect(
    Queue.Queue,
    Effect.gen(function* () {
      const memory = yield* Memory
      const logs = volatile === true ? new Map<string, Queue.Log>() : memory.logs
      const { removed } = memory
      const opened = new Map<string, Queue.Log>()
      const make = () => {
        const state = QueueLog.make()
        return memoryQueue.makeLog(
          Object.create(state, Object.getOwnPropertyDescriptors(brokenState?.(state) ?? {})) as QueueLog.QueueLog
        )
      }
      const open = (name: string) => {
        const shared = logs.get(name) ?? make()
        logs.set(name, shared)
        // As on a real transport, others get their turn between a look and a write.
        const yielding: Queue.Log = {
          ...shared,
          refresh: Effect.yieldNow,
          append: (records) => Effect.andThen(Effect.yieldNow, shared.append(records))
        }
        const log = { ...yielding, ...brokenLog?.(yielding) }
        opened.set(name, log)
        return log
      }
      const queue = yield* Queue.fromLogs({
        open: (name) => Effect.sync(() => opened.get(name) ?? open(name)),
        names: Effect.sync(() =>
          [...logs].flatMap(([name, log]) => (log.revision() > (removed.get(name) ?? 0) ? [name] : []))
        ),
        remove: (name) => Effect.sync(() => removed.set(name, logs.get(name)?.revision() ?? 0)),
        owner: { host: "memory", pid: 1, boot: "b", started: "s", since: "2026-01-01T00:00:00.000Z" },
        isGone: () => false
      })
      return { ...queue, ...port?.(queue) }
    })
  )

/** What an opening shows without the ids that were completed before it. */
export const forgetCompleted = ({ state }: Queue.Log) => {
  const items = state.items as Map<string, QueueLog.Item<unknown>>
  for (const [id, item] of items) if (item.state === "completed") items.delete(id)
}

/** Changes each string and key of a value. */
export const mapText = (value: Schema.Json, change: (text: string) => string): Schema.Json => {
  if (typeof value === "string") return change(value)
  if (Array.isArray(value)) return value.map((member) => mapText(member, change))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, mapText(member, change)]))
}

/** Copies by assignment, which takes `__proto__` for the prototype. */
export const withoutProto = (value: Schema.Json): Schema.Json => {
  if (Array.isArray(value)) return value.map(withoutProto)
  if (typeof value !== "object" || value === null) return value
  const copy: Record<string, Schema.Json> = {}
  for (const [key, member] of Object.entries(value)) if (key !== "__proto__") copy[key] = withoutProto(member)
  return copy
}
