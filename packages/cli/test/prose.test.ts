import { assert, beforeAll, describe, it } from "@effect/vitest"
import { FakeClaude } from "@sartor/core/testing"
import { Effect } from "effect"
import { build } from "./internal/bundle.ts"
import { errorOf, place, workflow } from "./internal/sartor.ts"

beforeAll(build)

const says = (name: string, claim: string) => ({
  name,
  command: [
    "echo",
    JSON.stringify({
      type: "result",
      summary: `Looked as ${name}`,
      claims: [{ topic: "search", claim, evidence: ["a.js:1"] }]
    })
  ]
})
const audit = workflow("search", [
  says("security", "Reflected XSS."),
  says("review", "User input is not escaped in the results."),
  { name: "sum", needs: ["security", "review"], synthesize: true }
])

interface Run {
  readonly run_id: string
  readonly synthesis: { readonly [step: string]: { readonly agreements: ReadonlyArray<{ readonly id: string }> } }
}

const key = "sk-ant-prose-canary"
const serve = (turns: FakeClaude.Conversation["turns"]) =>
  Effect.map(FakeClaude.make({ conversations: [{ name: "question", turns }], apiKey: key }), (fake) => ({
    fake,
    env: { ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: fake.url }
  }))

describe("Claude beside a run", () => {
  it.live("matches its claims, and tells its report in words, which link to what they cite", () =>
    Effect.gen(function* () {
      const { json, read, sartor, write } = yield* place
      write("search.json", audit)
      const matching = yield* serve([FakeClaude.hand({ groups: [{ claims: [1, 2], sure: 0.95 }] })])
      const ran = yield* json<Run>(["run", "search.json", "--match", "claude"], { env: matching.env })
      assert.strictEqual(ran.code, 0, ran.stderr)
      const { run_id, synthesis } = ran.document
      const [agreement] = synthesis["sum"]?.agreements ?? []
      assert.exists(agreement)

      const { fake, env } = yield* serve([
        FakeClaude.hand({ paragraphs: [`Search is open to XSS [${agreement.id}].`] })
      ])
      const told = yield* sartor(["report", run_id, "--prose", "--html", "r.html", "--markdown", "r.md"], { env })
      assert.deepStrictEqual([told.code, told.stderr], [0, ""])
      const html = read("r.html")
      assert.include(html, `Search is open to XSS <a class="mono small" href="#agreement-${agreement.id}">`)
      assert.include(html, `id="agreement-${agreement.id}"`)
      assert.include(read("r.md"), "## In words\n\nSearch is open to XSS")
      assert.lengthOf(fake.requests, 1)
      assert.deepStrictEqual(fake.refused(), [])
    }).pipe(Effect.scoped)
  )

  it.live("keeps the summary where the words cite what there is not, and says so", () =>
    Effect.gen(function* () {
      const { json, sartor, write } = yield* place
      write("search.json", audit)
      const { document } = yield* json<Run>(["run", "search.json", "--match", "exact"])
      assert.deepStrictEqual(document.synthesis["sum"]?.agreements, [])
      const { env } = yield* serve([FakeClaude.hand({ paragraphs: ["All is well [c-0000000000ff]."] })])
      const told = yield* sartor(["report", document.run_id, "--prose"], { env })
      assert.strictEqual(told.code, 0)
      assert.include(told.stderr, "sum is not put into words, the summary stands: it cites c-0000000000ff")
      assert.notInclude(told.stdout, "All is well")
      assert.notInclude(told.stdout + told.stderr, key)
    }).pipe(Effect.scoped)
  )

  it.live("needs a key, and says so before it does anything", () =>
    Effect.gen(function* () {
      const { sartor, write } = yield* place
      write("search.json", audit)
      for (const args of [
        ["report", "search-00000000", "--prose"],
        ["run", "search.json", "--match", "claude"]
      ]) {
        const ended = yield* sartor([...args, "--json"], { env: { ANTHROPIC_API_KEY: "" } })
        assert.strictEqual(ended.code, 2)
        assert.strictEqual(errorOf(ended)["field"], "ANTHROPIC_API_KEY")
      }
    }).pipe(Effect.scoped)
  )
})
