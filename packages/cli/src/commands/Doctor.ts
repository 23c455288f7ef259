/**
 * `sartor doctor`
 *
 * @since 0.1.0
 */
import { FileTransport } from "@sartor/transport-file"
import { LegacyLock } from "@sartor/transport-file/legacy"
import { Effect, Option, Path, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { Output } from "../Output.ts"
import { Settings } from "../Settings.ts"
import * as Table from "../Table.ts"
import * as Transport from "../Transport.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const doctor = Command.make(
  "doctor",
  {
    monitor: Flag.String("nats-monitor").pipe(
      Flag.withMetavar("<url>"),
      Flag.withDescription("The monitoring port of the NATS server, such as http://127.0.0.1:8222"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ monitor }) {
    const { transport } = yield* Settings
    return yield* transport === "file" ? onFiles : onNats(Option.getOrUndefined(monitor))
  })
).pipe(
  Command.withDescription("Tell where the data is, and what an acknowledgement survives there"),
  Command.withExamples([
    { command: "sartor doctor" },
    { command: "sartor doctor --transport nats --nats-url nats://broker:4222 --nats-monitor http://broker:8222" }
  ])
)

const onFiles = Effect.gen(function* () {
  const output = yield* Output
  const { dataDir: directory, namespace } = yield* Settings
  // Opens it, as every other command does: what it may not read or write shows here.
  yield* Transport.working(Effect.void)
  const weakness = Option.getOrUndefined(yield* FileTransport.weakness({ directory, namespace }))
  const durability =
    weakness === undefined
      ? { level: "power_loss", detail: "what is acknowledged is on the device" }
      : { level: "unknown", detail: `the folder is on ${weakness}` }
  const legacy = yield* legacyFiles
  yield* output.print({ transport: "file", directory, namespace, durability, legacy_files: legacy }, () =>
    Table.pairs([
      ["transport", "file"],
      ["folder", directory],
      ["namespace", namespace],
      ["survives", survives[durability.level] ?? ""],
      ["because", durability.detail],
      ["legacy files", legacy.problem ?? (legacy.mirror ? "kept up beside it" : "switched off")]
    ])
  )
})

/** Whether the files that scripts edit are kept up, and whether they can be: all of it hangs on their lock. */
const legacyFiles = Effect.gen(function* () {
  const { dataDir, legacyMirror: mirror, namespace } = yield* Settings
  if (!mirror) return { mirror, problem: undefined }
  const path = yield* Path.Path
  const lock = path.join(dataDir, "sartor", namespace, "doctor.lock")
  const locked = yield* Effect.result(LegacyLock.withLock(lock, Effect.void, { wait: "1 second" }))
  return { mirror, problem: Result.isFailure(locked) ? locked.failure.message : undefined }
})

const onNats = Effect.fnUntraced(function* (monitor: string | undefined) {
  const output = yield* Output
  const { namespace } = yield* Settings
  const report = yield* Transport.inspectingNats({ monitor })
  const { differences, durability, features, missing, server, streams } = report
  yield* output.print({ transport: "nats", namespace, ...report }, () =>
    Table.pairs([
      ["transport", "nats"],
      ["server", `${server.address}, nats-server ${server.version}`],
      ["namespace", namespace],
      ...streams.map(({ bytes, messages, name, replicas }): [string, string] => [
        "stream",
        `${name}: ${messages} messages, ${bytes} bytes, on ${replicas} ${replicas === 1 ? "server" : "servers"}`
      ]),
      ...missing.map((name): [string, string] => ["stream", `${name}: is made when it is first used`]),
      ...differences.map((message): [string, string] => ["mend", message]),
      ["server has", listed(features, true)],
      ["server lacks", listed(features, false)],
      ["needed", "none of these"],
      ["survives", survives[durability.level] ?? ""],
      ["because", durability.detail]
    ])
  )
})

const listed = (features: Readonly<Record<string, boolean>>, present: boolean) =>
  Object.entries(features)
    .flatMap(([name, has]) => (has === present ? [name.replaceAll("_", " ")] : []))
    .join(", ")

const survives: Readonly<Record<string, string>> = {
  power_loss: "kill -9, and the loss of power",
  crash: "kill -9, but not the loss of power",
  unknown: "kill -9; the loss of power perhaps"
}
