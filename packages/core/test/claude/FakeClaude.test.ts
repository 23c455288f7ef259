import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schema, Stream } from "effect"
import * as Api from "../../src/claude/Api.ts"
import type { Block } from "../../src/claude/Block.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"

const { call, say, think } = FakeClaude

interface Message {
  readonly role: string
  readonly content: string | ReadonlyArray<Block>
}
const user = (...content: ReadonlyArray<Block>): Message => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<Block>): Message => ({ role: "assistant", content })
const use = (id: string): Block => ({ type: "tool_use", id, name: "look", input: {} })
const result = (id: string): Block => ({ type: "tool_result", tool_use_id: id, content: "seen" })

const tools = [{ name: "look", input_schema: { type: "object" } }]

const server = FakeClaude.make({
  conversations: [
    {
      name: "any",
      turns: [{ content: [think("Hm"), say("Hello"), call("look", {})] }, FakeClaude.hand({ summary: "x" })]
    }
  ],
  apiKey: "right"
})

/** The answer, or why there is none. */
const ask = (
  fake: FakeClaude.FakeClaude,
  messages: ReadonlyArray<Message>,
  fields: { readonly [name: string]: Schema.Json } = {},
  apiKey = "right"
) => {
  const api = Api.make({ apiKey: Redacted.make(apiKey), baseUrl: fake.url })
  const body = { model: "m", max_tokens: 9, tools, messages: decode(messages), ...fields }
  return Stream.runLast(api.stream({ body, betas: [] }, "5 seconds")).pipe(
    Effect.map(Option.getOrThrow),
    Effect.map((last) => ("content" in last ? last : undefined)),
    Effect.catch((error) => Effect.succeed(error.message))
  )
}
const decode = Schema.decodeUnknownSync(Schema.Json)

layer(Layer.empty, { excludeTestServices: true })("the fake Claude API", (it) => {
  const refusals: ReadonlyArray<readonly [string, ReadonlyArray<Message>, RegExp]> = [
    [
      "a conversation that begins with an answer",
      [assistant(say("hi")), user(say("hi"))],
      /first message must use the user role/
    ],
    ["two messages of one side in a row", [user(say("a")), user(say("b"))], /roles must alternate/],
    [
      "a call without a result",
      [user(say("a")), assistant(use("1")), user(say("b"))],
      /without `tool_result` blocks immediately after: 1/
    ],
    ["a call at the end", [user(say("a")), assistant(use("1"))], /without `tool_result`/],
    ["a result without a call", [user(say("a")), assistant(say("b")), user(result("1"))], /unexpected `tool_use_id`/],
    [
      "a result for a call of long ago",
      [user(say("a")), assistant(use("1")), user(result("1")), assistant(say("b")), user(result("1"))],
      /unexpected/
    ],
    [
      "two results for one call",
      [user(say("a")), assistant(use("1")), user(result("1"), result("1"))],
      /single result/
    ],
    [
      "a result behind other content",
      [user(say("a")), assistant(use("1")), user(say("b"), result("1"))],
      /must come first/
    ],
    [
      "an id that comes twice",
      [user(say("a")), assistant(use("1"), use("1")), user(result("1"))],
      /ids must be unique/
    ],
    ["blank text", [user(say(" "))], /non-whitespace/],
    ["a message without content", [user()], /non-empty content/],
    ["an unfinished answer at the end", [user(say("a")), assistant(say("b"))], /prefill/],
    [
      "thinking that nobody signed",
      [user(say("a")), assistant({ ...think("x"), signature: "forged" }), user(say("b"))],
      /Invalid `signature`/
    ],
    ["NUL", [user(say("a\0"))], /not valid JSON/],
    ["half a surrogate pair", [user(say("a\ud800"))], /not valid JSON/]
  ]
  for (const [what, messages, words] of refusals) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const fake = yield* server
        const answer = yield* ask(fake, messages)
        assert.match(String(answer), words)
        assert.match(String(answer), /\(400\)/)
      })
    )
  }

  it.effect("refuses thinking that was changed, or that something was changed before", () =>
    Effect.gen(function* () {
      const fake = yield* server
      const first = yield* ask(fake, [user(say("a"))])
      if (typeof first !== "object") return yield* Effect.die(first)
      const id = String(first.content.at(-1)?.["id"])
      const next = (content: ReadonlyArray<Block>, begin = "a") =>
        ask(fake, [user(say(begin)), assistant(...content), user(result(id))])
      assert.isObject(yield* next(first.content))
      assert.match(String(yield* next(first.content, "b")), /bound to a different conversation/)
      const [thought, ...rest] = first.content
      assert.match(
        String(yield* next([{ ...thought, type: "thinking", thinking: "Ha" }, ...rest])),
        /Invalid `signature`/
      )
      assert.isObject(yield* next(rest))
    })
  )

  it.effect("lets nobody in with another key, and answers by its script, turn by turn", () =>
    Effect.gen(function* () {
      const fake = yield* server
      assert.match(String(yield* ask(fake, [user(say("a"))], {}, "wrong")), /does not accept the key \(401\)/)
      const first = yield* ask(fake, [user(say("a"))])
      const again = yield* ask(fake, [user(say("a"))])
      if (typeof first !== "object" || typeof again !== "object") return yield* Effect.die("no answer")
      assert.deepStrictEqual(again.content, first.content)
      assert.deepStrictEqual(
        fake.requests.map(({ attempt, conversation, status, turn }) => [conversation, turn, attempt, status]),
        [
          ["any", 0, 1, 200],
          ["any", 0, 2, 200]
        ]
      )
    })
  )

  it.effect("refuses a format that allows more than it names", () =>
    Effect.gen(function* () {
      const fake = yield* server
      const schema = {
        type: "object",
        properties: { a: { type: "object", properties: {} } },
        additionalProperties: false
      }
      const format = { type: "json_schema", schema }
      assert.match(String(yield* ask(fake, [user(say("a"))], { output_config: { format } })), /additionalProperties/)
    })
  )
})
