import { readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { readTask, say, think } from "./agent.mjs"

const [out, millis] = process.argv.slice(2)
const task = await readTask()
await think(task, millis)
const left = (await readdir(out)).filter((file) => file.endsWith(".tmp"))
for (const file of left) await rm(join(out, file), { force: true })
say({ type: "result", summary: `Removed ${left.length} files, after: ${task.inputs.audit.summary}` })
