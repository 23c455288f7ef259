import { readdir } from "node:fs/promises"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { readTask, say, think } from "./agent.mjs"

const [out, millis] = process.argv.slice(2)
const task = await readTask()
await think(task, millis)
const files = (await readdir(out)).filter((file) => file.endsWith(".mjs"))
const results = {}
for (const file of files.sort()) {
  const module = await import(pathToFileURL(resolve(out, file)).href)
  for (const [name, apply] of Object.entries(module)) results[name] = apply("Hello brave new World")
}
const { census, conflicts, insights } = task.synthesis
say({
  type: "result",
  summary: `${census.reported} of ${census.expected} implementers reported, with ${conflicts.length} conflicts and ${insights.length} insights; ${JSON.stringify(results)}`,
  claims: conflicts.map(({ topic }) => ({ topic, claim: `The implementers disagree on ${topic}.`, evidence: files })),
  issues: conflicts.map(({ topic }) => ({ severity: "medium", description: `Decide on ${topic}` }))
})
