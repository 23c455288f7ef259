/**
 * Gives feedback to agents, and says when they have read it.
 *
 * @since 0.1.0
 */
import { LegacyFiles, type TransportError } from "@sartor/core"
import { Clock, Effect, Option, Random } from "effect"
import * as path from "node:path"
import * as FeedbackFile from "./FeedbackFile.ts"
import * as LegacyDirectory from "./LegacyDirectory.ts"
import * as LegacyEdit from "./LegacyEdit.ts"

/**
 * Leaves feedback for an agent, and says so in its status file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const give = Effect.fn("LegacyFiles.giveFeedback")(function* (
  given: Pick<FeedbackFile.Feedback, "targetAgent" | "type" | "severity" | "message">
) {
  const files = yield* LegacyFiles.LegacyFiles
  const { targetAgent } = given
  if (!LegacyFiles.isAgentId(targetAgent)) return yield* new LegacyFiles.InvalidAgentId({ input: targetAgent })
  const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const digits = String(yield* Random.nextIntBetween(0, 1_000_000)).padStart(6, "0")
  const feedback: FeedbackFile.Feedback = {
    ...given,
    feedbackId: `fb-${seconds}-${digits}`,
    timestamp: yield* LegacyFiles.nowText,
    acknowledged: false
  }
  const file = path.join(folderOf(files), `${targetAgent}-${seconds}-${digits}.json`)
  yield* LegacyEdit.replace(file, FeedbackFile.render(feedback), { locked: false, durable: true })
  yield* files.update(targetAgent, (fields) => (fields === undefined ? undefined : [["pendingFeedback", true]]))
  return feedback
})

/**
 * What an agent was given and has not acknowledged, by file name, as it stands in its files.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pending = Effect.fn("LegacyFiles.pendingFeedback")(function* (
  agent: string
): Effect.fn.Return<
  LegacyFiles.Found<LegacyEdit.Read<FeedbackFile.Feedback>>,
  TransportError.TransportError,
  LegacyFiles.LegacyFiles
> {
  const { damaged, found } = yield* all
  const own = found.filter(({ value }) => value.targetAgent === agent && !value.acknowledged)
  return { damaged, found: own }
})

/**
 * Says that an agent has read a feedback; answers whether there is one of that id.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledge = Effect.fn("LegacyFiles.acknowledgeFeedback")(function* (
  agent: string,
  id: string,
  response?: string
) {
  const files = yield* LegacyFiles.LegacyFiles
  const { found } = yield* all
  const one = found.find(({ value }) => value.targetAgent === agent && value.feedbackId === id)
  if (one === undefined) return false
  const at = yield* LegacyFiles.nowText
  const read = yield* LegacyEdit.read(one.file, (text) => FeedbackFile.acknowledge(text, at, response))
  if (read !== undefined) yield* LegacyEdit.replace(one.file, read.value, { locked: false, durable: true })
  const { found: left } = yield* pending(agent)
  if (left.length === 0) {
    yield* files.update(agent, (fields) =>
      fields?.has("pendingFeedback") === true ? [["pendingFeedback", false]] : undefined
    )
  }
  return true
})

const folderOf = ({ directory }: { readonly directory: string }) => path.join(directory, "feedback")

const all = Effect.gen(function* () {
  const files = yield* LegacyFiles.LegacyFiles
  const { damaged, found } = yield* LegacyDirectory.everyOf(LegacyDirectory.jsonIn(folderOf(files)), (file) =>
    Effect.map(LegacyDirectory.mended(LegacyEdit.read(file, FeedbackFile.parse)), (read) =>
      read === undefined ? Option.none() : Option.some({ ...read, file })
    )
  )
  return { damaged, found: found.flatMap(Option.toArray) }
})
