/**
 * How a log is flushed: on this thread, which does nothing else meanwhile, or on one of Node's others. To be handed over and back costs
 * more than a quick flush does; so that is done here, as long as this thread would have nothing else to do.
 */
import { Result } from "effect"
import * as LogFile from "./LogFile.ts"

export interface Flushing {
  /** Calls back, later than at once, when what the file holds is on the device. */
  readonly sync: (file: LogFile.LogFile, done: LogFile.Done) => void
}

/** Flushes that take longer never hold up this thread, in milliseconds. */
const quick = 1

/** Nor do any while this thread is at work for a larger share of the time that they take. */
const busy = 0.5

/** One of so many runs elsewhere all the same, because only then it shows what else there is to do. */
const sample = 16

/** What one flush tells counts so much in the averages. */
const weight = 0.25

/** Both in milliseconds. */
export interface Clocks {
  readonly now: () => number
  /** How long this thread has been at work. */
  readonly active: () => number
}

export const make = (clocks: Clocks = measured): Flushing => {
  const duration = makeAverage()
  const work = makeAverage()
  let flushes = 0

  return {
    sync: (file, done) => {
      flushes += 1
      const isQuick = duration.value() <= quick && work.value() <= busy
      const began = clocks.now()
      if (!isQuick || flushes % sample === 0) {
        const before = clocks.active()
        return LogFile.sync(file, (error) => {
          const took = clocks.now() - began
          duration.add(took)
          work.add((clocks.active() - before) / took)
          done(error)
        })
      }
      const flushed = LogFile.caught(() => LogFile.syncNow(file))
      duration.add(clocks.now() - began)
      queueMicrotask(() => done(Result.isFailure(flushed) ? flushed.failure : undefined))
    }
  }
}

/** Of what came last; without end before anything has come. */
const makeAverage = () => {
  let average = Number.POSITIVE_INFINITY
  return {
    value: () => average,
    add: (one: number) => {
      average = average === Number.POSITIVE_INFINITY ? one : average + weight * (one - average)
    }
  }
}

const measured: Clocks = {
  now: () => performance.now(),
  active: () => performance.eventLoopUtilization().active
}
