/**
 * Journals and queues in plain files: one machine, many processes, no server.
 *
 * @since 0.1.0
 */
import { Config, Context, Effect, Layer, Option } from "effect"
import { Journal, Queue, type TransportError } from "@sartor/core"
import * as FileJournal from "./FileJournal.ts"
import * as FileQueue from "./FileQueue.ts"
import * as Store from "./internal/Store.ts"

/**
 * Where the files lie.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** The data directory, on a local file system; it is created where it does not exist. */
  readonly directory: string
  /** Keeps the logs of several fleets in one directory apart: a lower-case name; `default` by default. */
  readonly namespace?: string | undefined
}

/**
 * Keeps journals and queues below `<directory>/sartor/<namespace>`. Fails at once if it may not write there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Journal.Journal | Queue.Queue, TransportError.TransportError> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const store = yield* Store.make(options)
      const journal = yield* FileJournal.make(store)
      const { service: queue } = yield* FileQueue.make(store)
      return Context.make(Journal.Journal, journal).pipe(Context.add(Queue.Queue, queue))
    })
  )

/**
 * Reads `SARTOR_DATA_DIR` (`data` by default) and `SARTOR_NAMESPACE` (`default`).
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<
  Journal.Journal | Queue.Queue,
  TransportError.TransportError | Config.ConfigError
> = Layer.unwrap(
  Effect.map(
    Config.all({
      directory: Config.withDefault(Config.String("SARTOR_DATA_DIR"), "data"),
      namespace: Config.withDefault(Config.String("SARTOR_NAMESPACE"), "default")
    }),
    layer
  )
)

/**
 * What is wrong with the file system of the data directory, for an operator; nothing on a local disk.
 *
 * @category constructors
 * @since 0.1.0
 */
export const weakness = (options: Options): Effect.Effect<Option.Option<string>, TransportError.TransportError> =>
  Effect.map(Store.weakness(options.directory), Option.fromUndefinedOr)
