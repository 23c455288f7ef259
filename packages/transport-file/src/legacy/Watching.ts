/**
 * Tells which agents' files have changed.
 *
 * @since 0.1.0
 */
import { LegacyFiles, type TransportError } from "@sartor/core"
import { Effect, Stream } from "effect"
import * as path from "node:path"
import { attempt } from "../internal/LogFile.ts"
import * as PlainFile from "../internal/PlainFile.ts"

/** What is looked at, and how soon a change shows. A look is what counts: the hints of file systems are lost in silence. */
const folders = [
  ["agent-status", ".json"],
  ["checkpoints", ".log"]
] as const
const interval = "250 millis"

/**
 * Emits an agent each time that its status file or its log has changed, by whomever, from now on. Of several changes between
 * two looks it tells once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const changes = (directory: string): Stream.Stream<string, TransportError.TransportError> =>
  Stream.unwrap(
    Effect.map(look(directory), (first) => {
      let before = first
      const changed = Effect.map(look(directory), (now) => {
        const agents = [...now].filter(([agent, stamp]) => before.get(agent) !== stamp).map(([agent]) => agent)
        before = now
        return agents
      })
      return Stream.flattenIterable(Stream.fromEffectRepeat(Effect.delay(changed, interval)))
    })
  )

/** What tells one state of an agent's files from another. */
const look = (directory: string): Effect.Effect<ReadonlyMap<string, string>, TransportError.TransportError> =>
  attempt("LegacyFiles.changes", () => {
    const stamps = new Map<string, string>()
    for (const [folder, ending] of folders) {
      for (const { name } of PlainFile.list(path.join(directory, folder))) {
        const agent = name.slice(0, -ending.length)
        if (!name.endsWith(ending) || !LegacyFiles.isAgentId(agent)) continue
        stamps.set(agent, `${stamps.get(agent) ?? ""} ${PlainFile.stampOf(path.join(directory, folder, name)) ?? ""}`)
      }
    }
    return stamps
  })
