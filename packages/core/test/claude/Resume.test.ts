import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted, Schema, Stream } from "effect"
import * as AgentRunner from "../../src/AgentRunner.ts"
import * as ClaudeRunner from "../../src/claude/ClaudeRunner.ts"
import * as Tool from "../../src/claude/Tool.ts"
import * as ToolNames from "../../src/claude/ToolNames.ts"
import * as Resumption from "../../src/Resumption.ts"
import type * as Session from "../../src/Session.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import * as Worker from "../../src/Worker.ts"
import { done, goOn, quick, services, talk, work } from "../support/claude.ts"

const { call, say, think } = FakeClaude

/** Tools that tell what was done, in all processes. */
const makeTools = () => {
  const did: Array<string> = []
  const tool = (effects: Tool.Effects) =>
    Tool.of(effects, {
      description: effects,
      input: Schema.Struct({ what: Schema.String }),
      effects,
      run: ({ what }) =>
        Effect.as(
          Effect.sync(() => did.push(`${effects} ${what}`)),
          `did ${what}`
        )
    })
  return { did, tools: [tool("pure"), tool("idempotent"), tool("unsafe")] }
}

const script: ReadonlyArray<FakeClaude.Turn> = [
  { content: [think("First I look"), say("Looking"), call("pure", { what: "a" }), call("pure", { what: "b" })] },
  { content: [think("Then I write"), call("idempotent", { what: "c" }), call("unsafe", { what: "d" })] },
  { content: [call("report_finding", { summary: "It is odd" }), call("checkpoint", { phase: "p", milestone: "m" })] },
  done
]

/** One run of the agent, as a worker executes it, that dies with its n-th event: before that is durable, or after. */
const live = Effect.fnUntraced(function* (
  id: string,
  fake: FakeClaude.FakeClaude,
  tools: ReadonlyArray<Tool.Tool>,
  death?: { readonly n: number; readonly when: "before" | "after" }
) {
  const sessions = yield* Sessions.Sessions
  const open = yield* sessions.open(id)
  const run = (yield* open.refresh).run + 1
  const append = (decide: (at: string) => Session.Record) => open.update((_, at) => Effect.succeed([decide(at)]))
  yield* append((at) => ({ type: "started", at, run, worker: { kind: "local" } }))
  const assignment = yield* Worker.assignmentOf(yield* open.refresh)
  const execute = yield* ClaudeRunner.make({ apiKey: Redacted.make("k"), baseUrl: fake.url, tools, retry: quick })
  const dead = new AgentRunner.RunFailed({ status: "failed", code: "dead", detail: "", retryable: true })
  let count = 0
  const ended = yield* Stream.runForEach(execute(assignment), (event) =>
    Effect.gen(function* () {
      if (event.type === "delta") return
      const dies = ++count === death?.n
      if (dies && death.when === "before") return yield* dead
      if (event.type === "finding") {
        const wake = yield* Sessions.makeWake(yield* open.refresh, "finding", { summary: event.summary })
        yield* append((at) => ({ type: "finding", at, run, wake }))
      } else if (event.type === "checkpoint" || event.type === "turn") {
        yield* append((at) => ({ ...event, at, run }))
      }
      if (dies) return yield* dead
    })
  ).pipe(
    Effect.as("complete"),
    Effect.catchTag("RunFailed", ({ code }) => Effect.succeed(code))
  )
  yield* append((at) => ({ type: "suspended", at, run, reason: ended }))
  return { ended, count }
})

const created = Effect.fnUntraced(function* (id: string) {
  const sessions = yield* Sessions.Sessions
  yield* sessions.create({
    id,
    role: "IMPLEMENTER",
    taskType: "x",
    prompt: "Do it",
    runner: { type: "claude", tools: [...ToolNames.harmless, "pure", "idempotent", "unsafe"] }
  })
})

layer(services, { excludeTestServices: true })("an agent whose process dies", (it) => {
  for (const when of ["before", "after"] as const) {
    it.effect(
      `${when} its n-th event is durable, for any n, goes on: no turn is asked for again, nothing unsafe is done twice`,
      () =>
        Effect.gen(function* () {
          const undisturbed = yield* talk(script)
          yield* created(`impl-whole-${when}`)
          const whole = yield* live(`impl-whole-${when}`, undisturbed, makeTools().tools)
          assert.strictEqual(whole.ended, "complete")
          assert.strictEqual(whole.count, 13)
          const bytes = undisturbed.requests.map(({ body }) => JSON.stringify(body))

          for (let n = 1; n <= whole.count; n++) {
            const id = `impl-dies-${when}-${n}`
            const why = `killed ${when} event ${n}`
            yield* created(id)
            const { did, tools } = makeTools()
            const fake = yield* talk(script)
            assert.strictEqual((yield* live(id, fake, tools, { n, when })).ended, "dead", why)
            let { ended } = yield* live(id, fake, tools)
            const asks = ended === "question"
            if (asks) {
              yield* Resumption.resume(id, { prompt: "did d" })
              ended = (yield* live(id, fake, tools)).ended
            }
            assert.strictEqual(ended, "complete", why)
            assert.deepStrictEqual(fake.refused(), [], why)
            assert.isAtMost(did.filter((each) => each.startsWith("unsafe")).length, 1, why)
            // The same bytes are sent as if nothing had been; only an answer that was in the air is asked for again.
            const sent = fake.requests.map(({ body }) => JSON.stringify(body))
            assert.deepStrictEqual([...new Set(sent)], bytes, why)
            assert.isAtMost(sent.length, bytes.length + 1, why)
            const { checkpoints, wakes } = yield* (yield* Sessions.Sessions).get(id)
            assert.lengthOf(wakes, 1, why)
            assert.isAtLeast(checkpoints.length, 1, why)
          }
        })
    )
  }
})

layer(services, { excludeTestServices: true })("an agent that is interrupted in a call of a tool", (it) => {
  /** Interrupts the agent once a tool of it has begun, and answers how often that began. */
  const interruptedIn = Effect.fnUntraced(function* (id: string, effects: Tool.Effects, last: FakeClaude.Turn = done) {
    let begun = 0
    const reached = yield* Deferred.make<void>()
    const seen: Array<readonly [string, boolean]> = []
    let hangs = true
    const slow = Tool.of("slow", {
      description: "Takes long",
      input: Schema.Struct({}),
      effects,
      run: (_, { again, callId }) =>
        Effect.suspend(() => {
          begun += 1
          Deferred.doneUnsafe(reached, Effect.void)
          seen.push([callId, again])
          return hangs ? Effect.never : Effect.succeed("slowly done")
        })
    })
    const fake = yield* talk([{ content: [call("slow", {})] }, last])
    const fiber = yield* Effect.forkChild(work(fake, { id, tools: [slow] }))
    yield* Deferred.await(reached)
    yield* Fiber.interrupt(fiber)
    hangs = false
    return { fake, tools: [slow], begun: () => begun, seen }
  })

  for (const effects of ["pure", "idempotent"] as const) {
    it.effect(`makes one that is ${effects} again, under the same key`, () =>
      Effect.gen(function* () {
        const { begun, fake, seen, tools } = yield* interruptedIn(`impl-again-${effects}`, effects)
        const session = yield* work(fake, { id: `impl-again-${effects}`, tools })
        assert.strictEqual(session.status, "complete")
        assert.strictEqual(begun(), 2)
        assert.deepStrictEqual(
          seen.map(([, again]) => again),
          [false, true]
        )
        assert.strictEqual(seen[0]?.[0], seen[1]?.[0])
        assert.lengthOf(fake.requests, 2)
      })
    )
  }

  it.effect("asks a human about one that is unsafe, as often as it is resumed without an answer", () =>
    Effect.gen(function* () {
      const id = "impl-unsafe"
      const { begun, fake, tools } = yield* interruptedIn(id, "unsafe")
      const first = yield* work(fake, { id, tools })
      assert.deepStrictEqual([first.status, first.error?.code], ["blocked", "question"])
      const second = yield* goOn(fake, undefined, { id, tools })
      assert.strictEqual(second.status, "blocked")
      assert.strictEqual(begun(), 1)
      assert.lengthOf(fake.requests, 1)
      const third = yield* goOn(fake, "It went through.", { id, tools })
      assert.strictEqual(third.status, "complete")
      assert.strictEqual(begun(), 1)
      assert.include(JSON.stringify(fake.requests[1]?.body.messages.at(-1)), "It went through.")
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect("keeps the results that it has while a question waits", () =>
    Effect.gen(function* () {
      const { did, tools } = makeTools()
      const fake = yield* talk([
        { content: [call("unsafe", { what: "first" }), call("ask_human", { question: "Which one?" })] },
        done
      ])
      const names = { runner: { tools: ["unsafe", "ask_human"] }, tools, id: "impl-waits" }
      const blocked = yield* work(fake, names)
      assert.deepStrictEqual([blocked.status, blocked.error?.message], ["blocked", "Which one?"])
      assert.strictEqual(blocked.wakes.at(-1)?.status, "blocked")
      const session = yield* goOn(fake, "The second one", names)
      assert.strictEqual(session.status, "complete")
      assert.deepStrictEqual(did, ["unsafe first"])
      const last = JSON.stringify(fake.requests[1]?.body.messages.at(-1))
      assert.include(last, "did first")
      assert.include(last, "The second one")
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect("pays for nothing twice when it is resumed: the prompt cache still holds", () =>
    Effect.gen(function* () {
      const { fake, tools } = yield* interruptedIn("impl-cache", "pure")
      yield* work(fake, { id: "impl-cache", tools })
      const [first, second] = fake.requests.map(({ usage = {} }) => usage)
      assert.isAbove(second?.["cache_read_input_tokens"] ?? 0, 0)
      assert.strictEqual(second?.["cache_read_input_tokens"], first?.["cache_creation_input_tokens"])
    })
  )

  it.effect("goes on under other tools and another model, without the thinking of before", () =>
    Effect.gen(function* () {
      const { tools } = makeTools()
      const fake = yield* talk([
        { content: [think("I wonder"), call("ask_human", { question: "Well?" })] },
        { content: [think("Now I know"), call("pure", { what: "x" })] },
        done
      ])
      yield* work(fake, { id: "impl-other", runner: { tools: ["ask_human"] }, tools })
      const sessions = yield* Sessions.Sessions
      assert.strictEqual((yield* sessions.get("impl-other")).status, "blocked")
      const session = yield* goOn(fake, "Well", {
        id: "impl-other",
        tools: tools.slice(0, 1),
        model: "claude-opus-5-5"
      })
      assert.deepStrictEqual([session.status, session.error], ["complete", undefined])
      assert.deepStrictEqual(fake.refused(), [])
      const [, second, third] = fake.requests.map(({ body }) => JSON.stringify(body.messages))
      assert.notInclude(second, "I wonder")
      assert.include(third, "Now I know")
    })
  )
})
