/**
 * Makes a session go on, whatever it has come to.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import * as Flags from "./Flags.ts"
import { Queue } from "./Queue.ts"
import { Owner } from "./QueueLog.ts"
import * as Session from "./Session.ts"
import { Sessions } from "./Sessions.ts"
import * as Worker from "./Worker.ts"
import { own } from "./internal/own.ts"

/**
 * A live worker executes the session. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionOwned extends Schema.TaggedError<SessionOwned>("@sartor/core/Resumption/SessionOwned")(
  "SessionOwned",
  { session_id: Schema.String, run: Schema.Natural, owner: Owner }
) {
  override get message() {
    const { host, pid, since } = this.owner
    return `Run ${this.run} of session ${this.session_id} is being executed by process ${pid} on ${host} since ${since}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What to tell it: the answer to what it waits for. It gets this beside its prompt, under `told`. */
  readonly prompt?: string | undefined
  /** A version, or the name `phase/milestone` of a checkpoint, to go back to first. */
  readonly from?: string | undefined
}

/**
 * Makes a session due again, with all of its attempts: its orchestrator takes it up. One that is executed outside is
 * running from now on. It is refused while a live worker executes it, and where its journal is damaged, unless `from` is
 * before the damage. Saying the same again changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resume = Effect.fn("Resumption.resume")(function* (id: string, { from, prompt }: Options = {}) {
  yield* Flags.requirePersistence(id, "resumed")
  const now = Flags.noted(yield* Flags.inForce)
  const session = yield* (yield* Sessions).open(id)
  yield* Flags.requirePersistence(id, "resumed", (yield* session.refresh).flags)
  const after = yield* session.update(
    Effect.fnUntraced(function* (current, at) {
      const { damaged_after, reset_at, run, runner, session_id, told, version } = current
      const owner = yield* ownerOf(current)
      if (owner !== undefined) return yield* new SessionOwned({ session_id, run, owner })
      if (damaged_after !== undefined && from === undefined) {
        return yield* new Session.SessionDamaged({ session_id, good: damaged_after })
      }
      const common = { at, run }
      const to = from === undefined ? undefined : yield* Effect.fromResult(Session.versionOf(current, from))
      const external = runner.type === "external"
      const said = prompt === undefined || told.at(-1)?.text === prompt
      const there = to === undefined || current.past.before?.before?.version === to
      if (!external && reset_at === version && current.status === "suspended" && said && there) return []
      const records: Array<Session.Record> = []
      if (to !== undefined) records.push({ type: "rolled_back", ...common, to })
      const flags = current.flags === undefined ? now : { flags: {}, ...now }
      records.push({ type: "resumed", ...common, ...flags, ...(prompt === undefined ? {} : { prompt }) })
      if (external) records.push({ type: "started", at, run: run + 1, worker: { kind: "external" } })
      return records
    })
  )
  // Whoever runs a workflow decides itself what is due in it.
  if (after.runner.type !== "external" && !isOfWorkflow(after)) yield* Worker.dispatch(after)
  return after
})

/**
 * Whether a session is an agent of a workflow, which goes on with it when the workflow is run again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const isOfWorkflow = ({ metadata, orchestrator }: Session.Session): boolean =>
  metadata["run_id"] === orchestrator

/**
 * Who executes a session now, unless it is proven dead; nobody known for one that is executed outside.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ownerOf = Effect.fnUntraced(function* (session: Session.Session) {
  if (session.status !== "running" || session.runs.at(-1)?.worker.kind !== "local") return undefined
  const held = yield* own((yield* Queue).inspect(Worker.queueOf(session.orchestrator)))
  return held.find(({ abandoned, id }) => id === session.session_id && !abandoned)?.owner
})
