import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import type { Claim, Result } from "../src/Agent.ts"
import { isPlaceholder, Report } from "../src/Census.ts"
import * as Claims from "../src/Claims.ts"
import * as Synthesis from "../src/Synthesis.ts"

const claim = (topic: string, text: string, more: Partial<Claim> = {}): Claim => ({ topic, claim: text, ...more })
const complete = (agent: string, claims: ReadonlyArray<Claim>, more: Partial<Result> = {}): Report => ({
  agent,
  outcome: "complete",
  result: { summary: `What ${agent} found`, claims, ...more }
})
const missing = (agent: string): Report => ({ agent, outcome: "missing" })
const typesOf = (synthesis: Synthesis.Synthesis) => synthesis.conflicts.map((conflict) => conflict.type).toSorted()
const only = <A>(list: ReadonlyArray<A>): A => {
  const [first] = list
  assert.strictEqual(list.length, 1)
  assert.exists(first)
  return first
}

describe("Result synthesizer", () => {
  it("1. Merge 2 agent outputs (no conflicts)", () => {
    const synthesis = Synthesis.synthesize([
      complete("security", [
        claim("dependencies", "jQuery 3.4.1 is vulnerable", { confidence: 0.8, evidence: ["package.json:12"] })
      ]),
      complete("performance", [
        claim("Dependencies", "jquery 3.4.1 is vulnerable.", { confidence: 0.7, evidence: ["index.html:40"] }),
        claim("images", "hero.png weighs 2 MB", { confidence: 0.9, evidence: ["hero.png"] })
      ])
    ])
    assert.strictEqual(synthesis.status, "complete")
    assert.deepStrictEqual(synthesis.conflicts, [])
    const agreement = only(synthesis.agreements)
    assert.deepStrictEqual(agreement.agents, ["performance", "security"])
    assert.strictEqual(agreement.claims.length, 2)
    assert.isAbove(agreement.confidence, 0.8)
    assert.match(
      synthesis.summary,
      /^2 of 2 agents reported: complete\. 2 claims on 2 topics: 1 agreement, 0 conflicts/
    )
  })

  it("2. Merge 5 agent outputs (max capacity)", () => {
    const names = ["frontend", "backend", "database", "security", "performance"]
    const synthesis = Synthesis.synthesize(
      names.map((name, index) =>
        complete(name, [
          claim("cache", "the session cache has no limit", {
            confidence: 0.6,
            evidence: [`src/${name}.ts:${index + 1}`]
          }),
          claim(`about ${name}`, `${name} is slow`, { confidence: 0.8 })
        ])
      )
    )
    assert.deepStrictEqual(only(synthesis.agreements).agents, names.toSorted())
    assert.strictEqual(synthesis.census.reported, 5)
    assert.strictEqual(synthesis.status, "complete")
  })

  it("3. Detect and preserve conflicts", () => {
    const synthesis = Synthesis.synthesize([
      complete("security", [claim("styles", "move inline styles to a file", { evidence: ["index.html:8"] })]),
      complete("performance", [claim("styles", "inline the critical styles", { evidence: ["index.html:9"] })]),
      complete("first", [claim("login", "passwords are hashed", { evidence: ["auth.ts:3"] })]),
      complete("second", [claim("login", "passwords are hashed", { stance: "oppose", evidence: ["auth.ts:30"] })])
    ])
    assert.deepStrictEqual(typesOf(synthesis), ["contradiction", "disagreement"])
    assert.deepStrictEqual(
      synthesis.conflicts.map((conflict) => conflict.sides.length),
      [2, 2]
    )
    assert.deepStrictEqual(synthesis.agreements, [])
  })

  it("4. Extract emergent insights", () => {
    const synthesis = Synthesis.synthesize([
      complete("security", [
        claim("scripts", "an inline script defeats the policy", { evidence: ["index.html:12"] }),
        claim("forms", "the form has no token", { evidence: ["contact.html:3"] })
      ]),
      complete("performance", [
        claim("rendering", "a script blocks rendering", { evidence: ["./index.html:12:5"] }),
        claim("images", "hero.png weighs 2 MB", { evidence: ["hero.png"] })
      ]),
      complete("accessibility", [claim("images", "hero.png weighs 2 MB", { evidence: ["lighthouse says so"] })])
    ])
    const kinds = synthesis.insights.map((insight) => insight.kind).toSorted()
    assert.deepStrictEqual(kinds, ["complementary_coverage", "corroboration", "shared_cause"])
    const shared = synthesis.insights.find((insight) => insight.kind === "shared_cause")
    assert.strictEqual(shared?.supports.length, 2)
    assert.match(shared?.statement ?? "", /Findings of performance, security on 2 topics meet at index\.html:12/)
  })

  it("5. Calculate aggregate confidence", () => {
    const found = (agent: string, evidence: string, stance: "support" | "oppose" = "support") =>
      complete(agent, [claim("t", "c", { confidence: 0.8, evidence: [evidence], stance })])
    const confidence = (...reports: ReadonlyArray<Report>) => Synthesis.synthesize(reports).confidence
    const alone = confidence(found("a", "x"))
    assert.strictEqual(alone, 0.8)
    assert.isAbove(confidence(found("a", "x"), found("b", "y")), alone)
    assert.strictEqual(confidence(found("a", "x"), found("b", "x")), alone)
    assert.isBelow(confidence(found("a", "x"), found("b", "y", "oppose")), 0.5)
    assert.isBelow(
      confidence(found("a", "x"), found("b", "y"), missing("c")),
      confidence(found("a", "x"), found("b", "y"))
    )
    assert.strictEqual(confidence(missing("a")), 0)
  })

  it("6. Handle missing/incomplete results", () => {
    const synthesis = Synthesis.synthesize([
      complete("security", [claim("t", "c")]),
      complete("performance", [claim("t", "c")]),
      complete("style", []),
      { agent: "accessibility", outcome: "failed", problem: { code: "timeout", message: "after 30000 ms" } },
      { agent: "seo", outcome: "complete", result: { summary: "TODO" } },
      { agent: "report", outcome: "skipped" }
    ])
    assert.strictEqual(synthesis.status, "degraded")
    assert.deepStrictEqual(synthesis.census, {
      expected: 6,
      reported: 3,
      failed: 1,
      missing: 1,
      placeholder: 1,
      by_agent: {
        accessibility: "failed",
        performance: "reported",
        report: "missing",
        security: "reported",
        seo: "placeholder",
        style: "reported"
      }
    })
  })

  it("7. Intentional conflict resolution (preserve)", () => {
    const held = (agent: string, stance: "support" | "oppose", confidence: number) =>
      complete(agent, [claim("migration", "it is safe to deploy", { stance, confidence, evidence: [`${agent}.log`] })])
    const synthesis = Synthesis.synthesize([
      held("a", "support", 0.99),
      held("b", "support", 0.99),
      held("c", "oppose", 0.1)
    ])
    const conflict = only(synthesis.conflicts)
    assert.deepStrictEqual(conflict.sides, [
      {
        agents: ["a", "b"],
        claim: "it is safe to deploy",
        stance: "support",
        confidence: 0.9965,
        evidence: ["a.log", "b.log"]
      },
      { agents: ["c"], claim: "it is safe to deploy", stance: "oppose", confidence: 0.1, evidence: ["c.log"] }
    ])
    assert.deepStrictEqual(conflict.minority, { agents: ["c"], claim: "it is safe to deploy" })
    assert.deepStrictEqual(synthesis.agreements, [])
  })
})

const word = fc.constantFrom(
  "cache",
  "login",
  "constructor",
  "__proto__",
  "Toto.",
  "x y",
  "‘x’  Y",
  "ﬁle",
  "💥",
  "\ud800"
)
const share = fc.constantFrom(0, 0.1, 0.3, 0.5, 0.7, 0.95, 1)
const anyClaim: fc.Arbitrary<Claim> = fc.record(
  {
    topic: word,
    claim: word,
    stance: fc.constantFrom("support", "support", "oppose", "uncertain"),
    confidence: share,
    evidence: fc.array(fc.constantFrom("a.ts:1", "./a.ts:1:9", "b.ts:2", "https://x.test/", "seen it", " "), {
      maxLength: 3
    }),
    severity: fc.constantFrom("critical", "high", "medium", "low")
  },
  { requiredKeys: ["topic", "claim"] }
)
const anyFile = fc.record({ path: fc.constantFrom("a.ts", "./a.ts", "b.ts"), content: fc.constantFrom("1", "2") })
const anyResult: fc.Arbitrary<Result> = fc.record(
  {
    summary: fc.constantFrom("All pages audited", "done"),
    claims: fc.array(anyClaim, { maxLength: 6 }),
    files: fc.array(anyFile, { maxLength: 2 }),
    confidence: share
  },
  { requiredKeys: ["summary"] }
)
const anyReport: fc.Arbitrary<Report> = fc.record(
  {
    agent: fc.constantFrom("a", "b", "c", "d", "constructor", "to-string"),
    outcome: fc.constantFrom(
      "complete",
      "complete",
      "complete",
      "blocked",
      "failed",
      "cancelled",
      "skipped",
      "missing"
    ),
    result: anyResult,
    problem: fc.constant({ code: "timeout", message: "too late" })
  },
  { requiredKeys: ["agent", "outcome"] }
)
const anyReports = fc.array(anyReport, { maxLength: 8 })
const shuffled = <A>(list: ReadonlyArray<A>) => fc.shuffledSubarray([...list], { minLength: list.length })
const reordered = (reports: ReadonlyArray<Report>): fc.Arbitrary<ReadonlyArray<Report>> =>
  fc
    .tuple(
      ...reports.map((report) =>
        fc
          .tuple(shuffled(report.result?.claims ?? []), shuffled(report.result?.files ?? []))
          .map(([claims, files]) =>
            report.result === undefined ? report : { ...report, result: { ...report.result, claims, files } }
          )
      )
    )
    .chain(shuffled)
const everyClaim = (reports: ReadonlyArray<Report>) =>
  Claims.topics(
    reports.flatMap(({ agent, outcome, result }) =>
      outcome === "complete" && result !== undefined && !isPlaceholder(result) ? Claims.read(agent, [result]) : []
    )
  ).flatMap((topic) => topic.matched.flatMap((matched) => matched.claims.map((each) => ({ ...each, topic, matched }))))

describe("Synthesis.synthesize, whatever comes in", () => {
  const check = <A>(arbitrary: fc.Arbitrary<A>, holds: (value: A) => void) =>
    fc.assert(fc.property(arbitrary, holds), { numRuns: 400 })

  it("gives the same bytes for any order of reports, claims and files", () => {
    check(
      anyReports.chain((reports) => fc.tuple(fc.constant(reports), reordered(reports))),
      ([reports, others]) =>
        assert.strictEqual(JSON.stringify(Synthesis.synthesize(reports)), JSON.stringify(Synthesis.synthesize(others)))
    )
  })

  it("accounts for every agent, and is complete only if every one reported", () => {
    check(anyReports, (reports) => {
      const { census, status } = Synthesis.synthesize(reports)
      assert.strictEqual(census.expected, new Set(reports.map((report) => report.agent)).size)
      assert.strictEqual(census.expected, census.reported + census.failed + census.missing + census.placeholder)
      const states = Object.values(census.by_agent)
      assert.strictEqual(states.length, census.expected)
      assert.strictEqual(status === "complete", states.length > 0 && states.every((state) => state === "reported"))
      assert.strictEqual(status === "insufficient", census.reported === 0 || census.reported < census.expected / 2)
    })
  })

  it("puts an agent on a side only with what it claims, in that stance", () => {
    check(anyReports, (reports) => {
      const all = everyClaim(reports)
      for (const { sides, topic, type } of Synthesis.synthesize(reports).conflicts) {
        for (const side of sides) {
          for (const agent of side.agents) {
            if (type === "file") {
              const own = reports
                .filter((report) => report.agent === agent)
                .flatMap((report) => report.result?.files ?? [])
              const contents = own.flatMap((file) => (typeof file === "string" ? [] : [file.content ?? ""]))
              assert.include(
                contents.map((content) => `sha256:${Claims.digest(content)}`),
                side.claim
              )
            } else {
              const own = all.filter(
                (each) => each.agent === agent && each.topic.topic === topic && each.stance === side.stance
              )
              for (const said of side.claim.split("; ")) {
                assert.include(
                  own.map((each) => each.matched.claim),
                  said
                )
              }
            }
          }
        }
      }
    })
  })

  it("cites no claim that does not exist", () => {
    check(anyReports, (reports) => {
      const ids = new Set(everyClaim(reports).map((each) => each.id))
      const { agreements, insights } = Synthesis.synthesize(reports)
      for (const id of [...agreements.flatMap((each) => each.claims), ...insights.flatMap((each) => each.supports)]) {
        assert.isTrue(ids.has(id), id)
      }
    })
  })

  it("draws every agreement and insight from two agents at least", () => {
    check(anyReports, (reports) => {
      const agents = new Map(everyClaim(reports).map((each) => [each.id, each.agent]))
      const { agreements, insights } = Synthesis.synthesize(reports)
      for (const cited of [...agreements.map((each) => each.claims), ...insights.map((each) => each.supports)]) {
        assert.isAtLeast(new Set(cited.map((id) => agents.get(id))).size, 2)
      }
    })
  })

  it("is never more confident for an agent that is missing", () => {
    check(fc.tuple(anyReports, fc.constantFrom("a", "z", "constructor")), ([reports, agent]) => {
      const before = Synthesis.synthesize(reports).confidence
      assert.isAtMost(Synthesis.synthesize([...reports, missing(agent)]).confidence, before)
      assert.isTrue(before >= 0 && before <= 1)
    })
  })

  it("keeps its format, sorted by id, with four decimals", () => {
    const decode = Schema.decodeUnknownSync(Synthesis.Synthesis, { onExcessProperty: "error" })
    check(anyReports, (reports) => {
      const synthesis = Synthesis.synthesize(reports)
      const json = JSON.stringify(synthesis)
      assert.strictEqual(JSON.stringify(decode(JSON.parse(json))), json)
      assert.notInclude(json, "null")
      assert.notMatch(json, /\d\.\d{5}/)
      for (const list of [synthesis.agreements, synthesis.conflicts, synthesis.insights]) {
        const ids = list.map((each) => each.id)
        assert.deepStrictEqual(ids, [...new Set(ids)].toSorted())
      }
    })
  })

  it("keeps every contradiction", () => {
    check(anyReports, (reports) => {
      const contradicted = everyClaim(reports)
        .filter(({ matched }) =>
          ["support", "oppose"].every((stance) => matched.claims.some((each) => each.stance === stance))
        )
        .map(({ matched, topic }) => JSON.stringify([topic.topic, matched.claim]))
      const kept = Synthesis.synthesize(reports).conflicts.filter((conflict) => conflict.type === "contradiction")
      const topics = kept.map(({ sides, topic }) => JSON.stringify([topic, sides[0]?.claim]))
      assert.deepStrictEqual(topics.toSorted(), [...new Set(contradicted)].toSorted())
    })
  }, 60_000)
})

describe("Synthesis.synthesize", () => {
  it("does what its guide shows", () => {
    const guide = readFileSync(new URL("../../../docs/synthesis.md", import.meta.url), "utf8")
    const [input, output] = [...guide.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => JSON.parse(json ?? ""))
    const reports = Schema.decodeUnknownSync(Schema.Array(Report))(input)
    assert.strictEqual(JSON.stringify(Synthesis.synthesize(reports)), JSON.stringify(output))
  })

  it("says in its summary who is not in it, and why, without times", () => {
    const synthesis = Synthesis.synthesize([
      complete("security", [claim("t", "c")]),
      { agent: "performance", outcome: "failed", problem: { code: "timeout", message: "no answer in 30000 ms" } },
      { agent: "accessibility", outcome: "blocked" },
      { agent: "seo", outcome: "complete", result: { summary: "n/a" } },
      missing("style")
    ])
    assert.strictEqual(
      synthesis.summary,
      "1 of 5 agents reported: insufficient. Not in it: accessibility (failed: blocked), performance (failed: timeout), " +
        "seo (placeholder: says nothing), style (missing). 1 claim on 1 topic: 0 agreements, 0 conflicts, 0 insights; confidence 0.1."
    )
  })

  it("is insufficient without any report", () => {
    const synthesis = Synthesis.synthesize([])
    assert.strictEqual(synthesis.status, "insufficient")
    assert.strictEqual(synthesis.summary, "0 of 0 agents reported: insufficient.")
  })

  it("merges what an agent says twice, and never lets it agree with itself", () => {
    const synthesis = Synthesis.synthesize([
      complete("a", [claim("t", "the same"), claim("T", "The same!"), claim("t", " the  SAME ")])
    ])
    assert.deepStrictEqual(synthesis.agreements, [])
    assert.match(synthesis.summary, /1 claim on 1 topic/)
  })

  it("leaves a doubtful agent out of an agreement", () => {
    const synthesis = Synthesis.synthesize([
      complete("a", [claim("t", "c", { confidence: 0.9 })]),
      complete("b", [claim("t", "c", { confidence: 0.5 })]),
      complete("c", [claim("t", "c", { confidence: 0.2 })])
    ])
    assert.deepStrictEqual(only(synthesis.agreements).agents, ["a", "b"])
    assert.deepStrictEqual(typesOf(synthesis), ["uncertainty"])
  })

  it("uses another matcher, and keeps a claim that it leaves out", () => {
    const reports = [
      complete("a", [claim("t", "images lack alternative text"), claim("t", "left out")]),
      complete("b", [claim("t", "no alt text on images")])
    ]
    const byWord: Claims.Matcher = (claims) => [
      { claims: claims.filter((each) => each.claimKey.includes("images")), similarity: 0.5 }
    ]
    const synthesis = Synthesis.synthesize(reports, { matcher: byWord })
    assert.deepStrictEqual(only(synthesis.agreements).agents, ["a", "b"])
    assert.match(synthesis.summary, /^2 of 2 agents reported: complete\. 2 claims/)
  })

  it("takes odd names and 10 MB of text", () => {
    const huge = "a very long claim. ".repeat(550_000)
    const synthesis = Synthesis.synthesize([
      complete("constructor", [claim("__proto__", huge), claim("constructor", "toString", { evidence: [huge] })]),
      complete("__proto__", [claim("__proto__", `${huge.toUpperCase()} `), claim("valueOf", "…"), claim("“”", "‘’")]),
      {
        agent: "empty",
        outcome: "complete",
        result: { summary: "Looked at all of it", claims: [], files: [], issues: [] }
      }
    ])
    assert.deepStrictEqual(
      JSON.parse(JSON.stringify(synthesis.census.by_agent)),
      JSON.parse('{"__proto__":"reported","constructor":"reported","empty":"reported"}')
    )
    assert.deepStrictEqual(only(synthesis.agreements).agents, ["__proto__", "constructor"])
    assert.isBelow(synthesis.summary.length, 300)
  })

  it("merges 100 agents of 200 claims in time, spread over topics or all on one", () => {
    for (const topics of [1, 1_000]) {
      const reports = Array.from({ length: 100 }, (_, agent) =>
        complete(
          `agent-${agent}`,
          Array.from({ length: 200 }, (_, index) =>
            claim(`topic ${(agent * 7 + index * 13) % topics}`, `finding ${(agent * 31 + index * 17) % 5_000}`, {
              evidence: [`src/file-${(agent + index) % 50}.ts:${index}`],
              stance: index % 5 === 0 ? "oppose" : "support"
            })
          )
        )
      )
      const before = process.cpuUsage()
      Synthesis.synthesize(reports)
      assert.isBelow(process.cpuUsage(before).user / 1000, 5_000)
    }
  })

  it("takes 200,000 claims of one agent on one topic", () => {
    const claims = Array.from({ length: 200_000 }, (_, index) => claim("t", `finding ${index}`, { severity: "high" }))
    const synthesis = Synthesis.synthesize([complete("a", claims), complete("b", [claim("t", "another")])])
    assert.strictEqual(synthesis.conflicts.length, 200_001)
  }, 120_000)
})
