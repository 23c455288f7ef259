/** A workflow whose agents leave traces of every execution, so that a test can count them. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Notes its start, works for a while with a child of its own, notes its end, hands in a result. */
const agent = `
import { appendFileSync } from "node:fs"
import { spawn } from "node:child_process"
const [name, millis, traces] = process.argv.slice(2)
const note = (what) => appendFileSync(traces + "/" + name, what + " " + process.pid + "\\n")
note("start")
const child = spawn("sleep", ["600"], { stdio: "ignore" })
appendFileSync(traces + "/" + name, "child " + child.pid + "\\n")
console.log(JSON.stringify({ type: "checkpoint", phase: "implementation", milestone: "half" }))
setTimeout(() => {
  note("end")
  console.log(JSON.stringify({ type: "finding", summary: name + " saw something" }))
  console.log(JSON.stringify({ type: "result", summary: name + " is done", claims: [{ topic: "t", claim: "c", evidence: [name] }] }))
  child.kill("SIGKILL")
  process.exitCode = 0
}, Number(millis))
`

const agents = { plan: 100, one: 700, two: 400, three: 200, four: 500, report: 100 }

export const writeFleet = (folder: string, traces: string) => {
  writeFileSync(join(folder, "agent.mjs"), agent)
  const entry = (name: keyof typeof agents, needs: ReadonlyArray<string>, more = "") =>
    `  - { name: ${name}, role: IMPLEMENTER, task_type: trace, prompt: Go, needs: [${needs.join(", ")}], command: [node, agent.mjs, ${name}, "${agents[name]}", "${traces}"]${more} }`
  const workers = ["one", "two", "three", "four"] as const
  const file = join(folder, "fleet.yaml")
  const lines = [
    "name: fleet",
    "max_parallel: 3",
    "agents:",
    entry("plan", []),
    ...workers.map((name) => entry(name, ["plan"])),
    entry("report", workers, ", synthesize: true"),
    ""
  ]
  writeFileSync(file, lines.join("\n"))
  return { file, names: Object.keys(agents) }
}

/** How often each agent was started, and the processes of every execution. */
export const readTraces = (traces: string) => {
  const lines = readdirSync(traces).flatMap((name) =>
    readFileSync(join(traces, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => ({ name, what: line.split(" ")[0], pid: Number(line.split(" ")[1]) }))
  )
  return {
    starts: (name: string) => lines.filter((line) => line.name === name && line.what === "start").length,
    pids: lines.map((line) => line.pid)
  }
}
