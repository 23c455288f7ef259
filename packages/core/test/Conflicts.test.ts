import { assert, describe, it } from "@effect/vitest"
import type { Claim, File } from "../src/Agent.ts"
import type { Report } from "../src/Census.ts"
import { digest } from "../src/Claims.ts"
import { synthesize } from "../src/Synthesis.ts"

const says = (agent: string, ...claims: ReadonlyArray<Claim>): Report => ({
  agent,
  outcome: "complete",
  result: { summary: `What ${agent} found`, claims }
})
const writes = (agent: string, ...files: ReadonlyArray<File>): Report => ({
  agent,
  outcome: "complete",
  result: { summary: `What ${agent} wrote`, files, confidence: 0.8 }
})
const conflicts = (...reports: ReadonlyArray<Report>) =>
  synthesize(reports).conflicts.map(({ id, ...rest }) => {
    assert.match(id, /^x-[0-9a-f]{12}$/)
    return rest
  })
const topic = "session timeout"

describe("Conflicts", () => {
  it("contradiction: keeps both stances with their evidence, and blocks if it is serious", () => {
    const support: Claim = { topic, claim: "It is 30 s.", confidence: 0.9, evidence: ["config.ts:4"] }
    const oppose: Claim = {
      topic,
      claim: "it is 30 s",
      stance: "oppose",
      confidence: 0.6,
      evidence: ["env:TIMEOUT", "b.log"]
    }
    assert.deepStrictEqual(conflicts(says("b", oppose), says("a", support)), [
      {
        type: "contradiction",
        topic,
        blocking: false,
        severity: "medium",
        sides: [
          { agents: ["a"], claim: "It is 30 s.", stance: "support", confidence: 0.9, evidence: ["config.ts:4"] },
          { agents: ["b"], claim: "It is 30 s.", stance: "oppose", confidence: 0.6, evidence: ["b.log", "env:TIMEOUT"] }
        ],
        minority: { agents: ["b"], claim: "It is 30 s." }
      }
    ])
    assert.isTrue(conflicts(says("a", { ...support, severity: "high" }), says("b", oppose))[0]?.blocking)
  })

  it("contradiction: has no minority when the sides weigh the same", () => {
    const [found] = conflicts(says("a", { topic, claim: "c" }), says("b", { topic, claim: "c", stance: "oppose" }))
    assert.deepStrictEqual(found?.minority, { agents: [], claim: "" })
  })

  it("contradiction: lists the undecided as a side of their own", () => {
    const stances = ["support", "oppose", "uncertain"] as const
    const found = conflicts(...stances.map((stance) => says(stance, { topic, claim: "c", stance })))
    assert.deepStrictEqual(
      found.map(({ sides, type }) => [type, sides.map((side) => side.stance)]),
      [["contradiction", ["support", "oppose", "uncertain"]]]
    )
  })

  it("disagreement: one topic, different values", () => {
    const found = conflicts(
      says("a", { topic, claim: "30 s", confidence: 0.8 }),
      says("b", { topic, claim: "30 S", confidence: 0.8 }),
      says("c", { topic: "Session  Timeout:", claim: "5 min", confidence: 0.9, evidence: ["c.ts:1"] })
    )
    assert.deepStrictEqual(found, [
      {
        type: "disagreement",
        topic: "Session  Timeout:",
        blocking: false,
        severity: "medium",
        sides: [
          { agents: ["a", "b"], claim: "30 S", stance: "support", confidence: 0.8302, evidence: [] },
          { agents: ["c"], claim: "5 min", stance: "support", confidence: 0.9, evidence: ["c.ts:1"] }
        ],
        minority: { agents: ["c"], claim: "5 min" }
      }
    ])
  })

  it("disagreement: takes what one agent says on a topic for one side", () => {
    const found = conflicts(says("a", { topic, claim: "x" }, { topic, claim: "y" }), says("b", { topic, claim: "z" }))
    assert.deepStrictEqual(
      found.map(({ sides }) => sides.map(({ agents, claim }) => [agents, claim])),
      [
        [
          [["a"], "x; y"],
          [["b"], "z"]
        ]
      ]
    )
  })

  it("disagreement: is none when one agent only adds to what others say", () => {
    assert.deepStrictEqual(
      conflicts(says("a", { topic, claim: "x" }, { topic, claim: "y" }), says("b", { topic, claim: "x" })),
      []
    )
    assert.deepStrictEqual(conflicts(says("a", { topic, claim: "x" }, { topic, claim: "y" })), [])
    assert.deepStrictEqual(
      conflicts(says("a", { topic: "one", claim: "x" }), says("b", { topic: "two", claim: "y" })),
      []
    )
  })

  it("disagreement: leaves out what both sides say", () => {
    const found = conflicts(
      says("a", { topic, claim: "common" }, { topic, claim: "y" }),
      says("b", { topic, claim: "common" }, { topic, claim: "z" })
    )
    assert.deepStrictEqual(
      found.map(({ sides }) => sides.map((side) => side.claim)),
      [["y", "z"]]
    )
  })

  it("uncertainty: one is uncertain of what others claim, or of what nobody else does", () => {
    const doubt = { topic, claim: "c", stance: "uncertain" } as const
    const [found] = conflicts(
      says("a", { topic, claim: "c", confidence: 0.9 }),
      says("b", { ...doubt, confidence: 0.4 })
    )
    assert.strictEqual(found?.type, "uncertainty")
    assert.deepStrictEqual(found?.minority.agents, ["b"])
    assert.deepStrictEqual(
      conflicts(says("a", doubt)).map(({ sides, type }) => [type, sides.length]),
      [["uncertainty", 1]]
    )
  })

  it("uncertainty: under 0.3 against at least 0.7, and not nearer", () => {
    const types = (low: number, high: number) =>
      conflicts(
        says("a", { topic, claim: "c", confidence: low }),
        says("b", { topic, claim: "c", confidence: high })
      ).map((conflict) => conflict.type)
    assert.deepStrictEqual(types(0.29, 0.7), ["uncertainty"])
    assert.deepStrictEqual(types(0.3, 0.9), [])
    assert.deepStrictEqual(types(0.1, 0.69), [])
  })

  it("file: two agents give different contents for one path", () => {
    const found = conflicts(
      writes("a", { path: "src/a.ts", content: "1" }),
      writes("b", { path: "./src//a.ts", sha256: digest("2") }),
      writes("c", { path: "src/a.ts", sha256: digest("1") }, "src/a.ts")
    )
    assert.deepStrictEqual(found, [
      {
        type: "file",
        topic: "src/a.ts",
        blocking: true,
        severity: "high",
        sides: [
          {
            agents: ["a", "c"],
            claim: `sha256:${digest("1")}`,
            stance: "support",
            confidence: 0.8302,
            evidence: ["src/a.ts"]
          },
          { agents: ["b"], claim: `sha256:${digest("2")}`, stance: "support", confidence: 0.8, evidence: ["src/a.ts"] }
        ],
        minority: { agents: ["b"], claim: `sha256:${digest("2")}` }
      }
    ])
  })

  it("file: the same content, no content, or two versions of one agent are no conflict", () => {
    const one = { path: "a.ts", content: "1" }
    assert.deepStrictEqual(conflicts(writes("a", one), writes("b", { path: "a.ts", sha256: digest("1") })), [])
    assert.deepStrictEqual(conflicts(writes("a", one), writes("b", "a.ts"), writes("c", { path: "a.ts" })), [])
    assert.deepStrictEqual(conflicts(writes("a", one, { ...one, content: "2" }), writes("b", "a.ts")), [])
  })

  it("file: changes that can be merged are merged, and do not block; the lines that cannot are kept with both sides", () => {
    const base = "1\n2\n3\n4\n5\n"
    const file = (agent: string, content: string, from: string | undefined = base) =>
      writes(agent, { path: "a.txt", content, ...(from === "" ? {} : { base: from }) })
    const [clean] = conflicts(file("a", base.replace("1", "one")), file("b", base.replace("5", "five")))
    assert.deepStrictEqual([clean?.blocking, clean?.severity], [false, "low"])
    assert.strictEqual(clean?.merge?.content, "one\n2\n3\n4\nfive\n")
    assert.strictEqual(clean?.sides.length, 2)
    const [clash] = conflicts(file("b", base.replace("3", "drei")), file("a", base.replace("3", "three")))
    assert.deepStrictEqual([clash?.blocking, clash?.severity], [true, "high"])
    assert.deepStrictEqual(clash?.merge?.hunks, [
      {
        line: 3,
        base: "3\n",
        sides: [
          { agents: ["a"], text: "three\n" },
          { agents: ["b"], text: "drei\n" }
        ]
      }
    ])
    const [another] = conflicts(file("a", base.replace("1", "one")), file("b", "1\n", "1\n2\n"))
    assert.isTrue(another?.blocking, "they did not begin with the same")
    assert.isUndefined(another?.merge?.base)
    const [unknown] = conflicts(file("a", "x"), writes("b", { path: "a.txt", sha256: digest("y"), base }))
    assert.isUndefined(unknown?.merge, "what it holds is not known")
  })

  it("severity: is the worst of the claims in it", () => {
    const found = conflicts(
      says("a", { topic, claim: "c", severity: "low", evidence: ["x"] }),
      says("b", { topic, claim: "c", stance: "oppose", severity: "critical", evidence: ["y"] })
    )
    assert.deepStrictEqual(
      found.map(({ severity }) => severity),
      ["critical"]
    )
    assert.deepStrictEqual(
      conflicts(says("a", { topic, claim: "c", stance: "uncertain" })).map(({ severity }) => severity),
      ["low"]
    )
  })

  it("missing_evidence: a high claim without evidence, blocking if it is critical", () => {
    const bare: Claim = { topic, claim: "the key is public", severity: "critical", confidence: 0.9, evidence: [" "] }
    assert.deepStrictEqual(conflicts(says("a", bare)), [
      {
        type: "missing_evidence",
        topic,
        blocking: true,
        severity: "critical",
        sides: [{ agents: ["a"], claim: "the key is public", stance: "support", confidence: 0.9, evidence: [] }],
        minority: { agents: [], claim: "" }
      }
    ])
    assert.deepStrictEqual(
      conflicts(says("a", { ...bare, severity: "high" })).map(({ blocking }) => blocking),
      [false]
    )
    assert.deepStrictEqual(conflicts(says("a", { ...bare, severity: "medium" })), [])
    assert.deepStrictEqual(conflicts(says("a", bare), says("b", { ...bare, evidence: ["keys.ts:1"] })), [])
  })

  it("keeps more than 64 positions on a topic, each with its agent", () => {
    const reports = Array.from({ length: 80 }, (_, index) => says(`a${index}`, { topic, claim: `value ${index}` }))
    const [found] = conflicts(...reports)
    assert.strictEqual(found?.sides.length, 80)
    assert.deepStrictEqual(found?.minority, { agents: [], claim: "" })
  })
})
