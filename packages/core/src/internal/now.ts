import { DateTime, Effect } from "effect"

/** The time as records carry it: RFC 3339, UTC, milliseconds. */
export const nowText: Effect.Effect<string> = Effect.map(DateTime.now, DateTime.formatIso)
