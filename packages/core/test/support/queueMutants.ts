import { Effect, Fiber, Scope } from "effect"
import { isKey } from "../../src/Key.ts"
import * as Queue from "../../src/Queue.ts"
import * as QueueLog from "../../src/QueueLog.ts"
import { forgetCompleted, mapText, type Mutant, type QueueBreakage, queueLayer, withoutProto } from "./mutants.ts"

type Port = Queue.Queue["Service"]
type Of<Type extends QueueLog.Record["type"]> = Extract<QueueLog.Record, { readonly type: Type }>

const broken = (caughtBy: string, name: string, breakage: QueueBreakage): Mutant<Queue.Queue> => ({
  name,
  caughtBy,
  layer: queueLayer(breakage)
})

const port = (change: (queue: Port) => Partial<Port>): QueueBreakage => ({ port: change })

/** Writes another record than the one of this type. */
const writing = <Type extends QueueLog.Record["type"]>(
  type: Type,
  change: (record: Of<Type>) => QueueLog.Record
): QueueBreakage => ({
  log: (log) => ({
    append: (records) =>
      log.append(records.map((record) => (record.type === type ? change(record as Of<Type>) : record)))
  })
})

/** Applies a record of this type in another way. */
const applying = <Type extends QueueLog.Record["type"]>(
  type: Type,
  change: (
    apply: (record?: QueueLog.Record) => boolean,
    record: Of<Type>,
    item: QueueLog.Item | undefined,
    state: QueueLog.QueueLog,
    at: number
  ) => boolean
): QueueBreakage => ({
  state: (state) => ({
    apply: (record, at, heard) => {
      if (record.type !== type) return state.apply(record, at, heard)
      const item = "id" in record ? state.items.get(record.id) : undefined
      return change((other = record) => state.apply(other, at, heard), record as Of<Type>, item, state, at)
    }
  })
})

const picking = (order: (a: QueueLog.Item, b: QueueLog.Item) => number): QueueBreakage => ({
  state: (state) => ({
    next: (now, skip, count) => {
      const { length } = state.next(now, skip, count)
      const ready = [...state.items.values()].filter(({ id, state }) => state === "ready" && !skip.has(id)).sort(order)
      return ready.slice(0, length)
    }
  })
})

const offering = (change: (message: Queue.Message) => Queue.Message) =>
  port((queue) => ({ offer: (name, message, options) => queue.offer(name, change(message), options) }))

const inspecting = (change: (found: Array<Queue.Inspected>) => Array<Queue.Inspected>) =>
  port((queue) => ({ inspect: (name) => Effect.map(queue.inspect(name), (found) => change([...found])) }))

const counting = (change: (statistics: Queue.Statistics) => Queue.Statistics) =>
  port((queue) => ({ statistics: (name) => Effect.map(queue.statistics(name), change) }))

const answers = "answers an offer with what it knows of the id"
const once = "adds an id once, however many offer it"
const order = "hands out by priority, then first in, first out"
const payload = "gives a payload back as it was"
const shared = "never hands a message to two takers"
const only = "hands a message to who waits for it alone, past those before it, and those to the others"
const success = "completes what succeeds"
const failure = "retries what fails, after the delay and with the next attempt"
const rejected = "makes a rejected message a dead letter at once, with the reason and the original payload"
const attempts = "makes a message a dead letter after its last attempt, with the last reason"
const interrupted = "gives an interrupted delivery back, uncounted"
const waiting = "lets a waiting take be interrupted, and then holds nothing"
const wakes = "wakes a take that waits"
const lease = "passes a silent taker's message on after its lease, tells it, and lets it settle nothing"
const renewal = "renews the lease of a taker that works on for long"
const delay = "keeps a delayed message back until its time"
const capacity = "refuses an offer over its capacity and adds nothing; what is settled does not count"
const crowd = "keeps to its capacity when offers race"
const endless = "knows capacities and leases without end, and no priority that is no whole number"
const settle = "settles by id, whoever holds the message"
const requeue = "makes a dead letter ready again, its attempts forgotten"
const revive = "starts a settled id again for an offer that revives"
const inspect = "inspects what is not completed, oldest first, with the owner of what is in flight"
const statistics = "counts its messages by state, and tells the age of the oldest that is ready"
const names = "lists the names of the queues that were offered to, by prefix, sorted"
const limits = "refuses an id or a payload that is too large, and adds nothing; the largest come through"
const prune = "forgets what was settled up to a time, and then takes its ids for new"
const deletion = "deletes a queue with all that is in it, tells holders, and then takes its ids for new"
const waited = "hands what is offered after a deletion to a take that waited before it"
const gone = "deletes a queue for every opening, and for good"
const grammar = "refuses names that break the grammar, and creates nothing"
const ahead = "claims as many messages ahead as a taker asks for, and hands them out in order"
const urgent = "hands out what is more urgent before what was claimed ahead"
const unused = "gives back, uncounted, what was claimed ahead and nobody came for"
const closed = "gives back what was claimed ahead when an opening is closed"
const rest = "hands a message to who waits for a while already, each to one, as its first attempt"
const patient = "hands what is offered to who waits for longest"
const due = "hands what has become due to who waits, and what comes then to others"
const left = "leaves nothing to a take that was interrupted after it had waited for a while"
const flow = "delivers 200 messages of 5 producers to 3 takers, each exactly once when nothing fails"
const abroad = "delivers across openings, and settles and revives there"
const again = "has everything that it acknowledged when it is opened again"

export const queueMutants: ReadonlyArray<Mutant<Queue.Queue>> = [
  broken(
    answers,
    "calls everything ready that it knows",
    port((queue) => ({
      offer: (...args) => Effect.map(queue.offer(...args), (answer) => (answer === "added" ? answer : "ready"))
    }))
  ),
  broken(
    answers,
    "says that it added what it knew",
    port((queue) => ({ offer: (...args) => Effect.as(queue.offer(...args), "added" as const) }))
  ),
  broken(
    answers,
    "overwrites a message that is offered again",
    port((queue) => ({
      offer: Effect.fnUntraced(function* (name, message, options) {
        const answer = yield* queue.offer(name, message, options)
        if (answer === "ready") {
          yield* queue.settle(name, message.id, { type: "completed" })
          yield* queue.offer(name, message, { revive: true })
        }
        return answer
      })
    }))
  ),
  broken(
    once,
    "tells each of those who race that it added the id",
    applying("offered", (apply) => apply() || true)
  ),
  broken(once, "adds a message for each offer of an id", {
    log: (log) => {
      const seen = new Set<string>()
      const another = (id: string): string => (seen.has(id) ? another(`${id}.`) : (seen.add(id), id))
      return {
        append: (records) =>
          log.append(
            records.map((record) => (record.type === "offered" ? { ...record, id: another(record.id) } : record))
          )
      }
    }
  }),
  broken(
    order,
    "ignores the priority",
    picking((a, b) => a.sequence - b.sequence)
  ),
  broken(
    order,
    "hands out the newest first",
    picking((a, b) => b.priority - a.priority || b.sequence - a.sequence)
  ),
  broken(
    order,
    "takes the lowest priority first",
    picking((a, b) => a.priority - b.priority || a.sequence - b.sequence)
  ),
  broken(
    order,
    "forgets the priority",
    offering((message) => ({ ...message, priority: undefined }))
  ),
  broken(
    payload,
    "replaces lone surrogates",
    offering((message) => ({ ...message, payload: mapText(message.payload, (text) => text.toWellFormed()) }))
  ),
  broken(
    payload,
    "takes __proto__ for the prototype",
    offering((message) => ({ ...message, payload: withoutProto(message.payload) }))
  ),
  broken(
    payload,
    "tidies ids up",
    offering((message) => ({ ...message, id: message.id.replaceAll(/[^a-z0-9]/g, "-") }))
  ),
  broken(
    shared,
    "hands every other message to a second taker",
    port((queue) => {
      let last: Queue.Delivery | undefined
      return {
        take: (...args) =>
          Effect.suspend(() => {
            const repeated = last
            last = undefined
            if (repeated !== undefined) return Effect.succeed(repeated)
            return Effect.tap(queue.take(...args), (delivery) => Effect.sync(() => (last = delivery)))
          })
      }
    })
  ),
  broken(
    success,
    "gives back what succeeded",
    writing("completed", ({ claim, id }) =>
      claim === undefined ? { type: "completed", id } : { type: "released", id, claim }
    )
  ),
  broken(
    success,
    "buries what succeeded",
    writing("completed", (record) => ({ ...record, type: "dead", reason: "succeeded" }))
  ),
  broken(
    only,
    "gives whatever comes next to who waits for one message",
    port((queue) => ({ take: (name, options) => queue.take(name, { ...options, only: undefined }) }))
  ),
  broken(success, "counts the first attempt as 0", {
    state: (state) => ({
      apply: (record, at, heard) => {
        const effective = state.apply(record, at, heard)
        const item = record.type === "claimed" ? state.items.get(record.id) : undefined
        if (item !== undefined && effective) item.attempt -= 1
        return effective
      }
    })
  }),
  broken(
    failure,
    "completes what fails",
    writing("retried", ({ claim, id }) => ({ type: "completed", id, claim }))
  ),
  broken(
    failure,
    "ignores the delay of a retry",
    writing("retried", (record) => ({ ...record, due: 0 }))
  ),
  broken(
    failure,
    "does not count a failure",
    writing("retried", ({ claim, id }) => ({ type: "released", id, claim }))
  ),
  broken(
    failure,
    "forgets why it failed",
    writing("retried", (record) => ({ ...record, reason: "" }))
  ),
  broken(
    rejected,
    "retries what is rejected",
    writing("dead", (record) =>
      record.claim === undefined ? record : { ...record, type: "retried", claim: record.claim, due: 0 }
    )
  ),
  broken(
    rejected,
    "loses the payload of a dead letter",
    applying("dead", (apply, _, item) => {
      const effective = apply()
      if (effective && item !== undefined) item.payload = null
      return effective
    })
  ),
  broken(
    rejected,
    "forgets the reason of a dead letter",
    writing("dead", (record) => ({ ...record, reason: "dead" }))
  ),
  broken(
    attempts,
    "allows one attempt too many",
    port((queue) => ({
      take: (name, options = {}) => queue.take(name, { ...options, maxAttempts: (options.maxAttempts ?? 10) + 1 })
    }))
  ),
  broken(
    attempts,
    "allows one attempt too few",
    port((queue) => ({
      take: (name, options = {}) => queue.take(name, { ...options, maxAttempts: (options.maxAttempts ?? 10) - 1 })
    }))
  ),
  broken(
    interrupted,
    "counts an interruption as an attempt",
    writing("released", (record) => ({ ...record, type: "retried", due: 0, reason: "interrupted" }))
  ),
  broken(
    interrupted,
    "keeps what was interrupted",
    applying("released", () => false)
  ),
  broken(
    waiting,
    "goes on waiting for who was interrupted",
    port((queue) => ({
      take: (...args) =>
        Effect.flatMap(Scope.make(), (scope) =>
          Effect.flatMap(Effect.forkDetach(Scope.provide(queue.take(...args), scope)), Fiber.join)
        )
    }))
  ),
  broken(wakes, "does not wake who waits", { log: () => ({ changed: () => Effect.never }) }),
  broken(
    lease,
    "never tells that a message is lost",
    port((queue) => ({
      take: (...args) => Effect.map(queue.take(...args), (delivery) => ({ ...delivery, lost: Effect.never }))
    }))
  ),
  broken(
    lease,
    "never ends a lease",
    writing("claimed", (record) => ({ ...record, lease: 1e9 }))
  ),
  broken(
    lease,
    "counts no attempt for a message that it passes on",
    applying("claimed", (apply, { over }, item) => {
      const effective = apply()
      if (effective && over !== undefined && item !== undefined) item.attempt -= 1
      return effective
    })
  ),
  broken(lease, "takes the settlement of who lost the message", {
    ...port((queue) => ({
      take: (name, options) =>
        Effect.tap(queue.take(name, options), ({ id }) =>
          Effect.addFinalizer((exit) =>
            exit._tag === "Success" ? Effect.ignore(queue.settle(name, id, { type: "completed" })) : Effect.void
          )
        )
    }))
  }),
  broken(
    renewal,
    "ignores renewals",
    applying("renewed", () => false)
  ),
  broken(
    delay,
    "ignores the delay of an offer",
    offering((message) => ({ ...message, delay: undefined }))
  ),
  broken(
    delay,
    "waits for half of the delay only",
    applying("offered", (apply, record, _, __, at) =>
      apply(record.due === undefined ? record : { ...record, due: at + (record.due - at) / 2 })
    )
  ),
  broken(delay, "hands out what is delayed as soon as somebody looks", {
    state: (state) => ({
      next: (now, skip, count) => state.next(Math.max(now, state.delayed[0]?.due ?? 0), skip, count)
    })
  }),
  broken(
    capacity,
    "ignores the capacity",
    port((queue) => ({ offer: (name, message) => queue.offer(name, message) }))
  ),
  broken(capacity, "counts dead letters against the capacity", {
    state: (state) => ({
      get live() {
        return [...state.items.values()].filter((item) => item.state !== "completed").length
      }
    })
  }),
  broken(
    capacity,
    "adds what it refuses",
    port((queue) => ({
      offer: (name, message, options) =>
        Effect.tapError(queue.offer(name, message, options), (error) =>
          error._tag === "QueueFull" ? Effect.ignore(queue.offer(name, message)) : Effect.void
        )
    }))
  ),
  broken(
    crowd,
    "looks at the capacity first and writes then",
    writing("offered", (record) => {
      const { capacity: _, ...rest } = record
      return rest
    })
  ),
  broken(
    endless,
    "keeps what has no end as it is",
    writing("claimed", (record) => ({ ...record, lease: Number.POSITIVE_INFINITY }))
  ),
  broken(
    endless,
    "rounds what is no whole number",
    port((queue) => ({
      offer: (name, { priority, ...message }, options) =>
        queue.offer(name, { ...message, priority: Math.round(priority || 0) }, options)
    }))
  ),
  broken(
    settle,
    "ignores a settlement by id",
    port((queue) => ({ settle: (name, id) => queue.stateOf(name, id) }))
  ),
  broken(
    settle,
    "does not settle what somebody holds",
    port((queue) => ({
      settle: (name, id, settlement) =>
        Effect.flatMap(queue.stateOf(name, id), (state) =>
          state === "in_flight" ? Effect.succeed(settlement.type) : queue.settle(name, id, settlement)
        )
    }))
  ),
  broken(
    settle,
    "answers for an id that it does not know",
    port((queue) => ({ settle: (...args) => Effect.map(queue.settle(...args), (state) => state ?? "completed") }))
  ),
  broken(
    settle,
    "cannot complete a dead letter",
    applying("completed", (apply, { claim }, item) => (item?.state === "dead" && claim === undefined ? false : apply()))
  ),
  broken(
    requeue,
    "keeps the attempts of a dead letter",
    applying("requeued", (apply, _, item) => {
      const attempt = item?.attempt ?? 0
      const effective = apply()
      if (effective && item !== undefined) item.attempt = attempt
      return effective
    })
  ),
  broken(
    requeue,
    "says that there was a dead letter where there was none",
    port((queue) => ({ requeue: (...args) => Effect.as(queue.requeue(...args), true) }))
  ),
  broken(
    requeue,
    "leaves a dead letter dead",
    applying("requeued", () => true)
  ),
  broken(
    revive,
    "ignores a revival",
    port((queue) => ({ offer: (name, message, options) => queue.offer(name, message, { ...options, revive: false }) }))
  ),
  broken(
    revive,
    "revives without being asked",
    port((queue) => ({ offer: (name, message, options) => queue.offer(name, message, { ...options, revive: true }) }))
  ),
  broken(
    revive,
    "keeps the attempts of what it revives",
    applying("offered", (apply, { id }, item, state) => {
      const effective = apply()
      const revived = state.items.get(id)
      if (effective && item !== undefined && revived !== undefined) revived.attempt = item.attempt
      return effective
    })
  ),
  broken(
    inspect,
    "inspects the newest first",
    inspecting((found) => found.toReversed())
  ),
  broken(
    inspect,
    "hides who holds a message",
    inspecting((found) => found.map((one) => ({ ...one, owner: undefined })))
  ),
  broken(
    inspect,
    "hides what is in flight",
    inspecting((found) => found.filter(({ state }) => state !== "in_flight"))
  ),
  broken(
    inspect,
    "hides the priority",
    inspecting((found) => found.map((one) => ({ ...one, priority: 0 })))
  ),
  broken(
    statistics,
    "counts what is delayed as ready",
    counting((counts) => ({ ...counts, ready: counts.ready + counts.delayed, delayed: 0 }))
  ),
  broken(
    statistics,
    "counts dead letters as completed",
    counting((counts) => ({ ...counts, completed: counts.completed + counts.dead, dead: 0 }))
  ),
  broken(
    statistics,
    "counts what is in flight as ready",
    counting((counts) => ({ ...counts, ready: counts.ready + counts.inFlight, inFlight: 0 }))
  ),
  broken(
    statistics,
    "tells no age",
    counting((counts) => ({ ...counts, oldestAge: 0 }))
  ),
  broken(
    names,
    "lists names in no order",
    port((queue) => ({ names: (prefix) => Effect.map(queue.names(prefix), (found) => [...found].toReversed()) }))
  ),
  broken(
    names,
    "lists names whatever the prefix",
    port((queue) => ({ names: () => queue.names() }))
  ),
  broken(
    names,
    "lists what was only looked at",
    port((queue) => {
      const looked = new Set<string>()
      return {
        inspect: (name) => Effect.suspend(() => queue.inspect((looked.add(name), name))),
        names: (prefix = "") =>
          Effect.map(queue.names(prefix), (found) =>
            [...new Set([...found, ...[...looked].filter((name) => name.startsWith(prefix))])].sort()
          )
      }
    })
  ),
  broken(
    limits,
    "cuts long ids off",
    offering((message) => ({ ...message, id: message.id.slice(0, Queue.maxIdLength) }))
  ),
  broken(
    limits,
    "takes payloads that are too large",
    offering((message) => ({
      ...message,
      payload: JSON.stringify(message.payload).length > Queue.maxPayloadBytes ? "cut" : message.payload
    }))
  ),
  broken(
    limits,
    "counts characters instead of bytes",
    offering((message) => ({
      ...message,
      payload: JSON.stringify(message.payload).length <= Queue.maxPayloadBytes ? "counted" : message.payload
    }))
  ),
  broken(
    limits,
    "refuses an id of just the length that is allowed",
    offering((message) => ({ ...message, id: message.id.length === Queue.maxIdLength ? `${message.id}.` : message.id }))
  ),
  broken(
    prune,
    "forgets nothing",
    port(() => ({ prune: () => Effect.void }))
  ),
  broken(
    prune,
    "forgets dead letters without being asked",
    port((queue) => ({ prune: (name, { completed }) => queue.prune(name, { completed, dead: completed }) }))
  ),
  broken(
    prune,
    "forgets what was settled just now",
    port((queue) => ({
      prune: (name, { completed, dead }) =>
        queue.prune(name, {
          ...(completed === undefined ? {} : { completed: completed + 3_600_000 }),
          ...(dead === undefined ? {} : { dead: dead + 3_600_000 })
        })
    }))
  ),
  broken(
    prune,
    "creates the queue that it looks for",
    port((queue) => ({
      prune: (name, until) =>
        Effect.andThen(
          Effect.ignore(queue.offer(name, { id: "made", payload: null, delay: "1 hour" })),
          queue.prune(name, until)
        )
    }))
  ),
  broken(
    deletion,
    "deletes nothing",
    port(() => ({ delete: () => Effect.void }))
  ),
  broken(
    deletion,
    "deletes only what is settled",
    port((queue) => ({
      delete: (name) => queue.prune(name, { completed: Number.MAX_SAFE_INTEGER, dead: Number.MAX_SAFE_INTEGER })
    }))
  ),
  broken(
    deletion,
    "settles what it deletes, and knows the ids for ever",
    port((queue) => ({
      delete: Effect.fnUntraced(function* (name) {
        for (const { id } of yield* queue.inspect(name)) yield* queue.settle(name, id, { type: "completed" })
      })
    }))
  ),
  broken(
    deletion,
    "deletes every queue whose name begins alike",
    port((queue) => ({
      delete: Effect.fnUntraced(function* (name) {
        for (const other of yield* queue.names(name.slice(0, name.indexOf("/")))) yield* queue.delete(other)
      })
    }))
  ),
  broken(
    deletion,
    "lists what it has deleted",
    port((queue) => {
      const deleted = new Set<string>()
      return {
        delete: (name) => Effect.tap(queue.delete(name), () => Effect.sync(() => deleted.add(name))),
        names: (prefix = "") =>
          Effect.map(queue.names(prefix), (names) =>
            [...new Set([...names, ...[...deleted].filter((name) => name.startsWith(prefix))])].sort()
          )
      }
    })
  ),
  broken(
    deletion,
    "never lists what was deleted once",
    port((queue) => {
      const deleted = new Set<string>()
      return {
        delete: (name) => Effect.tap(queue.delete(name), () => Effect.sync(() => deleted.add(name))),
        names: (prefix) => Effect.map(queue.names(prefix), (names) => names.filter((name) => !deleted.has(name)))
      }
    })
  ),
  broken(waited, "leaves takes behind that wait for a queue which is gone", {
    log: (log) => {
      let gone = false
      return {
        append: (records) => {
          gone ||= records.some(({ type }) => type === "pruned")
          return log.append(records)
        },
        changed: (revision) => (gone ? Effect.never : log.changed(revision))
      }
    }
  }),
  broken(gone, "deletes what its own opening has offered only", { volatile: true }),
  broken(
    grammar,
    "takes names that break the grammar",
    port((queue) => ({
      offer: (name, ...rest) => queue.offer(isKey(name) ? name : "mended", ...rest)
    }))
  ),
  broken(
    grammar,
    "creates something before it refuses a name",
    port((queue) => ({
      offer: (name, message, options) =>
        Effect.tapError(queue.offer(name, message, options), (error) =>
          error._tag === "InvalidKey" ? Effect.ignore(queue.offer("refused", message)) : Effect.void
        )
    }))
  ),
  broken(
    grammar,
    "finds nothing where a name breaks the grammar",
    port((queue) => ({ inspect: (name) => (isKey(name) ? queue.inspect(name) : Effect.succeed([])) }))
  ),
  broken(
    rest,
    "gives a second message to who waited for one",
    applying("offered", (apply, _, __, state) => {
      const [next] = state.awaiting
      const effective = apply()
      if (next !== undefined && !state.awaiting.has(next[0])) (state.awaiting as Map<string, unknown>).set(...next)
      return effective
    })
  ),
  broken(
    rest,
    "counts twice that it gave a message to who waited",
    applying("offered", (apply, { id }, _, state) => {
      const effective = apply()
      const item = state.items.get(id)
      if (item?.claim !== undefined) item.attempt += 1
      return effective
    })
  ),
  broken(rest, "forgets whom it gave a message to", {
    state: (state) => ({
      apply: (record, at, heard) => {
        const effective = state.apply(record, at, heard)
        const item = record.type === "offered" ? state.items.get(record.id) : undefined
        if (item?.claim !== undefined) item.claim = { ...item.claim, id: "somebody" }
        return effective
      }
    })
  }),
  broken(
    patient,
    "lets the last one who waits go first",
    applying("awaited", (apply, _, __, state) => {
      const before = [...state.awaiting]
      const effective = apply()
      const awaiting = state.awaiting as Map<string, unknown>
      for (const [claim] of before) awaiting.delete(claim)
      for (const [claim, one] of before) awaiting.set(claim, one)
      return effective
    })
  ),
  broken(due, "keeps the place of who has taken something else", {
    log: (log) => ({
      append: (records) => log.append(records.some(({ type }) => type === "claimed") ? records.slice(0, 1) : records)
    })
  }),
  broken(
    left,
    "keeps the place of who has stopped waiting",
    applying("withdrawn", () => true)
  ),
  broken(
    flow,
    "loses one message of a hundred",
    port((queue) => {
      let count = 0
      return {
        offer: (...args) =>
          Effect.suspend(() => ((count += 1) % 100 === 0 ? Effect.succeed("added" as const) : queue.offer(...args)))
      }
    })
  ),
  broken(flow, "delivers one message of a hundred again after its completion", {
    log: (log) => {
      let count = 0
      return {
        append: (records) =>
          log.append(
            records.map((record) =>
              record.type === "completed" && record.claim !== undefined && (count += 1) % 100 === 0
                ? { type: "released", id: record.id, claim: record.claim }
                : record
            )
          )
      }
    }
  }),
  broken(
    ahead,
    "claims one message, whatever a taker asks for",
    port((queue) => ({ take: (name, options) => queue.take(name, { ...options, prefetch: 1 }) }))
  ),
  broken(
    ahead,
    "claims one too many",
    port((queue) => ({
      take: (name, options) => queue.take(name, { ...options, prefetch: (options?.prefetch ?? 0) + 1 })
    }))
  ),
  broken(
    urgent,
    "hands out what was claimed ahead before anything else",
    applying("claimed", (apply, record, _, state) => {
      const applied = apply()
      for (const id of record.more ?? []) {
        const item = state.items.get(id)
        if (item !== undefined) item.priority = 100
      }
      return applied
    })
  ),
  broken(
    unused,
    "keeps what was claimed ahead and nobody came for",
    applying("released", () => false)
  ),
  broken(
    unused,
    "counts what it gives back",
    applying("released", (apply, _, item) => {
      const applied = apply()
      if (item !== undefined) item.attempt += 1
      return applied
    })
  ),
  broken(
    closed,
    "keeps what was claimed ahead when it is closed",
    applying("released", () => false)
  ),
  broken(abroad, "does not see what another opening offers", { volatile: true }),
  broken(abroad, "does not tell what another opening settled", {
    log: (log) => {
      const own = Queue.makeSignal()
      return {
        append: (records) =>
          Effect.tap(log.append(records), () => {
            own.notify()
            return Effect.void
          }),
        revision: own.revision,
        changed: (revision) => Effect.race(own.changed(revision), Effect.delay(Effect.void, "1 minute"))
      }
    }
  }),
  broken(again, "forgets everything when it is closed", { volatile: true }),
  broken(again, "forgets attempts when it is closed", {
    log: (log) => {
      for (const item of log.state.items.values()) item.attempt = 0
      return {}
    }
  }),
  broken(again, "forgets completed ids when it is closed", {
    log: (log) => {
      forgetCompleted(log)
      return {}
    }
  })
]
