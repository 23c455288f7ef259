import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted, References, Schema, Stream, Tracer } from "effect"
import { inspect } from "node:util"
import * as Api from "../../src/claude/Api.ts"
import * as ClaudeRunner from "../../src/claude/ClaudeRunner.ts"
import * as Tool from "../../src/claude/Tool.ts"
import * as Journal from "../../src/Journal.ts"
import * as Sessions from "../../src/Sessions.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"
import { done, key, services, talk, work } from "../support/claude.ts"

const promptCanary = "canary-prompt-5d1c"
const outputCanary = "canary-output-9a7e"

/** All that can be seen of a value. */
const shown = (value: unknown) => (typeof value === "string" ? value : inspect(value, { depth: 20, showHidden: true }))

const read = Tool.of("read", {
  description: "Reads",
  input: Schema.Struct({}),
  effects: "pure",
  run: () => Effect.succeed(`The password is ${outputCanary}`)
})

/** Everything that is told of a run: log lines at every level, and spans with what is on them. */
const listening = () => {
  const heard: Array<string> = []
  const logger = Logger.make((entry) => {
    heard.push(shown(entry.message), shown(entry.cause))
  })
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      span.end = (time, exit) => {
        heard.push(
          span.name,
          shown(Object.fromEntries(span.attributes)),
          exit._tag === "Failure" ? shown(exit.cause) : ""
        )
        end(time, exit)
      }
      return span
    }
  })
  const layers = Layer.mergeAll(
    Logger.layer([logger]),
    Layer.succeed(References.MinimumLogLevel, "All"),
    Layer.succeed(Tracer.Tracer, tracer)
  )
  return { heard, layers }
}

const faults: ReadonlyArray<FakeClaude.Fault> = [
  { type: "status", status: 529 },
  { type: "status", status: 500 },
  { type: "reset" },
  { type: "malformed", at: 4 },
  { type: "cut", after: 4, how: "halved" },
  { type: "error", after: 3, error: "overloaded_error" },
  { type: "misnumbered" }
]

layer(services, { excludeTestServices: true })("secrets", (it) => {
  it.effect("stay where they belong: the key nowhere, prompts and tool output in the session alone", () =>
    Effect.gen(function* () {
      const { heard, layers } = listening()
      const turn = { content: [FakeClaude.think("Reading"), FakeClaude.call("read", {})], faults }
      const fake = yield* talk([turn, done], { apiKey: key })
      const session = yield* Effect.provide(
        work(fake, { id: "impl-secrets", prompt: `Use ${promptCanary}`, tools: [read] }),
        layers
      )
      assert.strictEqual(session.status, "complete")
      for (const [id, fault] of Object.entries({
        unauthorized: { type: "status", status: 401 },
        refused: { type: "status", status: 400 },
        html: { type: "html" }
      } as const)) {
        const broken = yield* talk([{ content: [FakeClaude.call("read", {})] }, { ...done, faults: [fault] }])
        const setup = { id: `impl-secrets-${id}`, prompt: `Use ${promptCanary}`, tools: [read] }
        const failed = yield* Effect.provide(work(broken, setup), layers)
        assert.include(["failed", "blocked"], failed.status)
        const told = JSON.stringify([failed.error, failed.wakes])
        for (const canary of [key, promptCanary, outputCanary]) assert.notInclude(told, canary)
      }
      assert.isAtLeast(heard.length, 20)
      const everything = heard.join("\n")
      assert.include(everything, "claude.call")
      for (const canary of [key, promptCanary, outputCanary]) assert.notInclude(everything, canary)

      const journal = yield* Journal.Journal
      for (const { key: name } of yield* journal.heads()) {
        const records = JSON.stringify(yield* Stream.runCollect(journal.read(name)))
        assert.notInclude(records, key, name)
        if (!name.startsWith("session/")) {
          for (const canary of [promptCanary, outputCanary]) assert.notInclude(records, canary, name)
        }
      }
      // What the session is there for: it is asked what it knows.
      assert.isNotEmpty(yield* Sessions.recall("impl-secrets", { grep: outputCanary }))
    })
  )

  it.effect("are not in what is made of them: neither client nor runner shows the key", () =>
    Effect.gen(function* () {
      const options = { apiKey: Redacted.make(key), baseUrl: "http://127.0.0.1:9" }
      const all = [Api.make(options), yield* ClaudeRunner.make(options), options].map((each) => shown(each))
      assert.notInclude(all.join("\n"), key)
    })
  )
})
