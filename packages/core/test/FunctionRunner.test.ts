import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Result, Stream } from "effect"
import * as Agent from "../src/Agent.ts"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Session from "../src/Session.ts"
import { created } from "./support/records.ts"

const session = (name: string) => {
  const session = Result.getOrThrow(Session.apply(undefined, created, 1))
  if (session === undefined) throw new Error("unreachable")
  return { ...session, runner: { type: "function" as const, name } }
}
const run = (agent: FunctionRunner.AgentFunction, name = "look") =>
  Effect.flatMap(FunctionRunner.make({ look: agent }), (execute) =>
    Stream.runCollect(execute({ session: session(name), attempt: 1, inputs: {} }))
  )
const failing = (agent: FunctionRunner.AgentFunction, name?: string) =>
  Effect.map(Effect.flip(run(agent, name)), ({ code, detail, retryable, status }) => [status, code, retryable, detail])

describe("FunctionRunner", () => {
  it.effect("gives the function its task, and passes on what it tells and answers", () =>
    Effect.gen(function* () {
      const events = yield* run((task) =>
        Effect.gen(function* () {
          yield* task.emit({ type: "checkpoint", phase: "p", milestone: "m", details: "" })
          yield* task.emit({ type: "turn", text: task.prompt })
          return { summary: "done", odd: { ["__proto__"]: 1 } }
        })
      )
      assert.deepStrictEqual(events, [
        { type: "checkpoint", phase: "p", milestone: "m", details: "" },
        { type: "turn", text: "Look" },
        { type: "result", result: { summary: "done", odd: { ["__proto__"]: 1 } } }
      ])
      assert.deepStrictEqual(yield* run(() => Effect.succeed("text")), [
        { type: "result", result: { summary: "text" } }
      ])
    })
  )

  it.effect("gives it the services that the runner was made with", () =>
    Effect.gen(function* () {
      const Name = Context.Reference<string>("test/Name", { defaultValue: () => "nobody" })
      const made = FunctionRunner.make({ look: () => Effect.map(Name, (name) => `I am ${name}`) })
      const execute = yield* Effect.provideService(made, Name, "Ann")
      const events = yield* Stream.runCollect(execute({ session: session("look"), attempt: 1, inputs: {} }))
      assert.deepStrictEqual(events, [{ type: "result", result: { summary: "I am Ann" } }])
    })
  )

  it.effect("says however a function fails, and that it may be tried again", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* failing(() => Effect.fail("typed")), ["failed", "error", true, "typed"])
      assert.deepStrictEqual(yield* failing(() => Effect.die(new Error("bug"))), ["failed", "defect", true, "bug"])
      const thrown = () => {
        throw new Error("thrown")
      }
      assert.deepStrictEqual(yield* failing(thrown), ["failed", "defect", true, "thrown"])
      const [status, code, retryable] = yield* failing(() => Effect.interrupt)
      assert.deepStrictEqual([status, code, retryable], ["failed", "interrupted", true])
      const joins = Effect.flatMap(Effect.forkChild(Effect.never), (fiber) =>
        Effect.andThen(Fiber.interrupt(fiber), Fiber.join(fiber))
      )
      assert.strictEqual((yield* failing(() => joins))[1], "interrupted")
      const blocked = new AgentRunner.RunFailed({ status: "blocked", code: "key", detail: "which?", retryable: false })
      assert.deepStrictEqual(yield* failing(() => Effect.fail(blocked)), ["blocked", "key", false, "which?"])
    })
  )

  it.effect("passes on what was told before the failure", () =>
    Effect.gen(function* () {
      const told: Array<AgentRunner.Event> = []
      const execute = yield* FunctionRunner.make({
        look: (task) => Effect.andThen(task.emit({ type: "turn", text: "thinking" }), Effect.fail("no"))
      })
      const all = Stream.tap(execute({ session: session("look"), attempt: 1, inputs: {} }), (event) =>
        Effect.sync(() => told.push(event))
      )
      yield* Effect.flip(Stream.runDrain(all))
      assert.deepStrictEqual(told, [{ type: "turn", text: "thinking" }])
    })
  )

  it.effect("refuses a result that is none, is too deep, or goes in circles, with the place", () =>
    Effect.gen(function* () {
      const answer = (value: unknown) => () => Effect.succeed(value as Agent.Result)
      const circle: { summary: string; self?: unknown } = { summary: "round" }
      circle.self = circle
      let deep: unknown = 1
      for (let depth = 0; depth < 100_000; depth++) deep = [deep]
      const wide = Array.from({ length: 50_000 }, () => ["a"])
      for (const value of [
        undefined,
        null,
        7,
        {},
        { summary: " " },
        { summary: "s", files: [7] },
        circle,
        { summary: "s", deep }
      ]) {
        const [, code, retryable, detail] = yield* failing(answer(value))
        assert.deepStrictEqual([code, retryable], ["invalid_result", true])
        assert.match(String(detail), /^its result is not valid: (\/|it is nested more than 200 levels deep)/)
      }
      assert.strictEqual((yield* run(answer({ summary: "s", wide }))).length, 1)
    })
  )

  it.effect("knows no functions but those that it was given", () =>
    Effect.gen(function* () {
      for (const name of ["other", "toString", "__proto__", ""]) {
        assert.deepStrictEqual(yield* failing(() => Effect.succeed(""), name), [
          "failed",
          "no_function",
          false,
          `no function is registered under the name "${name}": give FunctionRunner.make one`
        ])
      }
    })
  )
})

describe("AgentRunner", () => {
  it.effect("executes a session by the runner that it names, and says so where there is none", () =>
    Effect.gen(function* () {
      const { execute } = yield* AgentRunner.AgentRunner
      const assignment = { session: session("look"), attempt: 1, inputs: {} }
      assert.strictEqual((yield* Stream.runCollect(execute(assignment))).length, 1)
      for (const runner of [{ type: "command" as const, command: ["true"] as const }, { type: "external" as const }]) {
        const error = yield* Effect.flip(
          Stream.runDrain(execute({ ...assignment, session: { ...assignment.session, runner } }))
        )
        assert.deepStrictEqual(
          [error.code, error.retryable, error.message],
          [
            "no_runner",
            false,
            `nothing here executes "${runner.type}" agents: give AgentRunner.layer a runner for them`
          ]
        )
      }
    }).pipe(Effect.provide(AgentRunner.layer({ function: FunctionRunner.make({ look: () => Effect.succeed("ok") }) })))
  )
})
