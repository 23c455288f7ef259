import { existsSync, readFileSync, realpathSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Queue } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, Exit, ManagedRuntime, Scope } from "effect"
import { startPair } from "./children.ts"
import { make } from "./message.ts"
import { micros, progress, round, rounded, temporary, times } from "./measure.ts"
import { type Options, type Row, wrongs } from "./Row.ts"

/** How often the device below the temporary folder was flushed, by everyone on this machine. */
export type Counter = () => number

/** Nothing where the system does not tell. */
export const makeCounter = (): Counter | undefined => {
  try {
    const { dev } = statSync(tmpdir())
    const found = realpathSync(`/sys/dev/block/${Math.floor(dev / 256)}:${dev % 256}`)
    const disk = existsSync(join(found, "partition")) ? dirname(found) : found
    const count = () => Number(readFileSync(join(disk, "stat"), "utf8").trim().split(/\s+/)[15])
    return Number.isNaN(count()) ? undefined : count
  } catch {
    return undefined
  }
}

export const unreadable = "this system does not tell how often a device was flushed"

/** The least of several repetitions, because others on the machine can only add to it. */
const least = async (repetitions: number, flushes: () => Promise<number>) => {
  let smallest = Number.POSITIVE_INFINITY
  for (const _ of times(repetitions, () => 0)) smallest = Math.min(smallest, await flushes())
  return smallest
}

/** W5: device flushes a message. */
export const deviceFlushes = async (options: Options): Promise<Row> => {
  const row = {
    id: "W5",
    what: "file: device flushes a lone send, a lone acknowledgement, and a message end to end with 100 at once",
    goal: "1, <= 1 and <= 0.06"
  }
  const count = makeCounter()
  if (count === undefined) return { ...row, value: "-", met: false, notRun: unreadable, raw: {} }
  const runtime = ManagedRuntime.make(FileTransport.layer({ directory: temporary() }))
  const queue = await runtime.runPromise(Queue.Queue)
  const messages = 100
  let number = 0
  const offer = Effect.suspend(() => {
    const message = make(0, number++, micros())
    return queue.offer("flushes", { id: message.wake_id, payload: message })
  })
  const flushesOf = <A, E, R>(effect: Effect.Effect<A, E, R>, add: (flushes: number) => void) =>
    Effect.suspend(() => {
      const before = count()
      return Effect.tap(effect, () => Effect.sync(() => add(count() - before)))
    })
  const alone = Effect.gen(function* () {
    const spent = { send: 0, claim: 0, acknowledge: 0 }
    for (const _ of times(messages, () => 0)) {
      yield* flushesOf(offer, (flushes) => (spent.send += flushes))
      const scope = yield* Scope.make()
      const take = Scope.provide(queue.take("flushes"), scope)
      yield* flushesOf(take, (flushes) => (spent.claim += flushes))
      yield* flushesOf(Scope.close(scope, Exit.void), (flushes) => (spent.acknowledge += flushes))
    }
    return spent
  })
  await runtime.runPromise(alone)
  const parts = {
    send: Number.POSITIVE_INFINITY,
    claim: Number.POSITIVE_INFINITY,
    acknowledge: Number.POSITIVE_INFINITY
  }
  for (const repetition of times(2 * options.rounds, (index) => index + 1)) {
    progress(`  one at a time, ${repetition} of ${2 * options.rounds}`)
    const spent = await runtime.runPromise(alone)
    for (const part of ["send", "claim", "acknowledge"] as const) {
      parts[part] = Math.min(parts[part], spent[part] / messages)
    }
  }
  await runtime.dispose()
  const pair = await startPair("sartor", temporary(), 1)
  let wrong = { lost: 0, duplicated: 0, outOfOrder: 0 }
  const together = await least(options.rounds, async () => {
    const before = count()
    wrong = (await pair.send(2_000, { window: 100 })).wrong
    return (count() - before) / 2_000
  })
  await pair.close()
  return {
    ...row,
    value: `${round(parts.send)}, ${round(parts.acknowledge)} and ${round(together)}`,
    met: parts.send <= 1.01 && parts.send >= 0.99 && parts.acknowledge <= 1.01 && together <= 0.06,
    ...wrongs(wrong),
    raw: rounded({ send: parts.send, claim: parts.claim, acknowledge: parts.acknowledge, end_to_end: together })
  }
}
