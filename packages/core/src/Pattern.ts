/**
 * Ways of having several agents work on one thing, each of them one call. Give the tasks ids, and a program that was killed
 * goes on with the agents of before when it is run again; without ids it spawns new ones.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Option, Schedule, Stream } from "effect"
import type * as Agent from "./Agent.ts"
import type { ChildTask } from "./AgentRunner.ts"
import type { Report } from "./Census.ts"
import type { AgentFunction } from "./FunctionRunner.ts"
import * as Matching from "./Matching.ts"
import { Orchestrator } from "./Orchestrator.ts"
import * as Session from "./Session.ts"
import { type SessionNotFound, Sessions } from "./Sessions.ts"
import * as Spawn from "./Spawn.ts"
import * as Synthesis from "./Synthesis.ts"
import type { TransportError } from "./TransportError.ts"

/**
 * What can go wrong in a pattern beside its agents. That there is no room is waited for.
 *
 * @category errors
 * @since 0.1.0
 */
export type PatternError = Exclude<Spawn.SpawnError, Spawn.AtCapacity> | SessionNotFound

/**
 * Spawns an agent, or gets the one of its id that there is already. Waits where there is no room.
 *
 * @category constructors
 * @since 0.1.0
 */
export const obtain = Effect.fn("Pattern.obtain")(function* (
  task: Spawn.Task
): Effect.fn.Return<Spawn.Handle, PatternError, Orchestrator> {
  const orchestrator = yield* Orchestrator
  const spawned = Effect.retry(orchestrator.spawn(task), {
    schedule: whenThereIsRoom,
    while: (error) => error._tag === "AtCapacity"
  }).pipe(Effect.catchTag("AtCapacity", Effect.die))
  if (task.id === undefined) return yield* spawned
  return yield* Effect.catchTag(orchestrator.adopt(task.id), "SessionNotFound", () => spawned)
})

/**
 * Fan-out and fan-in: all at once, then the synthesis of what they hand in.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fanOut: (
  tasks: ReadonlyArray<Spawn.Task>
) => Effect.Effect<Synthesis.Synthesis, PatternError, Orchestrator> = Effect.fn("Pattern.fanOut")(function* (tasks) {
  const orchestrator = yield* Orchestrator
  const reports = yield* orchestrator.collect(yield* Effect.forEach(tasks, obtain))
  return Synthesis.synthesize(reports, { matcher: yield* Matching.matcherFor(reports) })
})

/**
 * One agent for each input, `concurrency` of them spawned at a time, 16 by default. Answers their reports in the order of
 * the inputs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const map: <A>(
  inputs: ReadonlyArray<A>,
  toTask: (input: A, index: number) => Spawn.Task,
  options?: { readonly concurrency?: number | undefined }
) => Effect.Effect<ReadonlyArray<Report>, PatternError, Orchestrator> = Effect.fn("Pattern.map")(function* (
  inputs,
  toTask,
  { concurrency = 16 } = {}
) {
  const one = (input: (typeof inputs)[number], index: number) => Effect.map(run(toTask(input, index)), reportOf)
  return yield* Effect.forEach(inputs, one, { concurrency })
})

/**
 * A serial chain: each agent gets the result of the one before it, under that one's name. The first that does not complete
 * is the last. Answers the sessions of all that ran.
 *
 * @category constructors
 * @since 0.1.0
 */
export const chain = Effect.fn("Pattern.chain")(function* (
  tasks: ReadonlyArray<Spawn.Task>
): Effect.fn.Return<ReadonlyArray<Session.Session>, PatternError | TransportError, Orchestrator> {
  const sessions: Array<Session.Session> = []
  for (const task of tasks) {
    const before = sessions.at(-1)
    if (before !== undefined && before.status !== "complete") return sessions
    sessions.push(yield* run(before === undefined ? task : after(task, before)))
  }
  return sessions
})

/**
 * Competitive exploration: the first agent that hands in something good wins, and the others are cancelled. Answers the
 * winner's session, or nothing if none was good. Everything that is complete is good by default.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compete = Effect.fn("Pattern.compete")(function* (
  tasks: ReadonlyArray<Spawn.Task>,
  { isGood = () => true }: { readonly isGood?: ((result: Agent.Result) => boolean) | undefined } = {}
): Effect.fn.Return<Option.Option<Session.Session>, PatternError | TransportError, Orchestrator> {
  const handles = yield* Effect.forEach(tasks, obtain)
  const winner = yield* firstOf(
    handles.map((handle) => handle.await),
    ({ result, status }) => status === "complete" && result !== undefined && isGood(result)
  )
  yield* cancelOthers(handles, winner)
  return winner
})

/**
 * A hedged agent: if nothing was heard of it for so long, a second copy of it is spawned, and the first of the two that
 * completes wins; the other is cancelled. Answers the winner's session, or the first one's if neither completes. Needs an
 * agent of which it does no harm that it works twice.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hedge = Effect.fn("Pattern.hedge")(function* (
  task: Spawn.Task,
  { silence }: { readonly silence: Duration.Input }
): Effect.fn.Return<Session.Session, PatternError | TransportError, Orchestrator | Sessions> {
  const first = yield* obtain(task)
  const sessions = yield* Sessions
  // Whatever it commits is a sign of life. One that still waits for a permit is silent for another reason.
  const quiet = Stream.concat(Stream.make(first.sessionId), sessions.changes(first.sessionId)).pipe(
    Stream.debounce(silence),
    Stream.mapEffect((id) => sessions.get(id)),
    Stream.filter(({ status }) => status === "running"),
    Stream.runHead
  )
  const early = yield* Effect.raceFirst(Effect.asSome(first.await), Effect.as(quiet, Option.none<Session.Session>()))
  if (Option.isSome(early)) return early.value
  const name = `${task.name ?? "agent"}-again`
  const second = yield* obtain({ ...task, name, ...(task.id === undefined ? {} : { id: `${task.id}-again` }) })
  const winner = yield* firstOf([first.await, second.await], ({ status }) => status === "complete")
  yield* cancelOthers([first, second], winner)
  return Option.isSome(winner) ? winner.value : yield* first.await
})

/**
 * A critic loop: a draft, a critique of it, and another draft that gets both, until the critic is content or as many drafts
 * were made as are allowed. Answers the last draft's session and whether the critic was content with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refine = Effect.fn("Pattern.refine")(function* (options: {
  /** The task of the draft of this number, from 1; from the second on its inputs are the draft and the critique before. */
  readonly draft: (round: number) => Spawn.Task
  /** The task of the critic, whose input is the draft. */
  readonly critic: (round: number) => Spawn.Task
  readonly isContent: (critique: Agent.Result) => boolean
  /** The most drafts; 3 by default. */
  readonly rounds?: number | undefined
}): Effect.fn.Return<
  { readonly draft: Session.Session; readonly rounds: number; readonly content: boolean },
  PatternError | TransportError,
  Orchestrator
> {
  const { critic, draft: drafting, isContent, rounds = 3 } = options
  let draft = yield* run(drafting(1))
  for (let round = 1; ; round++) {
    if (draft.status !== "complete") return { draft, rounds: round, content: false }
    const critique = yield* run(after(critic(round), draft))
    const content = critique.result !== undefined && isContent(critique.result)
    if (content || round >= rounds || critique.status !== "complete") return { draft, rounds: round, content }
    draft = yield* run(after(after(drafting(round + 1), draft), critique))
  }
})

/**
 * Recursive decomposition: a function agent that splits what it is asked for, has each part done by another agent like
 * itself, and merges what they hand in; what it cannot split it does itself. While it waits its permit is theirs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const decompose =
  <R = never>(options: {
    /** The parts of a prompt; none, or one, if it is small enough. */
    readonly split: (prompt: string) => ReadonlyArray<string>
    readonly solve: AgentFunction<R>
    readonly merge: (reports: ReadonlyArray<Report>) => Agent.Result | string
    /** The task of every part: the runner is that of this very function. */
    readonly task: Omit<ChildTask, "name" | "prompt">
    /** How deep it may split; 8 by default. */
    readonly depth?: number | undefined
  }): AgentFunction<R> =>
  (task) =>
    Effect.gen(function* () {
      const level = Number(task.metadata["depth"] ?? "0")
      const parts = options.split(task.prompt)
      if (parts.length < 2 || level >= (options.depth ?? 8)) return yield* options.solve(task)
      const metadata = { ...options.task.metadata, depth: String(level + 1) }
      const children = yield* Effect.forEach(parts, (prompt, index) =>
        Effect.retry(task.spawn({ ...options.task, metadata, name: `part-${index + 1}`, prompt }), {
          schedule: whenThereIsRoom,
          while: (error) => error._tag === "AtCapacity"
        })
      )
      return options.merge(yield* task.collect(children))
    })

const run = (task: Spawn.Task) => Effect.flatMap(obtain(task), (handle) => handle.await)

const reportOf = (session: Session.Session) => Spawn.report(session.name ?? session.session_id, session)

/** The same task, with the result of a session before it. */
const after = (task: Spawn.Task, { name, session_id }: Session.Session): Spawn.Task => ({
  ...task,
  inputs: { ...task.inputs, [name ?? session_id]: session_id }
})

/** The first that is as it should be, in the order in which they end. */
const firstOf = <E>(
  sessions: ReadonlyArray<Effect.Effect<Session.Session, E>>,
  isGood: (session: Session.Session) => boolean
) =>
  Stream.mergeAll(sessions.map(Stream.fromEffect), { concurrency: "unbounded" }).pipe(
    Stream.filter(isGood),
    Stream.runHead
  )

const cancelOthers = Effect.fnUntraced(function* (
  handles: ReadonlyArray<Spawn.Handle>,
  winner: Option.Option<Session.Session>
) {
  const orchestrator = yield* Orchestrator
  if (Option.isNone(winner)) return
  const { session_id } = winner.value
  yield* Effect.forEach(
    handles.filter(({ sessionId }) => sessionId !== session_id),
    ({ sessionId }) =>
      // It may have ended by itself.
      Effect.catchTag(
        orchestrator.cancel(sessionId, `${session_id} was faster`),
        "IllegalTransition",
        () => Effect.void
      ),
    { discard: true }
  )
})

/** A pattern waits where an application would be told that there is no room. */
const whenThereIsRoom = Schedule.spaced("200 millis")
