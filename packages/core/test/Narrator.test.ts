import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Report } from "../src/Census.ts"
import * as Narrator from "../src/Narrator.ts"
import { synthesize } from "../src/Synthesis.ts"

const says = (agent: string, stance: "support" | "oppose"): Report => ({
  agent,
  outcome: "complete",
  result: { summary: `What ${agent} found`, claims: [{ topic: "cache", claim: "The cache helps.", stance }] }
})
const reports = [says("reader", "support"), says("tester", "oppose")]
const synthesis = synthesize(reports)
const conflict = synthesis.conflicts[0]?.id ?? ""
const told = (write: () => Effect.Effect<string, Narrator.NarratorFailed>) =>
  Narrator.narrate(synthesis, reports).pipe(Effect.provideService(Narrator.Narrator, { write }))

describe("Narrator", () => {
  it.effect("shows prose whose every paragraph cites what there is", () =>
    Effect.gen(function* () {
      const [claim] = Narrator.citable(synthesis, reports)
      assert.exists(claim)
      const text = `Nobody knows whether the cache helps [${conflict}].\n\nOne has read it [${claim.id}].`
      assert.deepStrictEqual(yield* told(() => Effect.succeed(`${text}\n`)), { text, source: "narrator" })
    })
  )

  it.effect("lets the summary stand, and says why, if prose cites what there is not, or nothing, or says nothing", () =>
    Effect.gen(function* () {
      const refused = Effect.fnUntraced(function* (text: string) {
        const narrative = yield* told(() => Effect.succeed(text))
        assert.deepStrictEqual([narrative.source, narrative.text], ["summary", synthesis.summary])
        return narrative.refused
      })
      assert.strictEqual(
        yield* refused(`It helps [${conflict}] [c-000000000000].`),
        "it cites c-000000000000, which there is not"
      )
      assert.strictEqual(yield* refused(`It helps [${conflict}], see [doc-7].`), "it cites doc-7, which there is not")
      assert.strictEqual(
        yield* refused(`It helps [${conflict}] as c-0000beef0000 says`),
        "it cites c-0000beef0000, which there is not"
      )
      assert.strictEqual(yield* refused(`It helps [${conflict}].\n\nAll is well.`), "paragraph 2 cites nothing")
      assert.strictEqual(yield* refused("All is well."), "paragraph 1 cites nothing")
      assert.strictEqual(yield* refused(" \n"), "it is blank")
      assert.match((yield* refused(`[${conflict}] ${"x".repeat(30_000)}`)) ?? "", /characters/)
    })
  )

  it.effect("lets the summary stand if the narrator fails or does not come back", () =>
    Effect.gen(function* () {
      const failed = yield* told(() => Effect.fail(new Narrator.NarratorFailed({ detail: "it is overloaded" })))
      assert.deepStrictEqual(failed, { text: synthesis.summary, source: "summary", refused: "it is overloaded" })
      const fiber = yield* Effect.forkChild(told(() => Effect.never))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).refused, "it did not come in time")
    })
  )
})
