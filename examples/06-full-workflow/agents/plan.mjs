import { readTask, say, think } from "./agent.mjs"

const [millis] = process.argv.slice(2)
const task = await readTask()
await think(task, millis)
say({
  type: "result",
  summary: "Three modules: slug, words and initials; none of them needs another",
  claims: [{ topic: "modules", claim: "The modules do not depend on each other.", confidence: 0.9 }]
})
