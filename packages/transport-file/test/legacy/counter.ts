/** A process that counts in a key of a status file. Arguments: the data directory, the agent, how often. */
import { Effect } from "effect"
import * as process from "node:process"
import { LegacyDirectory } from "../../src/legacy/index.ts"

const [directory = "", agent = "", times = "0"] = process.argv.slice(2)
const files = LegacyDirectory.make({ directory })
const once = files.update(agent, (fields) => [["count", String(Number(fields?.get("count")) + 1)]])
await Effect.runPromise(Effect.repeat(once, { times: Number(times) - 1 }))
