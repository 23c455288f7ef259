/**
 * Cuts the power under several processes that write, again and again, and looks for everything that was acknowledged to them.
 * At the end it does so once with processes whose flushes do nothing: there something has to be missing, or this proves nothing.
 *
 *     npm run test:power-loss -- [CUTS] [SEED]
 */
import { Journal, Queue } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect, Layer, Logger, Stream } from "effect"
import { spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as Device from "./device.ts"
import { randomOf } from "../support/random.ts"

/** One line of a workload's output. */
interface Acknowledged {
  readonly what: string
  readonly where: string
  readonly which: string
  readonly value: string
}

/** Runs the workload on a directory for a while and then kills it; answers what was acknowledged to it. */
const worked = async (directory: string, millis: number, prefix: ReadonlyArray<string>) => {
  const folder = join(directory, "..")
  const processes = ["write", "write", "take"].map((role, index) => {
    const output = join(folder, `output-${index}`)
    const descriptor = openSync(output, "w")
    const workload = join(import.meta.dirname, "workload.ts")
    const [command = "", ...args] = [...prefix, process.execPath, workload, role, directory, String(index)]
    const child = spawn(command, args, { stdio: ["ignore", descriptor, "inherit"], detached: true })
    closeSync(descriptor)
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
    return { child, ended, output }
  })
  const read = () =>
    processes.flatMap(({ output }) =>
      readFileSync(output, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line): Acknowledged => {
          const [what = "", where = "", which = "", value = ""] = line.split(" ")
          return { what, where, which, value }
        })
    )
  for (let waited = 0; read().length === 0 && waited < 20_000; waited += 20) await sleep(20)
  await sleep(millis)
  for (const { child } of processes) if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
  await Promise.all(processes.map(({ ended }) => ended))
  return read()
}

/** Those of what was acknowledged that a directory does not have. */
const lost = (directory: string, acknowledged: ReadonlyArray<Acknowledged>) =>
  Effect.gen(function* () {
    const journal = yield* Journal.Journal
    const queue = yield* Queue.Queue
    const appended = new Set<string>()
    for (const { key } of yield* journal.heads()) {
      yield* Stream.runForEach(journal.read(key), ({ record, version }) =>
        Effect.sync(() => {
          const value = typeof record === "object" && record !== null && "value" in record ? record["value"] : ""
          appended.add(`${key} ${version} ${String(value)}`)
        })
      )
    }
    return yield* Effect.filter(acknowledged, ({ value, what, where, which }) => {
      if (what === "appended") return Effect.succeed(!appended.has(`${where} ${which} ${value}`))
      return Effect.map(queue.stateOf(where, which), (state) =>
        what === "completed" ? state !== "completed" : state === undefined
      )
    })
  }).pipe(
    Effect.provide(Layer.fresh(FileTransport.layer({ directory }))),
    Effect.provide(Logger.layer([])),
    Effect.runPromise
  )

const tell = (text: string) => process.stdout.write(`${text}\n`)

const cutOnce = async (millis: number, prefix: ReadonlyArray<string> = []) => {
  const device = Device.make()
  try {
    const data = join(device.directory, "data")
    mkdirSync(data)
    const acknowledged = await worked(data, millis, prefix)
    const missing = await lost(join(device.cut(), "data"), acknowledged)
    for (const { value, what, where, which } of missing.slice(0, 5)) tell(`  lost: ${what} ${where} ${which} ${value}`)
    return { acknowledged: acknowledged.length, missing: missing.length }
  } finally {
    device.remove()
  }
}

/** Says that it has flushed, and has not. */
const unflushed = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "inject=fdatasync,fsync:retval=0"]

const main = async (cuts: number, seed: number) => {
  const missing = Device.missing()
  if (missing !== undefined) {
    tell(`SKIPPED: power loss ${missing}`)
    return 0
  }
  const random = randomOf(seed)
  let total = 0
  let failed = 0
  for (let cut = 1; cut <= cuts; cut++) {
    // Some of them longer than the five seconds after which ext4 writes by itself.
    const millis = Math.floor(200 + random() * (cut % 4 === 0 ? 7_000 : 1_500))
    const { acknowledged, missing } = await cutOnce(millis)
    tell(`cut ${cut} (seed ${seed}) after ${millis} ms: ${acknowledged} acknowledged, ${missing} lost`)
    if (missing > 0 || acknowledged < 50) failed += 1
    total += acknowledged
  }
  const control = await cutOnce(1_500, unflushed)
  tell(`control, flushing nothing: ${control.acknowledged} acknowledged, ${control.missing} lost`)
  if (control.missing === 0) failed += 1
  tell(`${total} acknowledged in ${cuts} cuts: ${failed === 0 ? "nothing lost" : `${failed} cuts failed`}`)
  return failed === 0 ? 0 : 1
}

const [cuts = "8", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
process.exitCode = await main(Number(cuts), Number(seed))
