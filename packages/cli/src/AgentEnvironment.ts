/**
 * What agents have in their environment, so that `sartor checkpoint` works inside of them.
 *
 * @since 0.1.0
 */
import { Key } from "@sartor/core"
import { Effect, Option, Schema } from "effect"
import * as Process from "./Process.ts"
import { Settings, variable } from "./Settings.ts"

/**
 * The pool of permits of the run inside whose agent this command works, if it works on the same data.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pool = Effect.gen(function* () {
  const { dataDir, namespace, transport } = yield* Settings
  const of = (name: string) => Effect.map(variable(name), Option.getOrUndefined)
  const same =
    (yield* of("SARTOR_SESSION_ID")) !== undefined &&
    (yield* of("SARTOR_TRANSPORT")) === transport &&
    (yield* of("SARTOR_DATA_DIR")) === dataDir &&
    (yield* of("SARTOR_NAMESPACE")) === namespace
  const name = (yield* of("SARTOR_POOL")) ?? (yield* of("SARTOR_ORCHESTRATOR"))
  return same && isSlug(name) ? name : undefined
})

const isSlug = Schema.is(Key.Slug)

/**
 * The environment of agents: how they reach the same data.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function* () {
  const { dataDir, legacyMirror, namespace, natsUrl, transport } = yield* Settings
  const path = Option.getOrElse(yield* variable("PATH"), () => "/usr/local/bin:/usr/bin:/bin")
  return {
    SARTOR_TRANSPORT: transport,
    SARTOR_DATA_DIR: dataDir,
    SARTOR_NAMESPACE: namespace,
    SARTOR_LEGACY_MIRROR: String(legacyMirror),
    ...(transport === "nats" ? { SARTOR_NATS_URL: natsUrl } : {}),
    SARTOR_POOL: yield* pool,
    PATH: `${yield* Process.nodeFolder}:${path}`
  }
})
