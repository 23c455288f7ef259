import { Cause, Clock, Duration, Effect, Exit, FiberSet, Scope } from "effect"
import type { Delivery, Log, Logs, Queue, TakeOptions } from "../Queue.ts"
import type * as QueueLog from "../QueueLog.ts"
import type { TransportError } from "../TransportError.ts"
import { monotonicMillis } from "./clock.ts"
import { nonce as newNonce } from "./nonce.ts"
import * as renewing from "./renewing.ts"
import { make as makeSettling, type Outcome } from "./settling.ts"
import * as standings from "./standings.ts"
import * as turnstile from "./turnstile.ts"

/** Those who take from one queue in this process. Only the first of them looks: a message wakes one, and not all. */
interface Line extends standings.Place {
  readonly gate: turnstile.Turnstile
  /** Messages that somebody is about to claim. */
  readonly picked: Set<string>
  /** Claimed for whoever comes next, first to last. */
  readonly ahead: Array<Claimed>
  takers: number
  /** Whether it is about to be looked at whether anybody still comes for what is claimed ahead. */
  watched: boolean
}

interface Claimed {
  readonly id: string
  readonly nonce: string
  readonly hold: renewing.Hold
}

interface Taken {
  readonly claimed: Claimed
  readonly message: Delivery
}

/** What comes of looking for a message: ready ones that are to be claimed, or one that is claimed already. */
type Found = ReadonlyArray<QueueLog.Item<unknown>> | (Claimed & { readonly item?: QueueLog.Item<unknown> })

interface Terms {
  readonly only: string | undefined
  readonly prefetch: number
  /** In milliseconds. */
  readonly lease: number
}

export interface Claiming {
  readonly take: (queue: string, log: Log, options: TakeOptions) => ReturnType<Queue["Service"]["take"]>
  /** Waits until it is written what became of the messages that were taken from a log here. */
  readonly settled: (log: Log) => Effect.Effect<void>
}

/** How a queue is taken from: claim, renew, and settle by how the scope closes. */
export const make = Effect.fnUntraced(function* (
  logs: Logs,
  isRejected: (error: unknown) => boolean
): Effect.fn.Return<Claiming, never, Scope.Scope> {
  const lines = new Map<string, Line>()
  const leases = yield* renewing.make
  const settling = yield* makeSettling
  const watching = yield* FiberSet.make()
  const { given, stand, standsAfter, succeeded, withdraw } = standings.make(logs, settling)

  const lineOf = (queue: string) => {
    let line = lines.get(queue)
    if (line === undefined) {
      line = { gate: turnstile.make(), picked: new Set(), ahead: [], standing: undefined, takers: 0, watched: false }
      lines.set(queue, line)
    }
    line.takers += 1
    return line
  }
  const giveBack = ({ hold, id, nonce }: Claimed) => {
    leases.letGo(hold)
    return settling.begin(hold.held.log, { type: "released", id, claim: nonce })
  }
  const leave = (queue: string, line: Line) =>
    Effect.suspend(() => {
      line.takers -= 1
      if (line.takers > 0) return Effect.void
      if (line.standing !== undefined) return Effect.andThen(withdraw(line), rested(queue, line))
      return rested(queue, line)
    })
  const rested = (queue: string, line: Line) =>
    Effect.suspend(() => {
      if (line.watched) return Effect.void
      if (line.ahead.length === 0) return Effect.sync(() => lines.delete(queue))
      line.watched = true
      return FiberSet.run(watching, Effect.delay(rest(queue, line), patience))
    })
  const rest = (queue: string, line: Line) =>
    Effect.suspend(() => {
      line.watched = false
      if (line.takers > 0) return Effect.void
      lines.delete(queue)
      return Effect.forEach(line.ahead.splice(0), giveBack, { discard: true })
    })
  yield* Effect.addFinalizer(() =>
    Effect.forEach(
      lines.values(),
      (line) => Effect.andThen(withdraw(line), Effect.forEach(line.ahead.splice(0), giveBack)),
      { discard: true }
    )
  )

  const holding = (log: Log, { claim, item }: standings.Given): Found => {
    const { id } = item
    return { item, id, nonce: claim.id, hold: leases.hold({ log, id, claim: claim.id, lease: claim.lease }) }
  }

  /** Waits for what comes next, or is the only one wanted: it is claimed already, or nobody here is about to claim it. */
  const pick = Effect.fnUntraced(function* (
    log: Log,
    line: Line,
    terms: Terms
  ): Effect.fn.Return<Found, TransportError> {
    const { ahead, picked } = line
    const { only, prefetch } = terms
    let since: number | undefined
    while (true) {
      const revision = log.revision()
      // Who has something in hand looks when that is used up, or something is written.
      if (ahead.length === 0) yield* log.glance
      const got = given(log, line)
      if (got !== undefined) return holding(log, got)
      const now = yield* Clock.currentTimeMillis
      const [claimed] = ahead
      if (claimed !== undefined && isFirst(log.state, claimed, log.state.next(now, picked, 1))) {
        ahead.shift()
        return claimed
      }
      const ready = log.state.next(now, picked, prefetch)
      const monotonic = yield* monotonicMillis
      const isFree = (item: QueueLog.Item<unknown>) => isExpired(item, monotonic, logs.isGone)
      const found =
        only !== undefined
          ? takeable(log.state.items.get(only), isFree)
          : ready.length > 0
            ? ready
            : expired(log.state, isFree, picked)
      if (found.length > 0) {
        for (const { id } of found) picked.add(id)
        return found
      }
      since ??= monotonic
      let wait = untilNext(log.state, now, monotonic)
      const left = since + standsAfter(log, line, terms) - monotonic
      if (left <= 0) yield* stand(log, line, terms)
      else wait = Math.min(wait, left)
      const changed = log.changed(revision)
      yield* Effect.interruptible(wait === Number.POSITIVE_INFINITY ? changed : Effect.timeoutOption(changed, wait))
    }
  })

  /** Answers the first of those that nobody else was faster to claim; the others are ahead. */
  const claimAll = Effect.fnUntraced(function* (
    log: Log,
    line: Line,
    { lease }: Terms,
    found: ReadonlyArray<QueueLog.Item<unknown>>
  ) {
    const { ahead, picked, standing } = line
    // It is for one message, and this is one.
    line.standing = undefined
    const nonce = yield* newNonce
    const [id = "", ...more] = found.map(({ id }) => id)
    const over = found[0]?.claim?.id
    const record: QueueLog.Record = {
      type: "claimed",
      id,
      ...(more.length === 0 ? {} : { more }),
      claim: nonce,
      ...(over === undefined ? {} : { over }),
      lease,
      owner: logs.owner
    }
    const records = standing === undefined ? [record] : [record, standings.withdrawn(standing)]
    const append = log.append(records, { durable: false })
    // First the offers: a sender may be flushing them at this moment, and what is written meanwhile would have to wait for that.
    yield* Effect.andThen(log.durable(newest(found)), append).pipe(
      Effect.onError(() => Effect.sync(() => (line.standing ??= standing))),
      Effect.ensuring(
        Effect.sync(() => {
          for (const { id } of found) picked.delete(id)
        })
      )
    )
    const claimed = found
      .filter(({ id }) => isHeld(log, id, nonce))
      .map(({ id }): Claimed => ({ id, nonce, hold: leases.hold({ log, id, claim: nonce, lease }) }))
    const first = claimed.shift()
    ahead.push(...claimed)
    return first
  })

  /** Nothing if somebody else was faster. */
  const attempt = (log: Log, line: Line, terms: Terms) => {
    const { enter, leave } = line.gate
    const left = <A, E>(work: Effect.Effect<A, E>) => Effect.ensuring(work, leave)
    const claim = (next: Found): Effect.Effect<Claimed | undefined, TransportError> => {
      if (!("nonce" in next)) return claimAll(log, line, terms, next)
      if (next.item === undefined) return Effect.succeed(next)
      return Effect.as(
        Effect.onError(log.durable(next.item), () => giveBack(next)),
        next
      )
    }
    const picked = pick(log, line, terms)
    // Others look while this is written; but where several are claimed they wait for what is ahead then.
    const claimed = terms.prefetch > 1 ? left(Effect.flatMap(picked, claim)) : Effect.flatMap(left(picked), claim)
    return Effect.flatMap(Effect.andThen(enter, claimed), (claimed) =>
      claimed === undefined ? Effect.undefined : handOut(log, claimed)
    )
  }

  /** Looked up again: the log may have been read anew meanwhile, or what was claimed ahead be taken over. */
  const handOut = (log: Log, claimed: Claimed): Effect.Effect<Taken | undefined, TransportError> => {
    const { hold, id, nonce } = claimed
    const held = log.state.items.get(id)
    if (held?.claim?.id !== nonce) {
      leases.letGo(hold)
      return Effect.undefined
    }
    // Copied now: another process may settle the message at any time, and then its payload goes.
    const { attempt, offeredAt, priority } = held
    const payload = Effect.onError(log.payload(id), () => Effect.sync(() => leases.letGo(hold)))
    return Effect.map(payload, (payload) => {
      succeeded(log)
      return { claimed, message: { id, payload, priority, attempt, offeredAt, lost: untilLost(log, id, nonce) } }
    })
  }

  const untilClaimed = (log: Log, line: Line, terms: Terms): Effect.Effect<Taken, TransportError> =>
    Effect.flatMap(attempt(log, line, terms), (taken) =>
      taken === undefined ? untilClaimed(log, line, terms) : Effect.succeed(taken)
    )

  // No generator is written within what runs for each take: each new one leaves something behind until V8 collects its old space, and
  // that keeps all that the generator knew in memory.
  const claim = (queue: string, log: Log, terms: Terms) =>
    Effect.suspend(() => {
      // Who waits for one message keeps nobody from the others.
      const name = terms.only === undefined ? queue : `${queue} ${terms.only}`
      const line = lineOf(name)
      return Effect.ensuring(untilClaimed(log, line, terms), leave(name, line))
    })

  const outcome = (
    { attempt, id }: QueueLog.Item<unknown>,
    claim: string,
    exit: Exit.Exit<unknown, unknown>,
    { maxAttempts = 10, retryDelay = defaultRetryDelay }: TakeOptions
  ): Effect.Effect<Outcome> => {
    if (Exit.isSuccess(exit)) return Effect.succeed({ type: "completed", id, claim })
    if (Cause.hasInterruptsOnly(exit.cause)) return Effect.succeed({ type: "released", id, claim })
    const error = Cause.squash(exit.cause)
    const reason = error instanceof Error ? error.message : String(error)
    if (isRejected(error) || attempt >= maxAttempts) return Effect.succeed({ type: "dead", id, claim, reason })
    return Effect.map(Clock.currentTimeMillis, (now) => ({
      type: "retried",
      id,
      claim,
      reason,
      due: dueAfter(now, retryDelay(attempt))
    }))
  }

  const settleBy = (
    log: Log,
    { hold, id, nonce }: Claimed,
    exit: Exit.Exit<unknown, unknown>,
    options: TakeOptions,
    isHurried: boolean
  ): Effect.Effect<void> => {
    leases.letGo(hold)
    const item = log.state.items.get(id)
    if (item?.claim?.id !== nonce) return Effect.void
    return Effect.flatMap(outcome(item, nonce, exit, options), (record) =>
      isHurried ? settling.begin(log, record) : settling.write(log, [record])
    )
  }

  const take = (queue: string, log: Log, options: TakeOptions) => {
    const lease = Math.min(Duration.toMillis(options.lease ?? defaultLease), endOfTime)
    const { only, prefetch = 1 } = options
    const terms = { lease, only, prefetch: only === undefined ? Math.max(1, prefetch) : 1 }
    const isHurried = terms.prefetch > 1
    // Waiting can be interrupted; from the write of the claim to the finalizer that settles it nothing can.
    return Effect.uninterruptible(
      Effect.flatMap(Effect.scope, (scope) =>
        Effect.flatMap(claim(queue, log, terms), ({ claimed, message }) =>
          Effect.as(
            Scope.addFinalizerExit(scope, (exit) => settleBy(log, claimed, exit, options, isHurried)),
            message
          )
        )
      )
    )
  }
  return { take, settled: settling.settled }
})

const untilLost = Effect.fnUntraced(function* (log: Log, id: string, nonce: string) {
  while (isHeld(log, id, nonce)) yield* log.changed(log.revision())
})

const isHeld = (log: Log, id: string, nonce: string) => log.state.items.get(id)?.claim?.id === nonce

/** Whether what is claimed comes before all that is ready. */
const isFirst = (state: QueueLog.View, { id }: Claimed, [ready]: ReadonlyArray<QueueLog.Item<unknown>>) => {
  const held = state.items.get(id)
  if (held === undefined || ready === undefined) return true
  return held.priority === ready.priority ? held.sequence < ready.sequence : held.priority > ready.priority
}

/** The one of them that was offered last. */
const newest = (items: ReadonlyArray<QueueLog.Item<unknown>>) =>
  items.reduce((last, item) => (item.sequence > last.sequence ? item : last))

/** When a delay from now is over. One without end is over when the calendar is, because JSON has no infinity. */
export const dueAfter = (now: number, delay: Duration.Input) => Math.min(now + Duration.toMillis(delay), endOfTime)

const defaultLease = Duration.seconds(15)

/** After so long without a taker what was claimed ahead is given back. */
const patience = "1 second"

/** The last millisecond of the calendar. */
export const endOfTime = 8_640_000_000_000_000

type IsFree = (item: QueueLog.Item<unknown>) => boolean

/** A message whose holder is dead, or was not heard of for longer than its lease. */
const expired = (
  state: QueueLog.View,
  isFree: IsFree,
  skip: ReadonlySet<string>
): ReadonlyArray<QueueLog.Item<unknown>> => {
  for (const item of state.inFlight) if (!skip.has(item.id) && isFree(item)) return [item]
  return []
}

/** A message that can be claimed now. */
const takeable = (item: QueueLog.Item<unknown> | undefined, isFree: IsFree): ReadonlyArray<QueueLog.Item<unknown>> =>
  item !== undefined && (item.state === "ready" || isFree(item)) ? [item] : []

const isExpired = (
  { claim }: QueueLog.Item<unknown>,
  monotonic: number,
  isGone: (owner: QueueLog.Owner) => boolean
): boolean => claim !== undefined && (monotonic - claim.heard > claim.lease || isGone(claim.owner))

/** How long nothing can become takeable by itself, in milliseconds. */
const untilNext = (state: QueueLog.View, now: number, monotonic: number) => {
  let wait = Number.POSITIVE_INFINITY
  const due = state.delayed[0]
  if (due !== undefined) wait = Math.min(wait, due.due - now)
  for (const { claim } of state.inFlight) {
    if (claim !== undefined) wait = Math.min(wait, claim.heard + claim.lease - monotonic + 1, 1_000)
  }
  return Math.max(wait, 1)
}

const defaultRetryDelay = (attempt: number) => Math.min(1000 * 2 ** (attempt - 1), 60_000)
