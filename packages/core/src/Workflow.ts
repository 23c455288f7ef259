/**
 * Executes workflows durably: whoever runs it may die at any moment, and no finished agent runs again.
 *
 * @since 0.1.0
 */
import { Deferred, Duration, Effect, identity, Option, Schedule, Schema } from "effect"
import type * as AgentRunner from "./AgentRunner.ts"
import * as Flags from "./Flags.ts"
import { Journal } from "./Journal.ts"
import * as Lease from "./Lease.ts"
import * as Orchestrator from "./Orchestrator.ts"
import * as Session from "./Session.ts"
import * as SessionId from "./SessionId.ts"
import { nowText, Sessions } from "./Sessions.ts"
import * as Alert from "./Alert.ts"
import * as Census from "./Census.ts"
import * as Synthesis from "./Synthesis.ts"
import type { TransportError } from "./TransportError.ts"
import { isTerminal } from "./Wake.ts"
import { Wakes } from "./Wakes.ts"
import { type Agent as Step, order, type Workflow } from "./WorkflowFile.ts"
import * as WorkflowPlan from "./WorkflowPlan.ts"
import * as WorkflowRun from "./WorkflowRun.ts"
import * as WorkflowRuns from "./WorkflowRuns.ts"
import { attending } from "./internal/attending.ts"
import { again, fingerprintOf, isAgain } from "./internal/fingerprint.ts"
import { following } from "./internal/following.ts"
import { isLost } from "./internal/lost.ts"
import { patiently } from "./internal/patience.ts"
import { runnerOf } from "./internal/stepRunner.ts"
import { reportOf, synthesisOf } from "./internal/synthesizing.ts"
import { makeWorkflowWatch } from "./internal/workflowWatch.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly workflow: Workflow
  /** Where relative paths of the workflow begin: the folder of its file. */
  readonly folder: string
  readonly file?: string | undefined
  /** Runs or resumes the run of this id; one that has ended is answered as it ended. */
  readonly runId?: string | undefined
  /** Starts anew, even if an earlier run of the same workflow was interrupted. */
  readonly fresh?: boolean | undefined
  /** Whether all agents are left to workers in other processes (`Worker.serve`); otherwise those only help. */
  readonly elsewhere?: boolean | undefined
  /** Flags of its own: what they switch off is off for all of its agents. */
  readonly flags?: Flags.Some | undefined
  /** The pool of the orchestrator whose agent this run is started by, and waited for. */
  readonly pool?: string | undefined
  /** Hears what happens, as it happens. What goes wrong in it harms no run. */
  readonly onEvent?: ((event: Event) => Effect.Effect<void>) | undefined
  readonly host?: string | undefined
  readonly pid?: number | undefined
}

/**
 * Something that happened in a run.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | {
      readonly type: "begun"
      readonly at: string
      readonly run_id: string
      readonly resumed: boolean
      /** What going on with it is going to do; nothing of it has been done yet. */
      readonly plan?: WorkflowPlan.Plan
    }
  | (AgentRunner.Delta & { readonly agent: string; readonly session_id: string })
  | { readonly type: "session"; readonly agent: string; readonly session_id: string; readonly record: Session.Record }
  | {
      readonly type: "finished"
      readonly agent: string
      readonly finished: WorkflowRun.Finished
      readonly remembered: boolean
    }
  | { readonly type: "synthesized"; readonly agent: string; readonly synthesis: Synthesis.Synthesis }
  | { readonly type: "alert"; readonly alert: Alert.Alert }

/** Somebody else has begun the run after this one did. */
class Superseded extends Schema.TaggedError<Superseded>("@sartor/core/Workflow/Superseded")("Superseded", {}) {}

/**
 * Runs a workflow to its end and answers the run document. Run it again after a crash, here or elsewhere: it goes on where
 * it was. While it runs it outlasts a transport that is away for up to a minute.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = Effect.fn("workflow")(function* (options: Options) {
  yield* Effect.annotateCurrentSpan({ workflow: options.workflow.name })
  const runId = yield* WorkflowRuns.choose(options)
  return yield* execute(options, runId).pipe(
    Effect.catchTag("Superseded", (error) =>
      Effect.flatMap(Lease.holder(runId), (owner) =>
        Effect.fail(Option.isSome(owner) ? new Lease.Owned({ name: runId, owner: owner.value }) : error)
      )
    ),
    // Who took it over has stopped meanwhile.
    Effect.retry({ while: (error): error is Superseded => error._tag === "Superseded" })
  )
})

const execute = Effect.fnUntraced(function* (options: Options, runId: string) {
  const { folder, host, onEvent = () => Effect.void, pid, workflow } = options
  const sessions = yield* Sessions
  const journal = yield* Journal
  const log = yield* WorkflowRuns.open(runId, { patient: true })
  if (WorkflowRun.isOver(yield* log.refresh)) return yield* WorkflowRuns.document(runId)

  const maxParallel = Flags.select(Flags.both(yield* Flags.inForce, options.flags), "ENABLE_PARALLEL_EXECUTION", {
    on: workflow.max_parallel,
    off: 1
  })
  const tell = (event: Event) =>
    Effect.catchCause(onEvent(event), (cause) => Effect.logWarning("A listener of the run failed", cause))

  const tellOf = ({ name, session_id }: Session.Session, record: Session.Record) =>
    name === undefined ? Effect.void : tell({ type: "session", agent: name, session_id, record })
  const alert = (alert: Alert.Alert) =>
    Effect.andThen(Effect.logWarning(Alert.message(alert)), tell({ type: "alert", alert }))
  const watch = makeWorkflowWatch(runId, alert)

  /** Commits how an agent ended, once. Whoever does so says the same. */
  const finish = (session: Session.Session) =>
    log.update((state) => {
      const spawned = [...state.spawned.values()].find(({ session_id }) => session_id === session.session_id)
      if (spawned === undefined || !(Session.isEnded(session.status) || session.status === "blocked")) {
        return Effect.succeed([])
      }
      const { agent, fingerprint } = spawned
      const ending = WorkflowRun.endingOf(session)
      if (state.finished.get(agent)?.status === ending.status) return Effect.succeed([])
      return Effect.map(nowText, (at) => [{ type: "finished" as const, at, agent, fingerprint, ...ending }])
    })

  const orchestrator = yield* Orchestrator.make({
    name: runId,
    maxParallel,
    workers: options.elsewhere === true ? 0 : undefined,
    pool: options.pool,
    host,
    pid,
    // What is left of an earlier definition must not run.
    resume: false,
    onWake: (wake) =>
      isTerminal(wake.status)
        ? Effect.flatMap(sessions.get(wake.session_id), finish).pipe(
            Effect.asVoid,
            // It was lost with its process: it runs again, and wakes again.
            Effect.catchTag("SessionNotFound", () => Effect.void)
          )
        : Effect.void,
    onAlert: alert,
    listen: ({ name, session_id }, delta) =>
      name === undefined ? Effect.void : tell({ ...delta, agent: name, session_id }),
    observe: tellOf
  })

  const resumed = (yield* log.refresh).begun !== undefined
  const begun = yield* log.update((state) =>
    WorkflowRun.isOver(state)
      ? Effect.succeed([])
      : Effect.map(nowText, (at) => [
          {
            type: "begun" as const,
            at,
            run_id: runId,
            workflow,
            max_parallel: maxParallel,
            ...(options.file === undefined ? {} : { file: options.file })
          }
        ])
  )
  // It was ended by somebody else while this one waited for it.
  if (WorkflowRun.isOver(begun)) return yield* WorkflowRuns.document(runId)

  /** Commits while the run is still ours. */
  const commit = (
    decide: (state: WorkflowRun.WorkflowRun, at: string) => ReadonlyArray<WorkflowRun.Record>
  ): Effect.Effect<WorkflowRun.WorkflowRun, Superseded | TransportError> =>
    log.update((state) =>
      state.generation === begun.generation
        ? Effect.map(nowText, (at) => decide(state, at))
        : Effect.fail(new Superseded())
    )

  /** Commits an ending that no session has. */
  const settle = Effect.fnUntraced(function* (
    agent: Step,
    fingerprint: string,
    ending: Pick<WorkflowRun.Finished, "status" | "error">
  ) {
    const state = yield* commit((_, at) => [
      { type: "finished", at, agent: agent.name, fingerprint, attempts: 0, ...ending }
    ])
    return yield* endOf(state, agent)
  })

  const synthesize = Effect.fnUntraced(function* (agent: Step, needs: ReadonlyArray<WorkflowRun.Finished>) {
    const synthesis = yield* patiently(synthesisOf(log.current(), agent, needs))
    yield* commit((_, at) => [{ type: "synthesized", at, agent: agent.name, synthesis }])
    yield* tell({ type: "synthesized", agent: agent.name, synthesis })
    yield* watch.synthesized(agent.name, synthesis)
    return synthesis
  })

  /** Spawns the agent's session, or takes up the one of before, and waits for its end. */
  const spawn = Effect.fnUntraced(function* (
    agent: Step,
    needs: ReadonlyArray<WorkflowRun.Finished>,
    fingerprint: string,
    synthesis: Synthesis.Synthesis | undefined
  ) {
    // The id is chosen and committed first: a crash after the session is created finds it again.
    const flags = Flags.both(yield* Flags.inForce, options.flags, agent.flags)
    const before = log.current().spawned.get(agent.name)
    const lost = before?.fingerprint === fingerprint && (yield* patiently(isLost(before)))
    if (lost) yield* Effect.logWarning(lostMessage(agent.name))
    // Whoever was spawned after one that is lost knows it by its id.
    const chosen = lost ? before.session_id : yield* SessionId.make(agent.role, agent.task_type)
    const { spawned } = yield* commit((state, at) =>
      state.spawned.get(agent.name)?.fingerprint === fingerprint && !lost
        ? []
        : [{ type: "spawned", at, agent: agent.name, session_id: chosen, fingerprint, ...Flags.noted(flags) }]
    )
    const id = spawned.get(agent.name)?.session_id ?? chosen
    const task = {
      id,
      name: agent.name,
      role: agent.role,
      taskType: agent.task_type,
      prompt: agent.prompt,
      inputs: Object.fromEntries(
        needs.flatMap((need) => (need.session_id === undefined ? [] : [[need.agent, need.session_id]]))
      ),
      limits: {
        timeout: agent.timeout,
        retries: agent.retries,
        // Claude's runner keeps watch itself: a tool may take its time.
        ...(agent.silence === undefined || agent.runner === "claude" ? {} : { silence: agent.silence })
      },
      runner: yield* runnerOf(agent, folder),
      metadata: { workflow: workflow.name, run_id: runId },
      flags,
      ...(synthesis === undefined ? {} : { synthesis: encodeSynthesis(synthesis) })
    }
    const toldOf = options.elsewhere === true ? yield* following(id, tellOf) : identity
    const handle = yield* orchestrator.adopt(id).pipe(
      Effect.catchTag("SessionNotFound", () => orchestrator.spawn(task)),
      // Somebody who owned this run before may still come in between.
      Effect.retry({ while: (error) => error._tag === "SessionExists", times: 3 }),
      patiently,
      Effect.retry({ schedule: whenThereIsRoom, while: (error) => error._tag === "AtCapacity" })
    )
    yield* obey
    return yield* toldOf(handle.await)
  })

  const perform = Effect.fnUntraced(function* (
    agent: Step,
    needs: ReadonlyArray<WorkflowRun.Finished>,
    fingerprint: string
  ) {
    const { cancelled } = log.current()
    if (cancelled !== undefined) {
      const error = { code: "cancelled", message: cancelled }
      return yield* settle(agent, fingerprint, { status: "cancelled", error })
    }
    const unmet = needs.filter((need) => need.status !== "complete")
    if (!agent.synthesize && unmet.length > 0) {
      const message = `it needs ${unmet.map((need) => `"${need.agent}", which is ${need.status}`).join(", and ")}`
      return yield* settle(agent, fingerprint, { status: "skipped", error: { code: "need_unmet", message } })
    }
    const synthesis = agent.synthesize ? yield* synthesize(agent, needs) : undefined
    const open = synthesis?.conflicts.filter(({ blocking }) => blocking).length ?? 0
    if (agent.on_conflict === "ask" && open > 0) {
      const message = `${open} ${open === 1 ? "conflict waits" : "conflicts wait"} for an answer: "sartor questions ${runId}"`
      return yield* settle(agent, fingerprint, { status: "blocked", error: { code: "conflict", message } })
    }
    if (agent.runner === "synthesis") return yield* settle(agent, fingerprint, { status: "complete" })
    const session = spawn(agent, needs, fingerprint, synthesis).pipe(
      Effect.withSpan("session", { attributes: { agent: agent.name, run_id: runId, workflow: workflow.name } })
    )
    return yield* endOf(yield* finish(yield* session), agent)
  })

  const done = new Map<string, Deferred.Deferred<WorkflowRun.Finished>>()
  for (const { name } of workflow.agents) done.set(name, yield* Deferred.make<WorkflowRun.Finished>())
  const ended = (name: string) => Effect.orDie(Effect.fromNullishOr(done.get(name)))

  /** Lets those that did not report try again, one at a time, once; but not who waits for a human. */
  const secondChance = Effect.fnUntraced(function* (needs: ReadonlyArray<WorkflowRun.Finished>) {
    const accounts = Census.settle(yield* patiently(Effect.forEach(needs, reportOf)))
    const reported = new Set(accounts.filter(({ state }) => state === "reported").map((account) => account.agent))
    // Once begun it is brought to its end, whoever goes on with the run.
    const begun = needs.some(({ fingerprint }) => isAgain(fingerprint))
    if (!begun && Census.status(Census.make(accounts)) !== "insufficient") return needs
    return yield* Effect.forEach(needs, (need) =>
      reported.has(need.agent) || need.status === "blocked" || isAgain(need.fingerprint)
        ? Effect.succeed(need)
        : Effect.gen(function* () {
            const agent = yield* Effect.orDie(
              Effect.fromNullishOr(workflow.agents.find(({ name }) => name === need.agent))
            )
            const its = agent.needs.flatMap((name) => log.current().finished.get(name) ?? [])
            const finished = yield* perform(agent, its, again(need.fingerprint))
            yield* tell({ type: "finished", agent: agent.name, finished, remembered: false })
            return finished
          })
    )
  })

  const step = Effect.fnUntraced(function* (agent: Step) {
    const first = yield* Effect.forEach(agent.needs, (name) => Effect.flatMap(ended(name), Deferred.await))
    const needs = agent.on_insufficient === "sequential" ? yield* secondChance(first) : first
    const given = yield* patiently(fingerprintOf(agent, folder, needs))
    const state = log.current()
    const latest = [state.spawned.get(agent.name), state.finished.get(agent.name)]
    const fingerprint = latest.some((record) => record?.fingerprint === again(given)) ? again(given) : given
    const known = log.current().finished.get(agent.name)
    const remembered =
      known?.fingerprint === fingerprint &&
      known.status !== "skipped" &&
      known.status !== "blocked" &&
      !(yield* patiently(isLost(log.current().spawned.get(agent.name))))
    const finished = remembered ? known : yield* perform(agent, needs, fingerprint)
    yield* tell({ type: "finished", agent: agent.name, finished, remembered })
    yield* watch.finished(log.current())
    yield* Effect.flatMap(ended(agent.name), Deferred.succeed(finished))
    return finished
  })

  /** Cancels what runs, once the run is cancelled. */
  const obey = Effect.gen(function* () {
    const { cancelled } = yield* log.refresh
    if (cancelled !== undefined) yield* patiently(WorkflowRuns.cancelSessions(runId, cancelled))
  })
  const obeying = attending(journal.watch(`workflow/${runId}`), obey)
  const timingOut = (timeout: number) =>
    patiently(
      WorkflowRuns.cancel(runId, `its timeout of ${Duration.format(Duration.millis(timeout))} has passed`)
    ).pipe(
      Effect.catchCause((cause) => Effect.logError(`Run ${runId} has timed out and cannot be cancelled`, cause)),
      Effect.delay(timeout)
    )

  /** Every wake is handled before the run ends: nobody would come for it afterwards. */
  const handled = patiently((yield* Wakes).pending(runId)).pipe(
    Effect.repeat({
      until: (pending) => pending.length === 0,
      schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "1 minute" }))
    })
  )

  const work = Effect.gen(function* () {
    const plan = resumed ? { plan: yield* patiently(WorkflowPlan.make(begun, workflow, folder)) } : {}
    yield* tell({ type: "begun", at: begun.begun?.at ?? "", run_id: runId, resumed, ...plan })
    yield* Effect.forkScoped(obeying)
    if (workflow.timeout !== undefined) yield* Effect.forkScoped(timingOut(workflow.timeout))
    yield* Effect.forEach(inOrder(workflow), step, { concurrency: maxParallel === 1 ? 1 : "unbounded" })
    const { finished } = log.current()
    const used = new Set(workflow.agents.flatMap(({ name }) => finished.get(name)?.session_id ?? []))
    yield* patiently(WorkflowRuns.cancelSessions(runId, "its workflow was changed", used))
    yield* handled
    yield* commit((state, at) => [{ type: "ended", at, status: WorkflowRun.statusOf(state) }])
    return yield* patiently(WorkflowRuns.document(runId))
  })
  return yield* Effect.raceFirst(work, Effect.andThen(orchestrator.lost, new Superseded()))
}, Effect.scoped)

/** How an agent has ended; only somebody else's spawning it anew can have made that unknown again. */
const endOf = (state: WorkflowRun.WorkflowRun, { name }: Step) =>
  Effect.mapError(Effect.fromNullishOr(state.finished.get(name)), () => new Superseded())

/** One agent after another: each after its needs, else as in the file. */
const inOrder = (workflow: Workflow) =>
  order(workflow).flatMap((name) => workflow.agents.filter((agent) => agent.name === name))

const lostMessage = (agent: string) =>
  `The run of agent "${agent}" was lost with its process, because sessions are not kept: it runs again`

const encodeSynthesis = Schema.encodeSync(Synthesis.Synthesis)

/** A workflow waits where an application would be told that there is no room. */
const whenThereIsRoom = Schedule.spaced("200 millis")
