import { assert, it } from "@effect/vitest"
import { Journal, Queue } from "@sartor/core"
import { Effect, Logger, Stream } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { crc32 } from "node:zlib"
import {
  append,
  child,
  isRoot,
  journalFile,
  lines,
  offer,
  open,
  queueFile,
  records,
  skip,
  temporary
} from "./support.ts"
import { sparse } from "./sparse.ts"

/** Five records of one journal, one frame each. */
const five = Effect.gen(function* () {
  for (let version = 0; version < 5; version++) yield* append("log", version, `r${version + 1}`)
})

/** Five messages of one queue, one frame each. */
const messages = Effect.forEach(["m1", "m2", "m3", "m4", "m5"], (id) => offer("queue", id))

const waiting = Effect.flatMap(Queue.Queue, (queue) =>
  Effect.map(queue.inspect("queue"), (found) => found.map(({ id }) => id))
)

interface Damage {
  readonly name: string
  readonly inflict: (file: string) => void
  /** The numbers of those of the five that are left. */
  readonly left: ReadonlyArray<number>
}

const edit = (change: (bytes: Buffer, frames: ReturnType<typeof lines>) => Buffer) => (file: string) =>
  fs.writeFileSync(file, change(fs.readFileSync(file), lines(file)))

const frameOf = (frames: ReturnType<typeof lines>, number: number) => frames[number - 1] ?? { start: 0, end: 0 }

const damages: ReadonlyArray<Damage> = [
  {
    name: "a torn tail",
    inflict: edit((bytes, frames) =>
      Buffer.concat([bytes, bytes.subarray(frameOf(frames, 2).start - 1, frameOf(frames, 2).end - 20)])
    ),
    left: [1, 2, 3, 4, 5]
  },
  {
    name: "a tail of NULs",
    inflict: edit((bytes) => Buffer.concat([bytes, Buffer.alloc(5000)])),
    left: [1, 2, 3, 4, 5]
  },
  {
    name: "a last frame turned to NULs",
    inflict: edit((bytes, frames) => bytes.fill(0, frameOf(frames, 5).start)),
    left: [1, 2, 3, 4]
  },
  {
    name: "a flipped bit in the middle",
    inflict: edit((bytes, frames) => {
      const at = frameOf(frames, 3).end - 4
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
      return bytes
    }),
    left: [1, 2, 4, 5]
  },
  {
    name: "a flipped bit in a checksum",
    inflict: edit((bytes, frames) => {
      const at = frameOf(frames, 2).start + 15
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
      return bytes
    }),
    left: [1, 3, 4, 5]
  },
  {
    name: "two frames glued",
    inflict: edit((bytes, frames) =>
      Buffer.concat([bytes.subarray(0, frameOf(frames, 2).end), bytes.subarray(frameOf(frames, 3).start)])
    ),
    left: [1, 4, 5]
  },
  {
    name: "a newline turned into another byte",
    inflict: edit((bytes, frames) => bytes.fill("x", frameOf(frames, 2).end, frameOf(frames, 3).start)),
    left: [1, 4, 5]
  },
  {
    name: "foreign text between frames",
    inflict: edit((bytes) =>
      Buffer.concat([bytes, Buffer.from("# looked at this on Friday\n{}\n\n\xff\xfe\n", "latin1")])
    ),
    left: [1, 2, 3, 4, 5]
  }
]

it.live.each(damages)("F10, S03: steps over $name in a journal, and goes on", ({ inflict, left }) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const file = journalFile(directory, "log")
    yield* open(directory, five)
    inflict(file)
    const damaged = fs.readFileSync(file)
    const kept = left.map((number) => `${number} r${number}`)
    const newest = left.at(-1) ?? 0
    yield* open(
      directory,
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* records("log"), kept)
        assert.deepStrictEqual(yield* records("log", 3), kept.slice(left.filter((number) => number <= 3).length))
        assert.strictEqual(yield* append("log", newest, "next"), newest + 1)
        assert.strictEqual(yield* append("log", newest + 1, "last"), newest + 2)
      })
    )
    const expected = [...kept, `${newest + 1} next`, `${newest + 2} last`]
    yield* open(
      directory,
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        assert.strictEqual((yield* journal.heads())[0]?.version, newest + 2)
        assert.deepStrictEqual(yield* records("log"), expected)
        assert.deepStrictEqual(yield* records("log", newest), expected.slice(-2))
      })
    )
    assert.isTrue(fs.readFileSync(file).subarray(0, damaged.length).equals(damaged), "nothing was truncated")
  })
)

it.live.each(damages)("F10: steps over $name in a queue, and goes on", ({ inflict, left }) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, messages)
    inflict(queueFile(directory, "queue"))
    const kept = left.map((number) => `m${number}`)
    yield* open(
      directory,
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* waiting, kept)
        yield* offer("queue", "next")
        assert.deepStrictEqual(yield* waiting, [...kept, "next"])
      })
    )
    yield* open(
      directory,
      Effect.map(waiting, (ids) => assert.deepStrictEqual(ids, [...kept, "next"]))
    )
  })
)

it.live("F10: goes back to the state before, wherever the last frame was cut", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const file = journalFile(directory, "log")
    const queue = queueFile(directory, "queue")
    yield* open(directory, Effect.andThen(five, messages))
    const whole = fs.readFileSync(file)
    const wholeQueue = fs.readFileSync(queue)
    const lengths = [whole.length, wholeQueue.length] as const
    const last = lengths[0] - (lines(file)[4]?.start ?? 0) + 1
    for (let cut = 1; cut <= last; cut++) {
      fs.writeFileSync(file, whole.subarray(0, lengths[0] - cut))
      fs.writeFileSync(queue, wholeQueue.subarray(0, lengths[1] - Math.min(cut, 60)))
      yield* open(
        directory,
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* records("log"), ["1 r1", "2 r2", "3 r3", "4 r4"], `cut by ${cut}`)
          assert.strictEqual(yield* append("log", 4, "other"), 5)
          assert.deepStrictEqual(yield* waiting, ["m1", "m2", "m3", "m4"])
        })
      )
      const reopened = Effect.map(records("log"), (found) => assert.strictEqual(found[4], "5 other", `cut by ${cut}`))
      yield* open(directory, Effect.andThen(reopened, append("log", 5, "more")))
    }
  })
)

it.live("F10: lets nobody win a version whose winner is damaged", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const file = journalFile(directory, "log")
    yield* open(directory, Effect.andThen(append("log", 0, "first"), append("log", 1, "winner")))
    const winner = lines(file)[1] ?? { start: 0, end: 0 }
    // Somebody else claimed version 2 as well, and was told that it lost.
    fs.appendFileSync(file, frame(`"offset":${winner.start - 1},"expected":1,"records":["loser"]`))
    yield* open(
      directory,
      Effect.map(records("log"), (found) => assert.deepStrictEqual(found, ["1 first", "2 winner"]))
    )
    edit((bytes) => bytes.fill("x", winner.end - 10, winner.end - 5))(file)
    yield* open(
      directory,
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* records("log"), ["1 first"])
        assert.strictEqual(yield* append("log", 1, "again"), 2)
        assert.deepStrictEqual(yield* records("log"), ["1 first", "2 again"])
      })
    )
    yield* open(
      directory,
      Effect.map(records("log"), (found) => assert.deepStrictEqual(found, ["1 first", "2 again"]))
    )
  })
)

it.live("S05: refuses a frame of a newer format, and leaves it alone", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, Effect.andThen(five, messages))
    for (const file of [journalFile(directory, "log"), queueFile(directory, "queue")]) {
      fs.appendFileSync(file, frame(`"format":3,"anything":true`, ""))
    }
    const before = fs.readFileSync(journalFile(directory, "log"))
    yield* open(
      directory,
      Effect.gen(function* () {
        const journal = yield* Journal.Journal
        const errors = yield* Effect.all([
          Effect.flip(append("log", 5, "next")),
          Effect.flip(Stream.runDrain(journal.read("log"))),
          Effect.flip(journal.heads()),
          Effect.flip(journal.delete("log")),
          Effect.flip(offer("queue", "next")),
          Effect.flip(waiting)
        ])
        for (const error of errors)
          assert.strictEqual("reason" in error ? error.reason : error._tag, "unsupported_format")
        assert.strictEqual(yield* append("other", 0, "fine"), 1)
      })
    )
    assert.isTrue(fs.readFileSync(journalFile(directory, "log")).equals(before))
  })
)

const intruders: ReadonlyArray<{ readonly name: string; readonly place: (file: string, victim: string) => void }> = [
  { name: "a symbolic link", place: (file, victim) => fs.symlinkSync(victim, file) },
  { name: "a named pipe", place: (file) => childProcess.execFileSync("mkfifo", [file]) },
  { name: "a device", place: (file) => childProcess.execFileSync("mknod", [file, "c", "1", "5"]) },
  { name: "a directory", place: (file) => fs.mkdirSync(file) },
  { name: "a link to nowhere", place: (file) => fs.symlinkSync("/nonexistent/victim", file) }
]

it.live.each(intruders)(
  "F15, F16: refuses $name where a log should be, and touches nothing behind it",
  ({ name, place }, context) =>
    Effect.gen(function* () {
      if (name === "a device" && !isRoot) return skip(context, "needs root, to make a device")
      const directory = yield* temporary
      yield* open(directory, Effect.andThen(append("a/b", 0, "x"), offer("a/b", "x")))
      const victim = path.join(directory, "victim")
      fs.writeFileSync(victim, "unchanged")
      place(journalFile(directory, "a/bad"), victim)
      place(queueFile(directory, "a/bad"), victim)
      yield* open(
        directory,
        Effect.gen(function* () {
          const journal = yield* Journal.Journal
          const queue = yield* Queue.Queue
          const errors = yield* Effect.all([
            Effect.flip(append("a/bad", 0, "y")),
            Effect.flip(records("a/bad")),
            Effect.flip(journal.delete("a/bad")),
            Effect.flip(offer("a/bad", "y")),
            Effect.flip(Effect.scoped(queue.take("a/bad")))
          ])
          for (const error of errors) {
            assert.strictEqual("reason" in error ? error.reason : error._tag, "corrupt")
            assert.include(error.message, "a/bad.log")
          }
          assert.deepStrictEqual(
            (yield* journal.heads()).map(({ key }) => key),
            ["a/b"]
          )
          assert.deepStrictEqual(yield* queue.names(), ["a/b"])
        })
      )
      assert.strictEqual(fs.readFileSync(victim, "utf8"), "unchanged")
    })
)

it.live("F15: writes through no link that somebody has put where it makes files of its own", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const victim = path.join(directory, "victim")
    fs.writeFileSync(victim, "unchanged")
    yield* open(directory, messages)
    const place = path.dirname(queueFile(directory, "queue"))
    for (const name of [".queue.1.tmp", ".queue.tmp", "queue.1.log"]) fs.symlinkSync(victim, path.join(place, name))
    const refused = yield* child("compact", directory, "queue", "1")
    assert.notStrictEqual(yield* refused.ended, 0)
    assert.strictEqual(fs.readFileSync(victim, "utf8"), "unchanged")
    fs.rmSync(path.join(place, "queue.1.log"))
    const compactor = yield* child("compact", directory, "queue", "1")
    assert.strictEqual(yield* compactor.ended, 0)
    assert.strictEqual(fs.readFileSync(victim, "utf8"), "unchanged")
    yield* open(
      directory,
      Effect.map(waiting, (ids) => assert.deepStrictEqual(ids, ["m1", "m2", "m3", "m4", "m5"]))
    )
  })
)

it.live("F15: refuses a linked directory below the data directory, and writes nothing behind it", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const elsewhere = yield* temporary
    yield* open(directory, append("a", 0, "x"))
    fs.symlinkSync(elsewhere, path.join(directory, "sartor/default/journals/linked"))
    yield* open(
      directory,
      Effect.gen(function* () {
        const error = yield* Effect.flip(append("linked/key", 0, "y"))
        assert.strictEqual("reason" in error ? error.reason : error._tag, "corrupt")
        assert.strictEqual((yield* Effect.flip(records("linked/key")))._tag, "TransportError")
      })
    )
    assert.deepStrictEqual(fs.readdirSync(elsewhere), [])
    const another = yield* temporary
    fs.symlinkSync(elsewhere, path.join(another, "sartor"))
    const error = yield* Effect.flip(open(another, Effect.void))
    assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "corrupt")
    assert.deepStrictEqual(fs.readdirSync(elsewhere), [])
  })
)

it.live("F15: refuses a directory that a link has taken the place of since it was last looked at", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const place = path.join(directory, "sartor/default/journals/some")
    yield* open(directory, Effect.andThen(append("some/a", 0, "x"), append("some/b", 0, "y")))
    const read = Effect.gen(function* () {
      assert.deepStrictEqual(yield* records("some/a"), ["1 x"])
      fs.renameSync(place, `${place}-else`)
      fs.symlinkSync(`${place}-else`, place)
      const error = yield* Effect.flip(records("some/b"))
      assert.strictEqual("reason" in error ? error.reason : error._tag, "corrupt")
    })
    yield* open(directory, read)
  })
)

it.live("F10: names the file and the byte of what it steps over, once a file", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, Effect.andThen(five, messages))
    const warnings: Array<string> = []
    const listening = Logger.layer([
      Logger.make(({ logLevel, message }) => void warnings.push(`${logLevel} ${String(message)}`))
    ])
    const files = [journalFile(directory, "log"), queueFile(directory, "queue")]
    for (const file of files) {
      edit((bytes, frames) => bytes.fill(0, frameOf(frames, 2).start, frameOf(frames, 3).end))(file)
    }
    const reading = Effect.andThen(records("log"), waiting)
    yield* Effect.provide(open(directory, Effect.andThen(reading, reading)), listening)
    assert.deepStrictEqual(
      warnings.map((warning) => files.findIndex((file) => warning.startsWith(`Warn ${file}: `))).sort(),
      [0, 1],
      warnings.join("\n")
    )
    for (const warning of warnings) assert.match(warning, /line at byte \d+ is damaged/)
  })
)

it.live("F16: steps over a sparse file of 512 MiB in bounded memory", () => sparse(2 ** 29), 60_000)

/** A frame as the transport writes it, with a checksum that is right. */
const frame = (rest: string, common = `"format":1,"at":1,"writer":"other.1",`) => {
  const body = `${common}${rest}}`
  return `\n{"checksum":"${crc32(body).toString(16).padStart(8, "0")}",${body}\n`
}
