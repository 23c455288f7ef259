/** What is too large for one message, in the object store of the namespace. It is made when it is first needed. */
import { type ObjectInfo, type ObjectStore, Objm, StorageType } from "@nats-io/obj"
import type { TransportError } from "@sartor/core"
import { Effect, Semaphore } from "effect"
import { createHash } from "node:crypto"
import type { NatsClient } from "../NatsClient.ts"
import * as Calls from "./Calls.ts"

export interface Blobs {
  /** Keeps bytes under a name that nobody has used. */
  readonly put: (name: string, bytes: Uint8Array) => Effect.Effect<void, TransportError.TransportError>
  /** Fails as `corrupt` if a part is missing or changed. */
  readonly get: (name: string) => Effect.Effect<Uint8Array, TransportError.TransportError>
  readonly info: (name: string) => Effect.Effect<ObjectInfo | null, TransportError.TransportError>
  /** What is not there any more cannot be deleted: that is no failure. */
  readonly remove: (name: string) => Effect.Effect<void>
  readonly store: Effect.Effect<ObjectStore, TransportError.TransportError>
}

/** How long reading or writing a whole object may take, in milliseconds. */
const patience = 10_000

export const make = (client: NatsClient["Service"]): Blobs => {
  const { bucket, bucketStream: stream } = client.names
  const { replicas } = client
  const lock = Semaphore.makeUnsafe(1)
  let opened: ObjectStore | undefined

  const ask = <A>(operation: string, run: () => Promise<A>) => Calls.ask(client, operation, stream, run)
  const inTime =
    (operation: string) =>
    <A>(effect: Effect.Effect<A, TransportError.TransportError>) => {
      const duration = patience + Calls.election(client)
      const tooSlow = Calls.unavailable(operation, `it took longer than ${duration / 1_000} seconds`)
      return Effect.timeoutOrElse(effect, { duration, orElse: () => Effect.fail(tooSlow) })
    }
  const store = lock.withPermit(
    Effect.suspend(() =>
      opened !== undefined
        ? Effect.succeed(opened)
        : Effect.tap(
            ask("open the object store", () =>
              new Objm(client.jetstream).create(bucket, { storage: StorageType.File, replicas })
            ),
            (store) => Effect.sync(() => (opened = store))
          )
    )
  )
  const info = (name: string) =>
    Effect.flatMap(store, (objects) => ask("look for a large record", () => objects.info(name)))
  /** Asks the leader for each part: the copy that a consumer reads may be behind, and lacks what is there. */
  const read = Effect.fnUntraced(function* (name: string, operation: string) {
    const damaged = (how: string) =>
      Calls.corrupt(operation, `the object ${name} of ${bucket} is ${how}: restore the object store from a backup`)
    const found = yield* info(name)
    if (found === null || found.deleted) return yield* damaged("missing")
    const parts: Array<Uint8Array> = []
    const subject = `$O.${bucket}.C.${found.nuid}`
    let after = 0
    while (parts.length < found.chunks) {
      const query = { seq: after + 1, next_by_subj: subject }
      const part = yield* ask(operation, () => client.manager.streams.getMessage(stream, query))
      if (part === null) return yield* damaged("incomplete")
      parts.push(part.data)
      after = part.seq
    }
    const whole = Buffer.concat(parts)
    return digestOf(whole) === found.digest ? whole : yield* damaged("damaged")
  })
  return {
    store,
    info,
    put: (name, bytes) => {
      const operation = "write a large record"
      // What is there of an earlier attempt is replaced by the next one.
      const write = Effect.flatMap(store, (objects) => ask(operation, () => objects.putBlob({ name }, bytes)))
      return Effect.asVoid(inTime(operation)(write))
    },
    get: (name) => {
      const operation = "read a large record"
      return inTime(operation)(read(name, operation))
    },
    remove: (name) =>
      Effect.ignore(Effect.flatMap(store, (objects) => Calls.call("delete a large record", () => objects.delete(name))))
  }
}

/** As the object store writes it. */
const digestOf = (bytes: Uint8Array) => `SHA-256=${createHash("sha256").update(bytes).digest("base64url")}=`
