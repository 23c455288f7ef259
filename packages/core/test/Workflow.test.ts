import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Layer, Path, Schedule } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Session from "../src/Session.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import type * as WorkflowRun from "../src/WorkflowRun.ts"
import * as WorkflowRuns from "../src/WorkflowRuns.ts"
import { send, services } from "./support/fleet.ts"
import * as Processes from "./support/Processes.ts"
import { pass } from "./support/time.ts"

const file = `
name: audit
runner: function
agents:
  - { name: plan, role: PLANNER, task_type: planning, prompt: Plan }
  - { name: security, role: AUDITOR, task_type: security, needs: [plan], prompt: Look }
  - { name: speed, role: AUDITOR, task_type: speed, needs: [plan], prompt: Look }
  - { name: report, role: AUDITOR, task_type: synthesis, needs: [security, speed], prompt: Tell, synthesize: true }
`
const parse = (text: string) => WorkflowFile.parse(text, { file: "audit.yaml" })
const fleet = Layer.merge(services, NodeServices.layer)

/** Functions of any name, with the order in which they were executed. */
const makeAgents = (work: (name: string, task: FunctionRunner.Task) => Effect.Effect<unknown, unknown>) => {
  const executed: Array<string> = []
  const agent = (name: string) => (task: FunctionRunner.Task) =>
    Effect.suspend(() => {
      executed.push(name)
      return Effect.map(work(name, task), (answer) => (typeof answer === "string" ? answer : `${name} is done`))
    })
  const names = [
    "plan",
    "security",
    "speed",
    "report",
    "extra",
    ...Array.from({ length: 150 }, (_, index) => `n${index}`)
  ]
  const layer = AgentRunner.layer({
    function: FunctionRunner.make(Object.fromEntries(names.map((name) => [name, agent(name)])))
  })
  return { executed, layer }
}
const fail = (status: "failed" | "blocked", code = "why") =>
  Effect.fail(new AgentRunner.RunFailed({ status, code, detail: "because", retryable: false }))

const run = Effect.fnUntraced(function* (
  agents: ReturnType<typeof makeAgents>,
  text: string,
  options: Partial<Workflow.Options> = {}
) {
  return yield* pass(
    Effect.provide(Workflow.run({ workflow: yield* parse(text), folder: ".", ...options }), agents.layer)
  )
})
const statuses = (document: WorkflowRun.Document) =>
  Object.fromEntries(document.agents.map(({ name, status }) => [name, status]))
const assertQuiet = Effect.gen(function* () {
  const sessions = yield* (yield* Sessions.Sessions).list()
  assert.isEmpty(sessions.filter(({ status }) => !Session.isEnded(status) && status !== "blocked"))
  const { balanced, dead, pending } = yield* (yield* Wakes.Wakes).audit()
  assert.deepStrictEqual([balanced, pending, dead], [true, 0, 0])
})

describe("Workflow", () => {
  it.effect(
    "runs agents after their needs, with their results, and synthesizes: PLANNER, then AUDITORs at once, then the report",
    () =>
      Effect.gen(function* () {
        const seen = new Map<string, FunctionRunner.Task>()
        const now = new Set<string>()
        let most = 0
        const claims = [{ topic: "t", claim: "The page is slow.", evidence: ["a.html:1"] }]
        const agent = (name: string) => (task: FunctionRunner.Task) =>
          Effect.gen(function* () {
            seen.set(name, task)
            now.add(name)
            most = Math.max(most, now.size)
            yield* Effect.sleep("1 minute")
            now.delete(name)
            return { summary: `${name} is done`, claims }
          })
        const events: Array<string> = []
        const names = ["plan", "security", "speed", "report"]
        const document = yield* pass(
          Workflow.run({
            workflow: yield* parse(file),
            folder: ".",
            onEvent: (event) =>
              Effect.sync(() => {
                if (event.type !== "session" && event.type !== "alert")
                  events.push(event.type === "begun" ? "begun" : `${event.type} ${event.agent}`)
              })
          }).pipe(
            Effect.provide(
              AgentRunner.layer({
                function: FunctionRunner.make(Object.fromEntries(names.map((name) => [name, agent(name)])))
              })
            )
          )
        )
        assert.strictEqual(document.status, "complete")
        assert.deepStrictEqual(
          document.agents.map(({ attempts, name, status }) => [name, status, attempts]),
          names.map((name) => [name, "complete", 1])
        )
        assert.strictEqual(most, 2)
        assert.strictEqual(seen.get("security")?.inputs["plan"]?.summary, "plan is done")
        assert.strictEqual(document.synthesis["report"]?.agreements.length, 1)
        assert.deepStrictEqual(seen.get("report")?.synthesis, document.synthesis["report"])
        assert.deepStrictEqual(
          [events[0], events[1], ...events.slice(2, 4).sort(), ...events.slice(4)],
          ["begun", "finished plan", "finished security", "finished speed", "synthesized report", "finished report"]
        )
        const metrics = Object.fromEntries(document.metrics.map(({ name, ok, value }) => [name, [value, ok]]))
        assert.deepStrictEqual(metrics["parallel_peak"], [2, false])
        assert.deepStrictEqual(metrics["wake_delivery"], [1, true])
        assert.deepStrictEqual(metrics["workflow_time_saved"], [0.25, true])
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
  )

  it.effect("goes on where an interrupted run was, and runs no finished agent again", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const first = makeAgents((name) =>
        name === "speed" ? Effect.andThen(Deferred.succeed(started, undefined), Effect.never) : Effect.void
      )
      const fiber = yield* Effect.forkChild(run(first, file))
      yield* Deferred.await(started)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      const second = makeAgents(() => Effect.void)
      const document = yield* run(second, file)
      assert.deepStrictEqual([document.status, second.executed], ["complete", ["speed", "report"]])
      assert.deepStrictEqual((yield* WorkflowRuns.list()).length, 1)
      yield* assertQuiet
    }).pipe(Effect.provide(fleet))
  )

  describe("ends", () => {
    it.effect("degraded, if only what a synthesis needs has failed", () =>
      Effect.gen(function* () {
        const agents = makeAgents((name) => (name === "speed" ? fail("failed") : Effect.void))
        const document = yield* run(agents, file)
        assert.strictEqual(document.status, "degraded")
        assert.deepStrictEqual(statuses(document), {
          plan: "complete",
          security: "complete",
          speed: "failed",
          report: "complete"
        })
        assert.deepStrictEqual(document.agents[2]?.error, { code: "why", message: "because" })
        assert.strictEqual(document.synthesis["report"]?.census.failed, 1)
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )

    it.effect("failed, if anything else has, and skips what needed it", () =>
      Effect.gen(function* () {
        const agents = makeAgents((name) => (name === "plan" ? fail("failed") : Effect.void))
        const document = yield* run(agents, file)
        assert.strictEqual(document.status, "failed")
        assert.deepStrictEqual(statuses(document), {
          plan: "failed",
          security: "skipped",
          speed: "skipped",
          report: "complete"
        })
        assert.strictEqual(document.agents[1]?.error?.message, 'it needs "plan", which is failed')
        assert.deepStrictEqual(agents.executed, ["plan", "report"])
        assert.strictEqual(document.synthesis["report"]?.status, "insufficient")
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )

    it.effect("blocked, if it waits for a human, and goes on with the answer", () =>
      Effect.gen(function* () {
        const agents = makeAgents((name) => (name === "security" ? fail("blocked") : Effect.void))
        const document = yield* run(agents, file)
        assert.deepStrictEqual([document.status, statuses(document)["security"]], ["blocked", "blocked"])
        const again = yield* run(agents, file)
        assert.deepStrictEqual([again.status, again.run_id], ["blocked", document.run_id])
        assert.deepStrictEqual(agents.executed.filter((name) => name !== "report").sort(), [
          "plan",
          "security",
          "speed"
        ])
        yield* send(document.agents[1]?.session_id ?? "", "complete", "the human says yes")
        const ended = yield* run(agents, file)
        assert.deepStrictEqual([ended.status, ended.run_id], ["complete", document.run_id])
        assert.strictEqual(ended.agents[1]?.result?.summary, "the human says yes")
        assert.strictEqual(ended.synthesis["report"]?.census.reported, 2)
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )

    it.effect("in no way for an agent that works again by the time that its wake is handled", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        let away = false
        const process = yield* Processes.start(store, (call, key) =>
          away && call === "append" && key.startsWith("workflow/") ? { fail: "before" } : undefined
        )
        yield* Effect.gen(function* () {
          const agents = makeAgents((name) =>
            name === "plan"
              ? Effect.suspend(() => {
                  away = true
                  return fail("blocked")
                })
              : Effect.void
          )
          const workflow = yield* parse(file)
          const fiber = yield* Effect.forkChild(
            Effect.provide(Workflow.run({ workflow, folder: ".", runId: "audit-1" }), agents.layer)
          )
          yield* TestClock.adjust("10 seconds")
          const [plan] = yield* (yield* Sessions.Sessions).list()
          assert.strictEqual(plan?.status, "blocked")
          yield* send(plan?.session_id ?? "", "finding", "I am at it")
          yield* TestClock.adjust("3 minutes")
          away = false
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual(yield* (yield* Wakes.Wakes).pending(), [])
          assert.strictEqual(statuses(yield* WorkflowRuns.document("audit-1"))["plan"], "running")
          yield* send(plan?.session_id ?? "", "complete", "here it is")
          assert.strictEqual((yield* pass(Fiber.join(fiber))).status, "complete")
        }).pipe(Effect.provide(process.layer))
      }).pipe(Effect.provide(fleet))
    )

    it.effect("cancelled, with every agent that has not ended, by whoever cancels it", () =>
      Effect.gen(function* () {
        const agents = makeAgents((name) => (name === "plan" ? Effect.void : Effect.never))
        const fiber = yield* Effect.forkChild(run(agents, file, { runId: "audit-1" }))
        yield* TestClock.adjust("1 minute")
        const during = yield* WorkflowRuns.cancel("audit-1", "nobody needs it")
        assert.strictEqual(during.run_id, "audit-1")
        const document = yield* Fiber.join(fiber)
        assert.strictEqual(document.status, "cancelled")
        assert.deepStrictEqual(statuses(document), {
          plan: "complete",
          security: "cancelled",
          speed: "cancelled",
          report: "cancelled"
        })
        assert.deepStrictEqual(agents.executed.sort(), ["plan", "security", "speed"])
        assert.deepStrictEqual(yield* run(agents, file, { runId: "audit-1" }), document)
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )

    it.effect("cancelled, though whoever cancelled it died before he had cancelled its agents", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.never)
        const fiber = yield* Effect.forkChild(run(agents, file, { runId: "audit-1" }))
        yield* TestClock.adjust("1 minute")
        const log = yield* WorkflowRuns.open("audit-1")
        yield* log.update(() => Effect.succeed([{ type: "cancelled", at: "2026-01-01T00:00:00.000Z", reason: "late" }]))
        const document = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          [document.status, statuses(document)["plan"], document.agents[0]?.error?.message],
          ["cancelled", "cancelled", "late"]
        )
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )

    it.effect("cancelled, when its timeout has passed", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.never)
        const document = yield* run(agents, file.replace("runner: function", "runner: function\ntimeout: 10m"))
        assert.deepStrictEqual(
          [document.status, document.agents[0]?.error?.message],
          ["cancelled", "its timeout of 10m has passed"]
        )
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )
  })

  describe("run again", () => {
    it.effect("begins a new run when the last has ended, and answers a named one as it ended", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.void)
        const first = yield* run(agents, file)
        const second = yield* run(agents, file)
        assert.notStrictEqual(second.run_id, first.run_id)
        assert.match(second.run_id, /^audit-[0-9a-z]{8}$/)
        assert.strictEqual(agents.executed.length, 8)
        assert.deepStrictEqual(yield* run(agents, file, { runId: first.run_id }), first)
        assert.strictEqual(agents.executed.length, 8)
      }).pipe(Effect.provide(fleet))
    )

    it.effect("after an edit runs only what has changed, and what depends on a result that did", () =>
      Effect.gen(function* () {
        // `report` never ends at first, so that the run is never over.
        const first = makeAgents((name) => (name === "report" ? Effect.never : Effect.void))
        const interrupted = Effect.fnUntraced(function* (agents: ReturnType<typeof makeAgents>, text: string) {
          const fiber = yield* Effect.forkChild(run(agents, text))
          yield* TestClock.adjust("1 minute")
          yield* Fiber.interrupt(fiber)
          return agents.executed
        })
        assert.sameMembers(yield* interrupted(first, file), ["plan", "security", "speed", "report"])
        const edited = file.replace(
          "task_type: speed, needs: [plan], prompt: Look",
          "task_type: speed, needs: [plan], prompt: Look closer"
        )
        const second = makeAgents((name) => (name === "report" ? Effect.never : Effect.void))
        assert.deepStrictEqual(yield* interrupted(second, edited), ["speed", "report"])
        // The plan is another, but says the same: nothing depends on its words.
        const same = edited.replace("prompt: Plan", "prompt: Plan again")
        const third = makeAgents((name) => (name === "report" ? Effect.never : Effect.void))
        assert.deepStrictEqual(yield* interrupted(third, same), ["plan", "report"])
        const fourth = makeAgents((name) => Effect.succeed(name === "plan" ? "another plan" : undefined))
        const document = yield* run(fourth, same.replace("prompt: Plan again", "prompt: Plan anew"))
        assert.sameMembers(fourth.executed, ["plan", "security", "speed", "report"])
        assert.strictEqual(document.status, "complete")
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )

    it.effect("after an edit says what is going to run again, before it does", () =>
      Effect.gen(function* () {
        const agents = makeAgents((name) => (name === "report" ? Effect.never : Effect.void))
        const events: Array<Workflow.Event> = []
        const interrupted = Effect.fnUntraced(function* (text: string) {
          events.length = 0
          const onEvent = (event: Workflow.Event) => Effect.sync(() => events.push(event))
          const fiber = yield* Effect.forkChild(run(agents, text, { onEvent }))
          yield* TestClock.adjust("1 minute")
          yield* Fiber.interrupt(fiber)
          const [first] = events
          return first?.type === "begun" ? first.plan : undefined
        })
        const extra = "  - { name: extra, role: AUDITOR, task_type: extra, prompt: Look }\n"
        assert.isUndefined(yield* interrupted(file + extra))
        const edited = file.replace("speed, needs: [plan], prompt: Look", "speed, needs: [plan], prompt: Look closer")
        assert.deepStrictEqual(yield* interrupted(edited), {
          remembered: ["plan", "security"],
          changed: ["speed"],
          dependent: [],
          open: ["report"],
          dropped: ["extra"]
        })
        assert.deepStrictEqual(yield* interrupted(edited.replace("prompt: Plan", "prompt: Plan anew")), {
          remembered: [],
          changed: ["plan"],
          dependent: ["security", "speed"],
          open: ["report"],
          dropped: ["extra"]
        })
      }).pipe(Effect.provide(fleet))
    )

    it.effect("after an edit never executes what is left of the old definition, and ends it", () =>
      Effect.gen(function* () {
        const first = makeAgents((name) => (name === "plan" ? Effect.void : Effect.never))
        const fiber = yield* Effect.forkChild(run(first, file))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.interrupt(fiber)
        const prompts: Array<string> = []
        const second = makeAgents((_, task) => Effect.sync(() => void prompts.push(task.prompt)))
        const without = file.replace(/ {2}- \{ name: speed.*\n/, "").replace("[security, speed]", "[security]")
        const document = yield* run(second, without.replaceAll("prompt: Look", "prompt: Look closer"))
        assert.deepStrictEqual(
          [second.executed, prompts],
          [
            ["security", "report"],
            ["Look closer", "Tell"]
          ]
        )
        assert.deepStrictEqual(statuses(document), { plan: "complete", security: "complete", report: "complete" })
        const cancelled = yield* (yield* Sessions.Sessions).list({ status: "cancelled" })
        assert.sameMembers(
          cancelled.map(({ name }) => name),
          ["security", "speed"]
        )
        assert.strictEqual(cancelled[0]?.error?.message, "its workflow was changed")
        const [summary] = yield* WorkflowRuns.list()
        assert.deepStrictEqual(summary?.agents, { total: 3, ended: 3 })
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )

    it.effect("forgets the syntheses of agents that it no longer has", () =>
      Effect.gen(function* () {
        const first = makeAgents((name) =>
          name === "speed" ? fail("failed") : name === "extra" ? Effect.never : Effect.void
        )
        const extra = "  - { name: extra, role: AUDITOR, task_type: extra, prompt: Wait }\n"
        const fiber = yield* Effect.forkChild(run(first, file + extra))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.interrupt(fiber)
        const agents = makeAgents(() => Effect.void)
        const document = yield* run(agents, file.replace(/ {2}- \{ name: (report|speed).*\n/g, "") + extra)
        assert.deepStrictEqual([document.status, document.synthesis], ["complete", {}])
      }).pipe(Effect.provide(fleet))
    )

    it.effect("of a file in its command that has changed, and of nothing else that it names", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const folder = yield* fs.makeTempDirectoryScoped()
        const script = path.join(folder, "agent.mjs")
        const text = (argument: string) => `
name: commands
agents:
  - { name: one, role: AUDITOR, task_type: one, prompt: Go, command: [node, agent.mjs, ${argument}] }
  - { name: two, role: AUDITOR, task_type: two, prompt: Go, command: [/dev/zero, ".", /, "", /dev/stdin] }
  - { name: wait, role: AUDITOR, task_type: wait, prompt: Go, needs: [one, two], command: [wait] }
`
        const executed: Array<string> = []
        const runner = AgentRunner.layer({
          command: Effect.map(
            FunctionRunner.make({
              any: (task) =>
                Effect.suspend(() => {
                  const name = task.sessionId.split("-")[1] ?? ""
                  executed.push(name)
                  return name === "wait" ? Effect.never : Effect.succeed("done")
                })
            }),
            (execute) => (assignment) =>
              execute({ ...assignment, session: { ...assignment.session, runner: { type: "function", name: "any" } } })
          )
        })
        const attempt = Effect.fnUntraced(function* (argument: string) {
          executed.length = 0
          const running = Workflow.run({ workflow: yield* parse(text(argument)), folder })
          const fiber = yield* Effect.forkChild(Effect.provide(running, runner))
          // The files are real, and so is the time that reading them takes.
          for (let tries = 0; tries < 200 && !executed.includes("wait"); tries++) {
            yield* TestClock.withLive(Effect.sleep("5 millis"))
            yield* TestClock.adjust("50 millis")
          }
          yield* Fiber.interrupt(fiber)
          return [...executed].sort()
        })
        yield* fs.writeFileString(script, "one")
        assert.deepStrictEqual(yield* attempt("a"), ["one", "two", "wait"])
        assert.deepStrictEqual(yield* attempt("a"), ["wait"])
        yield* fs.writeFileString(script, "two")
        assert.deepStrictEqual(yield* attempt("a"), ["one", "wait"])
        assert.deepStrictEqual(yield* attempt("b"), ["one", "wait"])
      }).pipe(Effect.provide(fleet))
    )

    it.effect("is refused under the id of another workflow's run, and under what is no id", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.void)
        yield* run(agents, file, { runId: "audit-1" })
        const other = yield* Effect.flip(run(agents, file.replace("name: audit", "name: other"), { runId: "audit-1" }))
        assert.strictEqual(
          other.message,
          'run_id: audit-1 is a run of workflow "audit", not of "other": choose another id'
        )
        for (const runId of ["", "..", "A", "a/b"]) {
          const { message } = yield* Effect.flip(run(agents, file, { runId }))
          assert.match(message, /^run_id: use lower-case letters, digits and single hyphens/)
        }
      }).pipe(Effect.provide(fleet))
    )
  })

  describe("of one identity", () => {
    it.effect("runs once at a time: another is told who runs it", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.as(Effect.sleep("1 minute"), "done"))
        const racers = [1, 2, 3].map(() => Effect.result(run(agents, file)))
        const results = yield* Effect.all(racers, { concurrency: "unbounded" })
        const owned = results.flatMap((result) => (result._tag === "Failure" ? [result.failure._tag] : []))
        assert.deepStrictEqual(owned, ["Owned", "Owned"])
        assert.deepStrictEqual(agents.executed.length, 4)
        assert.strictEqual((yield* WorkflowRuns.list()).length, 1)
      }).pipe(Effect.provide(fleet))
    )

    it.effect("is answered as it ended to one who waited for it", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.sleep("10 seconds"))
        const running = Effect.provide(
          Workflow.run({ workflow: yield* parse(file), folder: ".", runId: "audit-1" }),
          agents.layer
        )
        const first = yield* Effect.forkChild(running)
        let second: Fiber.Fiber<WorkflowRun.Document, unknown> | undefined
        for (let steps = 0; first.pollUnsafe() === undefined; steps++) {
          yield* TestClock.adjust("100 millis")
          // Three times ten seconds of work: this one comes just before the end.
          if (steps === 296) second = yield* Effect.forkChild(running)
        }
        if (second === undefined) assert.fail("It came too late")
        assert.deepStrictEqual(yield* Fiber.join(second), yield* Fiber.join(first))
        const log = yield* WorkflowRuns.open("audit-1")
        assert.strictEqual((yield* log.refresh).generation, 1)
      }).pipe(Effect.provide(fleet))
    )

    it.effect("is fenced by its journal: one who has lost it and does not know spawns nothing of its own", () =>
      Effect.gen(function* () {
        const store = yield* Processes.makeStore
        let held = false
        const first = yield* Processes.start(store, (call) =>
          held && call.startsWith("queue") ? { stall: true } : undefined
        )
        const second = yield* Processes.start(store)
        const prompts: Array<string> = []
        const agents = makeAgents((_, task) =>
          Effect.andThen(
            Effect.sync(() => prompts.push(task.prompt)),
            Effect.sleep("10 seconds")
          )
        )
        const running = Effect.fnUntraced(function* (text: string, process: Processes.Process) {
          return yield* Workflow.run({ workflow: yield* parse(text), folder: ".", runId: "audit-1" }).pipe(
            Effect.provide(agents.layer),
            Effect.provide(process.layer)
          )
        })
        const stale = yield* Effect.forkChild(running(file, first))
        yield* TestClock.adjust("1 second")
        held = true
        yield* TestClock.adjust("1 minute")
        const edited = file.replaceAll("prompt: Look", "prompt: Look closer")
        const again = Effect.retry(running(edited, second), {
          while: (error) => error._tag === "Owned",
          schedule: Schedule.spaced("1 second")
        })
        const document = yield* pass(again)
        assert.strictEqual(document.status, "complete")
        held = false
        yield* first.resume
        assert.deepStrictEqual(yield* pass(Fiber.join(stale)), document)
        assert.notInclude(prompts, "Look")
        const names = (yield* Effect.provide(
          Sessions.Sessions.use((sessions) => sessions.list()),
          second.layer
        )).map(({ name }) => name)
        assert.sameMembers(names, ["plan", "security", "speed", "report"])
      }).pipe(Effect.provide(fleet))
    )

    it.effect("begins anew where that is asked for, but not beside one that lives", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.as(Effect.sleep("1 minute"), "done"))
        const first = yield* Effect.forkChild(run(agents, file))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Effect.flip(run(agents, file, { fresh: true })))._tag, "Owned")
        yield* Fiber.interrupt(first)
        const racers = [1, 2, 3].map(() => Effect.result(run(agents, file, { fresh: true })))
        const results = yield* Effect.all(racers, { concurrency: "unbounded" })
        assert.strictEqual(results.filter(({ _tag }) => _tag === "Success").length, 1)
        assert.strictEqual((yield* WorkflowRuns.list()).length, 2)
      }).pipe(Effect.provide(fleet))
    )

    it.effect("is another with other variables", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.as(Effect.sleep("1 minute"), "done"))
        const text = (target: string) =>
          file.replace("runner: function", `runner: function\nvars: { target: ${target} }`)
        const both = [run(agents, text("a")), run(agents, text("b"))]
        const documents = yield* Effect.all(both, { concurrency: "unbounded" })
        assert.strictEqual(new Set(documents.map(({ run_id }) => run_id)).size, 2)
      }).pipe(Effect.provide(fleet))
    )
  })

  describe("in sequence", () => {
    const many = (count: number) => `
name: many
runner: function
agents:
${Array.from({ length: count }, (_, index) => `  - { name: n${index}, role: AUDITOR, task_type: t, prompt: P${index === 1 ? ", needs: [n3]" : ""} }`).join("\n")}
`
    it.effect("runs one agent at a time, in the order of the file, each after its needs", () =>
      Effect.gen(function* () {
        const now = new Set<string>()
        let most = 0
        const agents = makeAgents((name) =>
          Effect.gen(function* () {
            now.add(name)
            most = Math.max(most, now.size)
            yield* Effect.sleep(name === "n0" ? "1 minute" : "1 second")
            now.delete(name)
          })
        )
        const document = yield* run(agents, many(6), { flags: { ENABLE_PARALLEL_EXECUTION: false } })
        assert.deepStrictEqual([most, document.max_parallel, document.status], [1, 1, "complete"])
        assert.deepStrictEqual(agents.executed, yield* Effect.map(parse(many(6)), WorkflowFile.order))
        assert.deepStrictEqual(
          agents.executed.filter((name) => name !== "n1"),
          ["n0", "n2", "n3", "n4", "n5"]
        )
      }).pipe(Effect.provide(fleet))
    )

    it.effect("and at once takes more agents than may wait in the queue", () =>
      Effect.gen(function* () {
        const agents = makeAgents(() => Effect.sleep("1 second"))
        const document = yield* run(agents, many(150))
        assert.deepStrictEqual([document.status, new Set(agents.executed).size], ["complete", 150])
        yield* assertQuiet
      }).pipe(Effect.provide(fleet))
    )
  })

  it.effect("is not harmed by one who listens", () =>
    Effect.gen(function* () {
      const agents = makeAgents(() => Effect.void)
      const document = yield* run(agents, file, { onEvent: () => Effect.die(new Error("EPIPE")) })
      assert.deepStrictEqual([document.status, agents.executed.length], ["complete", 4])
    }).pipe(Effect.provide(fleet))
  )
})
