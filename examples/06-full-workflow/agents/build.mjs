import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readTask, say, think } from "./agent.mjs"

/** What each implementer writes; and what it holds of a question that all of them meet. */
const modules = {
  slug: ['text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")', "support"],
  words: ["text.split(/\\s+/).filter(Boolean).length", "support"],
  initials: ['text.split(/\\s+/).filter(Boolean).map((word) => word[0]).join("")', "oppose"]
}

const [out, name, millis] = process.argv.slice(2)
const [body, stance] = modules[name]
const task = await readTask()
await think(task, millis)
await mkdir(out, { recursive: true })
const file = join(out, `${name}.mjs`)
await writeFile(file, `export const ${name} = (text) => ${body}\n`)
await writeFile(join(out, `${name}.tmp`), task.inputs.plan.summary)
say({
  type: "result",
  summary: `Wrote the module ${name}, after the plan: ${task.inputs.plan.summary}`,
  files: [file],
  claims: [{ topic: "unicode", claim: "Plain ASCII is enough.", stance, confidence: 0.7, evidence: [`${file}:1`] }]
})
