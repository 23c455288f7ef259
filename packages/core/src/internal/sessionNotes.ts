import { Predicate, type Schema, Struct } from "effect"
import type { Head } from "../Journal.ts"
import type { Session, Whole } from "../Session.ts"

/** Raise it whenever a journal comes to another `Session` than before: what was noted in another format is not looked at. */
export const format = 1

/** So many journals that had to be read are worth a note, for those who list them next. */
export const worthwhile = 100

/** A head with what its journal comes to. Of a damaged one nothing is noted: whoever reads it is to hear of that. */
export const noted = (head: Head, session: Whole): ReadonlyArray<Head> => {
  if (session.damaged_after !== undefined || session.version !== head.version) return []
  const note = { format, session: Struct.omit(session, ["past"]) }
  // A session is JSON, but for fields that are there and undefined.
  return [{ ...head, note: note as unknown as Schema.Json }]
}

/** The session that was noted with a head: it is as it was then, because a transport that isn't sure of that tells nothing. */
export const sessionOf = ({ note, version }: Head): Session | undefined =>
  Predicate.isReadonlyObject(note) && note["format"] === format && isSession(note["session"], version)
    ? note["session"]
    : undefined

const isSession = (noted: unknown, version: number): noted is Session =>
  Predicate.isReadonlyObject(noted) && noted["version"] === version
