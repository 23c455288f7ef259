/** One workflow that is run again and again on a store, by processes that come and go. */
import { NodeServices } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Effect, Layer, Logger, Schedule } from "effect"
import * as AgentRunner from "../../src/AgentRunner.ts"
import * as FunctionRunner from "../../src/FunctionRunner.ts"
import * as Session from "../../src/Session.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as Wakes from "../../src/Wakes.ts"
import * as Workflow from "../../src/Workflow.ts"
import * as WorkflowFile from "../../src/WorkflowFile.ts"
import type * as WorkflowRun from "../../src/WorkflowRun.ts"
import * as Processes from "./Processes.ts"
import { pass } from "./time.ts"

const file = `
name: audit
runner: function
agents:
  - { name: plan, role: PLANNER, task_type: planning, prompt: Plan }
  - { name: security, role: AUDITOR, task_type: security, needs: [plan], prompt: Look }
  - { name: speed, role: AUDITOR, task_type: speed, needs: [plan], prompt: Look, retries: 1 }
  - { name: merged, role: AUDITOR, task_type: synthesis, needs: [security, speed], synthesize: true }
  - { name: report, role: AUDITOR, task_type: report, needs: [merged, plan], prompt: Tell }
`
export const workflow = WorkflowFile.parse(file, { file: "audit.yaml" })

/** What the agents did, in all of the processes. */
export interface Trace {
  readonly executed: Array<string>
  /** Of agents that were executed although they had finished. */
  readonly again: Array<string>
  /** Of agents that work at the moment. */
  readonly alive: Set<string>
}

export const makeTrace = (): Trace => ({ executed: [], again: [], alive: new Set() })

/** Says what it gets, and a claim; one agent fails at first, one tells of a finding, one makes checkpoints. */
const agents = (store: Processes.Store, trace: Trace) => {
  const agent = (name: string) => (task: FunctionRunner.Task) =>
    Effect.gen(function* () {
      trace.executed.push(name)
      trace.alive.add(name)
      if ((yield* finished(store)).has(name)) trace.again.push(name)
      if (name === "speed" && task.attempt === 1) return yield* Effect.fail("the first attempt never works")
      if (name === "security") yield* task.emit({ type: "finding", summary: "something odd" })
      if (name === "plan") {
        yield* task.emit({ type: "checkpoint", phase: "planning", milestone: "half", details: "" })
        yield* task.emit({ type: "turn", text: "thinking" })
      }
      yield* Effect.sleep("200 millis")
      const inputs = Object.entries(task.inputs).map(([need, { summary }]) => `${need}: ${summary}`)
      return {
        summary: [`${name} is done`, ...inputs].join("; "),
        claims: [{ topic: "t", claim: `The page is ${name === "speed" ? "slow" : "open"}.`, evidence: [name] }]
      }
    }).pipe(Effect.ensuring(Effect.sync(() => trace.alive.delete(name))))
  const names = ["plan", "security", "speed", "report"]
  return AgentRunner.layer({
    function: FunctionRunner.make(Object.fromEntries(names.map((name) => [name, agent(name)])))
  })
}

/** Agents with a session that is complete, by what is durable. */
const finished = (store: Processes.Store) =>
  Effect.provide(
    Effect.map(
      Sessions.Sessions.use((sessions) => sessions.list({ status: "complete" })),
      (sessions) => new Set(sessions.map(({ name }) => name))
    ),
    Layer.provide(Sessions.layer, Layer.succeed(Processes.Journal, store.journal))
  )

type Options = Partial<Workflow.Options> & { readonly stop?: Effect.Effect<void> }

/** Runs the workflow in a process, until it ends, or the process is killed, or it is stopped. */
export const running = Effect.fnUntraced(function* (
  store: Processes.Store,
  trace: Trace,
  process: Processes.Process,
  { stop = Effect.never, ...options }: Options = {}
) {
  return yield* Workflow.run({ workflow: yield* workflow, folder: ".", ...options }).pipe(
    Effect.provide(agents(store, trace)),
    Effect.provide(process.layer),
    // A claim that was made, and said to have failed, lasts as long as its lease.
    Effect.retry({ while: (error) => error._tag === "Owned", schedule: Schedule.spaced("1 second"), times: 20 }),
    // Nobody hears what a dead process has to say.
    Effect.catch((error) => (process.isDead() ? Effect.void : Effect.fail(error))),
    Effect.raceFirst(process.killed),
    Effect.raceFirst(stop),
    Effect.provide(quiet)
  )
})

/** The same, while time passes as fast as it can. */
export const live = (store: Processes.Store, trace: Trace, process: Processes.Process, options?: Options) =>
  pass(running(store, trace, process, options))

const quiet = Layer.merge(NodeServices.layer, Logger.layer([]))

/** What every undisturbed run comes to, whenever and wherever it ran. */
export const essence = ({ agents, status, synthesis }: WorkflowRun.Document) => ({
  status,
  agents: agents.map(({ error, name, result, status }) => ({ name, status, result, error })),
  synthesis
})

/** Nothing was run twice, nobody waits for anything, and the ledger adds up. */
export const assertSound = Effect.fnUntraced(function* (store: Processes.Store, trace: Trace) {
  const process = yield* Processes.start(store)
  yield* Effect.gen(function* () {
    const sessions = yield* (yield* Sessions.Sessions).list()
    const ledger = yield* (yield* Wakes.Wakes).audit()
    assert.deepStrictEqual(trace.again, [])
    assert.deepStrictEqual(
      sessions.filter(({ status }) => !Session.isEnded(status)).map(({ name, status }) => [name, status]),
      []
    )
    const { acknowledged, committed, ...others } = ledger
    assert.deepStrictEqual(others, { pending: 0, dead: 0, balanced: true, missing: [], unknown: [], repeated: [] })
    assert.strictEqual(acknowledged, committed)
    const wakes = sessions.flatMap(({ wakes }) => wakes)
    assert.strictEqual(wakes.length, committed)
  }).pipe(Effect.provide(process.layer))
})
