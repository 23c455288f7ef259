import { assert, it } from "@effect/vitest"
import { JournalSuite, QueueSuite } from "@sartor/core/testing"
import { ConfigProvider, Effect, Layer, Stream } from "effect"
import { Journal, Queue } from "@sartor/core"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { FileTransport } from "../src/index.ts"
import {
  append,
  Directory,
  journalFile,
  lines,
  open,
  queueFile,
  offer,
  records,
  temporary,
  temporaryIn
} from "./support.ts"

const driver = {
  name: "files",
  storage: Directory.layer,
  layer: Layer.unwrap(Effect.map(Directory, (directory) => FileTransport.layer({ directory }))),
  durable: true
}

JournalSuite.register(driver)
QueueSuite.register(driver)

it.live("keeps namespaces apart", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const inNamespace = (namespace: string) => Layer.fresh(FileTransport.layer({ directory, namespace }))
    yield* Effect.provide(append("a", 0, "one"), inNamespace("one"))
    assert.deepStrictEqual(yield* Effect.provide(records("a"), inNamespace("two")), [])
    assert.isTrue(fs.existsSync(path.join(directory, "sartor/one/journals/a.log")))
  })
)

it.live("refuses a namespace that is not a name, and creates nothing", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    for (const namespace of ["", "..", "a/b", "A"]) {
      const layer = Layer.fresh(FileTransport.layer({ directory, namespace }))
      const error = yield* Effect.flip(Effect.provide(append("a", 0, "one"), layer))
      assert.strictEqual(error._tag, "TransportError")
    }
    assert.deepStrictEqual(fs.readdirSync(directory), [])
  })
)

it.live("reads the data directory and the namespace from the configuration", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const provider = ConfigProvider.layer(
      ConfigProvider.fromUnknown({ SARTOR_DATA_DIR: path.join(directory, "made/here"), SARTOR_NAMESPACE: "fleet" })
    )
    yield* Effect.provide(append("a", 0, "one"), Layer.provide(FileTransport.layerConfig, provider))
    assert.isTrue(fs.existsSync(path.join(directory, "made/here/sartor/fleet/journals/a.log")))
  })
)

it.live("writes frames that any tool can read, and that check themselves", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, Effect.andThen(append("a/b", 0, "x", "y"), append("a/b", 2, "z")))
    const file = journalFile(directory, "a/b")
    const bytes = fs.readFileSync(file, "utf8")
    const frames = lines(file).map(({ end, start }) => ({
      position: start - 1,
      frame: JSON.parse(bytes.slice(start, end))
    }))
    assert.match(
      bytes,
      /^\n\{"checksum":"[0-9a-f]{8}","format":1,"at":\d+,"writer":"[^"]+","offset":0,"expected":0,"records":/
    )
    assert.deepStrictEqual(
      frames.map(({ frame, position }) => [frame.offset === position, frame.expected, frame.records]),
      [
        [true, 0, ["x", "y"]],
        [true, 2, ["z"]]
      ]
    )
  })
)

it.live("finds the head of a log of 20,000 records by reading less than 1 MiB", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const batch = Array.from({ length: 10 }, (_, index) => `${index} ${"x".repeat(200)}`)
    yield* open(
      directory,
      Effect.gen(function* () {
        for (let version = 0; version < 20_000; version += 10) yield* append("long", version, ...batch)
      })
    )
    assert.isAbove(fs.statSync(journalFile(directory, "long")).size, 4 * 1024 * 1024)
    yield* open(
      directory,
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const before = bytesRead()
        assert.strictEqual((yield* journal.heads())[0]?.version, 20_000)
        assert.strictEqual(yield* append("long", 20_000, "next"), 20_001)
        assert.strictEqual((yield* records("long", 19_998)).length, 3)
        assert.isBelow(bytesRead() - before, 1024 * 1024)
        assert.strictEqual(yield* Stream.runCount(journal.read("long")), 20_001)
      })
    )
  })
)

it.live("uses 10,000 keys with a bounded number of descriptors, and lists them", () =>
  Effect.gen(function* () {
    // In memory where there is such a place, because deleting so many files takes longer than the case.
    const directory = yield* temporaryIn(fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir())
    yield* open(
      directory,
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const before = descriptors()
        const keys = Array.from({ length: 10_000 }, (_, index) => `many/${index % 10}/k${index}`)
        yield* Effect.forEach(keys, (key) => append(key, 0, key), { concurrency: 200 })
        assert.isAtMost(descriptors() - before, 140)
        assert.strictEqual((yield* journal.heads("many/")).length, 10_000)
        assert.isAtMost(descriptors() - before, 140)
        yield* Effect.forEach(keys.slice(0, 300), (key) => append(key, 1, "again"), { concurrency: 200 })
        assert.strictEqual((yield* journal.heads("many/")).filter(({ version }) => version === 2).length, 300)
      })
    )
    yield* Effect.sync(() => assert.isAtMost(descriptors(), 100))
  })
)

it.live("gives the room of a deleted key back, and the key goes on behind it, in every process", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const room = () => fs.statSync(journalFile(directory, "log")).blocks * 512
    yield* open(
      directory,
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        for (let version = 0; version < 20; version++) yield* append("log", version, "x".repeat(100_000))
        assert.isAbove(room(), 2_000_000)
        yield* journal.delete("log")
        assert.isBelow(room(), 100_000)
        assert.deepStrictEqual(yield* records("log"), [])
        assert.strictEqual(yield* append("log", 21, "next"), 22)
      })
    )
    yield* open(
      directory,
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* records("log"), ["22 next"])
        assert.strictEqual(yield* append("log", 22, "more"), 23)
        const heads = yield* (yield* Journal.Journal).heads()
        assert.deepStrictEqual(
          heads.map(({ key, version }) => [key, version]),
          [["log", 23]]
        )
      })
    )
  })
)

it.live("tells each sender what became of its message where several write more than a batch at once", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const send = (sender: string) =>
      open(
        directory,
        Effect.gen(function* () {
          const queue = yield* Queue.Queue
          const answers: Array<string> = []
          for (let turn = 0; turn < 5; turn++) {
            const messages = Array.from({ length: 300 }, (_, index) => `${sender}-${turn}-${index}`)
            const offered = Effect.forEach(messages, (id) => queue.offer("large", { id, payload: "x".repeat(4_000) }), {
              concurrency: "unbounded"
            })
            answers.push(...(yield* offered))
          }
          return answers
        })
      )
    const answers = yield* Effect.forEach(["a", "b", "c"], send, { concurrency: "unbounded" })
    assert.deepStrictEqual(new Set(answers.flat()), new Set(["added"]))
    assert.strictEqual(answers.flat().length, 4500)
  })
)

it.live("F13: goes on in a directory that was deleted and made again", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(
      directory,
      Effect.gen(function* () {
        yield* append("a", 0, "lost")
        yield* offer("q", "lost")
        fs.rmSync(path.join(directory, "sartor"), { recursive: true })
        assert.deepStrictEqual(yield* records("a"), [])
        assert.strictEqual(yield* append("a", 0, "new"), 1)
        assert.strictEqual(yield* offer("q", "new"), "added")
      })
    )
    assert.strictEqual(lines(journalFile(directory, "a")).length, 1)
    assert.strictEqual(lines(queueFile(directory, "q")).length, 1)
  })
)

const bytesRead = () => Number(/rchar: (\d+)/.exec(fs.readFileSync("/proc/self/io", "utf8"))?.[1])
const descriptors = () => fs.readdirSync("/proc/self/fd").length
