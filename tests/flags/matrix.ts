/** One program under all sixteen settings of the flags, on any transport: what it comes to is the same. */
import { NodeServices } from "@effect/platform-node"
import {
  AgentRunner,
  Flags,
  FunctionRunner,
  Journal,
  LegacyFiles,
  Orchestrator,
  Queue,
  Sessions,
  Transport,
  Wakes,
  Workflow,
  WorkflowFile,
  WorkflowRun
} from "@sartor/core"
import { Effect, Layer, Logger } from "effect"
import { assert } from "vitest"
import type { MakeTransport } from "./transports.ts"

/** Every way of setting four switches. */
export const combinations: ReadonlyArray<Flags.Values> = Array.from({ length: 16 }, (_, bits) =>
  Flags.both(Object.fromEntries(Flags.names.map((name, index) => [name, (bits & (1 << index)) === 0] as const)))
)

/** All on, all off, and two in between, for a transport that takes its time. */
export const few = combinations.filter((_, index) => [0, 5, 10, 15].includes(index))

/** The flags that are on. */
const label = (flags: Flags.Values) =>
  Flags.names.flatMap((name) => (flags[name] ? [name.slice("ENABLE_".length).toLowerCase()] : [])).join(", ") ||
  "all off"

const file = (name: string) => `
name: ${name}
runner: function
agents:
  - { name: plan, role: PLANNER, task_type: planning, prompt: Plan it }
  - { name: build-a, role: IMPLEMENTER, task_type: feature, needs: [plan], prompt: Build A }
  - { name: build-b, role: IMPLEMENTER, task_type: feature, needs: [plan], prompt: Build B }
  - { name: build-c, role: IMPLEMENTER, task_type: feature, needs: [plan], prompt: Build C }
  - { name: audit, role: AUDITOR, task_type: audit, needs: [build-a, build-b, build-c], prompt: Look, synthesize: true }
  - { name: clean, role: CLEANER, task_type: cleanup, needs: [audit], prompt: Clean }
`

/** Who was at work at once, and who began when. */
const makeAgents = (together: boolean) => {
  const executed: Array<string> = []
  let now = 0
  let most = 0
  const agent =
    (name: string): FunctionRunner.AgentFunction =>
    (task) =>
      Effect.gen(function* () {
        executed.push(name)
        most = Math.max(most, ++now)
        yield* task.emit({ type: "checkpoint", phase: "implementation", milestone: `${name} begun`, details: "" })
        yield* task.emit({ type: "finding", summary: `${name} has found something` })
        // Those that may work at once wait for each other: a busy machine is slow to begin.
        const all = Effect.repeat(Effect.sleep("20 millis"), { while: () => most < 3 })
        if (together && name.startsWith("build")) yield* Effect.timeoutOption(all, "10 seconds")
        yield* Effect.sleep(task.prompt === "Take your time" ? "1 second" : "20 millis")
        now -= 1
        // One attempt fails, and one agent has an agent of its own do something.
        if (name === "build-b" && task.attempt === 1) return yield* Effect.fail(new Error("not this time"))
        const child = name === "clean" ? yield* delegated(task) : ""
        const needs = Object.keys(task.inputs).sort().join(" ")
        return { summary: `${name} after ${needs === "" ? "nothing" : needs}${child}`, files: [`${name}.md`] }
      })
  const names = ["plan", "build-a", "build-b", "build-c", "audit", "clean"]
  const runner = AgentRunner.layer({
    function: FunctionRunner.make(Object.fromEntries(names.map((name) => [name, agent(name)])))
  })
  return { executed, runner, most: () => most }
}

const delegated = Effect.fnUntraced(function* ({ collect, spawn }: FunctionRunner.Task) {
  const runner = { type: "function", name: "plan" } as const
  const child = yield* spawn({ name: "child", role: "OBSERVER", taskType: "look", prompt: "Look", runner })
  const [report] = yield* collect([child])
  return `, told: ${report?.result?.summary}`
})

/** What the run came to, without what differs from run to run. */
const essenceOf = ({ agents, status, synthesis }: WorkflowRun.Document) => ({
  status,
  synthesis,
  agents: agents.map(({ attempts, name, needs, result, role, status }) => ({
    attempts,
    name,
    needs,
    result,
    role,
    status
  }))
})

/** Runs the program under some flags, and an agent that an orchestrator spawns beside it. */
const execute = Effect.fnUntraced(function* (make: MakeTransport, flags: Flags.Values) {
  const agents = makeAgents(flags.ENABLE_PARALLEL_EXECUTION)
  const transport = yield* make
  const name = "matrix-1"
  return yield* Effect.gen(function* () {
    const workflow = yield* WorkflowFile.parse(file(name), { file: "matrix.yaml" })
    const document = yield* Workflow.run({ workflow, folder: "." })
    const woken: Array<string> = []
    const orchestrator = yield* Orchestrator.make({
      name,
      onWake: ({ status, summary }) => Effect.sync(() => void woken.push(`${status}: ${summary}`))
    })
    const handle = yield* orchestrator.spawn({
      name: "plan",
      role: "PLANNER",
      taskType: "planning",
      prompt: "Take your time",
      runner: { type: "function", name: "plan" }
    })
    const { sessionId } = handle
    const returned = (yield* (yield* Sessions.Sessions).get(sessionId)).status
    const [report] = yield* orchestrator.collect([handle])
    const ledger = yield* (yield* Wakes.Wakes).audit()
    const kept = (yield* (yield* Journal.Journal).heads("session/")).length
    const queued = (yield* (yield* Queue.Queue).names("wake/")).length
    const outcome: Outcome = {
      essence: { ...essenceOf(document), woken, report: { outcome: report?.outcome, result: report?.result } },
      returned,
      most: agents.most(),
      executed: agents.executed,
      kept,
      queued,
      pending: ledger.pending,
      balanced: ledger.balanced
    }
    return outcome
  }).pipe(
    Effect.scoped,
    Effect.provide(agents.runner),
    Effect.provide(Layer.fresh(Transport.servicesWith(transport, Flags.layerFixed(flags)))),
    Effect.provide(Layer.mergeAll(NodeServices.layer, Logger.layer([]), Layer.fresh(LegacyFiles.layerMemory)))
  )
}, Effect.scoped)

/** Each works as its flags say, and what it comes to is what it comes to under the first. */
export const assertTheSame = Effect.fnUntraced(function* (make: MakeTransport, settings: ReadonlyArray<Flags.Values>) {
  const outcomes = yield* Effect.forEach(settings, (flags) => execute(make, flags), { concurrency: 8 })
  const [first] = outcomes
  for (const [index, flags] of settings.entries()) {
    const outcome = outcomes[index]
    const name = label(flags)
    assert.deepStrictEqual([outcome?.balanced, outcome?.pending], [true, 0], name)
    assert.strictEqual(outcome?.returned === "complete", !flags.ENABLE_BACKGROUND_AGENTS, name)
    assert.strictEqual((outcome?.queued ?? 0) > 0, flags.ENABLE_WAKE_MESSAGING, name)
    assert.strictEqual((outcome?.kept ?? 0) > 0, flags.ENABLE_SESSION_PERSISTENCE, name)
    assert.strictEqual(outcome?.most, flags.ENABLE_PARALLEL_EXECUTION ? 3 : 1, name)
    assert.deepStrictEqual(outcome?.essence, first?.essence, name)
    assert.sameMembers([...(outcome?.executed ?? [])], [...(first?.executed ?? [])], name)
  }
  assert.strictEqual(outcomes.length, settings.length)
})

interface Outcome {
  readonly essence: unknown
  /** How the agent stood when `spawn` returned. */
  readonly returned: string
  readonly most: number
  readonly executed: ReadonlyArray<string>
  /** Journals of sessions that are there for other processes. */
  readonly kept: number
  /** Queues of wakes that were ever offered to. */
  readonly queued: number
  readonly pending: number
  readonly balanced: boolean
}
