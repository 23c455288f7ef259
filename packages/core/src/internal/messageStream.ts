import type { BetaRawMessageStreamEvent } from "@anthropic-ai/sdk/resources/beta/messages/messages"

/** Whether something came with an event that was not there before. Anything else may come for ever. */
export const isProgress = (event: BetaRawMessageStreamEvent): boolean => {
  switch (event.type) {
    case "message_start":
    case "message_delta":
    case "message_stop":
    case "content_block_start":
    case "content_block_stop":
      return true
    case "content_block_delta":
      return Object.entries(event.delta).some(([key, value]) => key !== "type" && value !== "" && value !== null)
    default:
      return false
  }
}

/**
 * Checks the events of one answer, one after another, and answers what is wrong with one: begun once, its blocks in order, each closed once, nothing after its
 * end. What it does not know it lets pass.
 */
export const orderCheck = (): ((event: BetaRawMessageStreamEvent) => string | undefined) => {
  let begun = false
  let blocks = 0
  let open = false
  return (event) => {
    if (event.type === "message_start") {
      if (begun) return "it began twice"
      begun = true
      return undefined
    }
    if (!begun) return known.has(event.type) ? "it did not begin at its beginning" : undefined
    switch (event.type) {
      case "content_block_start":
        if (open || event.index !== blocks) return "its blocks are not in order"
        blocks += 1
        open = true
        return undefined
      case "content_block_delta":
        return open && event.index === blocks - 1 ? undefined : "a piece of it belongs to no block"
      case "content_block_stop":
        if (!open || event.index !== blocks - 1) return "a block ended that was not open"
        open = false
        return undefined
      case "message_stop":
        return open ? "it ended within a block" : undefined
      default:
        return undefined
    }
  }
}

const known: ReadonlySet<string> = new Set([
  "message_delta",
  "message_stop",
  "content_block_start",
  "content_block_delta",
  "content_block_stop"
])
