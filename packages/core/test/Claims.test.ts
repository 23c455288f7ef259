import { assert, describe, it } from "@effect/vitest"
import * as Claims from "../src/Claims.ts"

describe("Claims", () => {
  it("sets spelling aside", () => {
    for (const [a, b] of [
      ["Missing alt text: hero.png!", "missing  alt text hero.png"],
      ["“Smart” quotes", '"smart" quotes'],
      ["don’t", "don't"],
      ["ﬁle ＡＢＣ", "file abc"],
      ["2020–2024", "2020-2024"],
      ["- a bullet", "a bullet"],
      ["wait ... for it…", "wait for it"],
      ["caf\u0065\u0301", "CAFÉ"],
      ["soft\u00adhyphen", "softhyphen"]
    ] as const) {
      assert.strictEqual(Claims.normalise(a), Claims.normalise(b))
    }
  })

  it("keeps what carries the meaning", () => {
    const texts = ["1.5", "15", "-15", "C", "C++", "a-b", "a b", "x < 5", "x > 5", "a.b", "a_b", "5%", "$5"]
    assert.strictEqual(new Set(texts.map(Claims.normalise)).size, texts.length)
  })

  it("finds a key for text that is all punctuation", () => {
    for (const text of ["...", "“”", "!", "—"]) assert.notStrictEqual(Claims.normalise(text), "")
  })

  it("normalises 10 MB of anything in time", () => {
    for (const unit of [".", " ", "“", ":1", "a-", "\u200b."]) {
      Claims.normalise(`${unit.repeat(10_000_000 / unit.length)}x`)
    }
  })

  it("names a claim by what it says, not by how sure it is", () => {
    const id = (agent: string, topic: string, claim: string, more = {}) =>
      Claims.read(agent, [{ summary: "s", claims: [{ topic, claim, ...more }] }]).map((each) => each.id)
    const [first] = id("a", "Topic", "A claim")
    assert.match(first ?? "", /^c-[0-9a-f]{12}$/)
    assert.deepStrictEqual(id("a", "topic:", "a claim.", { confidence: 0.1, evidence: ["x"], severity: "low" }), [
      first
    ])
    assert.notDeepEqual(id("b", "topic", "a claim"), [first])
    assert.notDeepEqual(id("a", "topic", "a claim", { stance: "oppose" }), [first])
    assert.notDeepEqual(id("a", "topic a", "claim"), [first])
  })

  it("merges what one agent says twice: the higher confidence, the worse severity, all evidence", () => {
    const [merged, ...others] = Claims.read("a", [
      {
        summary: "s",
        confidence: 0.7,
        claims: [{ topic: "t", claim: "c", severity: "low", evidence: ["b", "a", " "] }]
      },
      { summary: "s", claims: [{ topic: "T", claim: "C.", severity: "high", confidence: 0.2, evidence: ["a"] }] }
    ])
    assert.deepStrictEqual(others, [])
    assert.deepStrictEqual(
      [merged?.topic, merged?.claim, merged?.confidence, merged?.severity, merged?.evidence],
      ["T", "C.", 0.7, "high", ["a", "b"]]
    )
  })

  it("gives a claim its own confidence, else the result's, else one half", () => {
    const confidence = (own: object, of: object) =>
      Claims.read("a", [{ summary: "s", claims: [{ topic: "t", claim: "c", ...own }], ...of }])[0]?.confidence
    assert.strictEqual(confidence({ confidence: 0 }, { confidence: 0.9 }), 0)
    assert.strictEqual(confidence({}, { confidence: 0.9 }), 0.9)
    assert.strictEqual(confidence({}, {}), 0.5)
  })

  it("tells places from text", () => {
    assert.deepStrictEqual(Claims.place(" ./src/a.ts:12:5 "), { file: "src/a.ts", line: "12" })
    assert.deepStrictEqual(Claims.place("index.html"), { file: "index.html", line: undefined })
    assert.deepStrictEqual(Claims.place("https://x.test:8080/a"), { file: "https://x.test:8080/a", line: undefined })
    for (const text of ["", "it is slow", "CVE-2020-11022", "x".repeat(2_000)]) {
      assert.isUndefined(Claims.place(text))
    }
  })

  it("spells a path one way", () => {
    for (const path of ["src/a.ts", "./src/a.ts", "src//a.ts", "src\\a.ts", "src/x/../a.ts", " src/./a.ts"]) {
      assert.strictEqual(Claims.path(path), "src/a.ts")
    }
    assert.deepStrictEqual(["/etc/a", "../a", "../../a", "/", "."].map(Claims.path), [
      "/etc/a",
      "../a",
      "../../a",
      "/",
      "."
    ])
  })
})
