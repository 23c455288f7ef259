/**
 * One flush for all that came while the flush before it ran. Plain callbacks, because a fibre's hop costs more than the rest
 * (measured); who is resumed goes on inside `done`.
 */
import { Result } from "effect"
import type { TransportError } from "@sartor/core"
import { caught, type Done } from "./LogFile.ts"

export interface GroupCommit<Item> {
  /** What lies before is on the device. */
  readonly synced: () => number
  readonly isIdle: () => boolean
  /** Calls back once, when nothing runs or waits. */
  readonly whenIdle: (idle: () => void) => void
  /** Calls back once everything before `end` is on the device. */
  readonly flush: (end: number, done: Done) => void
  /** Writes an item, with those that came while a flush ran, and calls back once it is on the device. */
  readonly append: (item: Item, done: Done) => void
}

export interface Options<Item> {
  /** What is known to be on the device already. */
  readonly synced: number
  /** A flush of this file that failed before. It is final: nothing is flushed or written after it. */
  readonly failure: TransportError.TransportError | undefined
  /** How far the file is written. */
  readonly written: () => number
  /** Writes what `append` gathered in one go; throws a TransportError. */
  readonly write: (batch: ReadonlyArray<Item>) => void
  readonly sizeOf: (item: Item) => number
  readonly sync: (done: Done) => void
  /** Runs after each write, once its flush is on the way. */
  readonly announce: () => void
  readonly failed: (error: TransportError.TransportError) => void
}

interface Waiter {
  /** What lies before this place of the file is written. */
  readonly end: number
  readonly done: Done
}

/** Largest batch in one write, unless a single append is larger. */
const maxBatch = 4 * 1024 * 1024

export const make = <Item>(options: Options<Item>): GroupCommit<Item> => {
  let synced = options.synced
  let failure = options.failure
  let running = false
  let waiters: Array<Waiter> = []
  let gathered: Array<{ readonly item: Item; readonly done: Done }> = []
  let idle: Array<() => void> = []

  const write = (): boolean => {
    if (gathered.length === 0) return false
    let size = 0
    const count = gathered.findIndex(({ item }, index) => (size += options.sizeOf(item)) > maxBatch && index > 0)
    const batch = count < 0 ? gathered : gathered.slice(0, count)
    gathered = count < 0 ? [] : gathered.slice(count)
    const written = caught(() => options.write(batch.map(({ item }) => item)))
    const end = options.written()
    if (Result.isSuccess(written)) for (const { done } of batch) waiters.push({ end, done })
    else for (const { done } of batch) done(written.failure)
    return Result.isSuccess(written)
  }

  const finish = (error: TransportError.TransportError) => {
    failure = error
    options.failed(error)
    const lost = [...waiters, ...gathered]
    waiters = []
    gathered = []
    return lost
  }

  /** Runs until nothing is left; `running` keeps those that are resumed from starting another one. */
  const run = () => {
    running = true
    while (true) {
      const wrote = write()
      if (waiters.length === 0 && gathered.length > 0) continue
      if (waiters.length === 0) break
      const flushed = waiters
      waiters = []
      const end = Math.max(options.written(), ...flushed.map((waiter) => waiter.end))
      options.sync((error) => {
        if (error === undefined) synced = Math.max(synced, end)
        const others = error === undefined ? [] : finish(error)
        for (const { done } of [...flushed, ...others]) done(error)
        run()
      })
      if (wrote) options.announce()
      return
    }
    running = false
    const woken = idle
    idle = []
    for (const wake of woken) wake()
  }

  return {
    synced: () => synced,
    isIdle: () => !running,
    whenIdle: (wake) => {
      if (!running) return wake()
      idle.push(wake)
    },
    flush: (end, done) => {
      if (end <= synced) return done(undefined)
      if (failure !== undefined) return done(failure)
      waiters.push({ end, done })
      if (!running) run()
    },
    append: (item, done) => {
      if (failure !== undefined) return done(failure)
      gathered.push({ item, done })
      if (!running) run()
    }
  }
}
