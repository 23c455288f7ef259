/**
 * One write for all that comes in the same turn, and one flush for all that was written while the flush before it ran. Plain
 * callbacks, because a fibre's hop costs more than the rest (measured); who is resumed goes on inside `done`.
 */
import { Result } from "effect"
import type { TransportError } from "@sartor/core"
import { caught, type Done } from "./LogFile.ts"

export interface GroupCommit<Item> {
  /** What lies before is on the device. */
  readonly synced: () => number
  /** Whether something waits for the end of this turn to be written. */
  readonly isGathering: () => boolean
  readonly isIdle: () => boolean
  /** Flushes what was written and nobody waits for. */
  readonly tidy: () => void
  /** Calls back once, when nothing runs or waits. */
  readonly whenIdle: (idle: () => void) => void
  /** Takes in that all before a place is on the device, because somebody else has flushed it. */
  readonly learn: (synced: number) => void
  /** Calls back once everything before `end` is on the device. */
  readonly flush: (end: number, done: Done) => void
  /** Writes an item at the end of this turn. Calls back once it is on the device; if `durable` is false once it is written. */
  readonly append: (item: Item, durable: boolean, done: Done) => void
  /** Writes now what was gathered. */
  readonly write: () => void
}

export interface Options<Item> {
  /** What is known to be on the device already. */
  readonly synced: number
  /** A flush of this file that failed before. It is final: nothing is flushed or written after it. */
  readonly failure: TransportError.TransportError | undefined
  /** How far the file is written. */
  readonly written: () => number
  /**
   * Writes what `append` gathered in one go, and answers what is left to do while it is flushed; throws a TransportError, and what it
   * answers throws nothing.
   */
  readonly write: (batch: ReadonlyArray<Item>) => Written
  readonly sizeOf: (item: Item) => number
  readonly sync: (done: Done) => void
  /** Runs after a flush: all before `end` is on the device. */
  readonly flushed?: (end: number) => void
  /** Runs after each write, once its flush is on the way. */
  readonly announce: () => void
  readonly failed: (error: TransportError.TransportError) => void
}

export interface Written {
  /** How far the file is written. */
  readonly end: number
  readonly afterwards?: () => void
}

interface Waiter {
  /** What lies before this place of the file is written. */
  readonly end: number
  readonly done: Done
}

interface Gathered<Item> {
  readonly item: Item
  readonly durable: boolean
  readonly done: Done
}

/** Largest batch in one write, unless a single append is larger. */
const maxBatch = 256 * 1024

export const make = <Item>(options: Options<Item>): GroupCommit<Item> => {
  let synced = options.synced
  let failure = options.failure
  let flushing = false
  let waiters: Array<Waiter> = []
  let gathered: Array<Gathered<Item>> = []
  let idle: Array<() => void> = []

  let writing = false
  /** Up to where something was written that nobody waits for. */
  let loose = 0

  const isIdle = () => !flushing && !writing && waiters.length === 0 && gathered.length === 0
  const rest = () => {
    if (!isIdle()) return
    const woken = idle
    idle = []
    for (const wake of woken) wake()
  }

  const next = () => {
    let size = 0
    const count = gathered.findIndex(({ item }, index) => (size += options.sizeOf(item)) > maxBatch && index > 0)
    const batch = count < 0 ? gathered : gathered.slice(0, count)
    gathered = count < 0 ? [] : gathered.slice(count)
    return batch
  }

  const write = () => {
    const told: Array<() => void> = []
    const left: Array<() => void> = []
    let announced = false
    writing = true
    while (gathered.length > 0) {
      const batch = next()
      const result =
        failure === undefined ? caught(() => options.write(batch.map(({ item }) => item))) : Result.fail(failure)
      if (Result.isFailure(result)) {
        for (const { done } of batch) told.push(() => done(result.failure))
        continue
      }
      announced = true
      const { afterwards, end } = result.success
      if (afterwards !== undefined) left.push(afterwards)
      for (const { done, durable } of batch) {
        if (durable) {
          waiters.push({ end, done })
        } else {
          told.push(() => done(undefined))
          loose = end
        }
      }
    }
    writing = false
    flush()
    for (const afterwards of left) afterwards()
    if (announced) options.announce()
    if (told.length > 0) {
      // Never within the fibre that may have asked for this write.
      queueMicrotask(() => {
        for (const tell of told) tell()
      })
    }
    rest()
  }

  const flush = () => {
    if (flushing || waiters.length === 0) return
    flushing = true
    const flushed = waiters
    waiters = []
    const end = Math.max(options.written(), ...flushed.map((waiter) => waiter.end))
    options.sync((error) => {
      flushing = false
      if (error === undefined) {
        synced = Math.max(synced, end)
        options.flushed?.(end)
      } else fail(error, flushed)
      for (const { done } of flushed) done(error)
      flush()
      rest()
    })
  }

  const fail = (error: TransportError.TransportError, flushed: Array<Waiter>) => {
    failure = error
    options.failed(error)
    flushed.push(...waiters)
    waiters = []
  }

  const tidy = () => {
    if (loose <= synced || failure !== undefined || flushing) return
    waiters.push({ end: loose, done: ignore })
    flush()
  }

  return {
    synced: () => synced,
    tidy,
    isGathering: () => gathered.length > 0,
    isIdle,
    whenIdle: (wake) => {
      if (isIdle()) return wake()
      idle.push(wake)
    },
    learn: (elsewhere) => {
      if (failure === undefined) synced = Math.max(synced, elsewhere)
    },
    flush: (end, done) => {
      if (end <= synced) return done(undefined)
      if (failure !== undefined) return done(failure)
      waiters.push({ end, done })
      flush()
    },
    append: (item, durable, done) => {
      if (failure !== undefined) return done(failure)
      gathered.push({ item, durable, done })
      if (gathered.length === 1) queueMicrotask(write)
    },
    write
  }
}

const ignore = () => {}
