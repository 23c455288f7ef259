/**
 * What Effect promises of a `PersistedQueue`, as cases for any store: those made from a queue, and Effect's own.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Schedule, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { type Case, type Driver, eventually, opened, registerCases, soon } from "./Driver.ts"

/**
 * The cases, as data: each owns its queues.
 *
 * @category testing
 * @since 0.1.0
 */
export const cases = <Storage = never>(
  driver: Driver<PersistedQueue.PersistedQueueStore, Storage>
): ReadonlyArray<Case<PersistedQueue.PersistedQueueStore | Storage>> => {
  const elsewhere = opened(driver)
  return [
    {
      name: "hands out what was offered, with its id, and completes it",
      run: Effect.gen(function* () {
        const queue = yield* makeOf("whole", Task)
        const at = new Date(1_700_000_000_000)
        assert.strictEqual(yield* queue.offer({ at, tags: ["é", "🏛"] }, { id: "x/y z" }), "x/y z")
        const taken = yield* soon(queue.take((value, { attempts, id }) => Effect.succeed({ value, attempts, id })))
        assert.deepStrictEqual(taken, { value: { at, tags: ["é", "🏛"] }, attempts: 1, id: "x/y z" })
        yield* nothing(queue)
      })
    },
    {
      name: "drops an id that it knows, waiting, delayed, completed or failed, and ignores the delay of the duplicate",
      run: Effect.gen(function* () {
        const queue = yield* make("known", { maxAttempts: 1 })
        yield* queue.offer("first", { id: "a" })
        yield* queue.offer("second", { id: "a", delay: "1 hour" })
        assert.strictEqual(yield* completed(queue), "first 1")
        yield* queue.offer("third", { id: "a" })
        yield* queue.offer("later", { id: "b", delay: "1 hour" })
        yield* queue.offer("now", { id: "b" })
        yield* queue.offer("fails", { id: "c" })
        assert.strictEqual(yield* failed(queue), "fails 1")
        yield* queue.offer("again", { id: "c" })
        yield* nothing(queue)
      })
    },
    {
      name: "keeps each element that was offered without an id, under an id of its own",
      run: Effect.gen(function* () {
        const queue = yield* make("generated")
        const ids = yield* Effect.forEach(["same", "same", "same"], (value) => queue.offer(value))
        const taken = yield* Effect.forEach(ids, () => soon(queue.take((_, { id }) => Effect.succeed(id))))
        assert.deepStrictEqual(taken, ids)
        assert.strictEqual(new Set(ids).size, 3)
      })
    },
    {
      name: "gives an interrupted element back, uncounted",
      run: Effect.gen(function* () {
        const queue = yield* make("interrupted", { maxAttempts: 1 })
        yield* queue.offer("a")
        for (let turn = 0; turn < 3; turn++) {
          const taken = yield* Deferred.make<number>()
          const handler = yield* Effect.forkChild(
            queue.take((_, { attempts }) => Effect.andThen(Deferred.succeed(taken, attempts), Effect.never))
          )
          assert.strictEqual(yield* soon(Deferred.await(taken)), 1)
          yield* soon(Fiber.interrupt(handler))
        }
        assert.strictEqual(yield* completed(queue), "a 1")
      })
    },
    {
      name: "retries what fails by the schedule, which gets the attempt, and never early",
      run: Effect.gen(function* () {
        const inputs: Array<unknown> = []
        const retrySchedule = Schedule.exponential("30 millis").pipe(
          Schedule.while(({ input }) => {
            inputs.push(input)
            return true
          })
        )
        const queue = yield* make("retried", { retrySchedule })
        yield* queue.offer("a")
        // In the handler, where an attempt begins and fails: its settlement may take any time.
        const times: Array<number> = []
        const attempt = queue.take((_, { attempts }) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            times.push(now)
            return attempts < 4 ? Effect.fail(attempts) : Effect.succeed(attempts)
          })
        )
        for (const number of [1, 2, 3]) assert.strictEqual(yield* soon(Effect.flip(attempt)), number)
        assert.strictEqual(yield* soon(attempt), 4)
        const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0))
        for (const [index, least] of [30, 60, 120].entries()) assert.isAtLeast(waits[index] ?? 0, least)
        // The schedule starts over at each failure, and is replayed up to the attempt.
        assert.deepStrictEqual(inputs, [1, 1, 2, 1, 2, 3])
      })
    },
    {
      name: "retries what dies",
      run: Effect.gen(function* () {
        const queue = yield* make("dies", { retrySchedule: Schedule.spaced(0) })
        yield* queue.offer("a")
        const exit = yield* soon(Effect.exit(queue.take(() => Effect.die("a defect"))))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(yield* completed(queue), "a 2")
      })
    },
    {
      name: "gives up after the last attempt",
      run: Effect.gen(function* () {
        const queue = yield* make("attempts", { maxAttempts: 3, retrySchedule: Schedule.spaced(0) })
        yield* queue.offer("a")
        for (const attempt of [1, 2, 3]) assert.strictEqual(yield* failed(queue), `a ${attempt}`)
        yield* nothing(queue)
      })
    },
    {
      name: "gives up at once what cannot be decoded, and takes the next instead",
      run: Effect.gen(function* () {
        const texts = yield* make("decoding")
        const numbers = yield* makeOf("decoding", Schema.Number)
        yield* texts.offer("no number", { id: "a" })
        yield* numbers.offer(7, { id: "b" })
        const taken = yield* soon(numbers.take((value, { id }) => Effect.succeed([id, value])))
        assert.deepStrictEqual(taken, ["b", 7])
        yield* texts.offer("again", { id: "a" })
        yield* nothing(texts)
      })
    },
    {
      name: "gives up at once what its taker calls a dead letter",
      run: Effect.gen(function* () {
        const store = yield* PersistedQueue.PersistedQueueStore
        yield* store.offer({ name: "tagged", id: "a", element: "a", isCustomId: true, delay: undefined })
        const dead = { _tag: "~effect/persistence/PersistedQueue/DeadLetter" }
        const take = store.take({ name: "tagged", maxAttempts: 9, retryDelay: () => Effect.succeed(Duration.zero) })
        yield* soon(Effect.exit(Effect.scoped(Effect.andThen(take, Effect.fail(dead)))))
        yield* nothing(yield* make("tagged"))
      })
    },
    {
      name: "never hands out an element before its delay is over",
      run: Effect.gen(function* () {
        const queue = yield* make("delayed")
        const offeredAt = yield* Clock.currentTimeMillis
        yield* queue.offer("later", { delay: "500 millis" })
        yield* queue.offer("now", { delay: 0 })
        yield* queue.offer("at once", { delay: "-1 second" })
        assert.strictEqual(yield* completed(queue), "now 1")
        assert.strictEqual(yield* completed(queue), "at once 1")
        assert.strictEqual(yield* completed(queue), "later 1")
        assert.isAtLeast((yield* Clock.currentTimeMillis) - offeredAt, 500)
      })
    },
    {
      name: "stores nothing that is delayed for ever",
      run: Effect.gen(function* () {
        const queue = yield* make("never")
        assert.strictEqual(yield* queue.offer("never", { id: "a", delay: Duration.infinity }), "a")
        assert.strictEqual(yield* queue.offer("now", { id: "a" }), "a")
        assert.strictEqual(yield* completed(queue), "now 1")
      })
    },
    {
      name: "lets several workers share a queue, but no element",
      run: Effect.gen(function* () {
        const queue = yield* make("workers")
        const seen: Array<string> = []
        const worker = queue.take((value) =>
          Effect.andThen(
            Effect.sync(() => seen.push(value)),
            Effect.yieldNow
          )
        )
        for (let count = 0; count < 3; count++) yield* Effect.forkScoped(Effect.forever(worker))
        const values = Array.from({ length: 30 }, (_, index) => `m${index}`)
        yield* Effect.forEach(values, (value) => queue.offer(value), { concurrency: "unbounded" })
        yield* eventually(
          Effect.sync(() => seen.length),
          (length) => length >= 30
        )
        yield* nothing(queue)
        assert.deepStrictEqual([...seen].sort(), values.sort())
      })
    },
    {
      name: "keeps queues apart, whatever their names",
      run: Effect.gen(function* () {
        for (const name of names) yield* (yield* make(name)).offer(`in ${JSON.stringify(name)}`, { id: "same" })
        for (const name of names) {
          assert.strictEqual(yield* completed(yield* make(name)), `in ${JSON.stringify(name)} 1`)
        }
      })
    },
    {
      name: "cleans up what was completed long ago, and what failed only when told to; its ids are new again",
      run: Effect.gen(function* () {
        const store = yield* PersistedQueue.PersistedQueueStore
        const queue = yield* make("Clean up", { maxAttempts: 1 })
        const offer = Effect.forEach(["done", "failed"], (id) => queue.offer(id, { id }))
        yield* offer
        assert.strictEqual(yield* completed(queue), "done 1")
        assert.strictEqual(yield* failed(queue), "failed 1")
        const clean = (timeToLive: Duration.Duration, failedTimeToLive?: Duration.Duration) =>
          Effect.andThen(store.cleanup({ timeToLive, failedTimeToLive }), offer)
        yield* clean(Duration.hours(1), Duration.hours(1))
        yield* clean(Duration.infinity, Duration.infinity)
        yield* nothing(queue)
        yield* clean(Duration.zero)
        assert.strictEqual(yield* completed(queue), "done 1")
        yield* nothing(queue)
        yield* queue.offer("waits", { id: "waits" })
        yield* clean(Duration.infinity, Duration.zero)
        assert.strictEqual(yield* completed(queue), "waits 1")
        assert.strictEqual(yield* completed(queue), "failed 1")
        yield* nothing(queue)
      })
    },
    {
      name: "has its elements, their attempts and its ids when it is opened again",
      durable: true,
      run: Effect.gen(function* () {
        const options = { maxAttempts: 2, retrySchedule: Schedule.spaced(0) }
        yield* elsewhere(
          Effect.gen(function* () {
            const queue = yield* make("Again", options)
            for (const id of ["done", "tried"]) yield* queue.offer(id, { id })
            assert.strictEqual(yield* completed(queue), "done 1")
            assert.strictEqual(yield* failed(queue), "tried 1")
          })
        )
        yield* elsewhere(
          Effect.gen(function* () {
            const queue = yield* make("Again", options)
            yield* queue.offer("done", { id: "done" })
            assert.strictEqual(yield* failed(queue), "tried 2")
            yield* nothing(queue)
          })
        )
      })
    }
  ]
}

/**
 * Registers the cases for a driver.
 *
 * @category testing
 * @since 0.1.0
 */
export const register = <Storage = never>(driver: Driver<PersistedQueue.PersistedQueueStore, Storage>): void =>
  registerCases("PersistedQueue", driver, cases(driver))

const Task = Schema.Struct({ at: Schema.Date, tags: Schema.Array(Schema.String) })

/** Names that are easily taken for one another. */
const names = [
  "mail",
  "Mail",
  "MAIL ",
  "m/a/i/l",
  "m-a-i-l",
  "m--a-i-l",
  "../mail",
  "",
  "é",
  "e\u0301",
  "\ud800",
  "\ud801",
  "\ufffd"
]

interface Options {
  readonly maxAttempts?: number
  readonly retrySchedule?: Schedule.Schedule<unknown, number>
}

const makeOf = <S extends Schema.Constraint>(name: string, schema: S, options?: Options) =>
  Effect.flatMap(PersistedQueue.makeFactory, (factory) => factory.make({ name, schema, ...options }))

const make = (name: string, options?: Options) => makeOf(name, Schema.String, options)

type Texts = PersistedQueue.PersistedQueue<string>

const completed = (queue: Texts) => soon(queue.take((value, { attempts }) => Effect.succeed(`${value} ${attempts}`)))

const failed = (queue: Texts) =>
  soon(Effect.flip(queue.take((value, { attempts }) => Effect.fail(`${value} ${attempts}`))))

/** Nothing is handed out for a while. */
const nothing = Effect.fnUntraced(function* <A>(queue: PersistedQueue.PersistedQueue<A>) {
  const taken = yield* Effect.timeoutOption(queue.take(Effect.succeed), "60 millis")
  assert.strictEqual(taken._tag, "None")
})
