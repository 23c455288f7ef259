/**
 * Executes workflows durably: whoever runs it may die at any moment, and no finished agent runs again.
 *
 * @since 0.1.0
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { Deferred, Effect, FileSystem, Path, Schedule, Schema, Stream } from "effect"
import type * as Agent from "./Agent.ts"
import { Journal } from "./Journal.ts"
import * as Orchestrator from "./Orchestrator.ts"
import * as Outbox from "./Outbox.ts"
import type * as Session from "./Session.ts"
import * as SessionId from "./SessionId.ts"
import { nowText, Sessions } from "./Sessions.ts"
import * as Synthesis from "./Synthesis.ts"
import { isTerminal } from "./Wake.ts"
import type { Agent as Step, Workflow } from "./WorkflowFile.ts"
import * as WorkflowRun from "./WorkflowRun.ts"
import * as WorkflowRuns from "./WorkflowRuns.ts"

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
  /** One agent at a time, in order. */
  readonly sequential?: boolean | undefined
  /** Hears what happens, as it happens. */
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
  | { readonly type: "begun"; readonly at: string; readonly run_id: string; readonly resumed: boolean }
  | { readonly type: "session"; readonly agent: string; readonly session_id: string; readonly record: Session.Record }
  | {
      readonly type: "finished"
      readonly agent: string
      readonly finished: WorkflowRun.Finished
      readonly remembered: boolean
    }
  | { readonly type: "synthesized"; readonly agent: string; readonly synthesis: Synthesis.Synthesis }

/**
 * Runs a workflow to its end and answers the run document. Run it again after a crash, here or elsewhere: it goes on where
 * it was.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = Effect.fn("Workflow.run")(function* (options: Options) {
  const { workflow } = options
  const runId = yield* WorkflowRuns.choose(options)
  const log = yield* WorkflowRuns.open(runId)
  const before = yield* log.refresh
  if (before.ended !== undefined && before.ended.status !== "blocked") return yield* WorkflowRuns.document(runId)

  const { onEvent = () => Effect.void } = options
  const sessions = yield* Sessions
  const { host, pid } = options
  const maxParallel = options.sequential === true ? 1 : workflow.max_parallel
  /** By session, the agent that it executes. */
  const agentOf = (session: string) =>
    [...log.current().spawned.values()].find((spawned) => spawned.session_id === session)?.agent

  /** Commits how an agent ended, once. */
  const finish = Effect.fnUntraced(function* (session: Session.Session) {
    const agent = agentOf(session.session_id)
    if (agent === undefined) return
    yield* log.update((state) => {
      const spawned = state.spawned.get(agent)
      const known = state.finished.get(agent)
      if (spawned?.session_id !== session.session_id) return Effect.succeed([])
      const ending = endingOf(session)
      if (known?.session_id === session.session_id && known.status === ending.status) return Effect.succeed([])
      return Effect.map(nowText, (at) => [
        { type: "finished" as const, at, agent, fingerprint: spawned.fingerprint, ...ending }
      ])
    })
  })

  const orchestrator = yield* Orchestrator.make({
    name: runId,
    maxParallel,
    host,
    pid,
    onWake: (wake) =>
      isTerminal(wake.status)
        ? Effect.flatMap(sessions.get(wake.session_id), finish).pipe(Effect.catchTag("SessionNotFound", Effect.die))
        : Effect.void,
    observe: (session, record) => {
      const { name, session_id } = session
      return name === undefined ? Effect.void : onEvent({ type: "session", agent: name, session_id, record })
    }
  })
  // Read again: now it is certain that nobody else writes this run.
  const resumed = (yield* log.refresh).begun !== undefined
  const begun = yield* log.update(() =>
    Effect.map(nowText, (at) => [
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
  yield* onEvent({ type: "begun", at: begun.begun?.at ?? "", run_id: runId, resumed })
  const journal = yield* Journal
  yield* Effect.forkScoped(Stream.runForEach(journal.watch(`workflow/${runId}`), () => log.refresh))
  if (workflow.timeout !== undefined) {
    yield* Effect.forkScoped(Effect.delay(WorkflowRuns.cancel(runId, "its timeout has passed"), workflow.timeout))
  }

  const done = new Map<string, Deferred.Deferred<WorkflowRun.Finished>>()
  for (const agent of workflow.agents) done.set(agent.name, yield* Deferred.make<WorkflowRun.Finished>())
  const after = (name: string) => Effect.flatMap(Effect.fromNullishOr(done.get(name)), Deferred.await)

  const step = Effect.fnUntraced(function* (agent: Step) {
    const needs = yield* Effect.orDie(Effect.forEach(agent.needs, after))
    const fingerprint = yield* fingerprintOf(agent, options.folder, yield* digestOf(needs))
    const known = log.current().finished.get(agent.name)
    if (known?.fingerprint === fingerprint && known.status !== "skipped" && known.status !== "blocked") {
      yield* onEvent({ type: "finished", agent: agent.name, finished: known, remembered: true })
      return known
    }
    const finished = yield* execute(agent, needs, fingerprint)
    yield* onEvent({ type: "finished", agent: agent.name, finished, remembered: false })
    return finished
  })

  /** Commits an ending that no session has. */
  const settle = Effect.fnUntraced(function* (
    agent: Step,
    fingerprint: string,
    ending: Pick<WorkflowRun.Finished, "status" | "error">
  ) {
    const state = yield* log.update(() =>
      Effect.map(nowText, (at) => [
        { type: "finished" as const, at, agent: agent.name, fingerprint, attempts: 0, ...ending }
      ])
    )
    return yield* Effect.orDie(Effect.fromNullishOr(state.finished.get(agent.name)))
  })

  const execute = Effect.fnUntraced(function* (
    agent: Step,
    needs: ReadonlyArray<WorkflowRun.Finished>,
    fingerprint: string
  ) {
    const { cancelled } = log.current()
    if (cancelled !== undefined) {
      return yield* settle(agent, fingerprint, {
        status: "cancelled",
        error: { code: "cancelled", message: cancelled }
      })
    }
    const unmet = needs.filter((need) => need.status !== "complete")
    if (!agent.synthesize && unmet.length > 0) {
      const message = `it needs ${unmet.map((need) => `"${need.agent}", which is ${need.status}`).join(", and ")}`
      return yield* settle(agent, fingerprint, { status: "skipped", error: { code: "need_unmet", message } })
    }
    const synthesis = agent.synthesize ? yield* synthesize(agent, needs) : undefined
    if (agent.runner === "synthesis") return yield* settle(agent, fingerprint, { status: "complete" })
    if (agent.runner === "claude") {
      const error = { code: "no_runner", message: `agents of runner "claude" are not built yet: use a command` }
      return yield* settle(agent, fingerprint, { status: "failed", error })
    }
    const session = yield* spawn(agent, needs, fingerprint, synthesis)
    yield* finish(session)
    return yield* Effect.orDie(Effect.fromNullishOr(log.current().finished.get(agent.name)))
  })

  const synthesize = Effect.fnUntraced(function* (agent: Step, needs: ReadonlyArray<WorkflowRun.Finished>) {
    const reports = yield* Effect.forEach(needs, (need) =>
      need.session_id === undefined
        ? Effect.succeed({
            agent: need.agent,
            outcome: need.status,
            ...(need.error === undefined ? {} : { problem: need.error })
          })
        : Effect.map(sessions.get(need.session_id), (session) => Orchestrator.report(need.agent, session))
    )
    const synthesis = Synthesis.synthesize(reports)
    yield* log.update(() =>
      Effect.map(nowText, (at) => [{ type: "synthesized" as const, at, agent: agent.name, synthesis }])
    )
    yield* onEvent({ type: "synthesized", agent: agent.name, synthesis })
    return synthesis
  })

  /** Spawns the agent's session, or takes up the one of before, and waits for its end. */
  const spawn = Effect.fnUntraced(function* (
    agent: Step,
    needs: ReadonlyArray<WorkflowRun.Finished>,
    fingerprint: string,
    synthesis: Synthesis.Synthesis | undefined
  ) {
    const before = log.current().spawned.get(agent.name)
    const id =
      before?.fingerprint === fingerprint ? before.session_id : yield* SessionId.make(agent.role, agent.task_type)
    if (before?.session_id !== id) {
      // The id is chosen and committed first: a crash after the session is created finds it again.
      yield* log.update(() =>
        Effect.map(nowText, (at) => [{ type: "spawned" as const, at, agent: agent.name, session_id: id, fingerprint }])
      )
    }
    const inputs = Object.fromEntries(
      needs.flatMap((need) => (need.session_id === undefined ? [] : [[need.agent, need.session_id]]))
    )
    const task = {
      id,
      name: agent.name,
      role: agent.role,
      taskType: agent.task_type,
      prompt: agent.prompt,
      inputs,
      limits: { timeout: agent.timeout, retries: agent.retries },
      runner: yield* runnerOf(agent, options.folder),
      metadata: { workflow: workflow.name, run_id: runId },
      ...(synthesis === undefined ? {} : { synthesis: encodeSynthesis(synthesis) })
    }
    const handle = yield* orchestrator.adopt(id).pipe(
      Effect.catchTag("SessionNotFound", () => orchestrator.spawn(task)),
      Effect.retry(($) => $(whenThereIsRoom).pipe(Schedule.while(({ input }) => input._tag === "AtCapacity")))
    )
    if (log.current().cancelled !== undefined) yield* Effect.ignore(Outbox.cancel(id, "its run was cancelled"))
    return yield* handle.await
  })

  yield* Effect.forEach(
    workflow.agents,
    (agent) =>
      Effect.flatMap(step(agent), (finished) =>
        Effect.flatMap(Effect.orDie(Effect.fromNullishOr(done.get(agent.name))), Deferred.succeed(finished))
      ),
    { concurrency: "unbounded", discard: true }
  )
  yield* log.update((state) =>
    Effect.map(nowText, (at) => [{ type: "ended" as const, at, status: WorkflowRun.statusOf(state) }])
  )
  return yield* WorkflowRuns.document(runId)
}, Effect.scoped)

/** How a session ended, as the run's journal keeps it. */
const endingOf = ({ error, runs, session_id, status, updated_at }: Session.Session) => {
  const ended = status === "complete" || status === "blocked" || status === "cancelled" ? status : ("failed" as const)
  const first = runs[0]
  return {
    session_id,
    status: ended,
    attempts: runs.length,
    ...(first === undefined ? {} : { started_at: first.started_at }),
    finished_at: runs.at(-1)?.ended_at ?? updated_at,
    ...(error === undefined || ended === "complete" ? {} : { error })
  }
}

/** What an agent gets from its needs, in few bytes. */
const digestOf = Effect.fnUntraced(function* (needs: ReadonlyArray<WorkflowRun.Finished>) {
  const sessions = yield* Sessions
  return yield* Effect.forEach(needs, ({ agent, session_id, status }) =>
    session_id === undefined
      ? Effect.succeed([agent, status])
      : Effect.map(sessions.get(session_id), ({ result }) => [agent, status, digest(JSON.stringify(result ?? null))])
  )
})

/** Of all that the result of an agent depends on: the same fingerprint, the same result. */
const fingerprintOf = Effect.fnUntraced(function* (agent: Step, folder: string, needs: unknown) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const cwd = path.resolve(folder, agent.cwd ?? ".")
  const files = yield* Effect.forEach(agent.command ?? [], (word) =>
    fs.readFile(path.resolve(cwd, word)).pipe(
      Effect.map((content) => bytesToHex(sha256(content))),
      Effect.catch(() => Effect.succeed(""))
    )
  )
  return digest(JSON.stringify([agent, needs, files]))
})

const digest = (text: string) => bytesToHex(sha256(utf8ToBytes(text)))

const runnerOf = Effect.fnUntraced(function* (agent: Step, folder: string) {
  if (agent.command === undefined) return { type: "function" as const, name: agent.name }
  const path = yield* Path.Path
  const runner: Extract<Agent.Runner, { type: "command" }> = {
    type: "command",
    command: agent.command,
    cwd: path.resolve(folder, agent.cwd ?? "."),
    env: agent.env
  }
  return runner
})

const encodeSynthesis = Schema.encodeSync(Synthesis.Synthesis)

/** A workflow waits where an application would be told that there is no room. */
const whenThereIsRoom = Schedule.spaced("200 millis")
