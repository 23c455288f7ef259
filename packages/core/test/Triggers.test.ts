import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as Flags from "../src/Flags.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Journal from "../src/Journal.ts"
import * as Lease from "../src/Lease.ts"
import * as LegacyFiles from "../src/LegacyFiles.ts"
import * as Rollback from "../src/Rollback.ts"
import * as Transport from "../src/Transport.ts"
import * as Triggers from "../src/Triggers.ts"
import * as Wakes from "../src/Wakes.ts"
import * as Workflow from "../src/Workflow.ts"
import * as WorkflowFile from "../src/WorkflowFile.ts"
import { external, send } from "./support/fleet.ts"
import { pass } from "./support/time.ts"

const fleet = Layer.fresh(
  Layer.mergeAll(
    Transport.services(Transport.layerMemory),
    NodeServices.layer,
    Logger.layer([]),
    LegacyFiles.layerMemory
  )
)
const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const tripped = (readings: ReadonlyArray<Triggers.Reading>) =>
  readings.filter(({ tripped }) => tripped).map(({ name, value }) => [name, value] as const)

/** So many sessions that have sent a wake, which was dealt with. */
const healthy = (count: number) =>
  Effect.forEach(range(count), (index) =>
    Effect.gen(function* () {
      yield* external(`ok-${index}`)
      yield* (yield* Wakes.Wakes).acknowledge(yield* send(`ok-${index}`, "complete"))
    })
  )
const damage = Effect.fnUntraced(function* (id: string) {
  const journal = yield* Journal.Journal
  const [head] = yield* journal.heads(`session/${id}`)
  yield* journal.append(`session/${id}`, head?.version ?? 0, [{ type: "nonsense" }])
})

describe("Triggers", () => {
  it.effect("find nothing in a fleet that is well", () =>
    Effect.gen(function* () {
      yield* healthy(20)
      assert.deepStrictEqual(
        (yield* Triggers.measure()).map(({ name, samples, tripped, value }) => [name, value, samples, tripped]),
        [
          ["wake_loss", 0, 20, false],
          ["session_corruption", 0, 20, false],
          ["unresponsive", 0, 1, false],
          ["workflow_failures", 0, 0, false],
          ["legacy_breakage", 0, 0, false]
        ]
      )
    }).pipe(Effect.provide(fleet))
  )

  it.effect("find wakes that became dead letters, for as long as the window reaches back to them", () =>
    Effect.gen(function* () {
      yield* healthy(19)
      yield* external("bad")
      yield* send("bad", "complete")
      const wakes = yield* Wakes.Wakes
      yield* wakes.handle("main", () => Effect.die(new Error("no")), { maxAttempts: 1 })
      assert.deepStrictEqual(tripped(yield* Triggers.measure()), [["wake_loss", 0.05]])
      yield* TestClock.adjust("11 minutes")
      assert.deepStrictEqual(tripped(yield* Triggers.measure()), [])
    }).pipe(Effect.provide(fleet))
  )

  it.effect("find sessions that are damaged, and no reason in one of a few", () =>
    Effect.gen(function* () {
      yield* healthy(1)
      yield* damage("ok-0")
      assert.deepStrictEqual(tripped(yield* Triggers.measure()), [])
      yield* Effect.forEach(range(15), (index) => external(`more-${index}`))
      assert.deepStrictEqual(tripped(yield* Triggers.measure()), [["session_corruption", 0.0625]])
    }).pipe(Effect.provide(fleet))
  )

  it.effect("find an orchestrator that is there and lets a wake lie", () =>
    Effect.gen(function* () {
      yield* external("slow")
      yield* send("slow", "finding")
      yield* TestClock.adjust("12 seconds")
      // Nobody is there who could be slow.
      assert.deepStrictEqual(tripped(yield* Triggers.measure()), [])
      yield* Lease.acquire("main")
      assert.deepStrictEqual(tripped(yield* Triggers.measure()), [["unresponsive", 12_000]])
    }).pipe(Effect.scoped, Effect.provide(fleet))
  )

  it.effect("find this process itself, if it did not come to do anything", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(tripped(yield* Triggers.measure({ lag: 10_001 })), [["unresponsive", 10_001]])
      assert.deepStrictEqual(tripped(yield* Triggers.measure({ lag: 10_000 })), [])
    }).pipe(Effect.provide(fleet))
  )

  it.effect("find workflows that fail", () =>
    Effect.gen(function* () {
      const work: FunctionRunner.AgentFunction = ({ prompt }) =>
        prompt === "fail"
          ? Effect.fail(new AgentRunner.RunFailed({ status: "failed", code: "no", detail: "no", retryable: false }))
          : Effect.succeed("done")
      const runner = AgentRunner.layer({ function: FunctionRunner.make({ work }) })
      const workflow = (prompt: string) =>
        WorkflowFile.parse(
          `name: w\nrunner: function\nagents:\n  - { name: work, role: AUDITOR, task_type: t, prompt: ${prompt} }`,
          { file: "w.yaml" }
        )
      for (const index of range(10)) {
        const options = { workflow: yield* workflow(index < 2 ? "fail" : "go"), folder: ".", fresh: true }
        yield* Effect.provide(pass(Workflow.run(options)), runner)
      }
      assert.deepStrictEqual(tripped(yield* Triggers.measure()), [["workflow_failures", 0.2]])
    }).pipe(Effect.provide(fleet))
  )

  it.effect("find legacy files that could not be read or written", () =>
    Effect.gen(function* () {
      const readings = yield* Triggers.measure({ broken: ["agent-status/a.json, line 1: it is empty"] })
      assert.deepStrictEqual(tripped(readings), [["legacy_breakage", 1]])
      assert.match(
        readings.map(Triggers.message).at(-1) ?? "",
        /^legacy_breakage is 1 files, more than 0 files: agent-status\/a\.json/
      )
    }).pipe(Effect.provide(fleet))
  )

  for (const policy of ["off", "warn", "act"] as const) {
    it.effect(
      `by the policy "${policy}" ${{ off: "do nothing", warn: "say it once", act: "roll back once" }[policy]}`,
      () =>
        Effect.gen(function* () {
          const warned: Array<string> = []
          const done: Array<Rollback.Outcome> = []
          const mirror: Rollback.Mirror = { takeOver: Effect.succeed([]), rebuild: Effect.succeed([]) }
          yield* Effect.forkChild(
            Triggers.watch({
              policy,
              broken: Effect.succeed(["agent-status/a.json is locked"]),
              warn: (readings) => Effect.sync(() => warned.push(...readings.map(({ name }) => name))),
              act: (reason) =>
                Effect.map(Rollback.execute({ to: "files", mirror, reason }), (outcome) => void done.push(outcome))
            })
          )
          yield* TestClock.adjust("1 minute")
          const { inForce } = yield* Flags.Flags
          assert.deepStrictEqual(warned, policy === "off" ? [] : ["legacy_breakage"])
          assert.strictEqual(done.length, policy === "act" ? 1 : 0)
          assert.deepStrictEqual(yield* inForce, policy === "act" ? Flags.allOff : Flags.allOn)
        }).pipe(Effect.provide(fleet))
    )
  }
})
