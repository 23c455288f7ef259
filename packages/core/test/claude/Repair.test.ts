import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import * as Block from "../../src/claude/Block.ts"
import { interrupted, repair } from "../../src/claude/Repair.ts"
import { Body, refusalOf } from "../../src/testing/claude/request.ts"

const user = (...content: ReadonlyArray<Block.Block>): Block.Message => ({ role: "user", content })
const assistant = (...content: ReadonlyArray<Block.Block>): Block.Message => ({ role: "assistant", content })
const use = (id: string): Block.Block => ({ type: "tool_use", id, name: "look", input: {} })
const result = (id: string, text = "seen") => Block.result(id, text)
const text = Block.text

const decodeBody = Schema.decodeUnknownSync(Body)

/** Why the API would refuse it, if it ends with a message of the user. */
const refused = (messages: ReadonlyArray<Block.Message>) => {
  if (messages.length === 0) return undefined
  return refusalOf(decodeBody({ model: "m", max_tokens: 1, tools: [{ name: "look" }], messages }), () => true)
}

const cases: ReadonlyArray<{
  readonly name: string
  readonly history: ReadonlyArray<Block.Message>
  readonly repaired: ReadonlyArray<Block.Message>
}> = [
  {
    name: "a call without a result gets one that says it was interrupted",
    history: [user(text("go")), assistant(use("a"), use("b")), user(result("b"))],
    repaired: [user(text("go")), assistant(use("a"), use("b")), user(Block.result("a", interrupted, true), result("b"))]
  },
  {
    name: "a call that is followed by another answer too",
    history: [user(text("go")), assistant(use("a")), assistant(text("done")), user(text("and?"))],
    repaired: [
      user(text("go")),
      assistant(use("a")),
      user(Block.result("a", interrupted, true)),
      assistant(text("done")),
      user(text("and?"))
    ]
  },
  {
    name: "a result in the wrong place is brought behind its call",
    history: [user(text("go")), assistant(use("a")), user(text("wait")), assistant(text("ok")), user(result("a"))],
    repaired: [user(text("go")), assistant(use("a")), user(result("a"), text("wait")), assistant(text("ok"))]
  },
  {
    name: "a second result, and one that nobody asked for, are left out",
    history: [user(text("go")), assistant(use("a")), user(result("a", "first"), result("a", "second"), result("z"))],
    repaired: [user(text("go")), assistant(use("a")), user(result("a", "first"))]
  },
  {
    name: "results come first, and messages of one side are one",
    history: [user(text("go")), user(text("now")), assistant(use("a")), user(text("!"), result("a"))],
    repaired: [user(text("go"), text("now")), assistant(use("a")), user(result("a"), text("!"))]
  },
  {
    name: "what cannot be sent is replaced, and what is blank is left out",
    history: [user(text("a\0b \ud800"), text("  ")), assistant(use("a")), user(result("a", "\0"))],
    repaired: [user(text("a\uFFFDb \uFFFD")), assistant(use("a")), user(result("a", "\uFFFD"))]
  },
  {
    name: "a history without its beginning gets one",
    history: [assistant(text("so")), user(text("well"))],
    repaired: [user(text("(What came before this is lost.)")), assistant(text("so")), user(text("well"))]
  }
]

describe("a history that the API would refuse", () => {
  for (const { history, name, repaired } of cases) {
    it(`is repaired: ${name}`, () => {
      const { messages, repairs } = repair(history)
      assert.deepStrictEqual(messages, repaired)
      assert.isUndefined(refused(messages))
      if (refused(history) !== undefined && name !== "results come first, and messages of one side are one") {
        assert.isNotEmpty(repairs)
      }
    })
  }

  const id = fc.constantFrom("a", "b", "c", "d")
  const words = fc.constantFrom("hello", "", " ", "a\0", "\udc00x")
  const block = fc.oneof(
    words.map(text),
    id.map(use),
    fc.tuple(id, words).map(([id, text]) => result(id, text)),
    fc.constant<Block.Block>({ type: "thinking", thinking: "\0", signature: "s" })
  )
  const message = fc.record({
    role: fc.constantFrom("user" as const, "assistant" as const),
    content: fc.array(block, { maxLength: 4 })
  })
  const sound = (messages: ReadonlyArray<Block.Message>) =>
    messages
      .map(({ content, role }) => ({ role, content: content.filter(({ type }) => type !== "thinking") }))
      .filter(({ content }) => content.length > 0)

  it("is repaired whatever it is, and repairing it again changes nothing", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (history) => {
        const before = JSON.stringify(history)
        const once = repair(history).messages
        const twice = repair(once)
        assert.deepStrictEqual(twice.messages, once)
        assert.deepStrictEqual(twice.repairs, [])
        assert.strictEqual(JSON.stringify(history), before)
        const withoutThinking = repair(sound(history)).messages
        assert.isUndefined(refused(withoutThinking), JSON.stringify(withoutThinking))
      }),
      { numRuns: 2000 }
    )
  })

  it("is left alone, to the byte, if it is in order", () => {
    const history = [
      user(text("go")),
      assistant({ type: "thinking", thinking: "hm\0", signature: "s" }, use("a"), use("b")),
      user(result("a"), result("b"), text("and hurry")),
      assistant(text("done"))
    ]
    assert.deepStrictEqual(repair(history), { messages: history, repairs: [] })
  })
})
