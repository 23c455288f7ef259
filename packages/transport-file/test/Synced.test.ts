import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as LogFile from "../src/internal/LogFile.ts"
import * as Synced from "../src/internal/Synced.ts"
import { temporary } from "./support.ts"

const atOnce = (work: () => void) => work()

/** Two processes' views of a table, and a log. */
const start = Effect.gen(function* () {
  const directory = yield* temporary
  const table = path.join(directory, "synced.table")
  const file = LogFile.create(path.join(directory, "a.log"))
  return { directory, table, file, writer: Synced.make(table, atOnce), reader: Synced.make(table) }
})

describe("what is said to be on the device", () => {
  it.effect("is heard by another process, and the newest counts", () =>
    Effect.gen(function* () {
      const { file, reader, writer } = yield* start
      assert.strictEqual(reader.of(file), 0)
      for (const end of [1, 4096, 2 ** 40]) {
        writer.say(file, end)
        assert.strictEqual(reader.of(file), end)
      }
    }).pipe(Effect.scoped)
  )

  it.effect(
    "is of one file only: not of one that has its inode later, nor of one whose file system knows no birth",
    () =>
      Effect.gen(function* () {
        const { file, reader, writer } = yield* start
        writer.say(file, 100)
        assert.strictEqual(reader.of({ ...file, born: file.born + 0.001 }), 0)
        assert.strictEqual(reader.of({ ...file, inode: file.inode + 1 }), 0)
        const unborn = { ...file, born: 0 }
        writer.say(unborn, 100)
        assert.strictEqual(reader.of(unborn), 0)
        assert.isAbove(file.born, 0)
      }).pipe(Effect.scoped)
  )

  it.effect("is written once for all that was flushed meanwhile, and before the table is closed", () =>
    Effect.gen(function* () {
      const { directory, file, reader, table } = yield* start
      const waiting: Array<() => void> = []
      const writer = Synced.make(table, (work) => waiting.push(work))
      const other = LogFile.create(path.join(directory, "b.log"))
      for (const end of [10, 20, 30]) writer.say(file, end)
      writer.say(other, 5)
      assert.strictEqual(reader.of(file), 0)
      assert.strictEqual(waiting.length, 1)
      for (const work of waiting.splice(0)) work()
      assert.deepStrictEqual([reader.of(file), reader.of(other)], [30, 5])
      writer.say(file, 40)
      writer.close()
      assert.strictEqual(reader.of(file), 40)
      for (const work of waiting) work()
    }).pipe(Effect.scoped)
  )

  it.effect("is nothing where nothing was flushed: then no table is made either", () =>
    Effect.gen(function* () {
      const { table, writer } = yield* start
      writer.close()
      assert.isFalse(fs.existsSync(table))
    }).pipe(Effect.scoped)
  )

  it.effect("of 10,000 files is kept of most, and of each its own or nothing", () =>
    Effect.gen(function* () {
      const { file, reader, writer } = yield* start
      const files = Array.from({ length: 10_000 }, (_, index) => ({
        ...file,
        inode: index + 1,
        born: 1e12 + index / 7
      }))
      for (const [index, one] of files.entries()) writer.say(one, index + 1)
      const heard = files.map(reader.of)
      assert.isTrue(heard.every((end, index) => end === 0 || end === index + 1))
      assert.isAbove(heard.filter((end) => end > 0).length, 8_000)
    }).pipe(Effect.scoped)
  )

  it.effect("is not believed where a byte of it is another", () =>
    Effect.gen(function* () {
      const { file, reader, table, writer } = yield* start
      writer.say(file, 100)
      const whole = fs.readFileSync(table)
      const slot = whole.findIndex((byte) => byte !== 0) & ~31
      for (let place = slot; place < slot + 28; place++) {
        const bytes = Buffer.from(whole)
        bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place)
        fs.writeFileSync(table, bytes)
        assert.strictEqual(reader.of(file), 0, `byte ${place - slot}`)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is nothing where there can be no table", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* start
      fs.mkdirSync(path.join(directory, "folder"))
      fs.symlinkSync("/etc/hostname", path.join(directory, "link"))
      for (const name of ["folder", "link", "a.log/b", "absent/b"]) {
        const synced = Synced.make(path.join(directory, name), atOnce)
        synced.say(file, 100)
        assert.strictEqual(synced.of(file), 0)
        synced.close()
      }
    }).pipe(Effect.scoped)
  )
})
