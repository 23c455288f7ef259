/**
 * Writes the files of handoffs.
 *
 * @since 0.1.0
 */
import type { Handoff, LegacyFiles, TransportError } from "@sartor/core"
import { Effect } from "effect"
import * as HandoffFile from "./HandoffFile.ts"
import * as LegacyEdit from "./LegacyEdit.ts"

/**
 * Writes the file of a handoff; one that is there keeps every byte but its status and the issues that have come.
 *
 * @category constructors
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function* (
  file: string,
  document: Handoff.Document,
  durable: boolean
): Effect.fn.Return<
  void,
  LegacyFiles.LegacyFileDamaged | LegacyFiles.LegacyFileRefused | TransportError.TransportError
> {
  const found = yield* LegacyEdit.read(file, HandoffFile.parse)
  const text = found === undefined ? HandoffFile.render(document) : HandoffFile.move(found.value, document)
  if (text !== found?.text) yield* LegacyEdit.replace(file, text, { locked: false, durable })
})
