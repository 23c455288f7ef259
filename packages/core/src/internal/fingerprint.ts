import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Effect, FileSystem, Option, Path } from "effect"
import { Sessions } from "../Sessions.ts"
import type { Agent } from "../WorkflowFile.ts"
import type { Finished } from "../WorkflowRun.ts"

/** Of all that the result of an agent depends on: the same fingerprint, the same result. */
export const fingerprintOf = Effect.fnUntraced(function* (
  agent: Agent,
  folder: string,
  needs: ReadonlyArray<Finished>
) {
  const path = yield* Path.Path
  const cwd = path.resolve(folder, agent.cwd ?? ".")
  // What it may spend is no part of what it does: one that stopped at its budget goes on with a larger one.
  const { budget: _, ...entry } = { budget: undefined, ...agent }
  const results = yield* Effect.forEach(needs, resultOf)
  const files = yield* Effect.forEach(agent.command ?? [], (word) => contentOf(path.resolve(cwd, word)))
  return digest(JSON.stringify([entry, results, files]))
})

/** The same work, done once more. */
export const again = (fingerprint: string) => `${fingerprint}-again`
export const isAgain = (fingerprint: string) => fingerprint.endsWith("-again")

/** Whether what is known was done for this, the first time or once more. */
export const isOf = (known: string, given: string) => known === given || known === again(given)

/** What an agent gets from one of its needs, in few bytes. */
const resultOf = Effect.fnUntraced(function* ({ agent, session_id, status }: Finished) {
  if (session_id === undefined) return [agent, status]
  const { result } = yield* (yield* Sessions).get(session_id)
  return [agent, status, digest(JSON.stringify(result ?? null))]
})

/** Of a file in few bytes: by what it holds, or by size and time if it is large. Anything else may never end. */
const contentOf = Effect.fnUntraced(
  function* (file: string) {
    const fs = yield* FileSystem.FileSystem
    const { mtime, size, type } = yield* fs.stat(file)
    if (type !== "File") return ""
    if (size <= maxHashed) return bytesToHex(sha256(yield* fs.readFile(file)))
    return `${size} ${Option.match(mtime, { onNone: () => "", onSome: (time) => String(time.getTime()) })}`
  },
  Effect.catch(() => Effect.succeed(""))
)

const maxHashed = 64n * 1024n * 1024n

const digest = (text: string) => bytesToHex(sha256(utf8ToBytes(text)))
