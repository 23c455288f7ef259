import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "./internal/bundle.ts"
import { errorOf, place, workflow } from "./internal/sartor.ts"

beforeAll(build)

interface Asked {
  readonly run_id: string
  readonly step: string
  readonly conflict: string
  readonly choices: ReadonlyArray<{ readonly number: number; readonly stance: string }>
}
interface Run {
  readonly status: string
  readonly synthesis: {
    readonly [name: string]: {
      readonly conflicts: ReadonlyArray<{ readonly blocking: boolean; readonly resolution?: { readonly by: string } }>
    }
  }
}

const says = (name: string, stance: string) => ({
  name,
  command: [
    "echo",
    JSON.stringify({
      type: "result",
      summary: `Looked at the cache as ${name}`,
      claims: [{ topic: "cache", claim: "It helps.", stance, severity: "high", evidence: [`${name}.log:1`] }]
    })
  ]
})
const cache = workflow("cache", [
  says("reader", "support"),
  says("tester", "oppose"),
  { name: "sum", needs: ["reader", "tester"], synthesize: true, on_conflict: "ask", command: ["echo", "summed up"] }
])

describe.concurrent("sartor questions and answer", () => {
  it.live("a run asks about the conflict that blocks it, and goes on with a human's answer as evidence", () =>
    Effect.gen(function* () {
      const { json, sartor, write } = yield* place
      write("cache.json", cache)
      assert.strictEqual((yield* json(["run", "cache.json"])).code, 7)
      const { document: asked } = yield* json<ReadonlyArray<Asked>>(["questions"])
      const [question] = asked
      assert.exists(question)
      assert.deepStrictEqual(
        [asked.length, question.step, question.choices.map(({ stance }) => stance)],
        [1, "sum", ["support", "oppose"]]
      )
      const { run_id, conflict } = question
      const shown = yield* sartor(["questions", run_id])
      assert.include(shown.stdout, `  answer it: sartor answer ${run_id} ${conflict} --choice 1 --say "why"\n`)
      const given = ["answer", run_id, conflict, "--choice", "1", "--say", "The log says so", "--by", "ann"]
      const answered = yield* sartor(given)
      assert.deepStrictEqual([answered.code, answered.stderr], [0, ""])
      const none = yield* sartor(["questions"])
      assert.deepStrictEqual([none.code, none.stdout, none.stderr], [0, "", "Nothing waits for an answer.\n"])
      const { code, document } = yield* json<Run>(["run", "cache.json"])
      assert.deepStrictEqual([code, document.status], [0, "complete"])
      const [settled] = document.synthesis["sum"]?.conflicts ?? []
      assert.deepStrictEqual([settled?.blocking, settled?.resolution?.by], [false, "ann"])
    })
  )

  it.live("an answer that cannot be taken says which field, and changes nothing", () =>
    Effect.gen(function* () {
      const { json, sartor, write } = yield* place
      write("cache.json", cache)
      yield* json(["run", "cache.json"])
      const { document: asked } = yield* json<ReadonlyArray<Asked>>(["questions"])
      const { run_id = "", conflict = "" } = asked[0] ?? {}
      const refused = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
        const ended = yield* sartor(["answer", ...args, "--json"])
        return [ended.code, errorOf(ended)["code"], errorOf(ended)["field"]]
      })
      assert.deepStrictEqual(yield* refused(run_id, conflict, "--choice", "3", "--say", "so"), [
        2,
        "bad_input",
        "choice"
      ])
      assert.deepStrictEqual(yield* refused(run_id, conflict, "--say", " "), [2, "bad_input", "say"])
      assert.deepStrictEqual(yield* refused(run_id, "x-1", "--say", "so"), [3, "not_found", undefined])
      assert.deepStrictEqual(yield* refused("nothing", conflict, "--say", "so"), [3, "not_found", undefined])
      assert.deepStrictEqual(yield* refused("../x", conflict, "--say", "so"), [2, "bad_input", "run"])
      assert.deepStrictEqual((yield* json(["questions"])).document, asked)
    })
  )
})
