/**
 * How a log is flushed: on this thread, which does nothing else meanwhile, or on one of Node's others. To be handed over and back costs
 * more than a quick flush does; so that is done here, as long as there is little else to do.
 */
import { Result } from "effect"
import * as LogFile from "./LogFile.ts"

export interface Flushing {
  /** Calls back, later than at once, when what the file holds is on the device. */
  readonly sync: (file: LogFile.LogFile, done: LogFile.Done) => void
}

/** Flushes that take longer never hold up this thread, in milliseconds. */
const quick = 1

/** Nor does any where this thread is at work for a larger share of the time, its flushes not counted. */
const busy = 0.75

/** How long that is measured, in milliseconds. */
const span = 100

/** What a flush takes counts so much in the average. */
const weight = 0.25

/** Both in milliseconds. */
export interface Clocks {
  readonly now: () => number
  /** How long this thread has been at work, flushes in place included. */
  readonly active: () => number
}

export const make = (clocks: Clocks = measured): Flushing => {
  let average = Number.POSITIVE_INFINITY
  let load = 1
  let since = clocks.now()
  let active = clocks.active()
  /** Spent on flushes in place since then. */
  let flushing = 0

  const measure = (now: number) => {
    const before = active + flushing
    active = clocks.active()
    load = (active - before) / (now - since)
    since = now
    flushing = 0
  }
  const took = (time: number) => {
    average = average === Number.POSITIVE_INFINITY ? time : average + weight * (time - average)
  }

  return {
    sync: (file, done) => {
      const began = clocks.now()
      if (began - since > span) measure(began)
      if (average > quick || load > busy) {
        return LogFile.sync(file, (error) => {
          took(clocks.now() - began)
          done(error)
        })
      }
      const flushed = LogFile.caught(() => LogFile.syncNow(file))
      const time = clocks.now() - began
      took(time)
      flushing += time
      queueMicrotask(() => done(Result.isFailure(flushed) ? flushed.failure : undefined))
    }
  }
}

const measured: Clocks = {
  now: () => performance.now(),
  active: () => performance.eventLoopUtilization().active
}
