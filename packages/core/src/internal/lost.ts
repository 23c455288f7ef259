import { Effect } from "effect"
import * as Flags from "../Flags.ts"
import type { TransportError } from "../TransportError.ts"
import { Sessions } from "../Sessions.ts"
import type { Spawned } from "../WorkflowRun.ts"

/** Whether an agent's session was not kept, and is gone with the process that it lived in. */
export const isLost = (spawned: Spawned | undefined): Effect.Effect<boolean, TransportError, Sessions> =>
  spawned === undefined
    ? Effect.succeed(false)
    : Flags.select(spawned.flags, "ENABLE_SESSION_PERSISTENCE", {
        on: Effect.succeed(false),
        off: Sessions.use((sessions) => sessions.get(spawned.session_id)).pipe(
          Effect.as(false),
          Effect.catchTag("SessionNotFound", () => Effect.succeed(true))
        )
      })
