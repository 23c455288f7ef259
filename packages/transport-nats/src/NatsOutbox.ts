/**
 * Keeps what wakes an orchestrator in a queue of this machine until the orchestrator has acknowledged it: an acknowledgement of the server
 * alone may be lost with its power, or with a store that is restored from an older copy.
 *
 * @since 0.1.0
 */
import { Inbox, type Journal, Key, Queue, TransportError } from "@sartor/core"
import { Clock, DateTime, Effect, Option, Result, Schema, type Scope, Stream } from "effect"
import * as Calls from "./internal/Calls.ts"
import * as Publishing from "./internal/Publishing.ts"
import type { NatsClient } from "./NatsClient.ts"

/** An append that carries wakes. It is completed once the inbox has acknowledged them, or it was refused. */
const Sent = Schema.Struct({
  key: Schema.String,
  expected: Schema.Natural,
  records: Schema.Array(Schema.Json),
  wakes: Schema.Array(Schema.String)
})
type Sent = typeof Sent.Type

const decodeSent = Schema.decodeUnknownOption(Sent)
const encodeSent = Schema.encodeSync(Sent)

/** The message that says whose data this is, and stays: nothing of it is sent to another fleet. */
const fleetId = "fleet"
const decodeFleet = Schema.decodeUnknownOption(Schema.String)

/** How often what is not acknowledged yet is looked after, and how old it must be if another process may be at it, in milliseconds. */
const interval = "5 seconds"
const patience = 15_000

/** @internal */
export const make: (
  client: NatsClient["Service"],
  journal: Journal.Journal["Service"],
  local: Queue.Queue["Service"]
) => Effect.Effect<Journal.Journal["Service"], TransportError.TransportError, Scope.Scope> = Effect.fnUntraced(
  function* (client, journal, local) {
    const name = `outbox/${client.names.namespace}`
    /** What this process is sending right now, and what it has sent. */
    const flying = new Set<string>()
    const sent = new Set<string>()
    const inboxes = new Map<string, { version: number; inbox: Inbox.Inbox }>()

    const kept = Effect.map(own(local.inspect(name)), (messages) => messages.filter(({ state }) => state === "ready"))
    const pending = Effect.map(kept, (messages) =>
      messages.flatMap(({ id, offeredAt: at, payload }) =>
        Option.match(decodeSent(payload), { onNone: () => [], onSome: (entry) => [{ id, at, entry }] })
      )
    )
    const done = (id: string) => {
      sent.delete(id)
      return Effect.asVoid(own(local.settle(name, id, { type: "completed" })))
    }

    const before = yield* kept
    const fleet = Option.getOrUndefined(decodeFleet(before.find(({ id }) => id === fleetId)?.payload))
    yield* sameFleet(client, fleet).pipe(
      Effect.flatMap((payload) =>
        fleet === undefined ? own(local.offer(name, { id: fleetId, payload })) : Effect.void
      )
    )

    const isAcknowledged = Effect.fnUntraced(function* (orchestrator: string, wakes: ReadonlyArray<string>) {
      const known = inboxes.get(orchestrator) ?? { version: 0, inbox: Inbox.empty }
      inboxes.set(orchestrator, known)
      yield* Stream.runForEach(journal.read(`inbox/${orchestrator}`, known.version), ({ record, version }) =>
        Effect.sync(() => {
          known.version = version
          const decoded = decodeInbox(record)
          if (Option.isSome(decoded)) known.inbox = Result.getOrThrow(Inbox.apply(known.inbox, decoded.value))
        })
      )
      return wakes.every((id) => Inbox.isSettled(known.inbox, id))
    })

    /** Sees to it that the server has what was sent, and forgets it once the inbox has. */
    const tend = Effect.fnUntraced(function* (id: string, { expected, key, records, wakes }: Sent) {
      const entries = yield* Stream.runCollect(journal.read(key))
      const last = entries.at(-1)?.version ?? 0
      const first = entries[0]?.record
      const stored = new Set(entries.flatMap(({ record }) => wakesOf([record])))
      const orchestrator = isCreated(first) ? first.orchestrator : undefined
      if (orchestrator !== undefined && (yield* isAcknowledged(orchestrator, wakes))) return yield* done(id)
      if (wakes.every((wake) => stored.has(wake))) return
      if (last === expected) {
        yield* Effect.logWarning(`The server does not have ${wakes.join(", ")}: sent again from the outbox`)
        yield* journal.append(key, expected, records)
        return
      }
      yield* Effect.logError(
        `The server does not have ${wakes.join(", ")}, and ${key} has gone on without it: kept in its history, as late`
      )
      const at = DateTime.formatIso(DateTime.makeUnsafe(yield* Clock.currentTimeMillis))
      const late = records.filter((record) => wakesOf([record]).length > 0)
      // A session that is gone with all its history has nothing that could keep it.
      if (last > 0)
        yield* journal.append(
          key,
          last,
          late.map((record) => ({ type: "late", at, run: runOf(record), record }))
        )
      yield* done(id)
    })

    const drain = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      for (const { at, entry, id } of yield* pending) {
        if (flying.has(id) || (!sent.has(id) && now - at < patience)) continue
        // Somebody else was faster: it is looked at again.
        yield* Effect.catchTag(own(tend(id, entry)), "VersionConflict", () => Effect.void)
      }
      // Names of sends are never used again: nobody has to remember those that are done.
      yield* own(local.prune(name, { completed: now - patience }))
    })
    // Short-lived processes send what is left of others, too; whoever has an entry in the air cannot be told from who died.
    for (const { id } of before) sent.add(id)
    yield* Effect.ignore(Effect.timeout(drain, interval), { log: true })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.ignore(drain, { log: true }), interval)))

    return {
      ...journal,
      append: Effect.fnUntraced(function* (key, expected, records) {
        const wakes = key.startsWith("session/") ? wakesOf(records) : []
        if (wakes.length === 0) return yield* journal.append(key, expected, records)
        const id = Publishing.token()
        flying.add(id)
        yield* own(local.offer(name, { id, payload: encodeSent({ key, expected, records, wakes }) }))
        return yield* journal.append(key, expected, records).pipe(
          Effect.tapError((error) =>
            error._tag === "TransportError" && error.reason !== "too_large"
              ? Effect.void
              : Effect.ignore(done(id), { log: true })
          ),
          Effect.catchTag("TransportError", (error) =>
            Effect.fail(
              new TransportError.TransportError({
                operation: error.operation,
                reason: error.reason,
                detail: `${error.detail}; wake ${wakes.join(", ")} is kept in the outbox, and sending it again with that id is the same wake`,
                cause: error.cause
              })
            )
          ),
          Effect.ensuring(
            Effect.sync(() => {
              flying.delete(id)
              sent.add(id)
            })
          )
        )
      })
    }
  }
)

/** The fleet that the server belongs to. It gets a name when the first one asks, unless the data here knows another. */
const sameFleet = Effect.fnUntraced(function* (
  client: NatsClient["Service"],
  known: string | undefined
): Effect.fn.Return<string, TransportError.TransportError> {
  const { fleet: subject, queueStream: stream } = client.names
  const operation = "connect"
  const stored = Effect.map(
    Calls.ask(client, operation, stream, () => client.manager.streams.getMessage(stream, { last_by_subj: subject })),
    (message) => message?.string()
  )
  const there = yield* stored
  if (known !== undefined && there !== known) {
    const whose = there === undefined ? "holds nothing of it" : "belongs to another fleet"
    return yield* Calls.unavailable(
      operation,
      `the outbox here is of fleet ${known}, and the server ${client.connection.getServer()} ${whose}: nothing was sent; use the right server, or move the outbox away`
    )
  }
  if (there !== undefined) return there
  const id = Publishing.token()
  yield* Publishing.once(client, operation, { stream, subject, body: id, id, after: 0 })
  return (yield* stored) ?? id
})

const isCreated = Schema.is(Schema.Struct({ type: Schema.Literal("created"), orchestrator: Schema.String }))
const hasWake = Schema.is(Schema.Struct({ wake: Schema.Struct({ wake_id: Schema.String }) }))
const hasRun = Schema.is(Schema.Struct({ run: Schema.Natural }))
const decodeInbox = Schema.decodeUnknownOption(Inbox.Record)

const wakesOf = (records: ReadonlyArray<Schema.Json>) =>
  records.flatMap((record) => (hasWake(record) ? [record.wake.wake_id] : []))
const runOf = (record: Schema.Json) => (hasRun(record) ? record.run : 0)

/** Keys that are made here are valid ones, and nothing is offered with a capacity. */
const own = <A, E, R>(effect: Effect.Effect<A, E | Key.InvalidKey | Queue.QueueFull, R>): Effect.Effect<A, E, R> =>
  Effect.catch(effect, (error) =>
    error instanceof Key.InvalidKey || error instanceof Queue.QueueFull ? Effect.die(error) : Effect.fail(error)
  )
