// An agent that takes turns, finds something, hands over, and says what its needs said.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const [sartor, name, turns, pause] = process.argv.slice(2)
let text = ""
for await (const chunk of process.stdin) text += chunk
const { inputs } = JSON.parse(text)
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

for (let turn = 1; turn <= Number(turns); turn++) {
  say({ type: "turn", text: `${name} ${turn}` })
  say({ type: "checkpoint", phase: "implementation", milestone: `${name} ${turn}`, details: "" })
  await sleep(Number(pause))
}
say({ type: "finding", summary: `${name} has found something` })
const content = {
  context: { taskId: name, phase: "implementation", scope: "all" },
  deliverable: { type: "code", location: `${name}.ts`, summary: name, artifacts: [`${name}.ts`] },
  nextSteps: { instructions: ["Look at it"], constraints: [], acceptanceCriteria: ["It works"] }
}
const hand = ["handoff", "create", "--from", "implementer", "--to", "auditor", "--type", "ready_for_audit", "--file"]
const file = join(mkdtempSync(join(tmpdir(), "sartor-handoff-")), "handoff.json")
writeFileSync(file, JSON.stringify(content))
execFileSync(process.execPath, [sartor, ...hand, file], { stdio: ["ignore", "ignore", "inherit"] })
rmSync(dirname(file), { recursive: true })
say({
  type: "result",
  summary: `${name} after ${
    Object.values(inputs)
      .map(({ summary }) => summary)
      .join() || "nothing"
  }`
})
