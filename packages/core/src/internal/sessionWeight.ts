import type { Schema } from "effect"
import type { Session } from "../Session.ts"

/** About how many characters a session takes. Its large parts are measured once. */
export const weightOf = (session: Session, sizes: WeakMap<object, number>) => {
  const sizeOf = (part: Schema.Json | undefined) => {
    if (typeof part !== "object" || part === null) return typeof part === "string" ? part.length : 0
    const size = sizes.get(part) ?? JSON.stringify(part).length
    sizes.set(part, size)
    return size
  }
  const { checkpoints, metadata, prompt, result, runs, synthesis, wakes } = session
  let parts = sizeOf(prompt) + sizeOf(result) + sizeOf(synthesis)
  for (const name in metadata) parts += name.length + sizeOf(metadata[name])
  return 1000 + 300 * session.version + 1000 * (checkpoints.length + wakes.length + runs.length) + parts
}
