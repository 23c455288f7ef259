/**
 * Decides which frames of a journal count. All processes come to the same answer from the same bytes, so that no lock is
 * needed: the first frame in file order wins a version, and later claims of it are void.
 */
import type { Frame } from "./Frame.ts"
import type { Cursor } from "./Lines.ts"

export interface JournalState {
  /** The newest version, or -1 while it is not known where the walk began. */
  version: number
  at: number
  /** Nothing was appended since the newest tombstone, or at all. */
  isEmpty: boolean
  /** Where the newest tombstone lies; 0 if there is none. What lies before it is not read. */
  start: number
  /** Where the newest damaged line ends. */
  damagedTo: number
  /** What was walked through. */
  readonly cursor: Cursor
}

export const make = (position = 0, version = 0): JournalState => ({
  version,
  at: 0,
  isEmpty: true,
  start: position,
  damagedTo: 0,
  cursor: { position, skipping: undefined }
})

/**
 * Applies the frame whose leading newline is at a place of the file. Answers `void` if it changes nothing, and `gap` if it
 * counts but versions before it were lost to damage.
 *
 * A frame that is at its own offset saw everything before it and counts, whatever became of that since. Another one counts if
 * it continues the version reached here, unless a damaged line lies where its writer had not looked: that may have been the
 * winner. One whose offset lies behind it was moved by hand, with all that follows, and is taken at its word.
 */
export const apply = (state: JournalState, frame: Omit<Frame, "body" | "records">, count: number, position: number) => {
  const { expected, offset } = frame
  if (expected === undefined || offset === undefined) return "void"
  const unknown = state.version < 0
  const counts =
    offset >= position
      ? expected >= state.version
      : unknown
        ? position === state.start
        : expected === state.version && offset >= state.damagedTo
  if (!counts) return "void"
  const gap = !unknown && expected > state.version
  const deleted = frame.deleted === true
  state.version = expected + (deleted ? 1 : count)
  state.at = frame.at
  state.isEmpty = deleted
  if (deleted) state.start = position
  else if (unknown) state.start = frame.start ?? 0
  return gap ? "gap" : "counts"
}

export const damaged = (state: JournalState, end: number): void => {
  state.damagedTo = end
}
