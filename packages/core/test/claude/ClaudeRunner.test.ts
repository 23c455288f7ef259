import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schema } from "effect"
import type { Delta } from "../../src/AgentRunner.ts"
import * as Conversation from "../../src/claude/Conversation.ts"
import * as Tool from "../../src/claude/Tool.ts"
import * as Flags from "../../src/Flags.ts"
import * as LegacyFiles from "../../src/LegacyFiles.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as Steering from "../../src/Steering.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import * as Transport from "../../src/Transport.ts"
import { done, entries, goOn, services, talk, work } from "../support/claude.ts"

const { call, say, think } = FakeClaude

const decodeEntry = Schema.decodeUnknownSync(Schema.toCodecJson(Conversation.Entry))
const typesOf = (id: string) => Effect.map(entries(id), (all) => all.map(({ entry }) => decodeEntry(entry).type))

/** Answers what it is given. */
const echo = Tool.of("echo", {
  description: "Says it back",
  input: Schema.Struct({ text: Schema.String }),
  effects: "pure",
  run: ({ text }) => Effect.succeed(`You said ${text}`)
})

layer(services, { excludeTestServices: true })("an agent that is Claude", (it) => {
  it.effect("hands in a typed result", () =>
    Effect.gen(function* () {
      const fake = yield* talk([done])
      const session = yield* work(fake, { id: "impl-typed" })
      assert.strictEqual(session.status, "complete")
      assert.deepStrictEqual(session.result, { summary: "It is done", confidence: 0.9 })
      const [request] = fake.requests
      const format = JSON.stringify(request?.body.output_config)
      assert.include(format, "json_schema")
      assert.include(format, `"additionalProperties":false`)
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect("goes on with its conversation after a failed attempt, though its session is not kept", () =>
    Effect.gen(function* () {
      const fake = yield* talk([
        { content: [call("echo", { text: "one" })] },
        { ...done, faults: Array.from({ length: 10 }, () => ({ type: "status" as const, status: 500 })) }
      ])
      const unkept = Layer.fresh(
        Layer.merge(
          Transport.servicesWith(Transport.layerMemory, Flags.layerFixed(Flags.allOff)),
          LegacyFiles.layerMemory
        )
      )
      const setup = { tools: [echo], retries: 5, retry: { first: "5 millis", budget: "100 millis" } } as const
      const session = yield* Effect.provide(work(fake, { id: "impl-unkept", ...setup }), unkept)
      assert.deepStrictEqual([session.status, session.result?.summary], ["complete", "It is done"])
      assert.isAbove(session.runs.length, 1)
      // What it was asked first, what it called, and what came of that: not from the start again.
      assert.lengthOf(fake.requests.at(-1)?.body.messages ?? [], 3)
      assert.lengthOf(
        fake.requests.filter(({ body }) => body.messages.length === 1),
        1
      )
    })
  )

  it.effect("hands in what a schema of one's own describes", () =>
    Effect.gen(function* () {
      const result = Schema.Struct({ summary: Schema.String, risk: Schema.Literals(["low", "high"]) })
      const fake = yield* talk([FakeClaude.hand({ summary: "Looked", risk: "high" })])
      const session = yield* work(fake, { id: "impl-own", result })
      assert.deepStrictEqual(session.result, { summary: "Looked", risk: "high" })
    })
  )

  it.effect("is told what is wrong with its result, twice, and then fails", () =>
    Effect.gen(function* () {
      const wrong = FakeClaude.hand({ summary: 7 })
      const fake = yield* talk([{ content: [say("Finished!")] }, wrong, done])
      const session = yield* work(fake, { id: "impl-wrong" })
      assert.strictEqual(session.status, "complete")
      const [, second, third] = fake.requests
      assert.include(JSON.stringify(second?.body.messages.at(-1)), "it is not JSON")
      assert.include(JSON.stringify(third?.body.messages.at(-1)), "/summary")
      const never = yield* talk([0, 1, 2, 3].map((n) => ({ content: [say(`No ${n}`)] })))
      const failed = yield* work(never, { id: "impl-never" })
      assert.deepStrictEqual([failed.status, failed.error?.code], ["failed", "invalid_result"])
      assert.lengthOf(never.requests, 3)
    })
  )

  it.effect("uses tools, several at once, and has all their results in one message and one record", () =>
    Effect.gen(function* () {
      const both = yield* Deferred.make<void>()
      let waiting = 0
      const meet = Tool.of("meet", {
        description: "Waits for the other",
        input: Schema.Struct({}),
        effects: "pure",
        run: () =>
          Effect.gen(function* () {
            if (++waiting === 2) yield* Deferred.succeed(both, undefined)
            yield* Deferred.await(both)
            return "met"
          })
      })
      const fake = yield* talk([{ content: [say("Both"), call("meet", {}), call("meet", {})] }, done])
      const session = yield* work(fake, { id: "impl-meet", tools: [meet] })
      assert.strictEqual(session.status, "complete")
      assert.deepStrictEqual(yield* typesOf("impl-meet"), ["opened", "asked", "answered", "results", "answered"])
      const last = fake.requests[1]?.body.messages.at(-1)
      assert.lengthOf(typeof last?.content === "string" ? [] : (last?.content ?? []), 2)
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect("makes calls with side effects one after another, in their order", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const step = (effects: Tool.Effects) =>
        Tool.of(effects, {
          description: "A step",
          input: Schema.Struct({ n: Schema.Number }),
          effects,
          run: ({ n }) =>
            Effect.gen(function* () {
              log.push(`begins ${n}`)
              yield* Effect.sleep("10 millis")
              log.push(`ends ${n}`)
              return ""
            })
        })
      const calls = [call("unsafe", { n: 1 }), call("idempotent", { n: 2 }), call("unsafe", { n: 3 })]
      const fake = yield* talk([{ content: calls }, done])
      yield* work(fake, { id: "impl-order", tools: [step("unsafe"), step("idempotent")] })
      assert.deepStrictEqual(
        log,
        [1, 2, 3].flatMap((n) => [`begins ${n}`, `ends ${n}`])
      )
    })
  )

  it.effect("goes on when a tool fails, breaks, takes too long, gets bad input or does not exist", () =>
    Effect.gen(function* () {
      const trouble = Tool.of("trouble", {
        description: "Trouble",
        input: Schema.Struct({ kind: Schema.Literals(["fails", "breaks", "hangs"]) }),
        effects: "pure",
        timeout: "50 millis",
        run: ({ kind }) =>
          kind === "fails"
            ? Effect.fail(new Tool.ToolFailed({ why: "the disk is full" }))
            : kind === "breaks"
              ? Effect.die(new Error("a secret detail"))
              : Effect.never
      })
      const kinds = ["fails", "breaks", "hangs", "dances"].map((kind) => call("trouble", { kind }))
      const fake = yield* talk([{ content: [...kinds, call("nothing", {})] }, done])
      const session = yield* work(fake, { id: "impl-trouble", tools: [trouble] })
      assert.strictEqual(session.status, "complete")
      const text = JSON.stringify(fake.requests[1]?.body.messages.at(-1))
      assert.lengthOf(text.match(/"is_error":true/g) ?? [], 5)
      for (const words of ["the disk is full", "itself broke", "longer than 50ms", "/kind", 'no tool \\"nothing\\"']) {
        assert.include(text, words)
      }
      assert.notInclude(text, "a secret detail")
    })
  )

  it.effect("is heard while it speaks, and each piece of that is forgotten", () =>
    Effect.gen(function* () {
      const heard: Array<Delta> = []
      const turn = { content: [think("Let me see"), say("Looking"), call("echo", { text: "hi" })] }
      const fake = yield* talk([turn, done])
      yield* work(fake, {
        id: "impl-heard",
        tools: [echo],
        listen: (_, delta) => Effect.sync(() => heard.push(delta))
      })
      const said = (kind: Delta["kind"]) =>
        heard
          .filter((delta) => delta.kind === kind)
          .map(({ text }) => text)
          .join("")
      assert.strictEqual(said("thinking"), "Let me see")
      assert.include(said("text"), "Looking")
      assert.strictEqual(said("tool"), "echo")
      assert.notInclude(JSON.stringify(yield* entries("impl-heard")), `"delta"`)
    })
  )

  it.effect("commits each turn before the next call, and gives thinking back as it came", () =>
    Effect.gen(function* () {
      const turns = [0, 1, 2].map((n) => ({ content: [think(`Thought ${n}`), call("echo", { text: `${n}` })] }))
      const seen: Array<number> = []
      let committed = 0
      const fake = yield* talk([...turns, done], { onRequest: () => Effect.sync(() => seen.push(committed)) })
      yield* work(fake, {
        id: "impl-commits",
        tools: [echo],
        observe: (_, record) =>
          Effect.sync(() => {
            if (record.type === "turn") committed += 1
          })
      })
      assert.deepStrictEqual(seen, [2, 4, 6, 8])
      // The server refuses thinking that was changed, or whose prefix was.
      assert.deepStrictEqual(fake.refused(), [])
      const sent = JSON.stringify(fake.requests.at(-1)?.body.messages)
      for (const n of [0, 1, 2]) assert.include(sent, `Thought ${n}`)
    })
  )

  it.effect("pays for what is new only: the rest comes from the prompt cache", () =>
    Effect.gen(function* () {
      const turns = [0, 1, 2, 3].map((n) => ({ content: [call("echo", { text: "x".repeat(400) + n })] }))
      const fake = yield* talk([...turns, done])
      yield* work(fake, { id: "impl-cached", tools: [echo] })
      const read = fake.requests.map(({ usage }) => usage?.["cache_read_input_tokens"] ?? 0)
      const all = fake.requests.map(
        ({ usage = {} }) => (usage["cache_read_input_tokens"] ?? 0) + (usage["cache_creation_input_tokens"] ?? 0)
      )
      assert.strictEqual(read[0], 0)
      for (let n = 1; n < read.length; n++) assert.strictEqual(read[n], all[n - 1], `call ${n}`)
    })
  )

  it.effect("reaches the prompt cache past twenty results of one answer", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 25 }, (_, n) => call("echo", { text: `${n}` }))
      const fake = yield* talk([{ content: [call("echo", { text: "one" })] }, { content: many }, done])
      yield* work(fake, { id: "impl-many", tools: [echo] })
      const [, second, third] = fake.requests.map(({ usage = {} }) => usage)
      assert.strictEqual(
        third?.["cache_read_input_tokens"],
        (second?.["cache_read_input_tokens"] ?? 0) + (second?.["cache_creation_input_tokens"] ?? 0)
      )
    })
  )

  it.effect("tells what it used: in its session, its wake and its result", () =>
    Effect.gen(function* () {
      const fake = yield* talk([{ content: [call("echo", { text: "a" })] }, done])
      const session = yield* work(fake, { id: "impl-used", tools: [echo] })
      assert.strictEqual(session.usage?.calls, 2)
      const sum = (field: string) => fake.requests.reduce((sum, { usage = {} }) => sum + (usage[field] ?? 0), 0)
      assert.strictEqual(
        session.usage?.input_tokens,
        sum("input_tokens") + sum("cache_read_input_tokens") + sum("cache_creation_input_tokens")
      )
      assert.strictEqual(session.usage?.output_tokens, sum("output_tokens"))
      const dollars =
        sum("input_tokens") * 2 +
        sum("cache_creation_input_tokens") * 2.5 +
        sum("cache_read_input_tokens") * 0.1 +
        sum("output_tokens") * 10
      assert.closeTo(session.usage?.cost_usd ?? 0, dollars / 1_000_000, 1e-6)
      assert.deepStrictEqual(session.wakes.at(-1)?.usage, session.usage)
    })
  )

  it.effect("takes an effort, and edits that the API makes of the context, as they are given", () =>
    Effect.gen(function* () {
      const fake = yield* talk([done])
      const edits = [{ type: "clear_tool_uses_20250919" }]
      yield* work(fake, { id: "impl-options", effort: "low", context: { edits } })
      const [request] = fake.requests
      assert.deepStrictEqual(request?.body["context_management"], { edits })
      assert.strictEqual(request?.body.output_config?.["effort"], "low")
      assert.include(request?.headers["anthropic-beta"], "context-management-2025-06-27")
    })
  )

  it.effect("is not tried without end: a run has so many calls", () =>
    Effect.gen(function* () {
      const fake = yield* talk(Array.from({ length: 9 }, (_, n) => ({ content: [call("echo", { text: `${n}` })] })))
      const session = yield* work(fake, { id: "impl-endless", tools: [echo], maxCalls: 5 })
      assert.deepStrictEqual([session.status, session.error?.code], ["failed", "too_many_calls"])
      assert.lengthOf(fake.requests, 5)
    })
  )

  it.effect("reads between its turns what it is told meanwhile, the most urgent first, and has not ended before", () =>
    Effect.gen(function* () {
      const working = yield* Deferred.make<void>()
      const told = yield* Deferred.make<void>()
      const sessions = yield* Sessions.Sessions
      const tell = (text: string) =>
        Effect.provideService(Steering.tell("impl-told", text), Sessions.Sessions, sessions).pipe(
          Effect.orDie,
          Effect.asVoid
        )
      const wait = Tool.of("wait", {
        description: "Takes its time",
        input: Schema.Struct({}),
        effects: "pure",
        run: () => Effect.as(Effect.andThen(Deferred.succeed(working, undefined), Deferred.await(told)), "waited")
      })
      // It is told something more just before it hands in.
      const fake = yield* talk([{ content: [call("wait", {})] }, done, done], {
        onRequest: ({ turn }) => (turn === 1 ? tell("And mind the gap") : Effect.void)
      })
      const running = yield* Effect.forkChild(work(fake, { id: "impl-told", tools: [wait] }))
      yield* Deferred.await(working)
      yield* tell("Leave the tests alone")
      yield* Steering.tell("impl-told", "Stop at the first failure", { priority: "critical" })
      yield* Deferred.succeed(told, undefined)
      assert.strictEqual((yield* Fiber.join(running)).status, "complete")
      const [, second, third] = fake.requests.map(({ body }) => JSON.stringify(body.messages.at(-1)))
      assert.match(second ?? "", /waited.*Stop at the first failure.*Leave the tests alone/)
      assert.notMatch(second ?? "", /mind the gap/)
      assert.match(third ?? "", /mind the gap/)
      assert.lengthOf(fake.requests, 3)
      assert.deepStrictEqual(fake.refused(), [])
    })
  )

  it.effect("that has ended goes on when it is told something", () =>
    Effect.gen(function* () {
      const more = FakeClaude.hand({ summary: "And the rest" })
      const fake = yield* talk([done, more])
      yield* work(fake, { id: "impl-more" })
      const session = yield* goOn(fake, "And the rest of it?", { id: "impl-more" })
      assert.strictEqual(session.result?.summary, "And the rest")
      assert.include(JSON.stringify(fake.requests[1]?.body.messages.at(-1)), "And the rest of it?")
      assert.deepStrictEqual(fake.refused(), [])
    })
  )
})
