import { Cause, Clock, Duration, Effect, Exit, Option, Random, type Scope } from "effect"
import type { Log, Logs, Queue, TakeOptions } from "../Queue.ts"
import type * as QueueLog from "../QueueLog.ts"
import { monotonicMillis } from "./clock.ts"
import * as renewing from "./renewing.ts"
import * as turnstile from "./turnstile.ts"

/** Those who take from one queue in this process. Only the first of them looks: a message wakes one, and not all. */
interface Line {
  readonly gate: turnstile.Turnstile
  /** Messages that somebody is about to claim. */
  readonly picked: Set<string>
  takers: number
}

type Take = (queue: string, log: Log, options: TakeOptions) => ReturnType<Queue["Service"]["take"]>

/** How a queue is taken from: claim, renew, and settle by how the scope closes. */
export const make = Effect.fnUntraced(function* (
  logs: Logs,
  isRejected: (error: unknown) => boolean
): Effect.fn.Return<Take, never, Scope.Scope> {
  const lines = new Map<string, Line>()
  const leases = yield* renewing.make

  const lineOf = (queue: string) => {
    let line = lines.get(queue)
    if (line === undefined) lines.set(queue, (line = { gate: turnstile.make(), picked: new Set(), takers: 0 }))
    line.takers += 1
    return line
  }
  const leave = (queue: string, line: Line) => {
    line.takers -= 1
    if (line.takers === 0) lines.delete(queue)
  }

  /** Waits for the next message that nobody here is about to claim, or for the only one that is wanted. */
  const pick = Effect.fnUntraced(function* (log: Log, { picked }: Line, only: string | undefined) {
    while (true) {
      const revision = log.revision()
      yield* log.glance
      const now = yield* Clock.currentTimeMillis
      const ready = log.state.next(now, picked)
      if (only === undefined && Option.isSome(ready)) return ready.value
      const monotonic = yield* monotonicMillis
      const found =
        only === undefined
          ? expired(log.state, monotonic, logs.isGone, picked)
          : takeable(log.state.items.get(only), monotonic, logs.isGone)
      if (Option.isSome(found)) return found.value
      yield* Effect.interruptible(Effect.timeoutOption(log.changed(revision), untilNext(log.state, now, monotonic)))
    }
  })

  /** Nothing if somebody else was faster. */
  const attempt = Effect.fnUntraced(function* (log: Log, line: Line, lease: number, only: string | undefined) {
    const { gate, picked } = line
    const nonce = (yield* Random.nextIntBetween(0, 2 ** 48)).toString(36)
    yield* gate.enter
    const { claim, id } = yield* Effect.onExit(pick(log, line, only), (exit) => {
      if (Exit.isSuccess(exit)) picked.add(exit.value.id)
      return gate.leave
    })
    const over = claim === undefined ? {} : { over: claim.id }
    yield* Effect.ensuring(
      log.append([{ type: "claimed", id, claim: nonce, ...over, lease, owner: logs.owner }], { durable: false }),
      Effect.sync(() => picked.delete(id))
    )
    // Looked up again: the log may have been read anew meanwhile.
    const held = log.state.items.get(id)
    if (held?.claim?.id !== nonce) return undefined
    // Copied now: another process may settle the message at any time, and then its payload goes.
    const { attempt, offeredAt, priority } = held
    const payload = yield* log.payload(id)
    yield* log.durable(held)
    return { nonce, message: { id, payload, priority, attempt, offeredAt } }
  })

  const untilClaimed = Effect.fnUntraced(function* (log: Log, line: Line, lease: number, only: string | undefined) {
    while (true) {
      const taken = yield* attempt(log, line, lease, only)
      if (taken !== undefined) return taken
    }
  })

  // No generator is written within what runs for each take: each new one leaves something behind until V8 collects its old space, and
  // that keeps all that the generator knew in memory.
  const claim = (queue: string, log: Log, lease: number, only: string | undefined) =>
    Effect.suspend(() => {
      // Who waits for one message keeps nobody from the others.
      const name = only === undefined ? queue : `${queue} ${only}`
      const line = lineOf(name)
      return Effect.ensuring(
        untilClaimed(log, line, lease, only),
        Effect.sync(() => leave(name, line))
      )
    })

  const outcome = Effect.fnUntraced(function* (
    { attempt, id }: QueueLog.Item<unknown>,
    claim: string,
    exit: Exit.Exit<unknown, unknown>,
    { maxAttempts = 10, retryDelay = defaultRetryDelay }: TakeOptions
  ): Effect.fn.Return<QueueLog.Record> {
    if (Exit.isSuccess(exit)) return { type: "completed", id, claim }
    if (Cause.hasInterruptsOnly(exit.cause)) return { type: "released", id, claim }
    const error = Cause.squash(exit.cause)
    const reason = error instanceof Error ? error.message : String(error)
    if (isRejected(error) || attempt >= maxAttempts) return { type: "dead", id, claim, reason }
    const due = dueAfter(yield* Clock.currentTimeMillis, retryDelay(attempt))
    return { type: "retried", id, claim, reason, due }
  })

  /** It outlives this process once the scope is closed. What a power cut undoes is delivered again. */
  const settleBy = Effect.fnUntraced(function* (
    log: Log,
    id: string,
    claim: string,
    exit: Exit.Exit<unknown, unknown>,
    options: TakeOptions
  ) {
    const item = log.state.items.get(id)
    if (item?.claim?.id !== claim) return
    const record = yield* outcome(item, claim, exit, options)
    yield* Effect.catch(log.append([record], { durable: false }), (error) =>
      Effect.logWarning(`Could not settle ${id}: it will be delivered again`, error)
    )
  })

  return Effect.fnUntraced(function* (queue, log, options) {
    const lease = Duration.toMillis(options.lease ?? "15 seconds")
    let hold: renewing.Hold | undefined
    // Waiting can be interrupted; from the write of the claim to the finalizer that settles it nothing can.
    const { message, nonce } = yield* Effect.acquireRelease(
      claim(queue, log, lease, options.only),
      ({ message, nonce }, exit) => {
        if (hold !== undefined) leases.letGo(hold)
        return settleBy(log, message.id, nonce, exit, options)
      }
    )
    const { id } = message
    hold = leases.hold({ log, id, claim: nonce, lease })
    const isHeld = () => log.state.items.get(id)?.claim?.id === nonce
    const lost = Effect.gen(function* () {
      while (isHeld()) yield* log.changed(log.revision())
    })
    return { ...message, lost }
  })
})

/** When a delay from now is over. One without end is over when the calendar is, because JSON has no infinity. */
export const dueAfter = (now: number, delay: Duration.Input) => Math.min(now + Duration.toMillis(delay), endOfTime)

/** The last millisecond of the calendar. */
export const endOfTime = 8_640_000_000_000_000

/** A message whose holder is dead, or was not heard of for longer than its lease. */
const expired = (
  state: QueueLog.View,
  monotonic: number,
  isGone: (owner: QueueLog.Owner) => boolean,
  skip: ReadonlySet<string>
): Option.Option<QueueLog.Item<unknown>> => {
  for (const item of state.inFlight) {
    if (!skip.has(item.id) && isExpired(item, monotonic, isGone)) return Option.some(item)
  }
  return Option.none()
}

/** A message that can be claimed now. */
const takeable = (
  item: QueueLog.Item<unknown> | undefined,
  monotonic: number,
  isGone: (owner: QueueLog.Owner) => boolean
): Option.Option<QueueLog.Item<unknown>> =>
  item !== undefined && (item.state === "ready" || isExpired(item, monotonic, isGone))
    ? Option.some(item)
    : Option.none()

const isExpired = (
  { claim }: QueueLog.Item<unknown>,
  monotonic: number,
  isGone: (owner: QueueLog.Owner) => boolean
): boolean => claim !== undefined && (monotonic - claim.heard > claim.lease || isGone(claim.owner))

/** How long nothing can become takeable by itself, in milliseconds. */
const untilNext = (state: QueueLog.View, now: number, monotonic: number) => {
  let wait = 60_000
  const due = state.delayed[0]
  if (due !== undefined) wait = Math.min(wait, due.due - now)
  for (const { claim } of state.inFlight) {
    if (claim !== undefined) wait = Math.min(wait, claim.heard + claim.lease - monotonic + 1, 1_000)
  }
  return Math.max(wait, 1)
}

const defaultRetryDelay = (attempt: number) => Math.min(1000 * 2 ** (attempt - 1), 60_000)
