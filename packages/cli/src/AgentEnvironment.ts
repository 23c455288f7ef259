/**
 * What agents have in their environment, so that `sartor checkpoint` works inside of them.
 *
 * @since 0.1.0
 */
import { Effect, Option } from "effect"
import * as Process from "./Process.ts"
import { Settings, variable } from "./Settings.ts"

/**
 * The environment of agents: how they reach the same data.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function* () {
  const { dataDir, namespace, natsUrl, transport } = yield* Settings
  const path = Option.getOrElse(yield* variable("PATH"), () => "/usr/local/bin:/usr/bin:/bin")
  return {
    SARTOR_TRANSPORT: transport,
    SARTOR_DATA_DIR: dataDir,
    SARTOR_NAMESPACE: namespace,
    ...(transport === "nats" ? { SARTOR_NATS_URL: natsUrl } : {}),
    PATH: `${yield* Process.nodeFolder}:${path}`
  }
})
