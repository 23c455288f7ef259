// `pnpm coverage [FILTER…]`: the lines that the tests execute, by package, beside the goals. Counts what the tests' own processes execute and
// what the processes do that they start: the built command, and sources that are run by themselves. Without a filter it writes docs/coverage.md.
// Ends with 6 if a goal is missed, with 1 if a test fails.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { cpus, release, tmpdir, totalmem, type } from "node:os"
import { join, relative } from "node:path"
import { rolldown } from "rolldown"
import { addProcesses } from "./coverage/processes.mjs"
import { bin, env, natsServer, root, setup } from "./setup.mjs"

const goals = { core: 90, "transport-file": 90, "transport-nats": 90, cli: 85 }
const filters = process.argv.slice(2)

setup()
natsServer()

/** The command as it is published, or as it can be traced back to its sources. */
const cli = join(root, "packages", "cli")
const dist = join(cli, "dist")
const build = async (options) => {
  const { default: config } = await import(join(cli, "rolldown.config.mjs"))
  const { output, ...input } = config
  const bundle = await rolldown({ ...input, cwd: cli })
  await bundle.write({ ...output, dir: dist, ...options })
  await bundle.close()
}

const folder = mkdtempSync(join(tmpdir(), "sartor-coverage-"))
const processes = join(folder, "processes")
await build({ minify: false, sourcemap: "hidden" })
const { status } = spawnSync(bin("vitest"), ["run", `--coverage.reportsDirectory=${folder}/runner`, ...filters], {
  cwd: root,
  env: { ...env, SARTOR_COVERAGE: processes },
  stdio: ["ignore", "inherit", "inherit"]
})
const coverage = JSON.parse(readFileSync(join(folder, "runner", "coverage-final.json"), "utf8"))

/** The lines of a file that begin a statement, and how often the most frequent of those was executed. */
const linesOf = ({ s, statementMap }) => {
  const lines = new Map()
  for (const [id, { start }] of Object.entries(statementMap)) {
    lines.set(start.line, Math.max(lines.get(start.line) ?? 0, s[id]))
  }
  return lines
}

const count = (name) => {
  const files = Object.entries(coverage).filter(([path]) => path.startsWith(join(root, "packages", name, "src/")))
  const lines = files.flatMap(([, file]) => [...linesOf(file).values()])
  return { all: lines.length, hit: lines.filter((hits) => hits > 0).length }
}

const inRunner = Object.fromEntries(Object.keys(goals).map((name) => [name, count(name)]))
const told = addProcesses(processes, coverage, dist)
rmSync(folder, { recursive: true, force: true })
await build({})

const percent = ({ all, hit }) => (all === 0 ? 0 : (100 * hit) / all)
const rows = Object.entries(goals).map(([name, goal]) => {
  const total = count(name)
  return { name, goal, ...total, alone: percent(inRunner[name]), ok: percent(total) >= goal }
})

/** `3, 7-9` */
const spans = (numbers) => {
  const found = []
  for (const line of numbers) {
    const last = found.at(-1)
    if (last !== undefined && line - last.to <= 1) last.to = line
    else found.push({ from: line, to: line })
  }
  return found.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(", ")
}

const uncovered = Object.entries(coverage)
  .map(([path, file]) => {
    const lines = [...linesOf(file)].sort(([a], [b]) => a - b)
    const missed = lines.flatMap(([line, hits]) => (hits > 0 ? [] : [line]))
    return { path: relative(root, path), all: lines.length, missed }
  })
  .filter(({ missed }) => missed.length > 0)
  .sort((a, b) => b.missed.length - a.missed.length || (a.path < b.path ? -1 : 1))

const table = [
  "| package | lines | covered | | goal | | by the tests' own processes |",
  "|---|---|---|---|---|---|---|",
  ...rows.map(
    ({ all, alone, goal, hit, name, ok }) =>
      `| ${name} | ${all} | ${hit} | ${percent({ all, hit }).toFixed(1)} % | ${goal} % | ${ok ? "yes" : "NO"} | ${alone.toFixed(1)} % |`
  )
]
const list = uncovered.map(({ all, missed, path }) => `- ${path}, ${missed.length} of ${all}: ${spans(missed)}`)
process.stdout.write(`\n${[...list, "", ...table].join("\n")}\n`)

if (filters.length === 0) {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).stdout.trim()
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.version}`
  const text = `# Coverage

Written by \`pnpm coverage\` at commit \`${commit}\`, on ${new Date().toISOString().slice(0, 10)}: ${machine}.
${rows.every(({ ok }) => ok) ? "Every goal is reached." : `Missed: ${rows.flatMap(({ name, ok }) => (ok ? [] : [name])).join(", ")}.`}

${table.join("\n")}

A line counts if a statement begins on it, and is covered if one of those was executed. Counted is what the tests' own processes execute, and what ${told} processes did that
the tests started: the built command, and sources that are run by themselves. A process that is killed with SIGKILL tells nothing, and the long tests
(\`npm run test:faults\`) are not a part of it. Nothing is left out.

## Not covered

${list.join("\n")}
`
  writeFileSync(join(root, "docs", "coverage.md"), text)
}
process.exitCode = status !== 0 ? 1 : filters.length > 0 || rows.every(({ ok }) => ok) ? 0 : 6
