/**
 * What the suites need to know of a transport, and what their cases share.
 *
 * @since 0.1.0
 */
import { it } from "@effect/vitest"
import { Clock, Console, Context, Duration, Effect, Layer, Schedule, type Scope } from "effect"

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
  /** Whether what was acknowledged is still there when the layer is opened again. Where not, those cases are left out, and named in the output. */
  readonly durable: boolean
}

/**
 * One promise of a port.
 *
 * @category testing
 * @since 0.1.0
 */
export interface Case<Services> {
  readonly name: string
  /** Only a durable driver can keep it. */
  readonly durable?: boolean | undefined
  /** Fails, or dies by an assertion, where the promise is broken. */
  readonly run: Effect.Effect<void, unknown, Services | Scope.Scope>
}

/**
 * Hands cases to vitest. Those that the driver cannot keep are named in one line of output.
 *
 * @category testing
 * @since 0.1.0
 */
export const registerCases = <Service, Storage>(
  suite: string,
  driver: Driver<Service, Storage>,
  cases: ReadonlyArray<Case<Service | Storage>>
): void => {
  const title = `${suite} on ${driver.name}`
  const left = cases.filter(({ durable }) => durable === true && !driver.durable)
  const tell = Console.log(
    `${title} is not durable, so ${left.length} cases are left out: ${left.map(({ name }) => name).join("; ")}`
  )
  const layer = left.length === 0 ? shared(driver) : Layer.tap(shared(driver), () => tell)
  it.layer(layer, { excludeTestServices: true })(title, (it) => {
    for (const each of cases) if (!left.includes(each)) it.effect(each.name, () => each.run)
  })
}

/**
 * Runs one case by itself on an opening of its own, as a test of the suite does it.
 *
 * @category testing
 * @since 0.1.0
 */
export const runCase = <Service, Storage>(
  driver: Driver<Service, Storage>,
  { run }: Case<Service | Storage>
): Effect.Effect<void, unknown> => Effect.scoped(Effect.provide(run, Layer.fresh(shared(driver))))

/**
 * How long a case waits for what must happen: ten seconds, unless told otherwise around the case.
 *
 * @category testing
 * @since 0.1.0
 */
export const Patience = Context.Reference<Duration.Input>("@sartor/core/testing/Driver/Patience", {
  defaultValue: () => "10 seconds"
})

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
 * Waits for something that must happen soon. It fails the case once its `Patience` is at its end.
 *
 * @category testing
 * @since 0.1.0
 */
export const soon = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Patience, (duration) =>
    Effect.timeoutOrElse(effect, {
      duration,
      orElse: () =>
        Effect.die(
          new Error(
            `What the case waits for has not happened within ${Duration.format(Duration.fromInputUnsafe(duration))}`
          )
        )
    })
  )

/**
 * Asks until the answer is as expected. It fails the case once its `Patience` is at its end.
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
