/**
 * Deletes sessions, with the ledger's counts kept.
 *
 * What is done in which order makes it safe to die anywhere: until the session's journal says `closed` it is all there,
 * from then on it is gone, and deleting it again removes what is left.
 *
 * @since 0.1.0
 */
import { DateTime, Effect, HashSet, Option, Predicate, Schema, Stream } from "effect"
import * as Inbox from "./Inbox.ts"
import { Journal } from "./Journal.ts"
import * as Lease from "./Lease.ts"
import * as Outbox from "./Outbox.ts"
import * as Permits from "./Permits.ts"
import { Queue } from "./Queue.ts"
import * as Recall from "./Recall.ts"
import { isOfWorkflow, ownerOf } from "./Resumption.ts"
import * as Roster from "./Roster.ts"
import * as Session from "./Session.ts"
import * as SessionId from "./SessionId.ts"
import { nowText, SessionNotFound, Sessions } from "./Sessions.ts"
import * as Wake from "./Wake.ts"
import * as Wakes from "./Wakes.ts"
import * as Worker from "./Worker.ts"
import * as WorkflowRun from "./WorkflowRun.ts"
import * as WorkflowRuns from "./WorkflowRuns.ts"
import { own } from "./internal/own.ts"
import * as replicas from "./internal/replicas.ts"

/**
 * Something still needs the session. Nothing was deleted.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionInUse extends Schema.TaggedError<SessionInUse>("@sartor/core/Deletion/SessionInUse")(
  "SessionInUse",
  {
    session_id: Schema.String,
    /** A run of it lives, wakes of it are not dealt with, or forks point at it. */
    by: Schema.Literals(["run", "wake", "fork"]),
    /** The number of the run, or the ids of the wakes or forks. */
    names: Schema.Array(Schema.String)
  }
) {
  override get message() {
    const names = this.names.slice(0, 5).join(", ")
    const why = {
      run: `run ${names} of it lives`,
      wake: `wakes of it are pending: ${names}`,
      fork: `it is shared by ${names}`
    }
    return `Session ${this.session_id} cannot be deleted, because ${why[this.by]}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Cancels its run, makes dead letters of its pending wakes, and copies into its forks what they share with it. */
  readonly force?: boolean | undefined
}

/**
 * Deletes a session with its log. It is refused while a run of it lives, a wake of it is pending or a fork points at it.
 * What its wakes came to stays in the ledger, as counts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const remove = Effect.fn("Deletion.remove")(function* (given: string, { force = false }: Options = {}) {
  return yield* removeWhile(given, force, () => true)
})

const removeWhile = Effect.fnUntraced(function* (
  given: string,
  force: boolean,
  may: (session: Session.Session) => boolean
) {
  const id = yield* Effect.mapError(SessionId.parse(given), () => new SessionNotFound({ session_id: given }))
  const log = yield* journalOf(id)
  const there = yield* log.refresh
  if (there === undefined) return yield* finish(id)
  if (there.closed !== true) {
    if (force) yield* release(there)
    yield* refuse((yield* log.refresh) ?? there)
    yield* begin(there)
    yield* log.update(
      Effect.fnUntraced(function* (current) {
        if (current === undefined || current.closed === true) return []
        yield* refuse(current)
        if (!may(current)) return yield* new SessionInUse({ session_id: id, by: "run", names: [String(current.run)] })
        return [{ type: "closed" as const, at: yield* nowText, run: current.run }]
      })
    )
  }
  // One that was forked after the last look.
  yield* handOver(id)
  yield* sweep(id, there.orchestrator)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Pruned {
  readonly sessions: ReadonlyArray<string>
  readonly runs: ReadonlyArray<string>
}

/**
 * Deletes ended sessions that were last written to before a time, in milliseconds since the epoch, and of whom no wake is
 * pending; and runs of workflows that had ended by then and have no sessions left. A session that is forked stays as long as
 * its fork. With a run go the queues that were its own. Also ends deletions of which somebody died. A dry run only tells what it would delete.
 *
 * @category constructors
 * @since 0.1.0
 */
export const prune = Effect.fn("Deletion.prune")(function* (options: {
  readonly before: number
  readonly dryRun?: boolean | undefined
}) {
  const { before, dryRun = false } = options
  const sessions = yield* Sessions
  const isOld = (at: string) => Option.exists(DateTime.make(at), (time) => DateTime.toEpochMillis(time) < before)
  const may = ({ status, updated_at }: Session.Session) => Session.isEnded(status) && isOld(updated_at)
  if (!dryRun) yield* finishAll
  const gone = new Set<string>()
  // The newest come first, and forks are newer than what they are forked from.
  for (const session of (yield* sessions.list()).filter(may)) {
    const { session_id } = session
    // A run that can still go on needs what its agents have handed in.
    if (isOfWorkflow(session) && !(yield* isRunOver(session.orchestrator))) continue
    const deleted = yield* (dryRun ? refuse(session, gone) : removeWhile(session_id, false, may)).pipe(
      Effect.as(true),
      Effect.catchTag(["SessionInUse", "SessionNotFound"], () => Effect.succeed(false))
    )
    if (deleted) gone.add(session_id)
  }
  const runs = yield* pruneRuns(isOld, gone, dryRun)
  const pruned: Pruned = { sessions: [...gone], runs }
  return pruned
})

const isRunOver = Effect.fnUntraced(function* (runId: string) {
  const run = yield* (yield* WorkflowRuns.open(runId)).refresh
  return run.begun === undefined || WorkflowRun.isOver(run)
})

const pruneRuns = Effect.fnUntraced(function* (
  isOld: (at: string) => boolean,
  gone: ReadonlySet<string>,
  dryRun: boolean
) {
  const journal = yield* Journal
  const queue = yield* Queue
  const left = (yield* (yield* Sessions).list()).filter(({ session_id }) => !gone.has(session_id))
  const owners = new Set<string>(left.map(({ orchestrator }) => orchestrator))
  const ids = new Set<string>(left.map(({ session_id }) => session_id))
  const runs: Array<string> = []
  for (const { key } of yield* journal.heads("workflow/")) {
    const runId = key.slice("workflow/".length)
    const run = yield* (yield* WorkflowRuns.open(runId)).refresh
    const spawned = [...run.spawned.values()].some(({ session_id }) => ids.has(session_id))
    if (!WorkflowRun.isOver(run) || !isOld(run.ended?.at ?? "") || spawned || owners.has(runId)) continue
    if (Option.isSome(yield* Lease.holder(runId))) continue
    runs.push(runId)
    if (dryRun) continue
    // First what chooses it: a run of the same workflow then gets an id of its own.
    for (const { key, version } of yield* journal.heads("identity/")) {
      const [last] = yield* own(Stream.runCollect(journal.read(key, version - 1)))
      if (isIdentityOf(last?.record, runId)) yield* own(journal.delete(key))
    }
    yield* Roster.leave(runId)
    const queues = [
      Lease.queueOf(runId),
      Permits.queueOf(runId),
      Permits.queueOf(Permits.aloneOf(runId)),
      Worker.queueOf(runId),
      Wakes.queueOf(runId)
    ]
    yield* Effect.forEach(queues, (name) => own(queue.delete(name)), { discard: true })
    // Last, because by this one the run is found.
    yield* own(journal.delete(key))
  }
  if (runs.length > 0 && !dryRun) yield* Roster.tidy
  return runs
})

const isIdentityOf = (record: unknown, runId: string) =>
  Predicate.isReadonlyObject(record) && record["run_id"] === runId

/** Fails with what still needs a session, other than those that go with it. */
const refuse = Effect.fnUntraced(function* (session: Session.Session, going: ReadonlySet<string> = new Set()) {
  const { orchestrator, run, runs, session_id, status, wakes } = session
  const external = status === "running" && runs.at(-1)?.worker.kind === "external"
  if (external || (yield* ownerOf(session)) !== undefined) {
    return yield* new SessionInUse({ session_id, by: "run", names: [String(run)] })
  }
  const inbox = yield* (yield* inboxOf(orchestrator)).refresh
  const pending = wakes.filter(({ wake_id }) => !Inbox.isSettled(inbox, wake_id)).map(({ wake_id }) => wake_id)
  if (pending.length > 0) return yield* new SessionInUse({ session_id, by: "wake", names: pending })
  const forks = (yield* forksOf(session_id)).map((fork) => fork.session_id).filter((fork) => !going.has(fork))
  if (forks.length > 0) return yield* new SessionInUse({ session_id, by: "fork", names: forks })
})

const forksOf = Effect.fnUntraced(function* (id: SessionId.SessionId) {
  const all = yield* (yield* Sessions).list()
  return all.filter(({ forked_from, owns_history }) => forked_from?.session_id === id && owns_history !== true)
})

/** Takes away what needs a session. */
const release = Effect.fnUntraced(function* (session: Session.Session) {
  const { orchestrator, session_id, status } = session
  const ended = Session.isEnded(status)
    ? session
    : yield* Outbox.cancel(session_id, "it was deleted").pipe(
        // It ended by itself meanwhile.
        Effect.catchTag("IllegalTransition", () => Effect.flatMap(Sessions, (sessions) => sessions.get(session_id)))
      )
  const inbox = yield* inboxOf(orchestrator)
  yield* inbox.refresh
  yield* inbox.update((state) =>
    Effect.map(nowText, (at) =>
      ended.wakes
        .filter(({ wake_id }) => !Inbox.isSettled(state, wake_id))
        .map((wake) => ({
          type: "dead" as const,
          at,
          wake_id: wake.wake_id,
          reason: "its session was deleted",
          original: encodeWake(wake)
        }))
    )
  )
  yield* handOver(session_id)
})

/** Copies into its forks what they share with a session. */
const handOver = Effect.fnUntraced(function* (id: SessionId.SessionId) {
  const sessions = yield* Sessions
  for (const { session_id } of yield* forksOf(id)) {
    const known = Option.getOrElse(yield* Recall.history(session_id), (): ReadonlyArray<Recall.Known> => [])
    const entries = known
      .filter((one) => one.session_id !== session_id)
      .map(({ record, session_id, version }) => ({ session_id, version, record: encodeRecord(record) }))
    yield* sessions.open(session_id).pipe(
      Effect.flatMap((fork) =>
        fork.update(({ owns_history, run }, at) =>
          Effect.succeed(owns_history === true ? [] : [{ type: "inherited", at, run, entries }])
        )
      ),
      // It was deleted itself meanwhile.
      Effect.catchTag("SessionNotFound", () => Effect.void)
    )
  }
})

/** From here on the inbox vouches for the wakes of a session. */
const begin = Effect.fnUntraced(function* ({ orchestrator, session_id }: Session.Session) {
  const inbox = yield* inboxOf(orchestrator)
  yield* inbox.refresh
  yield* inbox.update(({ deleting }) =>
    HashSet.has(deleting, session_id)
      ? Effect.succeed([])
      : Effect.map(nowText, (at) => [{ type: "deleting" as const, at, session_id }])
  )
})

/** Removes what is left of a closed session, and last of all says so. */
const sweep = Effect.fnUntraced(function* (id: string, orchestrator: string) {
  const journal = yield* Journal
  const queue = yield* Queue
  const name = Wakes.queueOf(orchestrator)
  for (const item of yield* own(queue.inspect(name))) {
    if (item.id.startsWith(`${id}/`)) yield* own(queue.settle(name, item.id, { type: "completed" }))
  }
  yield* own(queue.settle(Worker.queueOf(orchestrator), id, { type: "completed" }))
  yield* own(journal.delete(`session/${id}`))
  yield* own(journal.delete(`log/${id}`))
  const inbox = yield* inboxOf(orchestrator)
  yield* inbox.refresh
  yield* inbox.update(({ deleting }) =>
    HashSet.has(deleting, id)
      ? Effect.map(nowText, (at) => [{ type: "deleted" as const, at, session_id: id }])
      : Effect.succeed([])
  )
})

/** By orchestrator, the sessions whose deletion has begun and not ended. */
const unfinished = Effect.gen(function* () {
  const heads = yield* (yield* Journal).heads("inbox/")
  const names = heads.map(({ key }) => key.slice("inbox/".length))
  return yield* Effect.forEach(names, (orchestrator) =>
    Effect.map(
      Effect.flatMap(inboxOf(orchestrator), ({ refresh }) => refresh),
      ({ deleting }) => ({
        orchestrator,
        ids: [...deleting]
      })
    )
  )
})

/** Ends the deletion of a session whose journal is gone already. */
const finish = Effect.fnUntraced(function* (id: string) {
  const found = (yield* unfinished).find(({ ids }) => ids.includes(id))
  return yield* found === undefined ? new SessionNotFound({ session_id: id }) : sweep(id, found.orchestrator)
})

/** Ends all deletions that cannot be taken back any more. */
const finishAll = Effect.gen(function* () {
  for (const { ids, orchestrator } of yield* unfinished) {
    for (const id of ids) {
      const there = yield* (yield* journalOf(id)).refresh
      if (there !== undefined && there.closed !== true) continue
      if (there !== undefined) yield* handOver(there.session_id)
      yield* sweep(id, orchestrator)
    }
  }
})

const journalOf = Effect.fnUntraced(function* (id: string) {
  return replicas.session(yield* Journal, `session/${id}`)
})

const inboxOf = Effect.fnUntraced(function* (orchestrator: string) {
  return replicas.inbox(yield* Journal, `inbox/${orchestrator}`)
})

const RecordJson: Schema.Codec<Session.Record, Schema.Json> = Schema.toCodecJson(Session.Record)
const encodeRecord = Schema.encodeSync(RecordJson)
const encodeWake = Schema.encodeSync(Wake.Wake)
