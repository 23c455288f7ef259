/**
 * Exports what a command counts and traces, where the environment asks for it: to a collector over OTLP, or for Prometheus to
 * read. The servers and clients that it takes are loaded only then.
 *
 * @since 0.1.0
 */
import { Effect, Layer, Option } from "effect"
import * as Failure from "./Failure.ts"
import { variable } from "./Settings.ts"

/**
 * Reads `OTEL_EXPORTER_OTLP_ENDPOINT` (and the other variables of OpenTelemetry) and `SARTOR_PROMETHEUS_PORT`. Without them it
 * does nothing.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, Failure.Failure> = Layer.unwrap(
  Effect.gen(function* () {
    const endpoint = yield* variable("OTEL_EXPORTER_OTLP_ENDPOINT")
    const port = yield* variable("SARTOR_PROMETHEUS_PORT")
    const otlp = Option.isNone(endpoint) ? Layer.empty : (yield* exporters).otlp
    const prometheus = Option.isNone(port) ? Layer.empty : (yield* exporters).prometheus(yield* readPort(port.value))
    return Layer.merge(otlp, prometheus)
  })
)

const exporters = Effect.promise(() => import("./internal/exporters.ts"))

const readPort = (text: string) =>
  /^\d{1,5}$/.test(text) && Number(text) <= 65_535
    ? Effect.succeed(Number(text))
    : Effect.fail(
        Failure.badInput(`SARTOR_PROMETHEUS_PORT cannot be ${JSON.stringify(text)}: it is a port, 0 to 65535`, {
          field: "SARTOR_PROMETHEUS_PORT"
        })
      )
