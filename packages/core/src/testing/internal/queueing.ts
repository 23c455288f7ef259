import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Scope } from "effect"
import * as Queue from "../../Queue.ts"
import { soon } from "../Driver.ts"

/** Takes a message and keeps it until it is told how to let it go, or the case ends. */
export const hold = Effect.fnUntraced(function* (name: string, options?: Queue.TakeOptions) {
  const queue = yield* Queue.Queue
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.interrupt()))
  const delivery = yield* Scope.provide(soon(queue.take(name, options)), scope)
  return { delivery, close: (exit: Exit.Exit<unknown, unknown>) => soon(Scope.close(scope, exit)) }
})

/** Takes a message and completes it. */
export const completed = (name: string, options?: Queue.TakeOptions) =>
  Effect.flatMap(Queue.Queue, (queue) => soon(Effect.scoped(queue.take(name, options))))

/** Takes a message and fails. */
export const failed = (name: string, reason: string, options?: Queue.TakeOptions) =>
  failedWith(name, new Error(reason), options)

/** Takes a message and rejects it. */
export const rejected = (name: string, reason: string) => failedWith(name, new Queue.Rejected({ reason }))

const failedWith = Effect.fnUntraced(function* (name: string, error: unknown, options?: Queue.TakeOptions) {
  const queue = yield* Queue.Queue
  const handled = Effect.scoped(Effect.andThen(queue.take(name, options), Effect.fail(error)))
  const exit = yield* soon(Effect.exit(handled))
  if (Exit.isFailure(exit)) assert.strictEqual(Cause.squash(exit.cause), error)
})

/** Nothing is handed out for a while. */
export const nothing = Effect.fnUntraced(function* (name: string, duration: "1 second" | "60 millis" = "60 millis") {
  const queue = yield* Queue.Queue
  const taken = yield* Effect.timeoutOption(Effect.scoped(queue.take(name)), duration)
  assert.strictEqual(taken._tag, "None")
})

/** Long enough for a take that found nothing; where it is not, the case is easier to pass. */
export const untilItWaits = Effect.sleep("50 millis")
