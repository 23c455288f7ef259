import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as AgentRunner from "../src/AgentRunner.ts"
import * as FunctionRunner from "../src/FunctionRunner.ts"
import * as Orchestrator from "../src/Orchestrator.ts"
import * as Pattern from "../src/Pattern.ts"
import * as Sessions from "../src/Sessions.ts"
import { services } from "./support/fleet.ts"
import { pass } from "./support/time.ts"

const task = (name: string, prompt = ""): Orchestrator.Task => ({
  name,
  id: `impl-${name}`,
  prompt,
  role: "implementer",
  taskType: "work",
  runner: { type: "function", name: "work" },
  limits: { retries: 0 }
})

/** Runs a pattern with one function for all agents, which is told its name. */
const withAgents = <A, E>(
  work: (name: string, task: FunctionRunner.Task) => Effect.Effect<string, unknown>,
  pattern: Effect.Effect<A, E, Orchestrator.Orchestrator | Sessions.Sessions>,
  options: Orchestrator.Options = {}
) =>
  pass(pattern).pipe(
    Effect.provide(Orchestrator.layer(options)),
    Effect.provide(
      AgentRunner.layer({
        function: FunctionRunner.make({ work: (task) => work(task.sessionId.replace("impl-", ""), task) })
      })
    ),
    Effect.provide(services)
  )
const after = (millis: number, text: string) => Effect.as(Effect.sleep(millis), text)
const statusOf = (name: string) =>
  Effect.map(
    Sessions.Sessions.use((sessions) => sessions.get(`impl-${name}`)),
    ({ status }) => status
  )

describe("a pattern", () => {
  it.effect("fans out and in: the synthesis of all, with those that failed named", () =>
    Effect.gen(function* () {
      const synthesis = yield* withAgents(
        (name) => (name === "b" ? Effect.fail("no") : after(100, `The page of ${name} has no title`)),
        Pattern.fanOut(["a", "b", "c"].map((name) => task(name)))
      )
      assert.strictEqual(synthesis.status, "degraded")
      assert.deepInclude(synthesis.census, { expected: 3, reported: 2, failed: 1 })
    })
  )

  it.effect("maps over more inputs than may wait, in their order, so many at a time", () =>
    Effect.gen(function* () {
      let now = 0
      let most = 0
      const inputs = Array.from({ length: 12 }, (_, index) => index)
      const reports = yield* withAgents(
        (name) =>
          Effect.gen(function* () {
            most = Math.max(most, ++now)
            yield* Effect.sleep(100 + ((Number(name) * 37) % 50))
            now -= 1
            return name
          }),
        Pattern.map(inputs, (input) => task(String(input)), { concurrency: 4 }),
        { capacity: 2, maxParallel: 8 }
      )
      assert.deepStrictEqual(
        reports.map(({ result }) => Number(result?.summary)),
        inputs
      )
      assert.isAtMost(most, 4)
    })
  )

  it.effect("chains: each gets the result of the one before, and the first that fails is the last", () =>
    Effect.gen(function* () {
      const chain = Pattern.chain(["a", "b", "c", "d"].map((name) => task(name)))
      const sessions = yield* withAgents(
        (name, { inputs }) =>
          name === "c"
            ? Effect.fail("no")
            : Effect.succeed([...Object.values(inputs).map(({ summary }) => summary), name].join(" > ")),
        chain
      )
      assert.deepStrictEqual(
        sessions.map(({ result, status }) => result?.summary ?? status),
        ["a", "a > b", "failed"]
      )
    })
  )

  it.effect("competes: the first good result wins, and the others are cancelled", () =>
    Effect.gen(function* () {
      const race = Pattern.compete(
        ["fast", "good", "slow"].map((name) => task(name)),
        { isGood: ({ summary }) => summary !== "fast" }
      )
      const [winner, slow] = yield* withAgents(
        (name) => after({ fast: 100, good: 200, slow: 60_000 }[name] ?? 0, name),
        Effect.flatMap(race, (winner) => Effect.map(statusOf("slow"), (slow) => [winner, slow] as const))
      )
      assert.strictEqual(Option.getOrUndefined(winner)?.result?.summary, "good")
      assert.strictEqual(slow, "cancelled")
      const none = yield* withAgents(() => Effect.fail("no"), Pattern.compete([task("one"), task("two")]))
      assert.isTrue(Option.isNone(none))
    })
  )

  it.effect("hedges: a second copy only after silence, and the loser is cancelled", () =>
    Effect.gen(function* () {
      const executed: Array<string> = []
      const hedge = Pattern.hedge(task("one"), { silence: "5 seconds" })
      const alone = yield* withAgents(
        (name, { emit }) =>
          Effect.gen(function* () {
            executed.push(name)
            for (let count = 0; count < 4; count++) {
              yield* Effect.sleep("3 seconds")
              yield* emit({ type: "turn", text: "still at it" })
            }
            return name
          }),
        hedge
      )
      assert.deepStrictEqual([alone.result?.summary, executed], ["one", ["one"]])
      const [winner, loser] = yield* withAgents(
        (name) => (name === "one" ? Effect.never : after(1_000, name)),
        Effect.flatMap(hedge, (winner) => Effect.map(statusOf("one"), (loser) => [winner, loser] as const))
      )
      assert.deepStrictEqual([winner.result?.summary, loser], ["one-again", "cancelled"])
    })
  )

  it.effect("refines: a critic sends a draft back until it is content, or there were enough of them", () =>
    Effect.gen(function* () {
      const refine = (rounds: number) =>
        Pattern.refine({
          draft: (round) => task(`draft-${round}`),
          critic: (round) => task(`critic-${round}`),
          isContent: ({ summary }) => summary === "content",
          rounds
        })
      const work = (name: string, { inputs }: FunctionRunner.Task) => {
        const [kind, round] = name.split("-")
        if (kind === "draft") return Effect.succeed(`${round} of ${Object.keys(inputs).toSorted().join(" and ")}`)
        return Effect.succeed(inputs[`draft-${round}`]?.summary.startsWith("3") === true ? "content" : "again")
      }
      const third = yield* withAgents(work, refine(5))
      assert.deepStrictEqual(
        [third.rounds, third.content, third.draft.result?.summary],
        [3, true, "3 of critic-2 and draft-2"]
      )
      const second = yield* withAgents(work, refine(2))
      assert.deepStrictEqual([second.rounds, second.content], [2, false])
    })
  )

  it.effect("decomposes: parts of parts, each by an agent of its own, with one permit for all", () =>
    Effect.gen(function* () {
      const sum = Pattern.decompose({
        split: (prompt) => {
          const numbers = prompt.split(" ")
          const middle = Math.ceil(numbers.length / 2)
          return numbers.length < 2 ? [] : [numbers.slice(0, middle).join(" "), numbers.slice(middle).join(" ")]
        },
        solve: ({ prompt }) => Effect.succeed(prompt),
        merge: (reports) => String(reports.reduce((total, { result }) => total + Number(result?.summary), 0)),
        task: { role: "implementer", taskType: "sum", runner: { type: "function", name: "work" } }
      })
      const session = yield* withAgents(
        (_, agent) => Effect.map(sum(agent), String),
        Effect.flatMap(Pattern.obtain(task("sum", "1 2 3 4 5 6 7")), (handle) => handle.await),
        { maxParallel: 1 }
      )
      assert.strictEqual(session.result?.summary, "28")
    })
  )

  it.effect("goes on with the agents of before when it is run again", () =>
    Effect.gen(function* () {
      const executed: Array<string> = []
      yield* withAgents(
        (name) => Effect.sync(() => (executed.push(name), name)),
        Effect.andThen(Pattern.chain([task("a"), task("b")]), Pattern.chain([task("a"), task("b"), task("c")]))
      )
      assert.deepStrictEqual(executed, ["a", "b", "c"])
    })
  )
})
