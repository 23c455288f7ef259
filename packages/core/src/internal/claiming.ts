import { Cause, Clock, Duration, Effect, Exit, Option, Random } from "effect"
import type { Log, Logs, Queue, TakeOptions } from "../Queue.ts"
import type * as QueueLog from "../QueueLog.ts"

/** How a queue is taken from: claim, renew, and settle by how the scope closes. */
export const make = (logs: Logs, isRejected: (error: unknown) => boolean) => {
  /** Messages that a fibre of this process is about to claim, by queue: so that two of them do not race for one. */
  const picked = new Map<string, Set<string>>()
  const pick = (queue: string, id: string) => {
    const ids = picked.get(queue)
    if (ids === undefined) picked.set(queue, new Set([id]))
    else ids.add(id)
  }
  const unpick = (queue: string, id: string) => {
    const ids = picked.get(queue)
    ids?.delete(id)
    if (ids?.size === 0) picked.delete(queue)
  }

  const claim = Effect.fnUntraced(function* (queue: string, log: Log, lease: number) {
    while (true) {
      const revision = log.revision()
      yield* log.refresh
      const now = yield* Clock.currentTimeMillis
      const monotonic = yield* monotonicMillis
      const skip = picked.get(queue) ?? none
      const item = Option.orElse(log.state.next(now, skip), () => expired(log.state, monotonic, logs.isGone, skip))
      if (Option.isNone(item)) {
        yield* Effect.interruptible(Effect.timeoutOption(log.changed(revision), untilNext(log.state, now, monotonic)))
        continue
      }
      const { id } = item.value
      const nonce = (yield* Random.nextIntBetween(0, 2 ** 48)).toString(36)
      const over = item.value.claim?.id
      pick(queue, id)
      yield* Effect.ensuring(
        log.append([
          { type: "claimed", id, claim: nonce, ...(over === undefined ? {} : { over }), lease, owner: logs.owner }
        ]),
        Effect.sync(() => unpick(queue, id))
      )
      // Looked up again: the log may have been read anew meanwhile.
      const held = log.state.items.get(id)
      if (held?.claim?.id !== nonce) continue
      // Copied now: another process may settle the message at any time, and then its payload goes.
      const { attempt, offeredAt, payload, priority } = held
      return { nonce, message: { id, payload, priority, attempt, offeredAt } }
    }
  })

  const settleBy = (
    log: Log,
    id: string,
    claim: string,
    exit: Exit.Exit<unknown, unknown>,
    { maxAttempts = 10, retryDelay = defaultRetryDelay }: TakeOptions
  ) =>
    Effect.gen(function* () {
      const item = log.state.items.get(id)
      if (item?.claim?.id !== claim) return
      const { attempt } = item
      if (Exit.isSuccess(exit)) return yield* log.append([{ type: "completed", id, claim }])
      if (Cause.hasInterruptsOnly(exit.cause)) return yield* log.append([{ type: "released", id, claim }])
      const error = Cause.squash(exit.cause)
      const reason = error instanceof Error ? error.message : String(error)
      if (isRejected(error) || attempt >= maxAttempts) return yield* log.append([{ type: "dead", id, claim, reason }])
      const due = dueAfter(yield* Clock.currentTimeMillis, retryDelay(attempt))
      return yield* log.append([{ type: "retried", id, claim, reason, due }])
    }).pipe(Effect.catch((error) => Effect.logWarning(`Could not settle ${id}: it will be delivered again`, error)))

  return Effect.fnUntraced(function* (
    queue: string,
    log: Log,
    options: TakeOptions
  ): Effect.fn.Return<
    Effect.Success<ReturnType<Queue["Service"]["take"]>>,
    Effect.Error<ReturnType<Queue["Service"]["take"]>>,
    Effect.Services<ReturnType<Queue["Service"]["take"]>>
  > {
    const lease = Duration.toMillis(options.lease ?? "15 seconds")
    // Waiting can be interrupted; from the write of the claim to the finalizer that settles it nothing can.
    const { message, nonce } = yield* Effect.acquireRelease(claim(queue, log, lease), ({ message, nonce }, exit) =>
      settleBy(log, message.id, nonce, exit, options)
    )
    const { id } = message
    const isHeld = () => log.state.items.get(id)?.claim?.id === nonce
    const renewed = log.append([{ type: "renewed", id, claim: nonce }])
    yield* Effect.forkScoped(
      Effect.suspend(() => (isHeld() ? Effect.asVoid(renewed) : Effect.void)).pipe(
        Effect.catch((error) => Effect.logWarning(`Could not renew the lease of ${id}`, error)),
        Effect.delay(lease / 3),
        Effect.forever
      )
    )
    const lost = Effect.gen(function* () {
      while (isHeld()) yield* log.changed(log.revision())
    })
    return { ...message, lost }
  })
}

/** When a delay from now is over. One without end is over when the calendar is, because JSON has no infinity. */
export const dueAfter = (now: number, delay: Duration.Input) => Math.min(now + Duration.toMillis(delay), endOfTime)

export const monotonicMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

const none: ReadonlySet<string> = new Set()
const endOfTime = 8_640_000_000_000_000

/** A message whose holder is dead, or was not heard of for longer than its lease. */
const expired = (
  state: QueueLog.QueueLog,
  monotonic: number,
  isGone: (owner: QueueLog.Owner) => boolean,
  skip: ReadonlySet<string>
): Option.Option<QueueLog.Item> => {
  for (const item of state.inFlight) {
    if (skip.has(item.id) || item.claim === undefined) continue
    if (monotonic - item.claim.heard > item.claim.lease || isGone(item.claim.owner)) return Option.some(item)
  }
  return Option.none()
}

/** How long nothing can become takeable by itself, in milliseconds. */
const untilNext = (state: QueueLog.QueueLog, now: number, monotonic: number) => {
  let wait = 60_000
  const due = state.delayed[0]
  if (due !== undefined) wait = Math.min(wait, due.due - now)
  for (const { claim } of state.inFlight) {
    if (claim !== undefined) wait = Math.min(wait, claim.heard + claim.lease - monotonic + 1, 1_000)
  }
  return Math.max(wait, 1)
}

const defaultRetryDelay = (attempt: number) => Math.min(1000 * 2 ** (attempt - 1), 60_000)
