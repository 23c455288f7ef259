import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "./internal/bundle.ts"
import { errorOf, place } from "./internal/sartor.ts"

beforeAll(build)

interface Document {
  readonly handoff_id: string
  readonly status: string
  readonly handoff: { readonly [key: string]: unknown }
  readonly [key: string]: unknown
}

describe.concurrent("sartor handoff", () => {
  it.live("hands a session's work over, which its receiver accepts, learns what the sender knew, and completes", () =>
    Effect.gen(function* () {
      const here = yield* place
      const { sartor } = here
      yield* sartor(["session", "create", "--role", "planner", "--task-type", "arch", "--id", "plan-001"])
      yield* sartor(["checkpoint", "plan-001", "planning", "draft", "two modules"])
      yield* sartor(["wake", "send", "--session", "plan-001", "--status", "complete", "--summary", "Split the parser"])
      const flags = ["--from", "planner", "--to", "IMPLEMENTER", "--type", "ready_for_implementation"]
      const { document } = yield* here.json<Document>(["handoff", "create", ...flags, "--session", "plan-001"])
      const id = document.handoff_id
      assert.match(id, /^handoff_\d+_[0-9a-f]{8}$/)
      assert.deepInclude(document.handoff, { handoffId: id, session_id: "plan-001", session_version: 4 })
      const accepted = yield* here.json<Document & { readonly knows: ReadonlyArray<{ readonly details?: string }> }>([
        "handoff",
        "accept",
        id
      ])
      assert.deepStrictEqual([accepted.document.status, accepted.document["context_read"]], ["accepted", "session"])
      assert.include(
        accepted.document.knows.map(({ details }) => details),
        "two modules"
      )
      assert.strictEqual((yield* sartor(["handoff", "complete", id])).stdout, `${id} is completed\n`)
      const late = yield* sartor(["handoff", "reject", id, "--reason", "late", "--json"])
      assert.strictEqual(late.code, 4)
      const list = yield* here.json<ReadonlyArray<Document>>(["handoff", "list", "--status", "completed"])
      assert.deepStrictEqual(
        list.document.map(({ handoff_id }) => handoff_id),
        [id]
      )
      assert.include((yield* sartor(["handoff", "list", "--chains"])).stdout, "plan-001")
      assert.include((yield* sartor(["handoff", "show", id])).stdout, "Split the parser")
    })
  )

  it.live("refuses what is not a transition or has not what it needs, and says what is missing", () =>
    Effect.gen(function* () {
      const here = yield* place
      here.write("empty.json", "{}")
      here.write("bad.json", "[1]")
      const create = (...args: ReadonlyArray<string>) => here.sartor(["handoff", "create", ...args, "--json"])
      const none = yield* create("--from", "planner", "--to", "implementer", "--type", "ready_for_implementation")
      assert.strictEqual(none.code, 2)
      assert.include(
        errorOf(none).message,
        "needs context.taskId, deliverable.summary, deliverable.location, nextSteps.instructions"
      )
      const wrong = yield* create(
        "--from",
        "planner",
        "--to",
        "cleaner",
        "--type",
        "ready_for_audit",
        "--file",
        "empty.json"
      )
      assert.include(errorOf(wrong).message, "comes from IMPLEMENTER, not PLANNER, and goes to AUDITOR, not CLEANER")
      const text = yield* create(
        "--from",
        "planner",
        "--to",
        "cleaner",
        "--type",
        "ready_for_audit",
        "--file",
        "bad.json"
      )
      assert.deepInclude(errorOf(text), { code: "bad_input", file: "bad.json" })
      assert.strictEqual((yield* here.sartor(["handoff", "show", "handoff_1_00000000"])).code, 3)
      assert.deepStrictEqual((yield* here.json(["handoff", "list"])).document, [])
    })
  )
})
