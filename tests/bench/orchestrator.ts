import { AgentRunner, FunctionRunner, Orchestrator, Pattern, Transport } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, Layer, Schedule } from "effect"
import { median, micros, percentile, progress, ratio, rounded, temporary, times } from "./measure.ts"
import type { Options, Row } from "./Row.ts"

const agent: Orchestrator.Task = {
  role: "AUDITOR",
  taskType: "bench",
  runner: { type: "function", name: "work" }
}

/** Spawns so many agents at once, as many as may wait, and collects them. Answers the time in microseconds. */
const fleet = (count: number, work: Effect.Effect<string>, transport: Layer.Layer<Transport.Transport, unknown>) =>
  Effect.gen(function* () {
    const orchestrator = yield* Orchestrator.make({ maxParallel: 5, capacity: count })
    // The inbox may be full for a moment.
    const spawn = (name: string) =>
      Effect.retry(orchestrator.spawn({ ...agent, name }), {
        while: (error) => error._tag === "AtCapacity",
        schedule: Schedule.spaced("5 millis")
      })
    const began = micros()
    const handles = yield* Effect.forEach(times(count, String), spawn, { concurrency: 16 })
    yield* orchestrator.collect(handles)
    return micros() - began
  }).pipe(
    Effect.scoped,
    Effect.provide(AgentRunner.layer({ function: FunctionRunner.make({ work: () => work }) })),
    Effect.provide(Transport.services(Layer.fresh(transport))),
    Effect.runPromise
  )

/** The same number of effects, without an orchestrator, five at a time. */
const bare = (count: number, work: Effect.Effect<string>) =>
  Effect.gen(function* () {
    const began = micros()
    yield* Effect.forEach(times(count, String), () => work, { concurrency: 5 })
    return micros() - began
  }).pipe(Effect.runPromise)

/** E1: what an agent costs beside its work, in memory; and agents of 10 ms against the time that they take themselves. */
export const noOpAgents = async ({ rounds, scale }: Options): Promise<Row> => {
  const count = Math.round(10_000 * scale)
  const nothing = Effect.succeed("done")
  const costs: Array<number> = []
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    progress(`  round ${round + 1}`)
    const raw = await bare(count, nothing)
    costs.push(((await fleet(count, nothing, Transport.layerMemory)) - raw) / count)
  }
  const busy = await fleet(200, Effect.delay(nothing, "10 millis"), Transport.layerMemory)
  const overIdeal = busy / ((200 / 5) * 10_000)
  const each = median(costs)
  return {
    id: "E1",
    what: `orchestrator: ${count} no-op agents in memory, each over Effect.forEach; agents of 10 ms over the ideal`,
    goal: "<= 25 us; <= 1.02 x",
    value: `${each.toFixed(0)} us; ${overIdeal.toFixed(2)} x`,
    met: each <= 25 && overIdeal <= 1.02,
    raw: rounded({ no_op_us: each, over_ideal: overIdeal })
  }
}

/** E2: agents of 10 ms, five at once, everything durable, against the time that they take themselves. */
export const durableAgents = async ({ rounds, scale }: Options): Promise<Row> => {
  const count = Math.round(1_000 * scale)
  const work = Effect.delay(Effect.succeed("done"), "10 millis")
  const ideal = (count / 5) * 10_000
  const measured: Array<number> = []
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    progress(`  round ${round + 1}`)
    measured.push(await fleet(count, work, FileTransport.layer({ directory: temporary() })))
  }
  const over = ratio(
    measured,
    measured.map(() => ideal)
  )
  return {
    id: "E2",
    what: `orchestrator: ${count} agents of 10 ms, 5 at once, file transport, everything durable, over the ideal`,
    goal: "<= 1.10 x",
    value: `${over.toFixed(2)} x`,
    met: over <= 1.1,
    raw: rounded({ ideal_ms: ideal / 1000, measured_ms: median(measured) / 1000 })
  }
}

/** H1: from the end of a sender's work, before its end is committed, to the receiver's first step. */
export const handoffs = async ({ scale }: Options): Promise<Row> => {
  const count = Math.max(20, Math.round(100 * scale))
  let ended = 0
  const gaps: Array<number> = []
  const agents = {
    send: () =>
      Effect.sync(() => {
        ended = micros()
        return "done"
      }),
    receive: () =>
      Effect.sync(() => {
        gaps.push(micros() - ended)
        return "done"
      })
  }
  const pair = (index: number) =>
    Pattern.chain(
      [`send-${index}`, `receive-${index}`].map((id) => ({
        id,
        name: id,
        role: "AUDITOR",
        taskType: "bench",
        runner: { type: "function" as const, name: id.startsWith("send") ? "send" : "receive" }
      }))
    )
  await Effect.forEach(
    times(count, (index) => index),
    pair
  ).pipe(
    Effect.provide(Orchestrator.layer()),
    Effect.provide(AgentRunner.layer({ function: FunctionRunner.make(agents) })),
    Effect.provide(Transport.services(FileTransport.layer({ directory: temporary() }))),
    Effect.runPromise
  )
  const p99 = percentile(gaps, 0.99) / 1000
  return {
    id: "H1",
    what: `handoff on files, from the end of the sender's work to the receiver's first step, ${count} of them`,
    goal: "p99 <= 20 ms",
    value: `${p99.toFixed(1)} ms`,
    met: p99 <= 20,
    raw: rounded({ p50_ms: median(gaps) / 1000, p99_ms: p99 })
  }
}
