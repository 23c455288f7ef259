/**
 * Tells a session something while it runs. It reads that between its turns; nothing that it does is cut off by it.
 *
 * @since 0.1.0
 */
import { DateTime, Duration, Effect, Option, Schema } from "effect"
import * as Session from "./Session.ts"
import { InvalidField, Sessions } from "./Sessions.ts"
import { type Priority, rank } from "./Wake.ts"

/**
 * How many things a session may be told that it has not read yet.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxUnread = 100

/**
 * The most that one telling may have, in characters.
 *
 * @category configuration
 * @since 0.1.0
 */
export const maxText = 32_000

/**
 * The session has not read what it was told before. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooMuchUnread extends Schema.TaggedError<TooMuchUnread>("@sartor/core/Steering/TooMuchUnread")(
  "TooMuchUnread",
  { session_id: Schema.String, unread: Schema.Natural }
) {
  override get message() {
    return `Session ${this.session_id} has ${this.unread} things to read already: say it with supersede, in their place`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What is more urgent is read first; `normal` by default. */
  readonly priority?: Priority | undefined
  /** Not read after this has passed; without it, it waits as long as it takes. */
  readonly timeToLive?: Duration.Input | undefined
  /** Whether it takes the place of everything that was not read yet. */
  readonly supersede?: boolean | undefined
}

/**
 * Tells a session something, from any process, and answers the session once that is durable. A session that has ended is
 * told nothing; one that is blocked reads it when it goes on, and does not go on because of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tell = Effect.fn("Steering.tell")(function* (sessionId: string, text: string, options: Options = {}) {
  if (!/\S/.test(text)) return yield* new InvalidField({ field: "text", detail: "it is empty" })
  if (text.length > maxText) {
    return yield* new InvalidField({ field: "text", detail: `it has more than ${maxText} characters` })
  }
  const { priority, supersede = false, timeToLive } = options
  const session = yield* (yield* Sessions).open(sessionId)
  return yield* session.update(
    Effect.fnUntraced(function* (current, at) {
      const unread = due(current, at).length
      if (!supersede && unread >= maxUnread) return yield* new TooMuchUnread({ session_id: sessionId, unread })
      const expires =
        timeToLive === undefined
          ? undefined
          : yield* Effect.fromOption(later(at, timeToLive)).pipe(
              Effect.mapError(() => new InvalidField({ field: "ttl", detail: "it is longer than a calendar" }))
            )
      const record: Session.Record = {
        type: "told",
        at,
        run: current.run,
        text,
        ...(priority === undefined ? {} : { priority }),
        ...(expires === undefined ? {} : { expires_at: expires }),
        ...(supersede ? { supersede } : {})
      }
      return [record]
    })
  )
})

/**
 * What a session would read now: the most urgent first, then the oldest, and nothing that is out of date.
 *
 * @category constructors
 * @since 0.1.0
 */
export const due = ({ unread }: Session.Session, at: string): ReadonlyArray<Session.Told> =>
  unread
    .filter(({ expires_at }) => expires_at === undefined || expires_at > at)
    .toSorted((a, b) => rank[b.priority ?? "normal"] - rank[a.priority ?? "normal"])

const later = (at: string, duration: Duration.Input) =>
  Option.map(DateTime.make(at), (time) => DateTime.formatIso(DateTime.addDuration(time, duration)))
