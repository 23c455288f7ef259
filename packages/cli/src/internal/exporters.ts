import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ConfigProvider, Effect, Layer } from "effect"
import { FetchHttpClient, HttpRouter } from "effect/http"
import { Otlp, OtlpSerialization, PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import * as Failure from "../Failure.ts"

/** Where only an endpoint is named, all that there is goes to it. */
const byDefault = ConfigProvider.fromEnvRecord({
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "otlp"
})

/** Traces, metrics and logs to a collector, as the variables of OpenTelemetry say. */
export const otlp = Otlp.layerFromConfig({
  resource: { serviceName: "sartor" },
  // What is logged stays on stderr too.
  loggerMergeWithExisting: true
}).pipe(
  Layer.provide(OtlpSerialization.layerJson),
  Layer.provide(FetchHttpClient.layer),
  Layer.provide(ConfigProvider.layerAdd(byDefault))
)

/** `/metrics` on this machine, for as long as the command runs. */
export const prometheus = (port: number) =>
  HttpRouter.serve(PrometheusMetrics.layerHttp(), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(NodeHttpServer.layer(createServer, { port, host: "127.0.0.1" })),
    Layer.catch(({ message }) =>
      Layer.effectDiscard(
        Effect.fail(
          Failure.badInput(`Port ${port} cannot be listened on: ${message}`, { field: "SARTOR_PROMETHEUS_PORT" })
        )
      )
    )
  )
