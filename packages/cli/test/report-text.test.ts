import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Text from "../src/report/Text.ts"

// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u206f]/

describe("Text", () => {
  it("takes escape sequences out of a text whole", () => {
    assert.strictEqual(Text.clean("\u001b[31mred\u001b[0m \u001b[2J\u001b[1;1Hhome"), "red home")
    assert.strictEqual(
      Text.clean("\u001b]0;title\u0007after \u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\"),
      "after link"
    )
    assert.strictEqual(Text.clean("\u001bPq#0\u001b\\sixel \u001bc reset \u009b31mred"), "sixel  reset red")
  })

  it("spells out the control and direction characters that are left", () => {
    assert.strictEqual(
      Text.clean("bell\u0007 back\u0008 nul\u0000 del\u007f c1\u0085x"),
      "bell\\x07 back\\x08 nul\\x00 del\\x7f c1\nx"
    )
    assert.strictEqual(Text.clean("abc\u202edcba \u2066x\u2069"), "abc\\u{202e}dcba \\u{2066}x\\u{2069}")
    assert.strictEqual(Text.clean("\u001b"), "\\x1b")
    assert.strictEqual(Text.clean("zero\u200bwidth \ufeffmark"), "zerowidth mark")
  })

  it("leaves no control or direction character in any text", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\u001b",
        "\u001b[",
        "\u001b]",
        "\u009b",
        "\u009d",
        "\u0007",
        "\u001b\\",
        "31m",
        "\u200b",
        "\u202e",
        "\r"
      )
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const cleaned = Text.clean(pieces.join(""))
        assert.isFalse(control.test(cleaned), JSON.stringify(cleaned))
        assert.strictEqual(Text.clean(cleaned), cleaned)
      }),
      { numRuns: 2_000 }
    )
  })

  it("cleans a megabyte of unfinished escape sequences in time that grows with its length", () => {
    const started = performance.now()
    for (const seed of ["\u001b]", "\u0090", "\u001b[", "\u009b1;", "\u001bP\u0090"]) {
      Text.clean(seed.repeat(500_000))
    }
    assert.isBelow(performance.now() - started, 5_000)
  })

  it("breaks by words, cuts longer ones, and never passes the width", () => {
    assert.deepStrictEqual(Text.wrap("one two three", 7), ["one two", "three"])
    assert.deepStrictEqual(Text.wrap("abcdefghij", 4), ["abcd", "efgh", "ij"])
    assert.deepStrictEqual(Text.wrap("日本語の文", 4), ["日本", "語の", "文"])
    assert.deepStrictEqual(Text.wrap("one\n\ntwo", 9), ["one", "", "two"])
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 2, max: 60 }), (text, width) => {
        const lines = Text.wrap(Text.clean(text), width)
        assert.isTrue(lines.every((line) => Text.cells(line) <= width))
        assert.strictEqual(lines.join("").replace(/ /g, ""), Text.clean(text).replace(/[ \n]/g, ""))
      })
    )
  })

  it("counts wide characters as two columns and marks as none", () => {
    assert.strictEqual(Text.cells("plain"), 5)
    assert.strictEqual(Text.cells("日本"), 4)
    assert.strictEqual(Text.cells("e\u0301"), 1)
    assert.strictEqual(Text.cells("✅"), 2)
  })

  it("cuts to a limit and says how much is gone", () => {
    assert.strictEqual(Text.line("a b\n c", 10), "a b c")
    assert.strictEqual(Text.line("abcdef", 4), "abc…")
    assert.strictEqual(Text.block("abcdef", 4), "abcd [2 more characters]")
    assert.strictEqual(Text.block("x😀", 2), "x [2 more characters]")
    assert.strictEqual(Text.fit("abcdef", 4, "..."), "a...")
  })
})
