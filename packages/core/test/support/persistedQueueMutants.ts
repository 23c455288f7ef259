import { Cause, Duration, Effect, Exit, Layer, Predicate, Scope } from "effect"
import { PersistedQueue } from "effect/persistence"
import * as PersistedQueueStore from "../../src/PersistedQueueStore.ts"
import { forgetCompleted, type Mutant, type QueueBreakage, queueLayer } from "./mutants.ts"

type Store = PersistedQueue.PersistedQueueStore["Service"]
type Taking = Parameters<Store["take"]>[0]

/** The store that core makes of a queue, of which one thing is broken, or of a queue that is broken. */
export const storeLayer = (change: (store: Store) => Partial<Store> = () => ({}), breakage?: QueueBreakage) =>
  Layer.effect(
    PersistedQueue.PersistedQueueStore,
    Effect.map(PersistedQueue.PersistedQueueStore, (store) => ({ ...store, ...change(store) }))
  ).pipe(Layer.provide(PersistedQueueStore.layer), Layer.provide(queueLayer(breakage)))

const broken = (
  caughtBy: string,
  name: string,
  change?: (store: Store) => Partial<Store>,
  breakage?: QueueBreakage
): Mutant<PersistedQueue.PersistedQueueStore> => ({ name, caughtBy, layer: storeLayer(change, breakage) })

/** Asks for something else than it is asked for. */
const offering =
  (change: (offer: Parameters<Store["offer"]>[0]) => Parameters<Store["offer"]>[0]) =>
  (store: Store): Partial<Store> => ({ offer: (offer) => store.offer(change(offer)) })

const taking =
  (change: (options: Taking) => Taking) =>
  (store: Store): Partial<Store> => ({ take: (options) => store.take(change(options)) })

const naming =
  (change: (name: string) => string) =>
  (store: Store): Partial<Store> => ({
    offer: (offer) => store.offer({ ...offer, name: change(offer.name) }),
    take: (options) => store.take({ ...options, name: change(options.name) })
  })

/** Settles by another exit than the handler's. */
const settling =
  (change: (exit: Exit.Exit<unknown, unknown>) => Exit.Exit<unknown, unknown>) =>
  (store: Store): Partial<Store> => ({
    take: Effect.fnUntraced(function* (options) {
      const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, change(exit)))
      return yield* Scope.provide(store.take(options), scope)
    })
  })

const isDead = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) && Predicate.isTagged(Cause.squash(exit.cause), "~effect/persistence/PersistedQueue/DeadLetter")

const whole = "hands out what was offered, with its id, and completes it"
const known = "drops an id that it knows, waiting, delayed, completed or failed, and ignores the delay of the duplicate"
const generated = "keeps each element that was offered without an id, under an id of its own"
const interrupted = "gives an interrupted element back, uncounted"
const schedule = "retries what fails by the schedule, which gets the attempt, and never early"
const dies = "retries what dies"
const attempts = "gives up after the last attempt"
const decoding = "gives up at once what cannot be decoded, and takes the next instead"
const tagged = "gives up at once what its taker calls a dead letter"
const delayed = "never hands out an element before its delay is over"
const never = "stores nothing that is delayed for ever"
const workers = "lets several workers share a queue, but no element"
const names = "keeps queues apart, whatever their names"
const cleanup = "cleans up what was completed long ago, and what failed only when told to; its ids are new again"
const again = "has its elements, their attempts and its ids when it is opened again"

export const persistedQueueMutants: ReadonlyArray<Mutant<PersistedQueue.PersistedQueueStore>> = [
  broken(
    whole,
    "completes nothing",
    settling(() => Exit.interrupt())
  ),
  broken(whole, "counts attempts from 0", (store) => ({
    take: (options) => Effect.map(store.take(options), (taken) => ({ ...taken, attempts: taken.attempts - 1 }))
  })),
  broken(
    whole,
    "keeps only the part of an id that is a name",
    offering((offer) => ({ ...offer, id: offer.id.replaceAll(/[^a-z]/g, "") }))
  ),
  broken(known, "keeps every element, whatever its id", (store) => {
    let count = 0
    return { offer: (offer) => store.offer({ ...offer, id: `${offer.id}.${(count += 1)}` }) }
  }),
  broken(known, "starts a settled id again", undefined, {
    port: (queue) => ({ offer: (name, message) => queue.offer(name, message, { revive: true }) })
  }),
  broken(known, "fails where it knows the id", undefined, {
    port: (queue) => ({
      offer: (name, message) =>
        Effect.tap(queue.offer(name, message), (answer) =>
          answer === "added" ? Effect.void : Effect.die(new Error(`it is ${answer}`))
        )
    })
  }),
  broken(
    generated,
    "names an element by its content",
    offering((offer) => (offer.isCustomId ? offer : { ...offer, id: JSON.stringify(offer.element) }))
  ),
  broken(
    interrupted,
    "counts an interrupted attempt",
    settling((exit) => (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? Exit.fail("interrupted") : exit))
  ),
  broken(
    interrupted,
    "completes what is interrupted",
    settling((exit) => (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? Exit.void : exit))
  ),
  broken(
    schedule,
    "retries at once",
    taking((options) => ({
      ...options,
      retryDelay: (attempt) => Effect.as(options.retryDelay(attempt), Duration.zero)
    }))
  ),
  broken(
    schedule,
    "retries early",
    taking((options) => ({
      ...options,
      retryDelay: (attempt) => Effect.map(options.retryDelay(attempt), (delay) => Duration.times(delay, 0.1))
    }))
  ),
  broken(
    schedule,
    "asks for the first delay each time",
    taking((options) => ({ ...options, retryDelay: () => options.retryDelay(1) }))
  ),
  broken(
    dies,
    "completes what dies",
    settling((exit) => (Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Exit.void : exit))
  ),
  broken(
    attempts,
    "allows one attempt more",
    taking((options) => ({ ...options, maxAttempts: options.maxAttempts + 1 }))
  ),
  broken(
    attempts,
    "allows one attempt too few",
    taking((options) => ({ ...options, maxAttempts: Math.max(options.maxAttempts - 1, 1) }))
  ),
  broken(
    decoding,
    "gives back what cannot be decoded",
    settling((exit) => (isDead(exit) ? Exit.interrupt() : exit))
  ),
  broken(
    tagged,
    "retries what its taker calls a dead letter",
    settling((exit) => (isDead(exit) ? Exit.fail("a failure like any other") : exit))
  ),
  broken(
    delayed,
    "ignores delays",
    offering((offer) => ({ ...offer, delay: undefined }))
  ),
  broken(
    delayed,
    "hands out a little early",
    offering((offer) => ({ ...offer, delay: offer.delay === undefined ? undefined : Duration.times(offer.delay, 0.9) }))
  ),
  broken(never, "loses what is offered with an id of somebody's own", (store) => ({
    offer: (offer) => (offer.isCustomId ? Effect.void : store.offer(offer))
  })),
  broken(workers, "hands some elements to two workers", (store) => {
    let count = 0
    let last: Effect.Success<ReturnType<Store["take"]>> | undefined
    return {
      take: (options) =>
        Effect.suspend(() =>
          last !== undefined && (count += 1) % 3 === 0
            ? Effect.succeed(last)
            : Effect.tap(store.take(options), (taken) => Effect.sync(() => (last = taken)))
        )
    }
  }),
  broken(
    names,
    "takes capitals for small letters",
    naming((name) => name.toLowerCase())
  ),
  broken(
    names,
    "takes forms of one letter for the same",
    naming((name) => name.normalize("NFC"))
  ),
  broken(
    names,
    "takes all halves of a letter for the same",
    naming((name) => new TextDecoder().decode(new TextEncoder().encode(name)))
  ),
  broken(
    names,
    "takes a path for where it leads",
    naming((name) => name.replaceAll("../", ""))
  ),
  broken(cleanup, "cleans up nothing", () => ({ cleanup: () => Effect.void })),
  broken(cleanup, "cleans up what failed without being told", (store) => ({
    cleanup: ({ timeToLive }) => store.cleanup({ timeToLive, failedTimeToLive: timeToLive })
  })),
  broken(cleanup, "cleans up what was completed just now", (store) => ({
    cleanup: ({ failedTimeToLive }) => store.cleanup({ timeToLive: Duration.zero, failedTimeToLive })
  })),
  broken(cleanup, "never cleans up what failed", (store) => ({
    cleanup: ({ timeToLive }) => store.cleanup({ timeToLive, failedTimeToLive: undefined })
  })),
  broken(again, "forgets everything when it is closed", undefined, { volatile: true }),
  broken(again, "forgets attempts when it is closed", undefined, {
    log: (log) => {
      for (const item of log.state.items.values()) item.attempt = 0
      return {}
    }
  }),
  broken(again, "forgets completed ids when it is closed", undefined, {
    log: (log) => {
      forgetCompleted(log)
      return {}
    }
  })
]
