import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { Clock, Duration, Effect, Exit, Option } from "effect"
import type { Limits } from "../Agent.ts"
import { type ChildTask, type Line, RunFailed } from "../AgentRunner.ts"
import type { Permit } from "../Permits.ts"
import type { Queue } from "../Queue.ts"
import * as Session from "../Session.ts"
import * as SessionId from "../SessionId.ts"
import { Sessions } from "../Sessions.ts"
import * as Spawn from "../Spawn.ts"
import { patiently } from "./patience.ts"
import { untilEnded } from "./untilEnded.ts"

/** When an agent was heard of last. While it waits for its children it need not be. */
export interface Pulse {
  readonly beat: () => void
  readonly resting: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** How long it has been silent, in milliseconds. */
  readonly silence: Effect.Effect<number>
}

export const makePulse: Effect.Effect<Pulse> = Effect.map(Clock.Clock, (clock) => {
  const now = () => clock.currentTimeMillisUnsafe()
  let last = now()
  let resting = 0
  const beat = () => {
    last = now()
  }
  return {
    beat,
    resting: (wait) =>
      Effect.suspend(() => {
        resting += 1
        return Effect.ensuring(
          wait,
          Effect.sync(() => {
            resting -= 1
            beat()
          })
        )
      }),
    silence: Effect.sync(() => (resting > 0 ? 0 : now() - last))
  }
})

/** Fails once an agent was silent for longer than it may be. */
export const watch = (pulse: Pulse, { silence }: Limits): Effect.Effect<never, RunFailed> =>
  silence === undefined ? Effect.never : Effect.andThen(quietFor(pulse, silence), Effect.fail(silentFor(silence)))

/** Completes once an agent was silent for so long. */
export const quietFor = Effect.fnUntraced(function* (pulse: Pulse, limit: number) {
  while (true) {
    const silence = yield* pulse.silence
    if (silence >= limit) return
    yield* Effect.sleep(Math.max(limit - silence, 10))
  }
})

const silentFor = (silence: number) =>
  new RunFailed({
    status: "failed",
    code: "silent",
    detail: `nothing was heard of it for ${Duration.format(Duration.millis(silence))}, and it was stopped`,
    retryable: true
  })

/** A span for each turn, from the end of the one before: what came after the last turn is none. */
export const makeTurns = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const parent = yield* Effect.option(Effect.currentParentSpan)
  let count = 0
  const begin = Effect.suspend(() =>
    Effect.makeSpan("turn", {
      attributes: { turn: ++count },
      ...(Option.isSome(parent) ? { parent: parent.value } : {})
    })
  )
  let span = yield* begin
  const next = Effect.gen(function* () {
    span.end(clock.currentTimeNanosUnsafe(), Exit.void)
    span = yield* begin
  })
  return { next }
})

interface Options {
  readonly session: Session.Session
  readonly hear: Effect.Effect<ReadonlyArray<Session.Session["told"][number]>, unknown>
  readonly permit: Permit
  readonly pulse: Pulse
  readonly capacity: number | undefined
}

/** What an agent can do about others while it works. */
export const make = Effect.fnUntraced(function* ({ capacity, hear, permit, pulse, session }: Options) {
  const sessions = yield* Sessions
  const context = yield* Effect.context<Sessions | Queue>()

  const settled = (id: string) => untilEnded(sessions, id)
  const waiting = <A, E, R>(wait: Effect.Effect<A, E, R>) => pulse.resting(permit.lend(wait))
  const handle = (child: Session.Session): Spawn.Handle => ({
    name: child.name ?? child.session_id,
    sessionId: child.session_id,
    await: waiting(settled(child.session_id))
  })

  const line: Line = {
    alive: Effect.sync(pulse.beat),
    // What goes wrong here ends the run elsewhere: it belongs to somebody else, or its journal is away.
    hear: Effect.catch(patiently(hear), () => Effect.never),
    spawn: (task) => Effect.provideContext(spawn(session, capacity, task, handle), context),
    collect: (handles) =>
      waiting(
        Effect.forEach(
          handles,
          ({ name, sessionId }) => Effect.map(settled(sessionId), (child) => Spawn.report(name, child)),
          { concurrency: "unbounded" }
        )
      )
  }
  return line
})

const spawn = Effect.fn("Agent.spawn")(function* (
  { orchestrator, session_id }: Session.Session,
  capacity: number | undefined,
  task: ChildTask,
  handle: (child: Session.Session) => Spawn.Handle
) {
  const sessions = yield* Sessions
  const id = childId(session_id, task)
  const known = yield* Effect.option(sessions.get(id))
  if (known._tag === "None") yield* Spawn.refuseAtCapacity(orchestrator, capacity)
  const options = { ...task, id, parentId: session_id, orchestrator }
  const child = yield* sessions
    .create(options)
    .pipe(
      Effect.catchTag("SessionExists", (error) =>
        Effect.catchTag(sessions.get(id), "SessionNotFound", () => Effect.fail(error))
      )
    )
  if (Spawn.isDue(child)) yield* Spawn.dispatch(child)
  const made = handle(child)
  return yield* Spawn.returning(child, made, made.await)
})

/** The same parent and name, the same id: whoever goes on with the parent finds the child of before. */
const childId = (parent: string, { name, role, taskType }: ChildTask) =>
  SessionId.derive(role, taskType, bytesToHex(sha256(utf8ToBytes(`${parent}/${name}`))).slice(0, 12))
