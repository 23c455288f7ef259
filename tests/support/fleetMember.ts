/**
 * One process of a fleet: the orchestrator, which spawns the agents and counts what they did, or a worker, which only
 * executes. Arguments: what it is, where the data is (a folder, or a nats-server), the folder of traces, how many agents there are.
 */
import { NodeServices } from "@effect/platform-node"
import { AgentRunner, CommandRunner, Orchestrator, Queue, Sessions, Transport, Wakes, Worker } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { NatsTransport } from "@sartor/transport-nats"
import { Effect, Layer } from "effect"
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const [kind, data = "", traces = "", count = "0"] = process.argv.slice(2)
const names = Array.from({ length: Number(count) }, (_, index) => `impl-${String(index).padStart(3, "0")}`)

/** Notes that it began, works for a while, leaves its effect, hands in a result. */
const script =
  'echo "start $$" >> "$0/$SARTOR_SESSION_ID"; sleep "$1"; echo "end $$" >> "$0/$SARTOR_SESSION_ID"; echo done'
const task = (id: string, index: number): Orchestrator.Task => ({
  id,
  name: id,
  role: "IMPLEMENTER",
  taskType: "effect",
  runner: { type: "command", command: ["/bin/sh", "-c", script, join(traces, "agents"), `0.${((index * 7) % 25) + 5}`] }
})

/** Counts an agent's effect: once for each agent, however often its wake comes. Another wake of it would be a second effect. */
const counted = (agent: string, wakeId: string) => {
  const file = join(traces, "counted", agent)
  try {
    writeFileSync(file, wakeId, { flag: "wx" })
  } catch {
    if (readFileSync(file, "utf8") !== wakeId) writeFileSync(`${file}.twice`, wakeId)
  }
}

/** What is open: files, pipes and sockets. Node keeps one descriptor of its own for each kind of event. */
const descriptors = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith("anon_inode:") || target.startsWith("/proc/") ? [] : [target]
    } catch {
      return []
    }
  })

const orchestrate = Effect.gen(function* () {
  const orchestrator = yield* Orchestrator.make({
    name: "fleet",
    maxParallel: 5,
    workers: 2,
    wait: "10 seconds",
    onWake: ({ session_id, status, wake_id }) =>
      Effect.sync(() => {
        if (status === "complete") counted(session_id, wake_id)
      })
  })
  const spawn = (id: string, index: number) =>
    orchestrator.adopt(id).pipe(
      Effect.catchTag("SessionNotFound", () => orchestrator.spawn(task(id, index))),
      Effect.retry({ while: (error) => error._tag === "AtCapacity", times: 10_000 })
    )
  const handles = yield* Effect.forEach(names, spawn)
  const reports = yield* orchestrator.collect(handles)
  return reports.map(({ outcome }) => outcome)
}).pipe(Effect.scoped)

/** What is left once the orchestrator and its workers have stopped. */
const inspect = Effect.gen(function* () {
  const queue = yield* Queue.Queue
  const statistics = (name: string) =>
    Effect.map(queue.statistics(name), ({ delayed, inFlight, ready }) => ({ ready, delayed, inFlight }))
  const sessions = yield* (yield* Sessions.Sessions).list()
  return {
    ledger: yield* (yield* Wakes.Wakes).audit(),
    permits: yield* statistics("permits/fleet"),
    dispatch: yield* statistics("dispatch/fleet"),
    owner: yield* statistics("owner/fleet"),
    terminal: sessions.map(({ wakes }) => wakes.filter(({ status }) => status !== "finding").length),
    runs: sessions.flatMap(({ runs }) => runs)
  }
})

type Services = AgentRunner.AgentRunner | Sessions.Sessions | Transport.Transport | Wakes.Wakes
const before = descriptors()
const services = Transport.services(
  data.startsWith("nats:") ? NatsTransport.layer({ url: data }) : FileTransport.layer({ directory: data })
)
const runners = AgentRunner.layer({ command: CommandRunner.make() })
const program: Effect.Effect<unknown, unknown, Services> =
  kind === "worker"
    ? Effect.asVoid(Effect.scoped(Worker.run({ orchestrator: "fleet", concurrency: 3 })))
    : kind === "inspect"
      ? Effect.map(inspect, (left) => process.stdout.write(`${JSON.stringify(left)}\n`))
      : Effect.map(orchestrate, (outcomes) => process.stdout.write(`${JSON.stringify({ outcomes })}\n`))

const fiber = Effect.runFork(
  program.pipe(
    Effect.provide(Layer.mergeAll(services, runners.pipe(Layer.provide(NodeServices.layer)))),
    // Only where everything is closed: what is open then was leaked.
    Effect.andThen(
      Effect.sync(() => {
        const open = descriptors().filter((target) => !before.includes(target))
        process.stderr.write(`left open: ${JSON.stringify(open)}\n`)
      })
    )
  )
)
process.once("SIGTERM", () => fiber.interruptUnsafe())
