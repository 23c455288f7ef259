/** What is too large for one message, in the object store of the namespace. It is made when it is first needed. */
import { type ObjectStore, Objm, StorageType } from "@nats-io/obj"
import type { TransportError } from "@sartor/core"
import { Effect, Semaphore } from "effect"
import type { NatsClient } from "../NatsClient.ts"
import * as Calls from "./Calls.ts"

export interface Blobs {
  /** Keeps bytes under a name that nobody has used. */
  readonly put: (name: string, bytes: Uint8Array) => Effect.Effect<void, TransportError.TransportError>
  /** Fails as `corrupt` if a part is missing or changed. */
  readonly get: (name: string) => Effect.Effect<Uint8Array, TransportError.TransportError>
  /** What is not there any more cannot be deleted: that is no failure. */
  readonly remove: (name: string) => Effect.Effect<void>
  readonly store: Effect.Effect<ObjectStore, TransportError.TransportError>
}

/** How long reading or writing a whole object may take. */
const patience = "10 seconds"

const tooSlow = (operation: string) => Calls.unavailable(operation, `it took longer than ${patience}`)

export const make = (client: NatsClient["Service"]): Blobs => {
  const { bucket } = client.names
  const { replicas } = client
  const lock = Semaphore.makeUnsafe(1)
  let opened: ObjectStore | undefined

  const store = lock.withPermit(
    Effect.suspend(() =>
      opened !== undefined
        ? Effect.succeed(opened)
        : Effect.tap(
            Calls.call("open the object store", () =>
              new Objm(client.jetstream).create(bucket, { storage: StorageType.File, replicas })
            ),
            (store) => Effect.sync(() => (opened = store))
          )
    )
  )
  return {
    store,
    put: Effect.fnUntraced(function* (name, bytes) {
      const objects = yield* store
      const operation = "write a large record"
      yield* Effect.timeoutOrElse(
        Calls.call(operation, () => objects.putBlob({ name }, bytes)),
        { duration: patience, orElse: () => Effect.fail(tooSlow(operation)) }
      )
    }),
    get: Effect.fnUntraced(function* (name) {
      const objects = yield* store
      const operation = "read a large record"
      const damaged = (how: string) =>
        Calls.corrupt(operation, `the object ${name} of ${bucket} is ${how}: restore the object store from a backup`)
      const info = yield* Calls.call(operation, () => objects.info(name))
      if (info === null || info.deleted) return yield* damaged("missing")
      const chunks = `$O.${bucket}.C.${info.nuid}`
      const { state } = yield* Calls.call(operation, () =>
        client.manager.streams.info(`OBJ_${bucket}`, { subjects_filter: chunks })
      )
      // Reading one that lacks its last part would never end.
      if ((state.subjects?.[chunks] ?? 0) !== info.chunks) return yield* damaged("incomplete")
      const bytes = yield* Effect.tryPromise({
        try: () => objects.getBlob(name),
        catch: (cause) =>
          cause instanceof Error && cause.message.includes("corrupt object")
            ? damaged("damaged")
            : Calls.failure(operation, cause)
      }).pipe(Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(tooSlow(operation)) }))
      return bytes === null ? yield* damaged("missing") : bytes
    }),
    remove: (name) =>
      Effect.ignore(Effect.flatMap(store, (objects) => Calls.call("delete a large record", () => objects.delete(name))))
  }
}
