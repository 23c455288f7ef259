/** What the team of examples/02-claude-team says and does, turn by turn. */
import { FakeClaude } from "@sartor/core/testing"
import { Effect, Exit, Scope } from "effect"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { assert } from "vitest"
import { run, start, temporaryFolder } from "./sartor.ts"

const { call, hand, say, think } = FakeClaude

const claim = (topic: string, text: string, evidence: string) => ({
  topic,
  claim: text,
  stance: "support",
  confidence: 0.9,
  evidence: [evidence],
  severity: null
})
const report = (summary: string, claims: ReadonlyArray<ReturnType<typeof claim>>, files: ReadonlyArray<string> = []) =>
  hand({ summary, claims: [...claims], files: [...files], issues: null, confidence: 0.9 })

const tests = call("run_command", { command: ["node", "--test"] })

/** How each module is mended: the text that is wrong, and what stands there afterwards. */
export const mended = {
  csv: [
    'line.split(",").map((value) => value.replace(/^"|"$/g, ""))',
    '[...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll(\'""\', \'"\') ?? plain)'
  ],
  money: ["sum + Number(amount) * 100", "sum + Math.round(Number(amount) * 100)"],
  dates: ["Math.abs(new Date(to) - new Date(from))", "(new Date(to) - new Date(from))"]
} as const

const implementer = (name: keyof typeof mended): FakeClaude.Conversation => {
  const [before, after] = mended[name]
  const path = `src/${name}.js`
  return {
    name,
    when: `You are "${name}"`,
    turns: [
      {
        content: [
          think("The test first"),
          call("read_file", { path }),
          call("read_file", { path: `test/${name}.test.js` })
        ]
      },
      { content: [say("I mend it."), call("edit_file", { path, old_text: before, new_text: after })] },
      { content: [tests] },
      report(`${name} is mended`, [claim(name, `The tests of ${name} pass.`, `${name}/${path}:2`)], [path])
    ]
  }
}

export const conversations: ReadonlyArray<FakeClaude.Conversation> = [
  {
    name: "plan",
    when: `You are "plan"`,
    turns: [
      { content: [think("What is there?"), call("list_files", {}), call("read_file", { path: "README.md" })] },
      { content: [tests] },
      report(
        "Three modules are wrong, each in one line",
        Object.keys(mended).map((name) => claim(name, `${name} is wrong in its only line.`, `${name}/src/${name}.js:2`))
      )
    ]
  },
  implementer("csv"),
  implementer("money"),
  implementer("dates"),
  {
    name: "audit",
    when: `You are "audit"`,
    turns: [
      { content: [think("I trust nobody"), tests, call("search_files", { text: "export const" })] },
      report(
        "All tests pass",
        Object.keys(mended).map((name) =>
          claim(name, `${name} does what its tests say.`, `${name}/test/${name}.test.js`)
        )
      )
    ]
  },
  {
    name: "clean",
    when: `You are "clean"`,
    turns: [
      {
        content: [
          call("write_file", { path: "CHANGELOG.md", content: "csv, money and dates are mended.\n", mode: "create" }),
          call("checkpoint", { phase: "cleaning", milestone: "changelog" })
        ]
      },
      report("The changelog is written", [], ["CHANGELOG.md"])
    ]
  }
]

/** The agents of examples/01-site-audit/claude.yaml. */
export const auditors: ReadonlyArray<FakeClaude.Conversation> = [
  {
    name: "plan",
    when: `You are "plan"`,
    turns: [
      { content: [call("list_files", {})] },
      report("Read the pages", [claim("scope", "There are pages.", "index.html")])
    ]
  },
  ...(["security", "performance", "accessibility"] as const).map((name) => ({
    name,
    when: `You are "${name}"`,
    turns: [
      { content: [think("Look"), call("grep", { text: "<script" }), call("search_files", { text: "<script" })] },
      report(`Audited for ${name}`, [
        {
          ...claim("script-placement/index.html", "The script theme.js belongs in the page.", "index.html:1"),
          stance: name === "performance" ? "support" : "oppose"
        }
      ])
    ]
  })),
  { name: "report", when: `You are "report"`, turns: [report("Settle the script first", [])] }
]

/** How many turns all of them take. */
export const turns = conversations.reduce((sum, { turns }) => sum + turns.length, 0)

const examples = join(import.meta.dirname, "..", "..", "examples")
const workflow = join(examples, "02-claude-team", "workflow.yaml")
export const audit = join(examples, "01-site-audit", "claude.yaml")

const key = "sk-ant-team-canary"

type Cleanups = Array<() => void>

/** The API of the team, until the tests are over. */
export const serve = (cleanups: Cleanups, options: Partial<FakeClaude.Options> = {}) => {
  const scope = Scope.makeUnsafe()
  cleanups.push(() => void Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.runPromise(Scope.provide(FakeClaude.make({ conversations, apiKey: key, ...options }), scope))
}

export const setUp = (cleanups: Cleanups) => {
  const folder = temporaryFolder(cleanups)
  const target = join(folder, "work")
  const data = ["--data-dir", join(folder, "data")]
  return { folder, target, data, args: ["run", workflow, "--var", `target=${target}`, ...data, "--json"] }
}

export const environment = (fake: FakeClaude.FakeClaude) => ({ ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: fake.url })

export const testsPass = (target: string) => spawnSync(process.execPath, ["--test"], { cwd: target }).status === 0

/** Ends the command at its n-th request, as kill -9 does, runs it again, and looks at what became of it. */
export const rehearse = async (n: number, cleanups: Cleanups) => {
  let kill = () => {}
  let count = 0
  const killing = Effect.suspend(() => {
    if (++count !== n) return Effect.void
    kill()
    return Effect.never
  })
  const fake = await serve(cleanups, { onRequest: () => killing })
  const { args, data, target } = setUp(cleanups)
  const first = start(args, environment(fake))
  kill = () => first.child.kill("SIGKILL")
  assert.strictEqual((await first.ended).signal, "SIGKILL")

  let ended = await run(args, environment(fake))
  // A program may have been running: only a human knows what came of it.
  for (let times = 0; ended.code === 7 && times < 5; times++) {
    const blocked = JSON.parse(ended.stdout).agents.filter(({ status }: { status: string }) => status === "blocked")
    for (const { session_id } of blocked) {
      await run(["session", "resume", session_id, "--prompt", "It was stopped. Go on.", ...data])
    }
    ended = await run(args, environment(fake))
  }
  assert.strictEqual(ended.code, 0, ended.stderr + ended.stdout)
  assert.isTrue(testsPass(target))
  assert.deepStrictEqual(
    fake.refused().map(({ refusal }) => refusal),
    []
  )
  // Once each, but for those whose answers were in the air: three agents at most were waiting for one.
  const times = new Map<string, number>()
  for (const { conversation, turn } of fake.requests) {
    times.set(`${conversation} ${turn}`, (times.get(`${conversation} ${turn}`) ?? 0) + 1)
  }
  assert.strictEqual(times.size, turns)
  assert.isAtMost(Math.max(...times.values()), 2)
  assert.isAtMost(fake.requests.length, turns + 3)
}
