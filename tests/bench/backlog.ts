/** W8, and the process of its own that opens the backlog: `node backlog.mjs <directory>`, compiled from this file. */
import "effect/schema/SchemaJITCompiler/enable"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { Queue } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, Layer, Logger, ManagedRuntime } from "effect"
import { start } from "./children.ts"
import { make } from "./message.ts"
import { median, micros, progress, round, rounded, temporary, times } from "./measure.ts"
import type { Options, Row } from "./Row.ts"
import { queueName } from "./sartorDriver.ts"

const megabyte = 1024 * 1024

const root = join(import.meta.dirname, "..", "..")

/** Compiled as what users install: in a process that strips types from the sources, that takes most of the memory. */
const compiled = () => {
  const file = join(root, "data", "backlog.mjs")
  const external = ["effect", "effect/schema/SchemaJITCompiler/enable"].flatMap((name) => ["--external", name])
  const source = join(import.meta.dirname, "backlog.ts")
  const args = [source, "--format", "esm", "--platform", "node", ...external, "-o", file]
  execFileSync(join(root, "node_modules", ".bin", "rolldown"), args, { stdio: "ignore" })
  return file
}

const open = (directory: string, warned: () => void = () => {}) =>
  ManagedRuntime.make(Layer.provide(FileTransport.layer({ directory }), Logger.layer([Logger.make(warned)])))

/** What a new process finds in the queue of a directory. */
export const look = async (directory: string) => {
  let warnings = 0
  const runtime = open(directory, () => (warnings += 1))
  const { ready } = await runtime.runPromise(Effect.flatMap(Queue.Queue, (queue) => queue.statistics(queueName)))
  await runtime.dispose()
  return { ready, warnings }
}

interface Opened {
  readonly openMillis: number
  readonly before: number
  readonly after: number
  readonly full: number
  readonly empty: number
  readonly outOfOrder: number
}

/** Opens a backlog, takes from it and, in turns, from a queue that has just the one message. */
const measure = async (directory: string, takes: number): Promise<Opened> => {
  const empty = open(temporary())
  const idle = await empty.runPromise(Queue.Queue)
  const sample = (number: number) => {
    const message = make(1, number, 0)
    return idle.offer("empty", { id: message.wake_id, payload: message })
  }
  const timed = (queue: Queue.Queue["Service"], name: string) =>
    Effect.gen(function* () {
      const began = micros()
      const { payload } = yield* queue.take(name)
      return { latency: micros() - began, payload: payload as { readonly number: number } }
    }).pipe(Effect.scoped)
  // Warm: what is compared is the queue, not the compiler.
  for (const number of times(2_000, (index) => index)) {
    await empty.runPromise(Effect.andThen(sample(number), timed(idle, "empty")))
  }
  const before = process.memoryUsage().rss / megabyte
  const began = micros()
  const runtime = open(directory)
  const queue = await runtime.runPromise(Queue.Queue)
  const first = await runtime.runPromise(timed(queue, queueName))
  const openMillis = (micros() - began) / 1000
  const after = process.memoryUsage().rss / megabyte
  const latencies = { full: new Array<number>(), empty: new Array<number>() }
  let newest = first.payload.number
  let outOfOrder = 0
  for (const number of times(takes, (index) => index + 2_000)) {
    const taken = await runtime.runPromise(timed(queue, queueName))
    latencies.full.push(taken.latency)
    if (taken.payload.number !== newest + 1) outOfOrder += 1
    newest = taken.payload.number
    await empty.runPromise(sample(number))
    latencies.empty.push((await empty.runPromise(timed(idle, "empty"))).latency)
  }
  await runtime.dispose()
  await empty.dispose()
  return { openMillis, before, after, full: median(latencies.full), empty: median(latencies.empty), outOfOrder }
}

export const backlog = async (options: Options): Promise<Row> => {
  const count = Math.round(100_000 * options.scale)
  const directory = temporary()
  progress(`  sending ${count} messages`)
  const sender = await start("sartor", directory)
  await sender.tell({ type: "lone", producer: 0, count: 1, gap: 0 })
  await sender.tell({ type: "many", producer: 0, count: count - 1, window: 1_000 })
  await sender.close()
  const takes = 200
  const file = compiled()
  const found = times(options.rounds, (index): Opened => {
    progress(`  opening, round ${index + 1} of ${options.rounds}`)
    return JSON.parse(
      execFileSync(process.execPath, [file, directory, String(takes)], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"]
      })
    )
  })
  const { ready } = await look(directory)
  const lost = count - options.rounds * (takes + 1) - ready
  const outOfOrder = Math.max(...found.map((opened) => opened.outOfOrder))
  const of = (field: keyof Opened) => median(found.map((opened) => opened[field]))
  const slower = median(found.map(({ empty, full }) => full / empty))
  return {
    id: "W8",
    what: `file, ${count} messages waiting: open and take one; take p50 against an empty queue; memory of the process`,
    goal: "< 1 s, <= 1.5 x and < 200 MB",
    value: `${round(of("openMillis"))} ms, ${round(slower)} x and ${round(of("after"))} MB`,
    met: of("openMillis") < 1000 && slower <= 1.5 && of("after") < 200,
    ...(lost === 0 && outOfOrder === 0 ? {} : { failed: `${lost} lost, ${outOfOrder} out of order` }),
    raw: rounded({
      open_ms: of("openMillis"),
      take_full_us: of("full"),
      take_empty_us: of("empty"),
      memory_mb: of("after"),
      memory_before_mb: of("before")
    })
  }
}

if (process.argv[1] === import.meta.filename) {
  const [directory = "", takes = ""] = process.argv.slice(2)
  console.log(JSON.stringify(await measure(directory, Number(takes))))
}
