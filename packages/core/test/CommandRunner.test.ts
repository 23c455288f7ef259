import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Stream } from "effect"
import { readFileSync } from "node:fs"
import * as Agent from "../src/Agent.ts"
import type { Event, RunFailed } from "../src/AgentRunner.ts"
import * as CommandRunner from "../src/CommandRunner.ts"
import * as Role from "../src/Role.ts"
import type * as Session from "../src/Session.ts"
import * as SessionId from "../src/SessionId.ts"

const session = (command: Agent.Runner & { readonly type: "command" }): Session.Session => ({
  run: 3,
  session_id: SessionId.SessionId.make("auditor-a11y-0k3f9d2m"),
  role: Role.Role.make("AUDITOR"),
  task_type: "a11y",
  prompt: "Look",
  metadata: {},
  orchestrator: "main",
  runner: command,
  limits: Agent.defaultLimits,
  inputs: {},
  status: "running",
  version: 2,
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z",
  failures: 0,
  runs: [],
  turns: 0,
  checkpoints: [],
  wakes: [],
  told: [],
  unread: [],
  takeovers: 0,
  reset_at: 0
})

const execute = (command: readonly [string, ...Array<string>], cwd?: string) =>
  Stream.unwrap(
    Effect.map(
      CommandRunner.make({ env: { PATH: `${process.execPath.replace(/\/node$/, "")}:${process.env["PATH"]}` } }),
      (run) =>
        run({
          session: session({ type: "command", command, ...(cwd === undefined ? {} : { cwd }) }),
          attempt: 2,
          inputs: { plan: { summary: "planned" } }
        })
    )
  )
const events = (...command: readonly [string, ...Array<string>]) => Stream.runCollect(execute(command))
const node = (script: string) => events("node", "-e", script)
const shell = (script: string) => events("sh", "-c", script)
const resultOf = (all: ReadonlyArray<Event>) => all.flatMap((event) => (event.type === "result" ? [event.result] : []))
const failing = (effect: Effect.Effect<unknown, RunFailed, NodeServices.NodeServices>) =>
  Effect.map(Effect.flip(effect), ({ code, retryable, status }) => ({ code, retryable, status }))

/** A zombie is dead: nobody has asked for its exit code yet. */
const isAlive = (pid: number) => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}
const goneSoon = Effect.fnUntraced(function* (pid: number) {
  for (let tries = 0; tries < 100 && isAlive(pid); tries++) yield* Effect.sleep("50 millis")
  return !isAlive(pid)
})

it.layer(NodeServices.layer, { excludeTestServices: true })("CommandRunner", (it) => {
  describe("what an agent gets", () => {
    it.effect("is one JSON document on stdin and its ids in the environment", () =>
      Effect.gen(function* () {
        const all = yield* node(`
          let text = ""
          process.stdin.on("data", (chunk) => (text += chunk)).on("end", () => {
            const { SARTOR_SESSION_ID, SARTOR_RUN } = process.env
            console.log(JSON.stringify({ type: "result", summary: JSON.stringify([JSON.parse(text), SARTOR_SESSION_ID, SARTOR_RUN]) }))
          })`)
        const [document, id, run] = JSON.parse(resultOf(all)[0]?.summary ?? "")
        assert.deepStrictEqual([id, run], ["auditor-a11y-0k3f9d2m", "3"])
        assert.deepStrictEqual(document, {
          session_id: "auditor-a11y-0k3f9d2m",
          run: 3,
          role: "AUDITOR",
          task_type: "a11y",
          prompt: "Look",
          attempt: 2,
          inputs: { plan: { summary: "planned" } },
          checkpoints: [],
          told: []
        })
      })
    )
    it.effect("may be left unread", () =>
      Effect.gen(function* () {
        assert.strictEqual(resultOf(yield* shell("exec 0<&-; sleep 0.2; echo fine"))[0]?.summary, "fine")
      })
    )
  })

  describe("what an agent prints", () => {
    it.effect("comes as events, and the last result wins", () =>
      Effect.gen(function* () {
        const all = yield* shell(`
          echo '{"type":"turn","text":"thinking"}'
          echo '{"type":"checkpoint","phase":"testing","milestone":"half"}'
          echo '{"type":"result","summary":"first"}'
          echo '{"type":"finding","summary":"a hole","priority":"critical"}'
          echo '{"type":"result","summary":"second","claims":[{"topic":"t","claim":"c"}]}'
          echo trouble >&2`)
        assert.deepStrictEqual(all.map((event) => event.type).sort(), [
          "checkpoint",
          "finding",
          "log",
          "result",
          "turn"
        ])
        assert.deepStrictEqual(resultOf(all), [{ summary: "second", claims: [{ topic: "t", claim: "c" }] }])
        assert.deepStrictEqual(
          all.filter((event) => event.type === "log"),
          [{ type: "log", text: "trouble\n" }]
        )
      })
    )
    it.effect("may be just text, which becomes the summary", () =>
      Effect.gen(function* () {
        assert.strictEqual(
          resultOf(yield* shell("echo one; echo '{broken'; echo two"))[0]?.summary,
          "one\n{broken\ntwo"
        )
      })
    )
    it.effect("may be one JSON result over many lines", () =>
      Effect.gen(function* () {
        const all = yield* node(`console.log(JSON.stringify({ summary: "whole", confidence: 0.5 }, null, 2))`)
        assert.deepStrictEqual(resultOf(all), [{ summary: "whole", confidence: 0.5 }])
        assert.deepStrictEqual(resultOf(yield* shell(`echo '{"errors":0}'`)), [{ summary: '{"errors":0}' }])
      })
    )
    it.effect("is refused with the JSON pointer when the result is not valid", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          shell(`echo '{"type":"result","summary":"s","claims":[{"topic":"t","claim":"c","confidence":7}]}'`)
        )
        assert.deepStrictEqual([error.code, error.retryable], ["invalid_result", true])
        assert.include(error.message, "/claims/0/confidence")
      })
    )
    it.effect("must be something", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* failing(shell("true")), {
          code: "invalid_result",
          retryable: true,
          status: "failed"
        })
      })
    )
    it.effect("may be 16 MiB in all, and a line 1 MiB", () =>
      Effect.gen(function* () {
        const tooLarge = { code: "output_too_large", retryable: false, status: "failed" }
        assert.deepStrictEqual(yield* failing(node(`console.log("x".repeat(1024 * 1024 + 1))`)), tooLarge)
        assert.deepStrictEqual(yield* failing(shell("yes flooding | head -c 100000000")), tooLarge)
        const all = yield* node(`for (let i = 0; i < 15; i++) console.log("x".repeat(1000 * 1000))`)
        assert.strictEqual(resultOf(all)[0]?.summary.length, 15_000_014)
      })
    )
    it.effect("is counted in bytes", () =>
      Effect.gen(function* () {
        const tooLarge = { code: "output_too_large", retryable: false, status: "failed" }
        assert.deepStrictEqual(yield* failing(node(`console.log("日".repeat(400 * 1024))`)), tooLarge)
        assert.strictEqual(resultOf(yield* node(`console.log("日".repeat(300 * 1024))`))[0]?.summary.length, 307_200)
      })
    )
    it.effect(
      "may be rubbish: bytes that are no text, control characters, JSON of other programs, or far too deep",
      () =>
        Effect.gen(function* () {
          const rubbish = [
            `process.stdout.write(Buffer.from([0xff, 0xfe, 0, 1, 2, 0x80, 10]))`,
            `console.log("\\u0000\\u001b[2J\\ud800")`,
            `console.log('{"type":"__proto__"}\\n{"type":{"toString":1}}\\n{"type":"finding"\\n[1,2]\\n{"__proto__":{"x":1}}')`,
            `console.log('{"a":' + "[".repeat(400000) + "]".repeat(400000) + "}")`
          ]
          for (const script of rubbish) assert.strictEqual(resultOf(yield* node(script)).length, 1)
          const invalid = { code: "invalid_result", retryable: true, status: "failed" }
          const deep = `"[".repeat(400000) + "]".repeat(400000)`
          assert.deepStrictEqual(
            yield* failing(node(`console.log('{"type":"result","summary":"s","x":' + ${deep} + "}")`)),
            invalid
          )
          assert.deepStrictEqual(yield* failing(node(`console.log('{"type":"finding"}')`)), invalid)
          assert.deepStrictEqual(yield* failing(node(`console.log('{"type":"turn","text":' + ${deep} + "}")`)), invalid)
        })
    )
    it.effect("is complete though its reader is slower than it ends", () =>
      Effect.gen(function* () {
        const turns = yield* execute([
          "sh",
          "-c",
          `i=0; while [ $i -lt 500 ]; do echo '{"type":"turn","text":"'$i'"}'; i=$((i+1)); done; echo end`
        ]).pipe(
          Stream.tap(() => Effect.sleep("1 millis")),
          Stream.runCollect
        )
        assert.strictEqual(turns.filter((event) => event.type === "turn").length, 500)
      })
    )
  })

  describe("how an agent ends", () => {
    it.effect("decides what becomes of the run", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* failing(shell("echo which key?; exit 10")), {
          code: "blocked",
          retryable: false,
          status: "blocked"
        })
        assert.deepStrictEqual(yield* failing(shell("exit 75")), { code: "exit_75", retryable: true, status: "failed" })
        assert.deepStrictEqual(yield* failing(shell("exit 3")), { code: "exit_3", retryable: true, status: "failed" })
        assert.deepStrictEqual(yield* failing(shell("kill -9 $$")), {
          code: "signal_9",
          retryable: true,
          status: "failed"
        })
        assert.deepStrictEqual(yield* failing(events("no-such-program")), {
          code: "exit_127",
          retryable: false,
          status: "failed"
        })
        assert.deepStrictEqual(yield* failing(events("true", "a\0b")), {
          code: "not_started",
          retryable: false,
          status: "failed"
        })
        assert.deepStrictEqual(yield* failing(Stream.runCollect(execute(["true"], "/no/such/folder"))), {
          code: "not_started",
          retryable: false,
          status: "failed"
        })
      })
    )
    it.effect("ends what it has started and left behind", () =>
      Effect.gen(function* () {
        const all = yield* shell("sleep 300 & echo $!")
        assert.isTrue(yield* goneSoon(Number(resultOf(all)[0]?.summary)))
      })
    )
    it.effect("by interruption takes its whole group along, though it ignores being asked", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped()
        const script = `trap '' TERM; sleep 300 & echo $$ $! > ${file}; while :; do sleep 1; done`
        const fiber = yield* Effect.forkChild(Stream.runDrain(execute(["sh", "-c", script])))
        let pids: ReadonlyArray<number> = []
        while (pids.length < 2) {
          yield* Effect.sleep("20 millis")
          pids = (yield* fs.readFileString(file)).trim().split(" ").filter(Boolean).map(Number)
        }
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(pids.map(isAlive), [false, false])
      })
    )
  })
})
