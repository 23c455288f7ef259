import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Orchestrator } from "@sartor/core"
import { AgentRunner, FunctionRunner } from "@sartor/core"
import { Effect } from "effect"
import { build } from "./internal/bundle.ts"
import { errorOf, type Options, type Place, place, until } from "./internal/sartor.ts"

beforeAll(build)

interface Document {
  readonly session_id: string
  readonly status: string
  readonly run: number
  readonly result?: { readonly summary: string }
  readonly [key: string]: unknown
}

/** Says that it has begun, does its second step once `go` is there, and asks if it was told to. */
const agent = `
import { existsSync, appendFileSync } from "node:fs"
let text = ""
for await (const chunk of process.stdin) text += chunk
const { checkpoints, prompt, run, told } = JSON.parse(text)
appendFileSync("begun.txt", run + " " + process.pid + "\\n")
console.log(JSON.stringify({ type: "checkpoint", phase: "work", milestone: "step-" + run, details: "" }))
if (prompt === "ask" && told.length === 0) { console.log("Which one?"); process.exit(10) }
if (prompt === "fail") { console.log("It is broken"); process.exit(3) }
while (prompt === "wait" && !existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 20))
const before = checkpoints.map(({ milestone }) => milestone).join(" ")
const answer = told.at(-1)?.text ?? process.env.MOOD ?? "nobody"
console.log(JSON.stringify({ type: "result", summary: answer + ", after " + (before || "nothing") }))
`

const create = (here: Place, id: string, prompt: string, ...more: ReadonlyArray<string>) => {
  here.write("agent.mjs", agent)
  const task = ["--role", "auditor", "--task-type", "x", "--id", id, "--prompt", prompt]
  return here.sartor(["session", "create", ...task, ...more, "--runner", "command", "--", "node", "agent.mjs"])
}
const resume = (here: Place, id: string, more: ReadonlyArray<string> = [], options?: Options) =>
  here.json<Document>(["session", "resume", id, ...more], options)
const show = (here: Place, id: string) =>
  Effect.map(here.json<Document>(["session", "show", id]), ({ document }) => document)
const begins = (here: Place, run: number) => {
  const has = () => {
    try {
      return here.read("begun.txt").includes(`${run} `)
    } catch {
      return false
    }
  }
  return until(has)
}

describe.concurrent("sartor session create --runner", () => {
  it.live("is executed by resume: progress on stderr, the result on stdout, its wake to its orchestrator", () =>
    Effect.gen(function* () {
      const here = yield* place
      const made = yield* create(here, "one-1", "go", "--env", "MOOD=glad", "--timeout", "1m", "--retries", "0")
      assert.deepStrictEqual([made.code, made.stdout], [0, "one-1\n"])
      const { code, stderr, stdout } = yield* here.sartor(["session", "resume", "one-1"])
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /^session +one-1\nstatus +complete\nresult +glad, after nothing\n$/)
      assert.match(stderr, /one-1 {2}started\n.*checkpoint work\/step-1\n.*complete after .*: glad, after nothing\n$/)
      const { document: wakes } = yield* here.json<ReadonlyArray<Document>>(["wake", "list"])
      assert.deepStrictEqual(
        wakes.map(({ session_id, status }) => [session_id, status]),
        [["one-1", "complete"]]
      )
      assert.strictEqual((yield* here.sartor(["wake", "audit"])).code, 0)
    })
  )

  it.live("exits as it ends: 7 for a question, which an answer settles, 1 for a failure; --ack settles its wakes", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1", "ask")
      const asks = yield* resume(here, "one-1")
      assert.deepStrictEqual([asks.code, asks.document.status], [7, "blocked"])
      assert.match(asks.stderr, /It waits for a human: "sartor session resume one-1 --prompt ANSWER"/)
      const answered = yield* resume(here, "one-1", ["--prompt", "The second", "--ack", "--quiet"])
      assert.deepStrictEqual([answered.code, answered.stderr], [0, ""])
      assert.deepInclude(answered.document, { status: "complete", run: 2 })
      assert.strictEqual(answered.document.result?.summary, "The second, after step-1")
      assert.deepStrictEqual((yield* here.json(["wake", "list"])).document, [])
      yield* create(here, "two-2", "fail", "--retries", "0")
      const failed = yield* resume(here, "two-2")
      assert.deepStrictEqual([failed.code, failed.document.status], [1, "failed"])
      assert.deepInclude(failed.document["error"], { code: "exit_3" })
    })
  )

  it.live("goes on after a kill -9 of who executes it, and the agent does not outlive that", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1", "wait")
      const first = yield* here.start(["session", "resume", "one-1"])
      yield* begins(here, 1)
      const checkpointed = Effect.map(
        show(here, "one-1"),
        ({ checkpoints }) => Array.isArray(checkpoints) && checkpoints.length > 0
      )
      yield* Effect.repeat(checkpointed, { until: (there) => there })
      first.child.kill("SIGKILL")
      yield* first.ended
      const pid = Number(here.read("begun.txt").split(" ")[1])
      const second = yield* here.start(["session", "resume", "one-1", "--json"])
      yield* begins(here, 2)
      yield* until(() => !isAlive(pid))
      here.write("go", "")
      const { code, stderr, stdout } = yield* second.ended
      assert.strictEqual(code, 0, stderr)
      const document: Document = JSON.parse(stdout)
      assert.deepInclude(document, { status: "complete", run: 2 })
      assert.strictEqual(document.result?.summary, "nobody, after step-1")
      assert.strictEqual((yield* here.sartor(["wake", "audit"])).code, 0)
    })
  )

  it.live("is suspended by SIGTERM, which says how it goes on, and refused while another command executes it", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1", "wait")
      const first = yield* here.start(["session", "resume", "one-1", "--json"])
      yield* begins(here, 1)
      const refused = yield* here.sartor(["session", "resume", "one-1", "--json"])
      assert.deepStrictEqual([refused.code, errorOf(refused).code], [4, "owned"])
      first.child.kill("SIGTERM")
      const { code, stderr, stdout } = yield* first.ended
      assert.strictEqual(code, 143)
      assert.match(stderr, /stopped\. "sartor session resume one-1" goes on with it/)
      assert.strictEqual(JSON.parse(stdout).status, "suspended")
      here.write("go", "")
      assert.strictEqual((yield* resume(here, "one-1")).document.run, 2)
    })
  )

  it.live("executes two of one orchestrator beside each other, each by its own command", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1", "wait", "--env", "MOOD=first")
      yield* create(here, "two-2", "wait", "--env", "MOOD=second")
      const both = yield* Effect.forEach(["one-1", "two-2"], (id) => here.start(["session", "resume", id, "--json"]))
      yield* until(() => both.every(({ stderr }) => stderr().includes("started")))
      here.write("go", "")
      const ended = yield* Effect.forEach(both, ({ ended }) => ended)
      const documents = ended.map(({ stdout }): Document => JSON.parse(stdout))
      assert.deepStrictEqual(
        documents.map(({ result, run, session_id }) => [session_id, run, result?.summary]),
        [
          ["one-1", 1, "first, after nothing"],
          ["two-2", 1, "second, after nothing"]
        ]
      )
    })
  )

  it.live("leaves a session to its orchestrator while that is open", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1", "go")
      const runner = AgentRunner.layer({ function: FunctionRunner.make({}) })
      yield* here.seed(
        Effect.gen(function* () {
          yield* Orchestrator.make({ workers: 0 })
          const { code, stdout } = yield* here.sartor(["session", "resume", "one-1"])
          assert.deepStrictEqual([code, stdout], [0, 'one-1 goes on as soon as "main" has a place for it\n'])
        }).pipe(Effect.scoped, Effect.provide(runner))
      )
      assert.strictEqual((yield* show(here, "one-1")).status, "suspended")
    })
  )

  it.live("prints claims, issues and files of a result, a line each", () =>
    Effect.gen(function* () {
      const here = yield* place
      const result = {
        type: "result",
        summary: "Read",
        claims: [{ topic: "colour", claim: "it is red", confidence: 0.7, severity: "low" }],
        issues: [{ severity: "high", description: "It burns" }],
        files: ["a.txt", { path: "b.txt" }]
      }
      const command = ["echo", JSON.stringify(result)]
      const task = ["--role", "auditor", "--task-type", "x", "--id", "one-1"]
      yield* here.sartor(["session", "create", ...task, "--runner", "command", "--", ...command])
      const { stdout } = yield* here.sartor(["session", "resume", "one-1"])
      assert.deepStrictEqual(stdout.split("\n").slice(2, -1), [
        "result   Read",
        "claims   colour: it is red (low, 70.0 %)",
        "issues   high: It burns",
        "files    a.txt",
        "         b.txt"
      ])
    })
  )

  it.live("executes a fork with the runner of its origin, knowing what that knew", () =>
    Effect.gen(function* () {
      const here = yield* place
      yield* create(here, "one-1", "go")
      yield* resume(here, "one-1")
      yield* here.sartor(["session", "fork", "one-1", "--id", "two-2"])
      const { document } = yield* resume(here, "two-2")
      assert.strictEqual(document.result?.summary, "nobody, after step-1")
    })
  )

  it.live("refuses what does not go together, and names the field", () =>
    Effect.gen(function* () {
      const here = yield* place
      const task = ["session", "create", "--role", "auditor", "--task-type", "x", "--json"]
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, string, RegExp]> = [
        [["--", "node", "a.mjs"], "command", /a command is for a session with a runner/],
        [["--runner", "command"], "command", /--runner command needs a command/],
        [["--runner", "command", "--", " "], "command", /blank/],
        [["--runner", "claude", "--prompt", "x", "--", "node"], "command", /a command is not for --runner claude/],
        [["--runner", "claude"], "prompt", /needs a --prompt/],
        [["--runner", "pigeon"], "runner", /--runner cannot be "pigeon": use command or claude/],
        [["--cwd", "."], "cwd", /--cwd is for a session with a runner/],
        [["--runner", "command", "--model", "x", "--", "node"], "model", /--model is not for --runner command/],
        [["--runner", "claude", "--prompt", "x", "--env", "A=1"], "env", /--env is not for --runner claude/],
        [["--runner", "claude", "--prompt", "x", "--tool", "read_flie"], "tool", /did you mean read_file/],
        [["--runner", "claude", "--prompt", "x", "--budget", "tokens=many"], "budget", /above 0/],
        [["--runner", "claude", "--prompt", "x", "--budget", "turns=1.5"], "budget", /whole numbers/],
        [["--runner", "claude", "--prompt", "x", "--budget", "days=1"], "budget", /use tokens, cost_usd or turns/],
        [["--runner", "command", "--timeout", "soon", "--", "node"], "timeout", /use a time from 1ms to 240h/],
        [["--runner", "command", "--retries", "101", "--", "node"], "retries", /0 to 100/]
      ]
      const ends = yield* Effect.forEach(wrong, ([args]) => here.sartor([...task, ...args]), { concurrency: 2 })
      for (const [index, [args, field, words]] of wrong.entries()) {
        const ended = ends[index]
        assert.isDefined(ended)
        if (ended === undefined) continue
        assert.deepStrictEqual([ended.code, errorOf(ended)["field"]], [2, field], args.join(" "))
        assert.match(errorOf(ended).message, words)
      }
      assert.deepStrictEqual((yield* here.json(["session", "list"])).document, [])
    })
  )

  it.live("keeps a session for Claude, with all that was said of it, until there is a key", () =>
    Effect.gen(function* () {
      const here = yield* place
      const claude = [
        "--runner",
        "claude",
        "--model",
        "m",
        "--tool",
        "read_file",
        "--budget",
        "tokens=9",
        "--silence",
        "1m"
      ]
      const task = ["--role", "auditor", "--task-type", "x", "--id", "one-1", "--prompt", "Look", "--retries", "1"]
      yield* here.sartor(["session", "create", ...task, ...claude])
      const refused = yield* here.sartor(["session", "resume", "one-1", "--json"])
      assert.deepStrictEqual([refused.code, errorOf(refused)["field"]], [2, "ANTHROPIC_API_KEY"])
      const { document } = yield* here.json<ReadonlyArray<Document>>(["session", "history", "one-1"])
      assert.deepStrictEqual(
        document.map(({ kind, limits, runner }) => [kind, limits, runner]),
        [
          [
            "created",
            { timeout: 1_800_000, retries: 1 },
            {
              type: "claude",
              model: "m",
              tools: ["read_file"],
              workspace: here.folder,
              budget: { tokens: 9 },
              silence: 60_000
            }
          ]
        ]
      )
    })
  )
})

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
