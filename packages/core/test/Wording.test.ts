import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import type { Report } from "../src/Census.ts"
import * as Claims from "../src/Claims.ts"
import * as Embeddings from "../src/Embeddings.ts"
import { synthesize } from "../src/Synthesis.ts"
import * as Wording from "../src/Wording.ts"

const alike = (a: string, b: string) => Wording.similarity(Wording.read(a), Wording.read(b))
const says = (agent: string, ...claims: ReadonlyArray<string>): Report => ({
  agent,
  outcome: "complete",
  result: {
    summary: `What ${agent} found`,
    claims: claims.map((claim) => ({ topic: "images", claim, evidence: [`${agent}.log`] }))
  }
})
const sentences = [
  "Images lack alternative text",
  "Images have no alt text",
  "Alt text is missing on images",
  "The images have no alt text at all",
  "Images lack width and height",
  "Images are larger than they are shown",
  "Images are bigger than shown",
  "Remove the images",
  "Delete the images",
  "IMAGES lack alternative text!"
]

describe("Wording", () => {
  it("takes other words for the same: inflection, order, filler, synonyms", () => {
    for (const [a = "", b = ""] of [
      ["The session cookie lacks the HttpOnly flag", "HttpOnly is not set on the session cookie"],
      ["User input is not escaped", "User inputs are unescaped"],
      ["Remove the polyfill", "The polyfill should be deleted"],
      ["It isn't closed", "It is not closed"]
    ]) {
      assert.isAtLeast(alike(a, b), Wording.defaultThreshold, `${a} | ${b}`)
    }
  })

  it("keeps apart what differs in a number, a name, a denial or a remedy, however alike it is", () => {
    for (const [a = "", b = ""] of [
      ["jQuery 3.4.1 has known vulnerabilities in its parser", "jQuery 3.5.0 has known vulnerabilities in its parser"],
      ["The form in about.html has no token", "The form in index.html has no token"],
      ["The tests cover the retry path of the client", "The tests do not cover the retry path of the client"],
      ["Remove the style sheet of the print view", "Inline the style sheet of the print view"]
    ]) {
      assert.strictEqual(alike(a, b), 0, `${a} | ${b}`)
    }
  })

  it("is the same in both directions, and whole for equal texts", () => {
    const text = fc.constantFrom(...sentences, "", "…", "not", "3.4.1")
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.closeTo(alike(a, b), alike(b, a), 1e-12)
        assert.isTrue(alike(a, b) >= 0 && alike(a, b) <= 1)
      })
    )
    assert.closeTo(alike("Images lack text", "Images lack text"), 1, 1e-12)
  })

  it("finds an agreement in other words, keeps each agent's own, and shows how alike they are", () => {
    const { agreements, conflicts } = synthesize([
      says("a", "Images lack alternative text"),
      says("b", "Images have no alt text")
    ])
    assert.deepStrictEqual(conflicts, [])
    assert.deepStrictEqual(agreements[0]?.agents, ["a", "b"])
    assert.strictEqual(agreements[0]?.claims.length, 2)
    assert.isAtLeast(agreements[0]?.similarity ?? 0, Wording.defaultThreshold)
    const exactly = synthesize([says("a", "Images lack alt text"), says("b", "images lack alt text.")])
    assert.notProperty(exactly.agreements[0], "similarity")
  })

  it("keeps both wordings of a contradiction, each on its own side", () => {
    const opposing: Report = {
      agent: "b",
      outcome: "complete",
      result: {
        summary: "Looked at them",
        claims: [{ topic: "images", claim: "Images have no alt text", stance: "oppose" }]
      }
    }
    const [conflict] = synthesize([says("a", "Images lack alternative text"), opposing]).conflicts
    assert.strictEqual(conflict?.type, "contradiction")
    assert.isBelow(conflict?.similarity ?? 1, 1)
    assert.deepStrictEqual(
      conflict?.sides.map(({ claim, stance }) => [stance, claim]),
      [
        ["oppose", "Images have no alt text"],
        ["support", "Images lack alternative text"]
      ]
    )
  })

  it("matches as strictly as it is told", () => {
    const reports = [says("a", "Images lack alternative text"), says("b", "Images have no alt text")]
    const agreed = (matcher: Claims.Matcher) => synthesize(reports, { matcher }).agreements.length
    assert.strictEqual(agreed(Claims.exact), 0)
    assert.strictEqual(agreed(Wording.matcher({ threshold: 1.01 })), 0)
    assert.strictEqual(agreed(Wording.matcher({ threshold: 0.1 })), 1)
  })

  it("gives the same bytes for any order of arrival, and puts no two in a group that are less alike than the threshold", () => {
    const some = fc.subarray(sentences, { minLength: 2 })
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0.3, 0.6, 0.86),
        (each, threshold) => {
          const reports = each.map((claims, index) => says(`agent-${index}`, ...claims))
          const matcher = Wording.matcher({ threshold })
          const turned = reports.toReversed().map((report) => ({
            ...report,
            result: {
              ...report.result,
              summary: report.result?.summary ?? "",
              claims: report.result?.claims?.toReversed() ?? []
            }
          }))
          assert.strictEqual(
            JSON.stringify(synthesize(reports, { matcher })),
            JSON.stringify(synthesize(turned, { matcher }))
          )
          const claims = reports.flatMap(({ agent, result }) =>
            result === undefined ? [] : Claims.read(agent, [result])
          )
          for (const group of matcher(claims)) {
            for (const a of group.claims) {
              for (const b of group.claims) {
                if (a.claimKey !== b.claimKey) assert.isAtLeast(alike(a.claimKey, b.claimKey), group.similarity - 1e-12)
              }
            }
            assert.isAtLeast(group.similarity, threshold)
          }
        }
      )
    )
  })
})

describe("Embeddings", () => {
  /** A space of two directions: pictures, and the rest. */
  const embed = (texts: ReadonlyArray<string>) =>
    Effect.succeed(texts.map((text) => (/image|picture/.test(text) ? [1, 0.1] : [0.1, 1])))
  const reports = [
    says("a", "Images lack a description"),
    says("b", "No picture is described"),
    says("c", "Fonts are slow")
  ]

  it.effect("match by meaning, but never over a denial or a number", () =>
    Effect.gen(function* () {
      const matcher = yield* Embeddings.matcher(reports)
      assert.deepStrictEqual(
        synthesize(reports, { matcher }).agreements.map(({ agents }) => agents),
        [["a", "b"]]
      )
      const denied = [says("a", "The images are described"), says("b", "No picture is described")]
      const careful = yield* Embeddings.matcher(denied)
      assert.deepStrictEqual(synthesize(denied, { matcher: careful }).agreements, [])
    }).pipe(Effect.provideService(Embeddings.Embeddings, { embed }))
  )

  it.effect("fail, typed, if the model does not give one sound vector for each text", () =>
    Effect.gen(function* () {
      for (const vectors of [[], [[1]], [[1], [1, 2], [1]], [[0], [0], [0]], [[NaN], [1], [1]], [[], [], []]]) {
        const error = yield* Effect.flip(Embeddings.matcher(reports)).pipe(
          Effect.provideService(Embeddings.Embeddings, { embed: () => Effect.succeed(vectors) })
        )
        assert.strictEqual(error._tag, "EmbeddingsFailed")
      }
    })
  )
})
