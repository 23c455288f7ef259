import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "./internal/bundle.ts"
import { place } from "./internal/sartor.ts"

const workflow = `
name: far
agents:
  - { name: first, role: PLANNER, task_type: planning, prompt: Go, command: [sh, -c, "echo planned"] }
  - { name: second, role: IMPLEMENTER, task_type: feature, prompt: Go, needs: [first], command: [sh, -c, "sleep $SECONDS_OF_WORK; echo built"] }
`

beforeAll(build)

describe("sartor worker", () => {
  it.live("executes what a run elsewhere leaves to it, and tells of it a line each; SIGTERM ends it", () =>
    Effect.gen(function* () {
      const { json, start, write } = yield* place
      write("far.yaml", workflow)
      const worker = yield* start(["worker", "--json"], { env: { SECONDS_OF_WORK: "0" } })
      const { code, document, stderr } = yield* json<{ readonly status: string }>(["run", "far.yaml", "--elsewhere"])
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(document.status, "complete")
      assert.match(stderr, /left to "sartor worker"/)
      // What it did is told there as if it were done here.
      assert.match(stderr, /second +started/)
      worker.child.kill("SIGTERM")
      const ended = yield* worker.ended
      assert.strictEqual(ended.code, 143)
      const lines = ended.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        lines.map(({ agent, type }) => [agent, type]),
        [
          ["first", "started"],
          ["first", "ended"],
          ["second", "started"],
          ["second", "ended"]
        ]
      )
      assert.match(lines[0]?.orchestrator, /^far-/)
    })
  )

  it.live("gives back what it has not done when it is stopped, and another goes on with it", () =>
    Effect.gen(function* () {
      const { json, start, write } = yield* place
      write("far.yaml", workflow)
      const slow = yield* start(["worker"], { env: { SECONDS_OF_WORK: "600" } })
      const run = yield* start(["run", "far.yaml", "--elsewhere", "--json"])
      yield* Effect.promise(() => until(() => /implementer-\S+ +started/.test(slow.stdout())))
      slow.child.kill("SIGINT")
      assert.strictEqual((yield* slow.ended).code, 130)
      const { document: before } = yield* json<ReadonlyArray<{ readonly status: string }>>([
        "session",
        "list",
        "--role",
        "implementer"
      ])
      assert.deepStrictEqual(
        before.map(({ status }) => status),
        ["suspended"]
      )
      yield* start(["worker"], { env: { SECONDS_OF_WORK: "0" } })
      const { code, stdout } = yield* run.ended
      assert.strictEqual(code, 0)
      assert.strictEqual(JSON.parse(stdout).agents[1].attempts, 2)
    })
  )

  it.live("suspends what it executes of a run that is stopped, and goes on with it when that is started again", () =>
    Effect.gen(function* () {
      const { json, start, write } = yield* place
      write("far.yaml", workflow)
      const first = yield* start(["worker"], { env: { SECONDS_OF_WORK: "600" } })
      const run = yield* start(["run", "far.yaml", "--elsewhere"])
      yield* Effect.promise(() => until(() => /implementer-\S+ +started/.test(first.stdout())))
      run.child.kill("SIGINT")
      assert.strictEqual((yield* run.ended).code, 130)
      yield* Effect.promise(() => until(() => /implementer-\S+ +suspended/.test(first.stdout())))
      first.child.kill("SIGTERM")
      yield* first.ended
      yield* start(["worker"], { env: { SECONDS_OF_WORK: "0" } })
      const { code, document } = yield* json<{ readonly status: string }>(["run", "far.yaml", "--elsewhere"])
      assert.deepStrictEqual([code, document.status], [0, "complete"])
    })
  )

  it.live("refuses a number of places that cannot be, and an orchestrator that has no name", () =>
    Effect.gen(function* () {
      const { json } = yield* place
      for (const [args, field] of [
        [["--concurrency", "0"], "concurrency"],
        [["--orchestrator", "Not A Name"], "orchestrator"]
      ] as const) {
        const { code, document } = yield* json<{ readonly error: { readonly field: string } }>(["worker", ...args])
        assert.strictEqual(code, 2)
        assert.strictEqual(document.error.field, field)
      }
    })
  )
})

const until = async (holds: () => boolean) => {
  const end = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > end) throw new Error("it did not come to that")
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
