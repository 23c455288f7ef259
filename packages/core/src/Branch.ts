/**
 * Takes a session back to an earlier version, or begins another one from there. Both are pointers: nothing is copied, no
 * history is rewritten, and the ledger stays as it is.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Flags from "./Flags.ts"
import { Journal } from "./Journal.ts"
import * as Session from "./Session.ts"
import { type CreateOptions, SessionNotFound, Sessions } from "./Sessions.ts"

/**
 * Takes a session back to a version, or to the latest checkpoint of that name (`phase/milestone`). A worker that executes
 * it stops at once. A version at which it was running makes it due again; at any other it is as it was then. Doing it
 * again changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rollback = Effect.fn("Branch.rollback")(function* (id: string, wanted: string) {
  yield* Flags.requirePersistence(id, "rolled back")
  const session = yield* (yield* Sessions).open(id)
  yield* Flags.requirePersistence(id, "rolled back", (yield* session.refresh).flags)
  return yield* session.update(
    Effect.fnUntraced(function* (current, at) {
      const to = yield* Effect.fromResult(Session.versionOf(current, wanted))
      const done = current.reset_at === current.version && current.past.before?.version === to
      return done ? [] : [{ type: "rolled_back" as const, at, run: current.run, to }]
    })
  )
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ForkOptions {
  /** A version, or the name `phase/milestone` of a checkpoint; the newest version by default. */
  readonly at?: string | undefined
  /** The id of the fork; made by the convention when it is left out. Forking again under it is the same fork. */
  readonly id?: string | undefined
  /** Who is woken; the same as of the session by default. */
  readonly orchestrator?: string | undefined
  readonly prompt?: string | undefined
}

/**
 * Begins a new session that knows what another one knew at a version, and has done nothing of its own yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fork = Effect.fn("Branch.fork")(function* (id: string, options: ForkOptions = {}) {
  yield* Flags.requirePersistence(id, "forked")
  const sessions = yield* Sessions
  const journal = yield* Journal
  const origin = yield* sessions.get(id)
  yield* Flags.requirePersistence(id, "forked", origin.flags)
  const version = yield* Effect.fromResult(Session.versionOf(origin, options.at ?? String(origin.version)))
  const forkedFrom = { session_id: origin.session_id, version }
  const task: CreateOptions = {
    id: options.id,
    name: origin.name,
    role: origin.role,
    taskType: origin.task_type,
    prompt: options.prompt ?? origin.prompt,
    metadata: origin.metadata,
    orchestrator: options.orchestrator ?? origin.orchestrator,
    parentId: origin.parent_id,
    runner: origin.runner,
    limits: origin.limits,
    inputs: origin.inputs,
    synthesis: origin.synthesis,
    forkedFrom
  }
  const made = yield* sessions.create(task).pipe(
    Effect.catchTag("SessionExists", (exists) =>
      Effect.flatMap(
        Effect.catchTag(sessions.get(exists.session_id), "SessionNotFound", () => exists),
        (there) =>
          there.forked_from?.session_id === forkedFrom.session_id && there.forked_from.version === version
            ? Effect.succeed(there)
            : exists
      )
    )
  )
  // Somebody may have deleted the origin meanwhile, without having seen the fork.
  const gone = yield* Effect.as(sessions.get(id), false).pipe(
    Effect.catchTag("SessionNotFound", () => Effect.succeed(true))
  )
  if (!gone) return made
  yield* Effect.catchTag(journal.delete(`session/${made.session_id}`), "InvalidKey", Effect.die)
  return yield* new SessionNotFound({ session_id: id })
})
