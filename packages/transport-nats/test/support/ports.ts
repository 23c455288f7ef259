import { type Journal, Queue } from "@sartor/core"
import { Effect, Layer, type Scope, Stream } from "effect"
import { Journal as JournalModule } from "@sartor/core"
import { type NatsClient, NatsTransport } from "../../src/index.ts"

export type Ports = Journal.Journal | Queue.Queue | NatsClient.NatsClient

/** Opens a transport of its own for a body, as another process would, and closes it again. */
export const open = <A, E, R>(options: NatsClient.Options, body: Effect.Effect<A, E, R>) =>
  Effect.provide(body, Layer.fresh(NatsTransport.layer(options)))

/** What a transport that cannot be opened fails with. */
export const refused = (options: NatsClient.Options) =>
  Effect.flip(Effect.scoped(Layer.build(Layer.fresh(NatsTransport.layer(options)))))

export const offer = (queue: string, id: string, payload: string = id) =>
  Effect.flatMap(Queue.Queue, (service) => service.offer(queue, { id, payload }))

/** Takes a message and completes it. */
export const take = (queue: string, options?: Queue.TakeOptions) =>
  Effect.scoped(Effect.flatMap(Queue.Queue, (service) => service.take(queue, options)))

export const statistics = (queue: string) => Effect.flatMap(Queue.Queue, (service) => service.statistics(queue))

export const append = (key: string, expected: number, ...records: ReadonlyArray<string>) =>
  Effect.flatMap(JournalModule.Journal, (journal) => journal.append(key, expected, records))

export const records = (key: string) =>
  Effect.flatMap(JournalModule.Journal, (journal) =>
    Effect.map(Stream.runCollect(journal.read(key)), (entries) => entries.map(({ record }) => record))
  )

/** Tries again as callers do: at once, until it is done. */
export const persistently = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, { times: 50 })

export type Scoped = Scope.Scope
