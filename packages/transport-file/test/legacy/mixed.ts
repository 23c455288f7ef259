/** A process that does what `mixed.sh` does, with us. Arguments: the data directory, the agent, the writer, how often. */
import { Effect } from "effect"
import * as process from "node:process"
import { LegacyDirectory, StatusFile } from "../../src/legacy/index.ts"

const [directory = "", agent = "", writer = "", times = "0"] = process.argv.slice(2)
const files = LegacyDirectory.make({ directory })

const step = (index: number) => {
  const name = `${writer}-${index}`
  if (index % 3 === 0) return files.update(agent, () => [[`key-${writer}`, String(index)]])
  if (index % 3 === 2) return files.checkpoint(agent, { phase: "cleanup", milestone: name, details: "" })
  return files.update(agent, (fields) => [["findings", StatusFile.valueOfUpdate(fields, "findings", name)]])
}

const steps = Array.from({ length: Number(times) }, (_, index) => index)
await Effect.runPromise(Effect.forEach(steps, step, { discard: true }))
