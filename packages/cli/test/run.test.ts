import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { build } from "./internal/bundle.ts"
import { agent, errorOf, type Place, place, until, workflow } from "./internal/sartor.ts"

beforeAll(build)

interface Run {
  readonly type: string
  readonly run_id: string
  readonly status: string
  readonly agents: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly attempts: number
    readonly session_id: string
    readonly result?: { readonly summary: string }
    readonly error?: { readonly code: string; readonly message: string }
  }>
  readonly synthesis: {
    readonly [name: string]: { readonly status: string; readonly conflicts: ReadonlyArray<unknown> }
  }
  readonly metrics: ReadonlyArray<{ readonly name: string }>
}

const works = (name: string, ms = 50) => ({ name, command: ["node", agent, name, String(ms)] })
const says = (name: string, script: string) => ({ name, command: ["node", "-e", script] })

const three = (ms = 50) =>
  workflow("three", [
    { ...works("plan", 20), role: "PLANNER" },
    { ...works("red", ms), needs: ["plan"] },
    { ...works("blue", ms), needs: ["plan"] },
    { name: "sum", needs: ["red", "blue"], synthesize: true }
  ])

/** How often each agent was started. */
const starts = ({ folder, read }: Place) => {
  const counts: Record<string, number> = {}
  const text = fs.existsSync(path.join(folder, "started.txt")) ? read("started.txt") : ""
  for (const name of text.split("\n").filter(Boolean)) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const ofAgent = (run: Run, name: string) => run.agents.find((agent) => agent.name === name)

describe.concurrent("sartor run", () => {
  it.live("runs agents at once, tells what they do, and reports", () =>
    Effect.gen(function* () {
      const { sartor, write } = yield* place
      write("three.json", three())
      const { code, stderr, stdout } = yield* sartor(["run", "three.json"])
      assert.strictEqual(code, 0)
      assert.match(stderr, /^\+\d+\.\ds +run three-[0-9a-z]{8}$/m)
      assert.match(stderr, /^\+\d+\.\ds +red +checkpoint work\/begun: red$/m)
      assert.match(stderr, /^\+\d+\.\ds +blue +complete after .*: blue is done$/m)
      assert.match(stderr, /^\+\d+\.\ds +sum +synthesis complete: 0 agreements, 1 conflict, /m)
      assert.match(stdout, /^three {2}complete$/m)
      assert.isFalse(`${stdout}${stderr}`.includes("\u001b"))
      const quiet = yield* sartor(["run", "three.json", "--quiet"])
      assert.deepStrictEqual([quiet.code, quiet.stderr], [0, ""])
    })
  )

  it.live("prints exactly one document with --json, and events before it with --follow", () =>
    Effect.gen(function* () {
      const { json, sartor, write } = yield* place
      write("three.json", three())
      const { code, document } = yield* json<Run>(["run", "three.json"])
      assert.deepStrictEqual([code, document.type, document.status], [0, "run", "complete"])
      assert.deepStrictEqual(
        document.agents.map(({ name, status }) => [name, status]),
        ["plan", "red", "blue", "sum"].map((name) => [name, "complete"])
      )
      assert.strictEqual(ofAgent(document, "red")?.result?.summary, "red is done")
      assert.deepStrictEqual(
        [document.synthesis["sum"]?.status, document.synthesis["sum"]?.conflicts.length],
        ["complete", 1]
      )
      assert.isAtLeast(document.metrics.length, 3)

      const followed = yield* sartor(["run", "three.json", "--json", "--follow"])
      const lines = followed.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual([lines[0].type, lines.at(-1).type], ["begun", "run"])
      assert.deepInclude(
        lines.find(({ agent, type }) => agent === "red" && type === "checkpoint"),
        {
          phase: "work",
          milestone: "begun",
          details: "red",
          run: 1
        }
      )
      assert.isTrue(
        lines.some(({ agent, status, type }) => type === "finished" && agent === "red" && status === "complete")
      )
      assert.strictEqual(lines.filter(({ type }) => type === "run").length, 1)
      const listed = yield* json<ReadonlyArray<Run>>(["runs", "list"])
      assert.deepStrictEqual(
        listed.document.map(({ status }) => status),
        ["complete", "complete"]
      )
    })
  )

  it.live("refuses bad workflow files with 2, every mistake with its line", () =>
    Effect.gen(function* () {
      const { folder, sartor, write } = yield* place
      const missing = yield* sartor(["run", "nowhere.yaml", "--json"])
      assert.deepStrictEqual([missing.code, errorOf(missing)["file"]], [2, "nowhere.yaml"])
      assert.strictEqual((yield* sartor(["run", "."])).stderr, "sartor: . is not a file\n")
      write(
        "wrong.yaml",
        `name: wrong
agents:
  - { name: a, role: AUDITOR, task_type: x, command: [a], needs: [b] }
  - { name: b, role: AUDITOR, task_type: x, command: [b], needs: [a] }
  - { name: c, role: AUDITOR, task_type: x, command: [c], timout: 3s }
  - { name: d, role: AUDITOR, task_type: x, command: [d], timeout: 3 weeks }
  - { name: e, role: JUDGE, task_type: x, command: [e] }
`
      )
      const wrong = yield* sartor(["run", "wrong.yaml"])
      assert.strictEqual(wrong.code, 2)
      for (const line of [
        /^sartor: wrong\.yaml:3:\d+: .*circle: a -> b -> a$/m,
        /^sartor: wrong\.yaml:5:\d+: .*unknown key "timout"\n +did you mean "timeout"\?$/m,
        /^sartor: wrong\.yaml:6:\d+: .*timeout must be a time such as .*"3 weeks"$/m,
        /^sartor: wrong\.yaml:7:\d+: .*JUDGE/m
      ]) {
        assert.match(wrong.stderr, line)
      }
      const document = errorOf(yield* sartor(["run", "wrong.yaml", "--json"]))
      assert.deepStrictEqual([document.code, document["file"], document["line"]], ["bad_input", "wrong.yaml", 3])
      assert.strictEqual((Array.isArray(document["problems"]) ? document["problems"] : []).length, 4)
      assert.isFalse(fs.existsSync(path.join(folder, "data")))
    })
  )

  it.live("refuses options that cannot be, before anything is started", () =>
    Effect.gen(function* () {
      const { folder, sartor, write } = yield* place
      write("three.json", three())
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["--var", "novalue"], "var"],
        [["--max-parallel", "0"], "max-parallel"],
        [["--run-id", "../x"], "run-id"],
        [["--run-id", "x", "--fresh"], "fresh"],
        [["--html", "no/such/folder/x.html"], "html"],
        [["--html", "."], "html"],
        [["--detach", "--follow"], "follow"],
        [["--detach", "--die-with-parent"], "die-with-parent"]
      ]
      for (const [args, field] of wrong) {
        const ended = yield* sartor(["run", "three.json", "--json", ...args])
        assert.deepStrictEqual([ended.code, errorOf(ended)["field"]], [2, field], args.join(" "))
      }
      assert.strictEqual((yield* sartor(["run", "three.json", "--follow"])).code, 2)
      const unknown = yield* sartor(["run", "three.json", "--var", "colour=red"])
      assert.strictEqual(unknown.code, 2)
      assert.include(unknown.stderr, '"colour"')
      assert.isFalse(fs.existsSync(path.join(folder, "data")))
    })
  )

  it.live("fails with 1, and keeps what the agent wrote on stderr", () =>
    Effect.gen(function* () {
      const { json, sartor, write } = yield* place
      const script = "console.error('no such\\u001b[31m table'); process.exit(1)"
      write("fails.json", workflow("fails", [says("bad", script), { ...works("after"), needs: ["bad"] }]))
      const { code, document } = yield* json<Run>(["run", "fails.json"])
      assert.deepStrictEqual([code, document.status], [1, "failed"])
      assert.deepInclude(ofAgent(document, "bad"), { status: "failed", attempts: 1 })
      assert.strictEqual(ofAgent(document, "bad")?.error?.code, "exit_1")
      assert.strictEqual(ofAgent(document, "after")?.status, "skipped")
      const id = ofAgent(document, "bad")?.session_id ?? ""
      assert.strictEqual((yield* sartor(["session", "logs", id])).stdout, "no such\u001b[31m table\n")
      const logs = yield* json<ReadonlyArray<{ run: number; text: string }>>(["session", "logs", id])
      assert.deepStrictEqual(
        logs.document.map(({ run, text }) => ({ run, text })),
        [{ run: 1, text: "no such\u001b[31m table\n" }]
      )
      const followed = yield* sartor(["session", "logs", id, "--follow", "--json"])
      assert.strictEqual(JSON.parse(followed.stdout).text, "no such\u001b[31m table\n")
    })
  )

  it.live("says with --dry-run what would run, and after an edit what would run again, and starts nothing", () =>
    Effect.gen(function* () {
      const it = yield* place
      const asks = says("ask", "console.log('Which one?'); process.exit(10)")
      it.write("two.json", workflow("two", [works("one"), works("two"), asks]))
      const dry = ["run", "two.json", "--dry-run"]
      assert.strictEqual((yield* it.sartor(dry)).stdout, "a new run\nruns: one, two, ask\n")
      assert.deepStrictEqual([starts(it), (yield* it.json(["runs", "list"])).document], [{}, []])
      assert.strictEqual((yield* it.sartor(["run", "two.json"])).code, 7)
      it.write("two.json", workflow("two", [works("one"), works("two", 60), asks]))
      const { document } = yield* it.json<{ readonly run_id: string }>(dry)
      const { run_id, ...plan } = document
      assert.match(run_id, /^two-/)
      const expected = { remembered: ["one"], changed: ["two"], dependent: [], open: ["ask"], dropped: [] }
      assert.deepStrictEqual(plan, expected)
      const again = yield* it.sartor(["run", "two.json"])
      assert.include(again.stderr, "remembered: one; changed, runs again: two; runs: ask")
      assert.deepStrictEqual(starts(it), { one: 1, two: 2 })
    })
  )

  it.live("waits for a human with 7, and starts anew with --fresh", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write(
        "blocked.json",
        workflow("blocked", [
          works("other"),
          says(
            "asks",
            "if (require('fs').existsSync('answer')) console.log('thank you'); else { console.log('which one?'); process.exit(10) }"
          )
        ])
      )
      const first = yield* it.json<Run>(["run", "blocked.json"])
      assert.deepStrictEqual([first.code, first.document.status], [7, "blocked"])
      assert.include(ofAgent(first.document, "asks")?.error?.message, "which one?")
      const second = yield* it.json<Run>(["run", "blocked.json"])
      assert.deepStrictEqual([second.code, second.document.run_id], [7, first.document.run_id])
      assert.deepStrictEqual(starts(it), { other: 1 })
      it.write("answer", "")
      const third = yield* it.json<Run>(["run", "blocked.json", "--fresh"])
      assert.deepStrictEqual([third.code, third.document.status], [0, "complete"])
      assert.notStrictEqual(third.document.run_id, first.document.run_id)
    })
  )

  it.live("is degraded with 6 when only what a synthesis needs has failed, however it did", () =>
    Effect.gen(function* () {
      const it = yield* place
      const line = "'x'.repeat(1023).concat('\\n').repeat(1024)"
      const agents = [
        works("good"),
        says("exits", "process.exit(3)"),
        { ...works("hangs", 60_000), timeout: "1s" },
        says("floods", `for (let i = 0; i < 100; i++) require('fs').writeSync(1, ${line})`),
        says("rambles", "process.stdout.write(Buffer.alloc(2 ** 21, 65))"),
        says("lies", "console.log(JSON.stringify({ type: 'result', summary: 7 }))"),
        says("bytes", "process.stdout.write(Buffer.from([0, 255, 254, 128, 27, 91, 50, 74, 10]))"),
        { name: "absent", command: ["no-such-program-anywhere"] }
      ]
      const sum = { name: "sum", needs: agents.map(({ name }) => name), synthesize: true }
      it.write("degraded.json", workflow("degraded", [...agents, sum], { max_parallel: 8 }))
      const { code, document, stderr } = yield* it.json<Run>(["run", "degraded.json"])
      assert.deepStrictEqual([code, document.status], [6, "degraded"])
      const endings = document.agents.map(({ error, name, status }) => [name, error?.code ?? status])
      assert.deepStrictEqual(Object.fromEntries(endings), {
        good: "complete",
        exits: "exit_3",
        hangs: "timeout",
        floods: "output_too_large",
        rambles: "output_too_large",
        lies: "invalid_result",
        bytes: "complete",
        absent: "exit_127",
        sum: "complete"
      })
      assert.include(ofAgent(document, "lies")?.error?.message, "/summary")
      assert.isFalse(stderr.includes("    at "))
      assert.isFalse(stderr.includes("\u001b"))
    })
  )

  it.live("suspends on SIGTERM, says how to go on, and runs no finished agent twice", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write("three.json", three(1500))
      const first = yield* it.start(["run", "three.json"])
      yield* until(() => starts(it)["red"] === 1 && starts(it)["blue"] === 1)
      first.child.kill("SIGTERM")
      const stopped = yield* first.ended
      assert.strictEqual(stopped.code, 143)
      assert.match(stopped.stderr, /^sartor: stopped\. "sartor run three\.json" resumes run three-\w{8}$/m)
      const runs = yield* it.json<ReadonlyArray<Run>>(["runs", "list"])
      assert.deepStrictEqual(
        runs.document.map(({ status }) => status),
        ["interrupted"]
      )
      const second = yield* it.json<Run>(["run", "three.json"])
      assert.deepStrictEqual([second.code, second.document.run_id], [0, runs.document[0]?.run_id])
      assert.deepStrictEqual(starts(it), { plan: 1, red: 2, blue: 2 })
      const audit = yield* it.sartor(["wake", "audit"])
      assert.strictEqual(audit.code, 0)
    })
  )

  it.live("ends with 130 and 129 for SIGINT and SIGHUP, with the run as it stands for --json", () =>
    Effect.gen(function* () {
      for (const [signal, code] of [["SIGINT", 130] as const, ["SIGHUP", 129] as const]) {
        const it = yield* place
        it.write("three.json", three(20_000))
        const { child, ended } = yield* it.start(["run", "three.json", "--json"])
        yield* until(() => starts(it)["blue"] === 1)
        child.kill(signal)
        const stopped = yield* ended
        assert.strictEqual(stopped.code, code)
        assert.strictEqual(JSON.parse(stopped.stdout).status, "interrupted")
      }
    })
  )

  it.live("leaves at once at a second SIGINT, and takes its agents along", () =>
    Effect.gen(function* () {
      const it = yield* place
      const script =
        "process.on('SIGTERM', () => {}); require('fs').writeFileSync('pid', String(process.pid)); setInterval(() => {}, 1000)"
      it.write("stubborn.json", workflow("stubborn", [says("stays", script)]))
      const { child, ended } = yield* it.start(["run", "stubborn.json"])
      yield* until(() => fs.existsSync(path.join(it.folder, "pid")) && it.read("pid") !== "")
      child.kill("SIGINT")
      yield* Effect.sleep("200 millis")
      child.kill("SIGINT")
      assert.strictEqual((yield* ended).code, 130)
      yield* until(() => !isAlive(Number(it.read("pid"))))
    })
  )

  it.live("F17: lets one process run an identity, and names it to a second one with 4", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write("three.json", three(20_000))
      const { child } = yield* it.start(["run", "three.json"])
      yield* until(() => starts(it)["plan"] === 1)
      for (const args of [[], ["--fresh"], ["--detach"]]) {
        const second = yield* it.sartor(["run", "three.json", "--json", ...args])
        assert.deepStrictEqual([second.code, errorOf(second).code], [4, "owned"], args.join())
        assert.match(errorOf(second).message, new RegExp(`process ${child.pid} on .+ since \\d{4}-`))
      }
    })
  )

  it.live("stops when its parent is gone, if it is told to", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write("three.json", three(20_000))
      yield* it.shell(
        '"$NODE" "$SARTOR" run three.json --die-with-parent 2> progress.txt > /dev/null & while [ ! -s started.txt ]; do sleep 0.05; done'
      )
      yield* until(() => it.read("progress.txt").includes("sartor: stopped."))
      const { document } = yield* it.json<ReadonlyArray<Run>>(["runs", "list"])
      assert.strictEqual(document[0]?.status, "interrupted")
    })
  )

  it.live("goes on in the background with --detach, and can be followed", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write("three.json", three(300))
      const { document } = yield* it.json<{ run_id: string; pid: number; log: string }>([
        "run",
        "three.json",
        "--detach",
        "--html",
        "report.html"
      ])
      assert.isTrue(isAlive(document.pid))
      const followed = yield* it.sartor(["runs", "follow", document.run_id, "--json"])
      const lines = followed.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual([followed.code, lines[0].type, lines.at(-1).type], [0, "begun", "run"])
      assert.isTrue(lines.some(({ agent, type }) => agent === "blue" && type === "checkpoint"))
      assert.strictEqual(lines.at(-1).status, "complete")
      yield* until(() => !isAlive(document.pid))
      assert.match(fs.readFileSync(document.log, "utf8"), /complete after/)
      assert.isTrue(fs.existsSync(path.join(it.folder, "report.html")))
      const people = yield* it.sartor(["runs", "follow", document.run_id])
      assert.match(people.stdout, /^\+\d+\.\ds +blue +checkpoint work\/begun: blue$/m)
      assert.match(people.stdout, /^status +complete$/m)
    })
  )

  it.live("gives agents the data directory, so that sartor works inside of them", () =>
    Effect.gen(function* () {
      const it = yield* place
      const command = [
        'sartor() { node "$SARTOR" "$@"; }',
        'sartor checkpoint "$SARTOR_SESSION_ID" testing axe "7 pages"',
        'sartor wake send --session "$SARTOR_SESSION_ID" --status complete --file out.txt --next-role planner',
        "echo the result"
      ].join("\n")
      const { bin } = yield* Effect.promise(() => import("./internal/bundle.ts"))
      const step = { name: "helped", command: ["sh", "-c", command], env: { SARTOR: bin } }
      fs.mkdirSync(path.join(it.folder, "flows"))
      it.write("flows/helped.json", workflow("helped", [step]))
      const { code, document } = yield* it.json<Run>(["run", "flows/helped.json"])
      assert.deepStrictEqual([code, ofAgent(document, "helped")?.result?.summary], [0, "the result"])
      const id = ofAgent(document, "helped")?.session_id ?? ""
      const history = yield* it.json<ReadonlyArray<Record<string, unknown>>>(["session", "history", id])
      assert.deepStrictEqual(
        history.document.map(({ kind, run }) => [kind, run]),
        [["created", 0], ...["started", "checkpoint", "draft", "ended"].map((kind) => [kind, 1])]
      )
    })
  )

  it.live(
    "run inside an agent stays within the permits of the run outside: what waits for it leaves its own to it",
    () =>
      Effect.gen(function* () {
        const { folder, json, read, write } = yield* place
        const { bin } = yield* Effect.promise(() => import("./internal/bundle.ts"))
        const log = path.join(folder, "log")
        const busy = (name: string) => ({
          name,
          command: ["sh", "-c", `echo + >> "$LOG"; sleep 0.3; echo - >> "$LOG"; echo done`]
        })
        write("inner.json", workflow("inner", ["a", "b", "c"].map(busy), { max_parallel: 3 }))
        const nest = {
          name: "nest",
          command: ["sh", "-c", `node "$SARTOR" run inner.json --quiet --json >&2 && echo nested`]
        }
        write("outer.json", workflow("outer", [nest, busy("x"), busy("y")], { max_parallel: 2 }))
        const ran = yield* json<Run>(["run", "outer.json"], { env: { SARTOR: bin, LOG: log } })
        assert.deepStrictEqual([ran.code, ran.document.status], [0, "complete"], ran.stderr)
        let now = 0
        let most = 0
        for (const line of read("log").trim().split("\n")) most = Math.max(most, (now += line === "+" ? 1 : -1))
        assert.deepStrictEqual([now, most], [0, 2])
      }).pipe(Effect.scoped)
  )

  it.live("suspends when nobody reads its events any more, without a word about it", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write("three.json", three(1000))
      const left = yield* it.shell(
        'sartor run three.json --json --follow --quiet | head -n 1 > first.txt; echo "${PIPESTATUS[0]}"'
      )
      assert.deepStrictEqual([left.stdout, left.stderr], ["141\n", ""])
      const { document } = yield* it.json<ReadonlyArray<Run>>(["runs", "list"])
      assert.strictEqual(document[0]?.status, "interrupted")
    })
  )
})

describe.concurrent("sartor runs and report", () => {
  it.live("shows a run, and its report against a sequential run that was really executed", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write("three.json", three())
      const { document } = yield* it.json<Run>(["run", "three.json"])
      const sequential = yield* it.json<Run & { max_parallel: number }>([
        "run",
        "three.json",
        "--sequential",
        "--run-id",
        "base-1"
      ])
      assert.deepStrictEqual([sequential.document.run_id, sequential.document.max_parallel], ["base-1", 1])
      const shown = yield* it.json<Run>(["runs", "show", document.run_id])
      assert.deepStrictEqual(shown.document, document)
      assert.match((yield* it.sartor(["runs", "show", document.run_id])).stdout, /^red +complete +1 .* red is done$/m)
      const report = yield* it.sartor(["report", document.run_id, "--baseline", "base-1"])
      assert.strictEqual(report.code, 0)
      assert.match(report.stdout, /^sequential run/m)
      const html = yield* it.json<object>(["report", document.run_id, "--html", "out.html"])
      assert.deepStrictEqual(html.document, { run_id: document.run_id, html: path.join(it.folder, "out.html") })
      assert.match(it.read("out.html"), /^<!doctype html>/i)
      assert.deepStrictEqual(
        fs.readdirSync(it.folder).filter((name) => name.endsWith(".tmp")),
        []
      )
      const again = yield* it.sartor(["run", "three.json", "--run-id", document.run_id])
      assert.strictEqual(again.code, 0)
      assert.match(again.stderr, /has ended before/)
    })
  )

  it.live("cancels a run that somebody executes, and one that nobody does", () =>
    Effect.gen(function* () {
      const it = yield* place
      it.write("three.json", three(20_000))
      const { ended } = yield* it.start(["run", "three.json", "--json"])
      yield* until(() => starts(it)["red"] === 1)
      const { document } = yield* it.json<ReadonlyArray<Run>>(["runs", "list"])
      const id = document[0]?.run_id ?? ""
      assert.strictEqual((yield* it.sartor(["runs", "cancel", id])).code, 0)
      const cancelled = yield* ended
      assert.deepStrictEqual([cancelled.code, JSON.parse(cancelled.stdout).status], [1, "cancelled"])
      assert.strictEqual((yield* it.sartor(["runs", "cancel", id])).code, 0)
      it.write("ok.json", workflow("ok", [works("quick")]))
      const whole = yield* it.json<Run>(["run", "ok.json"])
      const late = yield* it.sartor(["runs", "cancel", whole.document.run_id, "--json"])
      assert.deepStrictEqual([late.code, errorOf(late).code], [4, "conflict"])
    })
  )

  it.live("ends with 3 for a run that is not there, with 2 for what cannot be one", () =>
    Effect.gen(function* () {
      const { sartor } = yield* place
      for (const command of [["runs", "show"], ["runs", "follow"], ["runs", "cancel"], ["report"]]) {
        const unknown = yield* sartor([...command, "no-such", "--json"])
        assert.deepStrictEqual([unknown.code, errorOf(unknown).code], [3, "not_found"], command.join(" "))
        assert.strictEqual((yield* sartor([...command, "../.."])).code, 2)
      }
      const empty = yield* sartor(["runs", "list", "--json"])
      assert.deepStrictEqual([empty.code, empty.stdout], [0, "[]\n"])
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
