import { Effect, Schema, Stream } from "effect"
import { Journal } from "../Journal.ts"
import * as Session from "../Session.ts"
import { Sessions } from "../Sessions.ts"
import { attending } from "./attending.ts"
import { own } from "./own.ts"

/**
 * Tells what is appended to a session while an effect waits for its end, whoever executes it. What was there before is not
 * told, and all of the rest is before this answers.
 */
export const following = Effect.fnUntraced(function* (
  id: string,
  tell: (session: Session.Session, record: Session.Record) => Effect.Effect<void>
) {
  const sessions = yield* Sessions
  const journal = yield* Journal
  const found = yield* Effect.option(sessions.get(id))
  let seen = found._tag === "Some" ? found.value.version : 0
  const look = Effect.gen(function* () {
    const entries = yield* own(Stream.runCollect(journal.read(`session/${id}`, seen)))
    if (entries.length === 0) return
    const session = yield* sessions.get(id)
    for (const { record, version } of entries) {
      seen = version
      const known = decode(record)
      if (known._tag === "Some" && known.value.type !== "created") yield* tell(session, known.value)
    }
  }).pipe(Effect.catchTag("SessionNotFound", () => Effect.void))
  return <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.ensuring(Effect.raceFirst(wait, attending<never, never>(sessions.changes(id), look)), Effect.ignore(look))
})

const decode = Schema.decodeUnknownOption(Schema.toCodecJson(Session.Record))
