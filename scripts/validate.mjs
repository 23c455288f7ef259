// `pnpm validate`: the plan's last phase, on this machine. Runs the full workflow both ways, the scenarios, the executor's rows and
// the fleet that is killed, and writes docs/validation.md with the figures, the machine and the commit.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { cpus, release, tmpdir, totalmem, type } from "node:os"
import { join } from "node:path"
import { bin, env, root, setup } from "./setup.mjs"

setup()
const folder = mkdtempSync(join(tmpdir(), "sartor-validate-"))
const say = (text) => process.stderr.write(`${text}\n`)
const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, env, encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...options })
const sartor = (...args) => {
  const { status, stderr, stdout } = run(process.execPath, [
    join(root, "packages/cli/bin/sartor.mjs"),
    ...args,
    "--json"
  ])
  if (status !== 0) throw new Error(`sartor ${args.join(" ")} ended with ${status}: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

const workflow = join(root, "examples/06-full-workflow/workflow.yaml")
const runOnce = (name, ...more) => {
  say(`The full workflow, ${name} …`)
  const data = ["--data-dir", join(folder, name)]
  const vars = ["--var", `out=${join(folder, `${name}-out`)}`, "--var", "work=3000"]
  const document = sartor("run", workflow, ...data, ...vars, "--quiet", ...more)
  return { document, audit: sartor("wake", "audit", ...data), wall: millis(document) }
}
const millis = ({ finished_at, started_at }) => Date.parse(finished_at) - Date.parse(started_at)
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`
const percent = (share) => `${(share * 100).toFixed(1)} %`

const parallel = runOnce("parallel")
const sequential = runOnce("sequential", "--sequential")
const { agents } = parallel.document
const span = (name) => agents.find((agent) => agent.name === name)
const builders = ["build-slug", "build-words", "build-initials"].map(span)
const summed = builders.reduce((sum, agent) => sum + millis(agent), 0)
const together =
  Math.max(...builders.map(({ finished_at }) => Date.parse(finished_at))) -
  Math.min(...builders.map(({ started_at }) => Date.parse(started_at)))
/** Between the end of what an agent needs and its own start, the orchestrator had to act. */
const gaps = agents.flatMap((agent) => {
  const ends = agent.needs.map((need) => Date.parse(span(need).finished_at))
  return ends.length === 0 ? [] : [Date.parse(agent.started_at) - Math.max(...ends)]
})
const blocked = gaps.reduce((sum, gap) => sum + gap, 0)

const files = [
  "tests/e2e/plan.test.ts",
  "tests/e2e/parallel-executor.test.ts",
  "tests/e2e/fleet.test.ts",
  "tests/e2e/kill.test.ts"
]
say("The scenarios, the executor's rows, and fleets that are killed …")
const results = join(folder, "results.json")
run(bin("vitest"), ["run", "--reporter=json", `--outputFile=${results}`, ...files], {
  env: { ...env, SARTOR_TEST_MODE: "test" }
})
const tests = JSON.parse(readFileSync(results, "utf8")).testResults.flatMap(({ assertionResults }) => assertionResults)
const failed = tests.filter(({ status }) => status !== "passed")

const saved = 1 - parallel.wall / sequential.wall
const savedBuilding = 1 - together / summed
const ledgers = [parallel.audit, sequential.audit]
const lost = ledgers.reduce((sum, { acknowledged, committed }) => sum + committed - acknowledged, 0)
const rows = [
  ["Workflow time, one by one", seconds(sequential.wall), "", true],
  ["Workflow time, implementers at once", seconds(parallel.wall), "less", parallel.wall < sequential.wall],
  ["Saved over the whole workflow", percent(saved), ">= 25 %", saved >= 0.25],
  ["Saved over the part that can be parallel", percent(savedBuilding), ">= 55 %", savedBuilding >= 0.55],
  [
    "Time in which something waited for the orchestrator",
    percent(blocked / parallel.wall),
    "< 20 %",
    blocked / parallel.wall < 0.2
  ],
  ["Slowest handoff from one agent to the next", seconds(Math.max(...gaps)), "< 20 s", Math.max(...gaps) < 20_000],
  ["Wakes lost", String(lost), "0", lost === 0 && ledgers.every(({ balanced }) => balanced)],
  [
    "Scenarios, rows and fleets that passed",
    `${tests.length - failed.length} of ${tests.length}`,
    "all",
    failed.length === 0
  ]
]
const commit = run("git", ["rev-parse", "--short", "HEAD"]).stdout.trim()
const machine = `${cpus().length} x ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.version}`
const ok = rows.every(([, , , met]) => met)
const text = `# Validation

Written by \`pnpm validate\` at commit \`${commit}\`, on ${new Date().toISOString().slice(0, 10)}: ${machine}.
${ok ? "Everything held." : "**Not everything held.**"}

The full workflow is [examples/06-full-workflow](../examples/06-full-workflow), its agents working for three seconds each.

| | measured | wanted | |
|---|---|---|---|
${rows.map(([what, measured, wanted, met]) => `| ${what} | ${measured} | ${wanted} | ${met ? "yes" : "**no**"} |`).join("\n")}

## What was run

${tests.map(({ duration, fullName, status }) => `- ${status === "passed" ? "" : "**failed** "}${fullName.replace(/[|\n]/g, " ")} (${seconds(duration ?? 0)})`).join("\n")}
`
writeFileSync(join(root, "docs/validation.md"), text)
rmSync(folder, { recursive: true, force: true })
process.stdout.write(text)
process.exitCode = ok ? 0 : 6
