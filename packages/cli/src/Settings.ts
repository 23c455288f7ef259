/**
 * What every command takes: where the data is, how to reach it, and how to print. Flags win over the environment.
 *
 * @since 0.1.0
 */
import { Key, Role, Timespan, Triggers } from "@sartor/core"
import { Config, Context, Effect, Option, Path, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Failure from "./Failure.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly transport: "file" | "nats"
  /** Absolute. */
  readonly dataDir: string
  readonly natsUrl: string
  readonly namespace: string
  /** How long the first connection may take, in milliseconds. */
  readonly connectTimeout: number
  /** Whether the legacy files are kept up beside the data. */
  readonly legacyMirror: boolean
  /** What is done where there is reason to roll back, and how far back is looked for one, in milliseconds. */
  readonly rollbackPolicy: Triggers.Policy
  readonly rollbackWindow: number
  /** Roles beside the built-in ones, in upper case. */
  readonly roles: ReadonlyArray<string>
}

/**
 * @category services
 * @since 0.1.0
 */
export class Settings extends Context.Service<Settings, Options>()("@sartor/cli/Settings") {}

/**
 * The command that all others are below, with the flags that they share.
 *
 * @category constructors
 * @since 0.1.0
 */
export const root = Command.make("sartor").pipe(
  Command.withSharedFlags({
    json: Flag.Boolean("json").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Print JSON on stdout: one document, or a line each for what is followed"),
      Flag.withDefault(false)
    ),
    transport: Flag.Literals("transport", ["file", "nats"]).pipe(
      Flag.withMetavar("<file|nats>"),
      Flag.withDescription("Where the data is kept; SARTOR_TRANSPORT, file by default"),
      Flag.optional
    ),
    dataDir: Flag.String("data-dir").pipe(
      Flag.withMetavar("<folder>"),
      Flag.withDescription("The folder of the data; SARTOR_DATA_DIR, data by default"),
      Flag.optional
    ),
    natsUrl: Flag.String("nats-url").pipe(
      Flag.withMetavar("<url>"),
      Flag.withDescription("The NATS server; SARTOR_NATS_URL, nats://127.0.0.1:4222 by default"),
      Flag.optional
    ),
    namespace: Flag.String("namespace").pipe(
      Flag.withMetavar("<name>"),
      Flag.withDescription("Keeps several fleets apart; SARTOR_NAMESPACE, default by default"),
      Flag.optional
    ),
    connectTimeout: Flag.String("connect-timeout").pipe(
      Flag.withMetavar("<time>"),
      Flag.withDescription("How long the first connection may take, such as 500ms or 5s; 5s by default"),
      Flag.optional
    )
  })
)

/**
 * @category models
 * @since 0.1.0
 */
export interface Flags {
  readonly transport: Option.Option<"file" | "nats">
  readonly dataDir: Option.Option<string>
  readonly natsUrl: Option.Option<string>
  readonly namespace: Option.Option<string>
  readonly connectTimeout: Option.Option<string>
}

/**
 * Settles what the flags and the environment say.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolve = Effect.fnUntraced(function* (flags: Flags) {
  const path = yield* Path.Path
  const transport = yield* choose(flags.transport, "transport", "SARTOR_TRANSPORT", "file")
  const namespace = yield* choose(flags.namespace, "namespace", "SARTOR_NAMESPACE", "default")
  const natsUrl = yield* choose(flags.natsUrl, "nats-url", "SARTOR_NATS_URL", "nats://127.0.0.1:4222")
  const dataDir = yield* choose(flags.dataDir, "data-dir", "SARTOR_DATA_DIR", "data")
  const roles = yield* variable("SARTOR_ROLES")
  const mirror = {
    name: "SARTOR_LEGACY_MIRROR",
    value: Option.getOrElse(yield* variable("SARTOR_LEGACY_MIRROR"), () => "true")
  }
  const policy = {
    name: "SARTOR_ROLLBACK_POLICY",
    value: Option.getOrElse(yield* variable("SARTOR_ROLLBACK_POLICY"), () => "warn")
  }
  return {
    transport: yield* checked(transport, "file or nats", isTransport),
    dataDir: path.resolve((yield* checked(dataDir, "the path of a folder", isPath)).trim()),
    natsUrl: isNatsUrl(natsUrl.value)
      ? natsUrl.value
      : yield* checked(withoutSecret(natsUrl), "a URL such as nats://127.0.0.1:4222 or tls://host:4222", isNatsUrl),
    namespace: yield* checked(namespace, "lower-case letters, digits and single hyphens", Schema.is(Key.Slug)),
    connectTimeout: yield* timespan(flags.connectTimeout),
    rollbackWindow: yield* windowOf,
    rollbackPolicy: yield* checked(policy, "off, warn or act", Schema.is(Triggers.Policy)),
    legacyMirror: (yield* checked(mirror, "true or false", isTruth)) === "true",
    roles: yield* rolesOf(Option.getOrElse(roles, () => ""))
  } satisfies Options
})

/** A value with the name that a user knows it by. */
interface Named<A extends string> {
  readonly name: string
  readonly value: A
}

const choose = Effect.fnUntraced(function* (
  flag: Option.Option<string>,
  name: string,
  variableName: string,
  byDefault: string
): Effect.fn.Return<Named<string>> {
  if (Option.isSome(flag)) return { name: `--${name}`, value: flag.value }
  const value = yield* variable(variableName)
  return { name: variableName, value: Option.getOrElse(value, () => byDefault) }
})

const checked = <A extends string>(
  { name, value }: Named<string>,
  expected: string,
  isValid: (value: string) => value is A
): Effect.Effect<A, Failure.Failure> =>
  isValid(value)
    ? Effect.succeed(value)
    : Effect.fail(
        Failure.badInput(`${name} cannot be ${JSON.stringify(value)}: use ${expected}`, {
          field: name.replace(/^--/, "")
        })
      )

const isTransport = Schema.is(Schema.Literals(["file", "nats"]))
const isTruth = Schema.is(Schema.Literals(["true", "false"]))
const isPath = (value: string): value is string => /\S/.test(value) && !value.includes("\0")
const isNatsUrl = (value: string): value is string =>
  value.split(",").every((url) => /^(?:nats|tls):\/\/(?:[^@/]*@)?[^@/\s]+\/?$/.test(url.trim()))

/** What stands before an `@` may be a password. */
const withoutSecret = ({ name, value }: Named<string>): Named<string> => ({
  name,
  value: value.replace(/[^,/]*@/g, "…@")
})

/**
 * The variable of the environment, if it is set and not empty.
 *
 * @category constructors
 * @since 0.1.0
 */
export const variable = (name: string): Effect.Effect<Option.Option<string>> =>
  Effect.orDie(Config.option(Config.String(name))).pipe(Effect.map(Option.filter((value) => value !== "")))

const windowOf = Effect.gen(function* () {
  const given = yield* variable("SARTOR_ROLLBACK_WINDOW")
  if (Option.isNone(given)) return Triggers.defaultWindow
  const millis = Timespan.parse(given.value)
  if (Option.isSome(millis) && millis.value > 0) return millis.value
  return yield* Failure.badInput(
    `SARTOR_ROLLBACK_WINDOW cannot be ${JSON.stringify(given.value)}: use a time such as 10m or 1h`,
    { field: "SARTOR_ROLLBACK_WINDOW" }
  )
})

const timespan = Effect.fnUntraced(function* (flag: Option.Option<string>) {
  if (Option.isNone(flag)) return 5000
  const millis = Timespan.parse(flag.value)
  if (Option.isSome(millis) && millis.value > 0) return millis.value
  return yield* Failure.badInput(
    `--connect-timeout cannot be ${JSON.stringify(flag.value)}: use a time such as 500ms or 5s`,
    { field: "connect-timeout" }
  )
})

const rolesOf = Effect.fnUntraced(function* (list: string) {
  const roles = list
    .split(",")
    .map((role) => role.trim())
    .filter((role) => role !== "")
  const bad = roles.find((role) => !Schema.is(Role.Role)(role.toUpperCase()))
  if (bad === undefined) return roles.map((role) => role.toUpperCase())
  return yield* Failure.badInput(
    `SARTOR_ROLES cannot have ${JSON.stringify(bad)} in it: use letters, digits and _, separated by commas`,
    { field: "SARTOR_ROLES" }
  )
})

/**
 * Settings of who only executes for others. On NATS the legacy files lie where the orchestrator is.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofWorker = (settings: Options): Options => ({
  ...settings,
  legacyMirror: settings.legacyMirror && settings.transport === "file"
})

/**
 * The run that this command is called from, if it is called by the agent of a session.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runOf = Effect.fnUntraced(function* (sessionId: string) {
  const session = yield* variable("SARTOR_SESSION_ID")
  const run = yield* variable("SARTOR_RUN")
  if (Option.isNone(run) || Option.getOrUndefined(session) !== sessionId) return undefined
  if (/^[1-9]\d{0,14}$/.test(run.value)) return Number(run.value)
  return yield* Failure.badInput(`SARTOR_RUN cannot be ${JSON.stringify(run.value)}: it is the number of a run`, {
    field: "SARTOR_RUN"
  })
})
