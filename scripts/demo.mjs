// Runs the site audit with the file transport: in parallel, then one agent at a time, and shows what came out. Killed at
// any moment, it goes on where it was when it is started again. With --claude its agents are Claude, once, for money.
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { bin, env, root, setup } from "./setup.mjs"

const data = join(root, "data")
const isClaude = process.argv.includes("--claude")
const name = isClaude ? "site-audit-claude" : "site-audit"
const memory = join(data, isClaude ? "demo-claude.json" : "demo.json")
const html = join(data, `${name}.html`)
const workflow = join(root, "examples", "01-site-audit", isClaude ? "claude.yaml" : "workflow.yaml")
const say = (text) => process.stderr.write(`${text}\n`)

/** The run that was under way when an earlier demo was killed, or a new one. */
const chooseRun = () => {
  try {
    return JSON.parse(readFileSync(memory, "utf8")).run
  } catch {
    const run = `${name}-demo-${randomBytes(4).toString("hex")}`
    mkdirSync(data, { recursive: true })
    writeFileSync(`${memory}.tmp`, JSON.stringify({ run }))
    renameSync(`${memory}.tmp`, memory)
    return run
  }
}

let child
const sartor = (args, stdout = "inherit") =>
  new Promise((resolve) => {
    child = spawn(bin("sartor"), args, {
      cwd: root,
      env: { ...env, SARTOR_DATA_DIR: data, SARTOR_TRANSPORT: "file" },
      stdio: ["ignore", stdout, "inherit"]
    })
    child.on("error", (error) => {
      say(`The sartor command could not be started: ${error.message}`)
      resolve(1)
    })
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)))
  })

// The command hears signals of the terminal itself and suspends its agents; this waits for it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child?.kill(signal))
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGTERM")
}, 500).unref()

const main = async () => {
  if (isClaude && !process.env.ANTHROPIC_API_KEY) {
    say("The demo by Claude needs a key of the Claude API: set ANTHROPIC_API_KEY")
    return 2
  }
  setup()
  const run = chooseRun()
  const sequential = `${run}-sequential`
  const execute = (id, ...more) =>
    sartor(["run", workflow, "--run-id", id, "--die-with-parent", "--json", ...more], "ignore")

  say("\nThe audit in parallel: a planner, three auditors at once, a report.\n")
  const code = await execute(run)
  if (code > 128 || code === 2) return code
  if (!isClaude) {
    say("\nThe same audit one agent at a time, to compare with.\n")
    const baseline = await execute(sequential, "--sequential")
    if (baseline > 128) return baseline
  }
  say("")
  const compared = isClaude ? [] : ["--baseline", sequential]
  const reported = await sartor(["report", run, ...compared])
  if (reported !== 0) return reported
  const written = await sartor(["report", run, ...compared, "--html", html], "ignore")
  if (written !== 0) return written
  rmSync(memory, { force: true })
  const audit = await sartor(["wake", "audit"])
  const show = (path) => relative(process.cwd(), path) || path
  say(`
The report as a page:  ${show(html)}
Look further:          node_modules/.bin/sartor runs show ${run}
                       node_modules/.bin/sartor session list
                       ls ${show(join(data, "sartor"))}`)
  return code === 0 ? audit : code
}

process.exitCode = await main()
