/**
 * Kills an operation at the n-th system call of a kind, and then its recovery too: what is left is the state before one of its
 * steps or after it, never a third, and what was acknowledged is there.
 */
import { assert } from "@effect/vitest"
import { Transport } from "@sartor/core"
import { Effect, Layer, Logger } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { FileTransport } from "../src/index.ts"
import { compact, operationsIn, type Operation, queueName, type Services } from "./fixtures/operations.ts"
import { child, childUnder, queueFile, temporary } from "./support.ts"

/** The system calls by which anything is changed. */
export const calls = [
  "write",
  "pwrite64",
  "fdatasync",
  "fsync",
  "mkdir",
  "ftruncate",
  "link",
  "rename",
  "unlink"
] as const
export type Call = (typeof calls)[number]

const quiet = Logger.layer([])

const services = (directory: string) =>
  Layer.merge(Layer.fresh(Transport.services(FileTransport.layer({ directory }))), quiet)

const inside = <A, E>(directory: string, effect: Effect.Effect<A, E, Services>) =>
  Effect.provide(effect, services(directory))

export interface Template {
  readonly name: string
  readonly operation: Operation
  readonly directory: string
  /** What is seen after so many steps. */
  readonly states: ReadonlyArray<unknown>
}

const copyOf = Effect.fnUntraced(function* (directory: string) {
  const copy = yield* temporary
  fs.cpSync(directory, copy, { recursive: true })
  return copy
})

const named = (name: string, directory: string): Operation => {
  const operation = operationsIn(directory)[name]
  if (operation === undefined) throw new Error(`there is no operation ${name}`)
  return operation
}

/** What everybody sees, without changing it. */
const seen = ({ directory, operation }: Pick<Template, "directory" | "operation">) =>
  Effect.scoped(Effect.flatMap(copyOf(directory), (copy) => inside(copy, operation.look)))

/** What an operation starts from, and what each of its steps leads to. */
export const prepared = Effect.fnUntraced(function* (name: string) {
  const directory = yield* temporary
  const operation = named(name, directory)
  yield* inside(directory, operation.prepare)
  if (!name.startsWith("session") && name !== "prune") {
    const taker = yield* child("take", directory, queueName)
    yield* Effect.repeat(Effect.sync(taker.reports), { until: (reports) => reports.length > 0 })
    taker.process.kill("SIGKILL")
    yield* taker.ended
  }
  const states: Array<unknown> = []
  for (let steps = 0; steps <= operation.steps.length; steps++) {
    const copy = yield* copyOf(directory)
    const done = yield* child("operate", copy, name, String(steps))
    assert.strictEqual(yield* done.ended, 0)
    assert.strictEqual(done.reports().length, steps)
    states.push(yield* seen({ directory: copy, operation }))
  }
  const template: Template = { name, operation, directory, states }
  return template
})

/** Runs a process until its n-th call of a kind; answers what was acknowledged to it, or nothing if it ended before. */
const killedAt = Effect.fnUntraced(function* (call: Call, when: number, ...args: ReadonlyArray<string>) {
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${when}`]
  // One thread beside the main one, because strace counts the calls of each.
  const strace = ["env", "UV_THREADPOOL_SIZE=1", "strace", "-f", "-q", "-o", "/dev/null", ...inject]
  const process = yield* childUnder(strace, ...args)
  const ended = yield* process.ended
  if (ended !== 0) assert.strictEqual(ended, "SIGKILL")
  return ended === 0 ? undefined : process.reports().length
}, Effect.scoped)

/** Kills an operation there, and its recovery too where that is told; answers whether it came that far. */
export const sweepAt = (template: Template, call: Call, when: number, again?: readonly [Call, number]) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { name, states } = template
      const what = `${name}, killed at ${call} ${when}${again === undefined ? "" : ` and ${again.join(" ")}`}`
      const directory = yield* copyOf(template.directory)
      const operation = named(name, directory)
      const acknowledged = yield* killedAt(call, when, "operate", directory, name, "9")
      if (acknowledged === undefined) return false
      const found = yield* seen({ directory, operation })
      assert.deepInclude(states.slice(acknowledged, acknowledged + 2), found, `${what}: what is left`)
      if (again !== undefined) {
        yield* killedAt(...again, "recover", directory, name)
        const allowed = operation.recovery === "write" ? [found] : states.slice(acknowledged)
        assert.deepInclude(allowed, yield* seen({ directory, operation }), `${what}: what its recovery leaves`)
      }
      const recovered = yield* child("recover", directory, name)
      assert.strictEqual(yield* recovered.ended, 0, what)
      const last = operation.recovery === "write" ? found : states.at(-1)
      assert.deepStrictEqual(yield* seen({ directory, operation }), last, `${what}: what is recovered`)
      yield* inside(directory, operation.look)
      yield* tidy(template, directory, what)
      return true
    })
  )

/** Where a compaction went on, or a deletion, no file is left of those that were killed. */
const tidy = Effect.fnUntraced(function* ({ name }: Template, directory: string, what: string) {
  if (name !== "compact" && name !== "delete") return
  if (name === "compact") yield* compact(directory)
  const place = path.dirname(queueFile(directory, queueName))
  const left = fs.readdirSync(place).sort()
  const log = path.basename(queueFile(directory, queueName))
  assert.strictEqual(left.length, name === "compact" ? 2 : 0, `${what}: ${left.join(" ")}`)
  if (name === "compact") assert.include(left, log, what)
})
