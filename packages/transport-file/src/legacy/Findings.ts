/**
 * Writes and searches the findings of agents.
 *
 * @since 0.1.0
 */
import { LegacyFiles, type TransportError } from "@sartor/core"
import { Effect, Result } from "effect"
import * as path from "node:path"
import { attempt } from "../internal/LogFile.ts"
import * as PlainFile from "../internal/PlainFile.ts"
import * as FindingFile from "./FindingFile.ts"
import * as LegacyDirectory from "./LegacyDirectory.ts"
import * as LegacyEdit from "./LegacyEdit.ts"
import * as LegacyLock from "./LegacyLock.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Written {
  readonly finding: FindingFile.Finding
  readonly file: string
}

/**
 * Writes a finding under the next number of its agent, and adds it to its topic. Numbers are given under the lock that the
 * scripts take for it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const write = Effect.fn("LegacyFiles.writeFinding")(function* (
  directory: string,
  given: Pick<FindingFile.Finding, "agentId" | "topic" | "content" | "importance">
): Effect.fn.Return<Written, LegacyFiles.Failure> {
  const { agentId, topic } = given
  if (!LegacyFiles.isAgentId(agentId)) return yield* new LegacyFiles.InvalidAgentId({ input: agentId })
  const folder = path.join(directory, "findings", agentId)
  const gathered = path.join(directory, "findings", "_aggregated")
  yield* attempt("LegacyFiles", () => {
    PlainFile.makeFolder(folder)
    PlainFile.makeFolder(gathered)
  })
  const timestamp = yield* LegacyFiles.nowText
  const numbered = Effect.gen(function* () {
    const names = yield* attempt("LegacyFiles", () => PlainFile.list(folder).map(({ name }) => name))
    const number = FindingFile.nextNumber(names)
    const finding = { ...given, findingId: `finding-${agentId}-${number}`, timestamp, tags: [] }
    const file = path.join(folder, `finding-${number}.json`)
    yield* LegacyEdit.replace(file, FindingFile.render(finding), { locked: true, durable: true })
    return { finding, file }
  })
  const written = yield* LegacyLock.withLock(path.join(folder, "write.lock"), numbered)
  const file = path.join(gathered, FindingFile.topicFile(topic))
  const add = Effect.gen(function* () {
    const read = yield* LegacyEdit.readOnce(file, (text) =>
      FindingFile.gather(text, written.finding, FindingFile.render(written.finding), timestamp)
    )
    const first = FindingFile.gather(undefined, written.finding, FindingFile.render(written.finding), timestamp)
    const text = read?.value ?? Result.getOrElse(first, () => "")
    yield* LegacyEdit.replace(file, text, { locked: true, durable: true })
  })
  yield* LegacyLock.withLock(path.join(gathered, "write.lock"), add)
  return written
})

/**
 * The findings of a topic, as they stand in their files.
 *
 * @category constructors
 * @since 0.1.0
 */
export const search = Effect.fn("LegacyFiles.searchFindings")(function* (
  directory: string,
  filter: { readonly topic: string; readonly agent?: string | undefined; readonly minImportance: number }
): Effect.fn.Return<LegacyFiles.Found<LegacyEdit.Read<FindingFile.Finding>>, TransportError.TransportError> {
  const agents = yield* attempt("LegacyFiles", () =>
    PlainFile.list(path.join(directory, "findings"))
      .filter(({ isDirectory, name }) => isDirectory && LegacyFiles.isAgentId(name))
      .map(({ name }) => name)
      .filter((name) => filter.agent === undefined || name === filter.agent)
  )
  const all = yield* Effect.forEach(agents, (agent) =>
    LegacyDirectory.everyOf(LegacyDirectory.jsonIn(path.join(directory, "findings", agent)), (file) =>
      LegacyDirectory.mended(LegacyEdit.read(file, FindingFile.parse))
    )
  )
  const found = all
    .flatMap(({ found }) => found)
    .flatMap((one) => (one === undefined ? [] : [one]))
    .filter(({ value }) => value.topic === filter.topic && Number(value.importance) >= filter.minImportance)
  return { found, damaged: all.flatMap(({ damaged }) => damaged) }
})
