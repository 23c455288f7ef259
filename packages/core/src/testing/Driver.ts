/**
 * What the suites need to know of a transport, and what their cases share.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Layer, Schedule, type Scope } from "effect"

/**
 * A transport under test.
 *
 * @category testing
 * @since 0.1.0
 */
export interface Driver<Service, Storage = never> {
  readonly name: string
  /** What outlives a closed layer, such as a directory. It is built once a suite. */
  readonly storage: Layer.Layer<Storage, unknown>
  /** Opens the port on the storage; several may be open at once, as several processes would be. */
  readonly layer: Layer.Layer<Service, unknown, Storage>
  /** Whether what was acknowledged is still there when the layer is opened again. Where not, those cases are skipped. */
  readonly durable: boolean
}

/**
 * The layer that the cases of a suite share. Each case owns its keys.
 *
 * @category testing
 * @since 0.1.0
 */
export const shared = <Service, Storage>(driver: Driver<Service, Storage>): Layer.Layer<Service | Storage, unknown> =>
  Layer.provideMerge(driver.layer, driver.storage)

/**
 * Runs a body on an opening of its own, beside the shared one, and closes it afterwards.
 *
 * @category testing
 * @since 0.1.0
 */
export const opened =
  <Service, Storage>(driver: Driver<Service, Storage>) =>
  <A, E>(body: Effect.Effect<A, E, Service | Scope.Scope>): Effect.Effect<A, unknown, Storage> =>
    Effect.scoped(
      Effect.flatMap(Layer.build(Layer.fresh(driver.layer)), (context) => Effect.provideContext(body, context))
    )

/**
 * Waits for something that must happen soon. It fails the case after ten seconds.
 *
 * @category testing
 * @since 0.1.0
 */
export const soon = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.timeoutOrElse(effect, {
    duration: "10 seconds",
    orElse: () => Effect.die(new Error("What the case waits for has not happened within 10 seconds"))
  })

/**
 * Asks until the answer is as expected. It fails the case after ten seconds.
 *
 * @category testing
 * @since 0.1.0
 */
export const eventually = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  expected: (answer: A) => boolean
): Effect.Effect<A, E, R> => soon(Effect.repeat(effect, { until: expected, schedule: Schedule.spaced("5 millis") }))

/**
 * Runs an effect as if its timers had stopped, like those of a process that hangs.
 *
 * @category testing
 * @since 0.1.0
 */
export const stalled = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const hanging: Clock.Clock = Object.create(clock, { sleep: { value: () => Effect.never } })
    return Effect.provideService(effect, Clock.Clock, hanging)
  })
