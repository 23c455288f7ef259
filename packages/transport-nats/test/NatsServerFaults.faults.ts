import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { NatsClient } from "../src/index.ts"
import { killsUnderLoad } from "./support/load.ts"
import * as NatsServer from "./support/NatsServer.ts"
import { append, offer, open, records, statistics, take } from "./support/ports.ts"

for (const seed of [11, 12]) {
  it.live(
    `N01 loses nothing that it acknowledged when the server is killed six times under load (seed ${seed})`,
    () => killsUnderLoad({ kills: 6, seed }),
    120_000
  )
}

/** What a process of its own comes to that offers 100,000 messages of a kilobyte and takes them, 64 in flight. */
const manyMessages = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const server = yield* NatsServer.make()
  // As it is shipped: to strip the types of sources takes memory of its own.
  const fixture = path.join(server.directory, "backlog.mjs")
  const source = fileURLToPath(new URL("fixtures/backlog.ts", import.meta.url))
  const rolldown = fileURLToPath(new URL("../../../node_modules/.bin/rolldown", import.meta.url))
  childProcess.execFileSync(rolldown, [source, "--platform", "node", "--format", "esm", "-o", fixture])
  const output = yield* Effect.callback<string>((resume) => {
    childProcess.execFile(process.execPath, [fixture, server.url, "100000", ...args], (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(stdout) : Effect.die(new Error(stderr)))
    )
  })
  const { megabytes, refused, ...counts } = JSON.parse(output)
  assert.deepStrictEqual(counts, { seen: 100_000, completed: 100_000, ready: 0, inFlight: 0, delayed: 0, dead: 0 })
  return { megabytes, refused }
})

it.live(
  "N15 delivers 100,000 messages with 64 in flight in less than 300 MB: who offers waits while 1,000 wait to be taken",
  () =>
    Effect.gen(function* () {
      const { megabytes, refused } = yield* manyMessages("1000")
      assert.isAbove(refused, 0)
      assert.isBelow(megabytes, 300)
    }),
  180_000
)

it.live(
  "N15 delivers 100,000 messages that have all been waiting, each of which it holds, in less than 500 MB",
  () =>
    Effect.gen(function* () {
      const { megabytes } = yield* manyMessages()
      assert.isBelow(megabytes, 500)
    }),
  180_000
)

it.live("N14 tells of a full store, keeps what it acknowledged, and goes on when there is room", (context) =>
  Effect.gen(function* () {
    if (process.getuid?.() !== 0) return context.skip("needs root, to mount a small file system")
    const store = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), "sartor-small-"))
        childProcess.execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder])
        return folder
      }),
      (folder) =>
        Effect.sync(() => {
          childProcess.execFileSync("umount", ["-l", folder])
          fs.rmSync(folder, { recursive: true, force: true })
        })
    )
    const server = yield* NatsServer.make({ store })
    yield* open(
      server,
      Effect.gen(function* () {
        const acknowledged: Array<string> = []
        let failure: unknown
        while (failure === undefined && acknowledged.length < 1_000) {
          const id = `m${acknowledged.length}`
          const exit = yield* Effect.exit(offer("q", id, "x".repeat(50_000)))
          if (Exit.isSuccess(exit)) acknowledged.push(id)
          else failure = exit
        }
        assert.isAbove(acknowledged.length, 50)
        assert.match(JSON.stringify(failure), /storage_full|unavailable/)
        childProcess.execFileSync("mount", ["-o", "remount,size=64m", store])
        // Some releases of the server do not go on by themselves.
        yield* server.stop
        yield* server.start
        yield* Effect.retry(offer("q", "more"), { times: 20 })
        for (const id of acknowledged) assert.strictEqual((yield* take("q")).id, id)
        assert.strictEqual((yield* statistics("q")).dead, 0)
      })
    )
  })
)

it.live("N02 outlives a server that is away for a minute, and goes on within 5 seconds of its return", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      server,
      Effect.gen(function* () {
        yield* offer("q", "before")
        yield* take("q")
        const waiting = yield* Effect.forkChild(take("q"))
        yield* server.stop
        yield* Effect.sleep("60 seconds")
        yield* server.start
        const sent = yield* Effect.timeout(Effect.retry(offer("q", "after"), { times: 50 }), "5 seconds")
        assert.include(["added", "ready", "completed", "in_flight"], sent)
        assert.strictEqual((yield* Effect.timeout(Fiber.join(waiting), "5 seconds")).id, "after")
      })
    )
  })
)

it.live("N03 tells of a server that hangs within three pings, fails in bounded time, and stores one copy", () =>
  Effect.gen(function* () {
    const server = yield* NatsServer.make()
    yield* open(
      { url: server.url, pingInterval: "500 millis" },
      Effect.gen(function* () {
        const client = yield* NatsClient.NatsClient
        yield* offer("q", "a")
        yield* append("k", 0, "one")
        yield* server.kill("SIGSTOP")
        yield* Effect.addFinalizer(() => server.kill("SIGCONT"))
        const unwell = Stream.runHead(Stream.filter(client.health, ({ status }) => status !== "connected"))
        yield* Effect.timeout(unwell, "1800 millis")
        const began = performance.now()
        const failures = yield* Effect.all([Effect.flip(offer("q", "b")), Effect.flip(append("k", 1, "two"))], {
          concurrency: 2
        })
        assert.isBelow(performance.now() - began, 15_000)
        for (const error of failures) assert.strictEqual(error._tag, "TransportError")
        yield* server.kill("SIGCONT")
        yield* Effect.retry(offer("q", "b"), { times: 20 })
        yield* Effect.retry(append("k", 1, "two"), {
          times: 20,
          while: (error) => error._tag === "TransportError"
        }).pipe(Effect.catchTag("VersionConflict", Effect.succeed))
        assert.strictEqual((yield* statistics("q")).ready, 2)
        assert.deepStrictEqual(yield* records("k"), ["one", "two"])
      }).pipe(Effect.scoped)
    )
  })
)
