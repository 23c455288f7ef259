import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as child from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { bin, build, node } from "./internal/bundle.ts"
import { errorOf, place } from "./internal/sartor.ts"

beforeAll(build)

describe.concurrent("what every command does", () => {
  it.live("prints its version", () =>
    Effect.gen(function* () {
      const { json, sartor } = yield* place
      const { code, stdout } = yield* sartor(["--version"])
      assert.strictEqual(code, 0)
      assert.match(stdout, /^sartor \d+\.\d+\.\d+\n$/)
      const { document } = yield* json<{ version: string }>(["--version"])
      assert.match(document.version, /^\d+\.\d+\.\d+$/)
    })
  )

  it.live("has help with examples for every command", () =>
    Effect.gen(function* () {
      const { folder, sartor } = yield* place
      const bare = yield* sartor([])
      assert.strictEqual(bare.code, 0)
      const commands = [
        "",
        "run",
        "runs",
        "runs list",
        "runs show",
        "runs follow",
        "runs cancel",
        "report",
        "questions",
        "answer",
        "session",
        "session create",
        "session list",
        "session show",
        "session history",
        "session logs",
        "wake",
        "wake send",
        "wake list",
        "wake ack",
        "wake dead",
        "wake audit",
        "checkpoint",
        "monitor",
        "completions"
      ]
      const help = yield* Effect.forEach(
        commands,
        (command) => sartor([...command.split(" ").filter(Boolean), "--help"]),
        {
          concurrency: 4
        }
      )
      for (const [index, { code, stderr, stdout }] of help.entries()) {
        assert.strictEqual(code, 0, commands[index])
        assert.strictEqual(stderr, "")
        assert.match(stdout, /^ {2}sartor .*/m)
        assert.include(stdout, "EXAMPLES\n", commands[index])
      }
      assert.deepStrictEqual(fs.readdirSync(folder), [])
    })
  )

  it.live("says in a line or two what is wrong with a command line, and ends with 2", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["sesion", "list"], /has no command "sesion"\n +did you mean "session"\?/],
        [["session", "lst"], /has no command "lst"\n +did you mean "list"\?/],
        [["session", "list", "--jsn"], /has no flag --jsn\n +did you mean "--json"\?/],
        [["wake"], /"sartor wake" needs a command after it/],
        [["session", "show"], /the argument id is missing/],
        [["session", "create", "--role", "auditor"], /--task-type is missing/],
        [["session", "list", "--status", "asleep"], /--status cannot be "asleep": use created, running/],
        [["runs", "list", "extra"], /nothing is expected here: "extra"/],
        [["run", "x.yaml", "--max-parallel", "many"], /--max-parallel cannot be "many": use a whole number/],
        [["runs", "list", "--connect-timeout", "soon"], /--connect-timeout cannot be "soon"/],
        [["runs", "list", "--namespace", "../x"], /--namespace cannot be "\.\.\/x"/],
        [["monitor", "--onse"], /has no flag --onse\n +did you mean "--once"\?/],
        [["completions", "tcsh"], /use bash, zsh, fish or powershell/]
      ]
      const ends = yield* Effect.forEach(wrong, ([args]) => sartor(args), { concurrency: 4 })
      for (const [index, [args, words]] of wrong.entries()) {
        const { code = 0, stderr = "", stdout = "?" } = ends[index] ?? {}
        assert.strictEqual(code, 2, args.join(" "))
        assert.match(stderr, words)
        assert.isAtMost(stderr.split("\n").length, 3, stderr)
        assert.strictEqual(stdout, "")
      }
    })
  )

  it.live("prints errors as one document with --json, wherever that stands", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const one = yield* sartor(["session", "list", "--bogus", "--json"])
      const two = yield* sartor(["--json", "session", "show", "no-such"])
      assert.deepStrictEqual([one.code, errorOf(one).code, one.stderr], [2, "bad_input", ""])
      assert.deepStrictEqual([two.code, errorOf(two).code, two.stderr], [3, "not_found", ""])
      assert.isString(errorOf(two).message)
    })
  )

  it.live("names the variable of the environment that is wrong", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const wrong = [
        ["SARTOR_TRANSPORT", "pigeon"],
        ["SARTOR_NAMESPACE", "No Good"],
        ["SARTOR_NATS_URL", "localhost"],
        ["SARTOR_ROLES", "judge,the jury"],
        ["SARTOR_LOG_LEVEL", "loud"]
      ] as const
      for (const [name, value] of wrong) {
        const { code, stderr } = yield* sartor(["runs", "list"], { env: { [name]: value } })
        assert.strictEqual(code, 2, name)
        assert.include(stderr, name)
      }
      const fine = yield* sartor(["runs", "list"], { env: { SARTOR_TRANSPORT: "", SARTOR_ROLES: "" } })
      assert.strictEqual(fine.code, 0)
    })
  )

  it.live("keeps data where the flags, then the environment say", () =>
    Effect.gen(function* () {
      const { folder, sartor } = yield* place
      const env = { SARTOR_DATA_DIR: "from-env", SARTOR_NAMESPACE: "blue" }
      yield* sartor(["session", "create", "--role", "auditor", "--task-type", "x"], { env })
      yield* sartor(["session", "create", "--role", "auditor", "--task-type", "x", "--data-dir", "from-flag"], { env })
      assert.deepStrictEqual(fs.readdirSync(folder).sort(), ["from-env", "from-flag"])
      const other = yield* sartor(["session", "list", "--json", "--namespace", "red"], { env })
      assert.strictEqual(other.stdout, "[]\n")
    })
  )

  it.live("says where no NATS server answers, with 5, and soon", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      const nats = ["session", "list", "--transport", "nats", "--json", "--nats-url"]
      const ended = yield* sartor([...nats, "nats://someone:hushhush@127.0.0.1:1", "--connect-timeout", "2s"])
      assert.strictEqual(ended.code, 5)
      assert.strictEqual(errorOf(ended).code, "transport_unavailable")
      assert.include(errorOf(ended).message, "no NATS server at 127.0.0.1:1")
      assert.notInclude(ended.stdout + ended.stderr, "hushhush")
      const wrong = yield* sartor([...nats, "http://someone:hushhush@127.0.0.1:1"])
      assert.strictEqual(wrong.code, 2)
      assert.notInclude(wrong.stdout + wrong.stderr, "hushhush")
    })
  )

  it.live("refuses a data directory that is a file, with 5", () =>
    Effect.gen(function* () {
      const { sartor, write } = yield* place
      write("data", "")
      const ended = yield* sartor(["session", "list"])
      assert.strictEqual(ended.code, 5)
      assert.isAtMost(ended.stderr.split("\n").length, 3)
    })
  )

  it.live("survives readers that leave and disks that are full", () =>
    Effect.gen(function* () {
      const { shell } = yield* place
      const left = yield* shell('sartor --help | head -c 10; echo " ${PIPESTATUS[0]}"')
      assert.strictEqual(left.stderr, "")
      assert.match(left.stdout, /^DESCRIPTION? (0|141)\n$/)
      const full = yield* shell("sartor session list --json > /dev/full")
      assert.strictEqual(full.code, 1)
      assert.match(full.stderr, /^sartor: stdout cannot be written: ENOSPC.*\n$/)
    })
  )

  it.live("makes completions that the shell can read", () =>
    Effect.gen(function* () {
      const { shell } = yield* place
      const { code, stderr, stdout } = yield* shell(
        "sartor completions bash > c.bash && source c.bash && complete -p sartor"
      )
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, "sartor")
    })
  )
})

describe.concurrent("bin/sartor.mjs", () => {
  const copy = (folder: string) => {
    const own = path.join(folder, "bin/sartor.mjs")
    fs.mkdirSync(path.dirname(own))
    fs.copyFileSync(bin, own)
    return own
  }

  it.live("tells how to build what is not built", () =>
    Effect.gen(function* () {
      const { folder } = yield* place
      const { status, stderr } = child.spawnSync(node, [copy(folder)], { encoding: "utf8" })
      assert.strictEqual(status, 1)
      assert.strictEqual(stderr, "sartor: it is not built yet: run `pnpm --filter @sartor/cli build`\n")
    })
  )

  it.live("refuses a Node that is too old in one line", () =>
    Effect.gen(function* () {
      const { folder, write } = yield* place
      const own = copy(folder)
      write("old.mjs", 'Object.defineProperty(process.versions, "node", { value: "20.20.2" })')
      const { status, stderr } = child.spawnSync(node, ["--import", path.join(folder, "old.mjs"), own], {
        encoding: "utf8"
      })
      assert.strictEqual(status, 2)
      assert.strictEqual(stderr, "sartor: Node 20.20.2 is too old: sartor needs Node 22.19 or newer\n")
    })
  )
})
