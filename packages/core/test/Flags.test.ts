import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Deferred, Effect, Exit, Layer, Logger, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as Branch from "../src/Branch.ts"
import * as Flags from "../src/Flags.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Journal from "../src/Journal.ts"
import * as LegacyFiles from "../src/LegacyFiles.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Queue from "../src/Queue.ts"
import * as Resumption from "../src/Resumption.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Transport from "../src/Transport.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Worker from "../src/Worker.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { pass } from "./support/time.ts"

const off = (...names: ReadonlyArray<Flags.Name>): Flags.Some => Object.fromEntries(names.map((name) => [name, false]))

/** What outlives processes: in each of them flags are read anew, and sessions that are not kept are gone. */
const store = Effect.map(Layer.build(Layer.fresh(Transport.layerMemory)), (context) => Layer.succeedContext(context))
const silent = Layer.merge(NodeServices.layer, Logger.layer([]))
const quiet = Layer.merge(silent, LegacyFiles.layerMemory)
const environment = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))
const processOf = (shared: Layer.Layer<Transport.Transport>, flags: Flags.Some = {}) =>
  Layer.fresh(Transport.servicesWith(shared, Flags.layerFixed(flags)))

const task = (name: string, flags?: Flags.Some) => ({
  id: `impl-${name}`,
  name,
  role: "IMPLEMENTER",
  taskType: "x",
  runner: { type: "function" as const, name: "work" },
  flags
})
const working = (work: FunctionRunner.AgentFunction = () => Effect.succeed("done")) =>
  AgentRunner.layer({ function: FunctionRunner.make({ work }) })
const statusOf = (id: string) =>
  Effect.map(
    Sessions.Sessions.use((sessions) => sessions.get(id)),
    ({ status }) => status
  )

describe("Flags", () => {
  it.effect("are on only if the environment and what is stored both are", () =>
    Effect.gen(function* () {
      const shared = yield* store
      const flags = yield* Effect.provide(
        Flags.Flags,
        Flags.layer.pipe(Layer.provide(shared), Layer.provide(environment({ ENABLE_WAKE_MESSAGING: "False" })))
      )
      yield* flags.set(off("ENABLE_PARALLEL_EXECUTION"), "too many at once")
      yield* flags.set({ ENABLE_WAKE_MESSAGING: true })
      assert.deepStrictEqual(yield* flags.report, {
        ENABLE_BACKGROUND_AGENTS: { value: true, environment: true, stored: true },
        ENABLE_WAKE_MESSAGING: { value: false, environment: false, stored: true },
        ENABLE_SESSION_PERSISTENCE: { value: true, environment: true, stored: true },
        ENABLE_PARALLEL_EXECUTION: { value: false, environment: true, stored: false }
      })
      const history = yield* Stream.runCollect(flags.history)
      assert.deepStrictEqual(
        history.map(({ flags, reason }) => ({ flags, reason })),
        [{ flags: { ENABLE_PARALLEL_EXECUTION: false }, reason: "too many at once" }]
      )
    })
  )

  it.effect("refuse a variable that is neither true nor false", () =>
    Effect.gen(function* () {
      const built = Layer.build(
        Flags.layer.pipe(
          Layer.provide(Journal.layerMemory),
          Layer.provide(environment({ ENABLE_SESSION_PERSISTENCE: "maybe" }))
        )
      )
      const error = yield* Effect.flip(built)
      assert.strictEqual(error.message, 'ENABLE_SESSION_PERSISTENCE cannot be "maybe": use true or false')
    })
  )

  it.effect("reach every process within a second", () =>
    Effect.gen(function* () {
      const shared = yield* store
      const open = Layer.build(Layer.fresh(Flags.layer).pipe(Layer.provide(shared), Layer.provide(environment({}))))
      const here = yield* Effect.provide(Flags.Flags, Layer.succeedContext(yield* open))
      const there = yield* Effect.provide(Flags.Flags, Layer.succeedContext(yield* open))
      yield* here.set(off("ENABLE_BACKGROUND_AGENTS"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* there.inForce, Flags.both(off("ENABLE_BACKGROUND_AGENTS")))
    })
  )

  it.effect("are fixed for a run when it is spawned", () =>
    Effect.gen(function* () {
      const orchestrator = yield* Orchestrator.make()
      const first = yield* orchestrator.spawn(task("one"))
      yield* Flags.Flags.use((flags) => flags.set(off("ENABLE_WAKE_MESSAGING")))
      const second = yield* orchestrator.spawn(task("two"))
      const [one, two] = yield* pass(Effect.all([first.await, second.await]))
      assert.deepStrictEqual([one.flags, two.flags], [undefined, { ENABLE_WAKE_MESSAGING: false }])
      const queue = yield* Queue.Queue
      const woken = [...one.wakes, ...two.wakes].map(({ wake_id }) => queue.stateOf("wake/main", wake_id))
      assert.deepStrictEqual(yield* Effect.all(woken), ["completed", undefined])
      const { acknowledged, balanced } = yield* (yield* Wakes.Wakes).audit()
      assert.deepStrictEqual([acknowledged, balanced], [2, true])
    }).pipe(
      Effect.provide(working()),
      Effect.provide(Layer.fresh(Transport.services(Transport.layerMemory))),
      Effect.provide(Layer.merge(quiet, environment({})))
    )
  )

  it.effect("refuse to resume, fork, roll back and recall while sessions are not kept", () =>
    Effect.gen(function* () {
      const shared = yield* store
      yield* Sessions.Sessions.use((sessions) =>
        sessions.create({ id: "impl-a", role: "auditor", taskType: "x" })
      ).pipe(Effect.provide(processOf(shared)))
      const refused = yield* Effect.all([
        Effect.flip(Resumption.resume("impl-a")),
        Effect.flip(Branch.fork("impl-a")),
        Effect.flip(Branch.rollback("impl-a", "1")),
        Effect.flip(Sessions.recall("impl-a"))
      ]).pipe(
        Effect.map((errors) => errors.map(({ _tag }) => _tag)),
        Effect.provide(processOf(shared, Flags.allOff))
      )
      assert.deepStrictEqual(
        refused,
        Array.from({ length: 4 }, () => "PersistenceOff")
      )
    })
  )
})

describe("without background agents", () => {
  it.effect("an agent's spawn lends its permit, and returns when its child has ended", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const work: FunctionRunner.AgentFunction = ({ prompt, spawn }) =>
        prompt === "child"
          ? Effect.as(Effect.sleep("1 second"), "child is done")
          : Effect.gen(function* () {
              const child = yield* spawn({
                name: "child",
                role: "IMPLEMENTER",
                taskType: "x",
                prompt: "child",
                runner: { type: "function", name: "work" }
              })
              const session = yield* child.await
              seen.push(session.status)
              return "parent is done"
            })
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({ maxParallel: 1 })
        const { sessionId } = yield* pass(orchestrator.spawn(task("parent")))
        assert.strictEqual(yield* statusOf(sessionId), "complete")
        assert.deepStrictEqual(seen, ["complete"])
      }).pipe(Effect.provide(working(work)))
    }).pipe(
      Effect.provide(Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed(Flags.allOff)))),
      Effect.provide(quiet)
    )
  )
})

describe("without parallel execution", () => {
  it.effect("agents work one at a time, in all processes together, and in the order of spawning in one", () =>
    Effect.gen(function* () {
      const shared = yield* store
      const alone = off("ENABLE_PARALLEL_EXECUTION")
      const names = ["a", "b", "c", "d", "e", "f"]
      /** With a second process that helps, or without. */
      const executed = Effect.fnUntraced(function* (orchestrator: string, helped: boolean) {
        const order: Array<string> = []
        let now = 0
        let most = 0
        const work: FunctionRunner.AgentFunction = ({ sessionId }) =>
          Effect.gen(function* () {
            order.push(sessionId.slice(-1))
            most = Math.max(most, ++now)
            yield* Effect.sleep("1 second")
            now -= 1
            return "done"
          })
        const help = Effect.provide(Worker.serve({ concurrency: 3 }), processOf(shared, alone))
        yield* Effect.gen(function* () {
          if (helped) yield* Effect.forkScoped(help)
          const { collect, spawn } = yield* Orchestrator.make({ name: orchestrator })
          const spawned = Effect.forEach(names, (name) => spawn({ ...task(name), id: `${orchestrator}-${name}` }))
          const reports = yield* pass(Effect.flatMap(spawned, collect))
          assert.isTrue(reports.every(({ outcome }) => outcome === "complete"))
        }).pipe(Effect.scoped, Effect.provide(working(work)), Effect.provide(processOf(shared, alone)))
        return { most, order }
      })
      assert.deepStrictEqual(yield* executed("here", false), { most: 1, order: names })
      const { most, order } = yield* executed("helped", true)
      assert.deepStrictEqual([most, order.toSorted()], [1, names])
    }).pipe(Effect.provide(quiet))
  )
})

describe("without parallel execution", () => {
  it.effect("an agent begins after all was told of the one before", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const work: FunctionRunner.AgentFunction = ({ sessionId }) =>
        Effect.sync(() => {
          told.push(`${sessionId} begins`)
          return "done"
        })
      const shared = yield* store
      yield* Effect.gen(function* () {
        const { collect, spawn } = yield* Orchestrator.make({
          maxParallel: 3,
          observe: ({ session_id }, { type }) =>
            Effect.delay(
              Effect.sync(() => type === "ended" && told.push(`${session_id} has ended`)),
              "1 second"
            )
        })
        yield* pass(
          Effect.flatMap(
            Effect.forEach(["a", "b"], (name) => spawn(task(name))),
            collect
          )
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(working(work)),
        Effect.provide(processOf(shared, off("ENABLE_PARALLEL_EXECUTION")))
      )
      assert.deepStrictEqual(told, ["impl-a begins", "impl-a has ended", "impl-b begins", "impl-b has ended"])
    }).pipe(Effect.provide(quiet))
  )
})

describe("a handler of wakes", () => {
  for (const flags of [off("ENABLE_BACKGROUND_AGENTS"), Flags.allOff]) {
    it.effect(`can spawn an agent and wait for it, with ${Object.keys(flags).length} of four flags off`, () =>
      Effect.gen(function* () {
        const heard: Array<string> = []
        const done = yield* Deferred.make<void>()
        const made = yield* Deferred.make<Orchestrator.Orchestrator["Service"]>()
        const orchestrator = yield* Orchestrator.make({
          onWake: ({ session_id }) =>
            Effect.gen(function* () {
              heard.push(session_id)
              if (session_id === "impl-second") return yield* Deferred.succeed(done, undefined)
              return yield* Effect.orDie((yield* Deferred.await(made)).spawn(task("second")))
            })
        })
        yield* Deferred.succeed(made, orchestrator)
        yield* pass(orchestrator.spawn(task("first")))
        yield* pass(Deferred.await(done))
        assert.deepStrictEqual(heard, ["impl-first", "impl-second"])
      }).pipe(
        Effect.provide(working()),
        Effect.provide(Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed(flags)))),
        Effect.provide(quiet)
      )
    )
  }
})

describe("without wake messaging", () => {
  const noWakes = Layer.fresh(
    Transport.servicesWith(Transport.layerMemory, Flags.layerFixed(off("ENABLE_WAKE_MESSAGING")))
  )
  it.effect("a wake is found by looking, again after its handler has failed, and is a dead letter at last", () =>
    Effect.gen(function* () {
      const attempts = new Map<string, number>()
      const orchestrator = yield* Orchestrator.make({
        onWake: ({ session_id }) => {
          attempts.set(session_id, (attempts.get(session_id) ?? 0) + 1)
          if (session_id === "impl-bad") return Effect.die(new Error("boom"))
          return attempts.get(session_id) === 1 ? Effect.die(new Error("once")) : Effect.void
        }
      })
      const handles = [yield* orchestrator.spawn(task("bad")), yield* orchestrator.spawn(task("good"))]
      yield* pass(orchestrator.collect(handles))
      assert.deepStrictEqual(Object.fromEntries(attempts), { "impl-bad": 5, "impl-good": 2 })
      const wakes = yield* Wakes.Wakes
      const [dead] = yield* wakes.dead()
      assert.match(dead?.reason ?? "", /failed 5 times, at last with: boom/)
      const { acknowledged, balanced, committed } = yield* wakes.audit()
      assert.deepStrictEqual([committed, acknowledged, balanced], [2, 1, true])
      yield* wakes.requeue(dead?.wake_id ?? "")
      yield* pass(Effect.repeat(Effect.sleep("1 second"), { until: () => attempts.get("impl-bad") === 10 }))
      assert.isEmpty(yield* (yield* Queue.Queue).inspect("wake/main"))
    }).pipe(Effect.provide(working()), Effect.provide(noWakes), Effect.provide(quiet))
  )
})

describe("without session persistence", () => {
  const unkept = off("ENABLE_SESSION_PERSISTENCE")

  it.effect("the ledger counts the wakes of sessions that nobody keeps, in every process", () =>
    Effect.gen(function* () {
      const shared = yield* store
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        yield* pass(orchestrator.collect([yield* orchestrator.spawn(task("a"))]))
      }).pipe(Effect.scoped, Effect.provide(working()), Effect.provide(processOf(shared, unkept)))
      const found = yield* Effect.gen(function* () {
        const { acknowledged, balanced, committed, unknown } = yield* (yield* Wakes.Wakes).audit()
        const sessions = yield* (yield* Sessions.Sessions).list()
        return { acknowledged, balanced, committed, unknown, sessions }
      }).pipe(Effect.provide(processOf(shared)))
      assert.deepStrictEqual(found, { acknowledged: 1, balanced: true, committed: 1, unknown: [], sessions: [] })
    }).pipe(Effect.provide(quiet))
  )

  it.effect("a wake outlives the process that was to handle it", () =>
    Effect.gen(function* () {
      const shared = yield* store
      const sent = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make({
          onWake: () => Effect.andThen(Deferred.succeed(sent, undefined), Effect.never)
        })
        yield* orchestrator.spawn(task("a"))
        yield* pass(Deferred.await(sent))
      }).pipe(Effect.scoped, Effect.provide(working()), Effect.provide(processOf(shared, unkept)))
      const heard: Array<string> = []
      yield* Effect.gen(function* () {
        const done = yield* Deferred.make<void>()
        yield* Orchestrator.make({
          onWake: ({ session_id }) =>
            Effect.andThen(
              Effect.sync(() => heard.push(session_id)),
              Deferred.succeed(done, undefined)
            )
        })
        yield* pass(Deferred.await(done))
        yield* pass(Effect.sleep("1 second"))
        const { acknowledged, balanced, pending } = yield* (yield* Wakes.Wakes).audit()
        assert.deepStrictEqual([acknowledged, pending, balanced], [1, 0, true])
      }).pipe(Effect.scoped, Effect.provide(working()), Effect.provide(processOf(shared)))
      assert.deepStrictEqual(heard, ["impl-a"])
    }).pipe(Effect.provide(quiet))
  )

  it.effect("only the agent that says so is not kept: after a crash it runs again, and that is said", () =>
    Effect.gen(function* () {
      const shared = yield* store
      const workflow = yield* WorkflowFile.parse(
        `
name: mixed
runner: function
agents:
  - { name: kept, role: PLANNER, task_type: t, prompt: P }
  - { name: lost, role: AUDITOR, task_type: t, prompt: P, needs: [kept], flags: { ENABLE_SESSION_PERSISTENCE: false } }
  - { name: last, role: CLEANER, task_type: t, prompt: P, needs: [lost] }
`,
        { file: "mixed.yaml" }
      )
      const executed: Array<string> = []
      const said: Array<string> = []
      const stop = yield* Deferred.make<void>()
      let first = true
      const agent = (name: string): FunctionRunner.AgentFunction =>
        Effect.fnUntraced(function* ({ inputs }) {
          executed.push(name)
          if (name === "last" && first) {
            first = false
            yield* Deferred.succeed(stop, undefined)
            return yield* Effect.never
          }
          return `${name} after ${Object.values(inputs)
            .map(({ summary }) => summary)
            .join()}`
        })
      const runner = AgentRunner.layer({
        function: FunctionRunner.make({ kept: agent("kept"), lost: agent("lost"), last: agent("last") })
      })
      const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
      const execute = Workflow.run({ workflow, folder: "." }).pipe(Effect.provide(runner))
      const crash = yield* Effect.exit(
        Effect.raceFirst(pass(execute), Deferred.await(stop)).pipe(Effect.scoped, Effect.provide(processOf(shared)))
      )
      assert.isTrue(Exit.isSuccess(crash), String(Exit.isFailure(crash) && Cause.pretty(crash.cause)))
      const document = yield* pass(execute).pipe(
        Effect.provide(processOf(shared)),
        Effect.provide(Layer.merge(NodeServices.layer, logger))
      )
      assert.deepStrictEqual(executed, ["kept", "lost", "last", "lost", "last"])
      assert.deepStrictEqual(
        document.agents.map(({ result, status }) => [status, result?.summary]),
        [
          ["complete", "kept after "],
          ["complete", "lost after kept after "],
          ["complete", "last after lost after kept after "]
        ]
      )
      assert.include(said.join("\n"), 'The run of agent "lost" was lost with its process')
    }).pipe(Effect.provide(quiet))
  )

  it.effect("an agent whose own flag is off can neither be resumed, forked, rolled back nor recalled", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions.Sessions
      yield* sessions.create({ id: "own", role: "auditor", taskType: "x", flags: unkept })
      const refused = yield* Effect.all([
        Effect.flip(Resumption.resume("own")),
        Effect.flip(Branch.fork("own")),
        Effect.flip(Branch.rollback("own", "1")),
        Effect.flip(Sessions.recall("own"))
      ])
      assert.deepStrictEqual(
        refused.map(({ _tag }) => _tag),
        Array.from({ length: 4 }, () => "PersistenceOff")
      )
    }).pipe(
      Effect.provide(Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed({})))),
      Effect.provide(quiet)
    )
  )

  it.effect("nothing is begun where there are no legacy files to take its place", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(
        Orchestrator.make().pipe(Effect.provide(processOf(Transport.layerMemory, Flags.allOff)))
      )
      assert.match(missing.message, /provide LegacyDirectory\.layer of @sartor\/transport-file\/legacy/)
      yield* Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        const error = yield* Effect.flip(orchestrator.spawn(task("a", unkept)))
        assert.strictEqual(error._tag, "LegacyFilesMissing")
        assert.deepStrictEqual(yield* (yield* Sessions.Sessions).list(), [])
      }).pipe(Effect.provide(processOf(Transport.layerMemory)))
    }).pipe(Effect.provide(working()), Effect.provide(silent))
  )

  it.effect("an id that is taken is refused, wherever it is taken", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions.Sessions
      const create = (id: string, flags: Flags.Some) =>
        Effect.map(Effect.result(sessions.create({ id, role: "auditor", taskType: "x", flags })), Result.isSuccess)
      assert.deepStrictEqual(
        [
          yield* create("kept", {}),
          yield* create("kept", unkept),
          yield* create("here", unkept),
          yield* create("here", {}),
          yield* create("here", unkept)
        ],
        [true, false, true, false, false]
      )
    }).pipe(
      Effect.provide(Layer.fresh(Transport.servicesWith(Transport.layerMemory, Flags.layerFixed({})))),
      Effect.provide(quiet)
    )
  )
})
