/**
 * What goes on when the power fails: a process that appends, offers, takes and completes, in logs that it makes anew too. It
 * writes a line to its output for each thing that was acknowledged to it, or handed to it, at once.
 */
import { Journal, Queue } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { Effect } from "effect"
import * as fs from "node:fs"

const [role = "", directory = "", self = ""] = process.argv.slice(2)
const report = (...words: ReadonlyArray<string | number>) => Effect.sync(() => fs.writeSync(1, `${words.join(" ")}\n`))

const appending = (lane: number) =>
  Effect.gen(function* () {
    const journal = yield* Journal.Journal
    const versions = new Map<string, number>()
    for (let count = 0; ; count++) {
      const key = count % 5 === 0 ? `w${self}/new-${lane}-${count}` : `w${self}/lane-${lane}`
      const value = `${self}-${lane}-${count}`
      const version = yield* journal.append(key, versions.get(key) ?? 0, [{ value, text: "x".repeat(count % 700) }])
      versions.set(key, version)
      yield* report("appended", key, version, value)
    }
  })

const offering = Effect.gen(function* () {
  const queue = yield* Queue.Queue
  for (let count = 0; ; count++) {
    const name = count % 20 === 0 ? `own/q${self}-${count}` : "jobs"
    const id = `${self}-${count}`
    // Large enough that the log is compacted while this goes on.
    yield* queue.offer(name, { id, payload: { id, text: "x".repeat(4000) } })
    yield* report("offered", name, id)
  }
})

const taking = Effect.gen(function* () {
  const queue = yield* Queue.Queue
  const takeOne = Effect.scoped(Effect.tap(queue.take("jobs"), ({ id }) => report("taken", "jobs", id)))
  while (true) {
    const { id } = yield* takeOne
    // What the end of a take says outlives the process. That it is on the device is what this answers.
    yield* queue.settle("jobs", id, { type: "completed" })
    yield* report("completed", "jobs", id)
  }
})

const roles: Record<string, Effect.Effect<unknown, unknown, Journal.Journal | Queue.Queue>> = {
  write: Effect.all([appending(0), appending(1), appending(2), offering], { concurrency: "unbounded" }),
  take: Effect.all([taking, taking], { concurrency: "unbounded" })
}
await Effect.runPromise(Effect.provide(roles[role] ?? Effect.die(role), FileTransport.layer({ directory })))
