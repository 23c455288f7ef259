import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import * as fs from "node:fs"
import * as process from "node:process"
import { fileURLToPath } from "node:url"
import { LegacyLock } from "../../src/legacy/index.ts"
import { isRoot } from "../support.ts"
import { legacy, parse } from "./support.ts"

const listOf = (value: unknown): Array<unknown> => (Array.isArray(value) ? value : [])

const mixed = fileURLToPath(new URL("mixed.ts", import.meta.url))
const counter = fileURLToPath(new URL("counter.ts", import.meta.url))

/** Somebody who has the lock until the test is over. */
const hold = Effect.fnUntraced(function* ({ bash, status }: Effect.Success<typeof legacy>, agent: string) {
  const held = `${status(agent)}.held`
  yield* Effect.forkScoped(bash(`exec 9>"${status(agent)}.lock"; flock -x 9; touch "${held}"; sleep 60`))
  while (!fs.existsSync(held)) yield* Effect.sleep("10 millis")
})

describe("LegacyLock", () => {
  it.live(
    "L01: two scripts and two processes of ours, 600 updates: nothing is lost, nobody sees a file that cannot be read",
    () =>
      Effect.gen(function* () {
        const { directory, files, read, run, script, write } = yield* legacy
        write("a", '{\n  "agentId": "a",\n  "count": "0",\n  "status": "active"\n}\n')
        const unparsable: Array<string> = []
        const count = (times: string) => run(process.execPath, [counter, directory, "a", times])
        const watch = files.status("a").pipe(
          Effect.tapError((error) => Effect.sync(() => unparsable.push(error.message))),
          Effect.ignore,
          Effect.andThen(Effect.sleep("5 millis")),
          Effect.forever
        )
        yield* Effect.forkScoped(watch)
        const ended = yield* Effect.all(
          [script("count.sh", "a", "150"), script("count.sh", "a", "150"), count("150"), count("150")],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          ended.map(({ code, stderr }) => [code, stderr]),
          ended.map(() => [0, ""])
        )
        assert.strictEqual(parse(read("a"))["count"], "600")
        assert.deepStrictEqual(unparsable, [])
        const left = fs.readdirSync(`${directory}/agent-status`)
        assert.deepStrictEqual(left.toSorted(), ["a.json", "a.json.lock"])
      }),
    120_000
  )

  it.live(
    "L01: 600 mixed updates of two scripts and two processes of ours: each key, finding and checkpoint is there",
    () =>
      Effect.gen(function* () {
        const { directory, files, read, run, script } = yield* legacy
        yield* files.update("a", () => [["currentTask", 'keeps "this" }']])
        const each = 150
        const ours = (writer: string) => run(process.execPath, [mixed, directory, "a", writer, String(each)])
        const ended = yield* Effect.all(
          [
            script("mixed.sh", "a", "s1", String(each)),
            script("mixed.sh", "a", "s2", String(each)),
            ours("o1"),
            ours("o2")
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          ended.map(({ code, stderr }) => [code, stderr]),
          ended.map(() => [0, ""])
        )
        const status = parse(read("a"))
        const writers = ["s1", "s2", "o1", "o2"]
        const names = (kind: number) =>
          writers.flatMap((writer) =>
            Array.from({ length: each }, (_, index) => index)
              .filter((index) => index % 3 === kind)
              .map((index) => `${writer}-${index}`)
          )
        for (const writer of writers) assert.strictEqual(status[`key-${writer}`], String(each - 3))
        assert.sameMembers(listOf(status["findings"]), names(1))
        const log = yield* files.checkpoints("a")
        assert.sameMembers(
          log.map(({ milestone }) => milestone),
          names(2)
        )
        assert.sameMembers(
          listOf(status["milestoneHistory"]),
          names(2).filter((name) => name.startsWith("o"))
        )
        assert.strictEqual(status["currentTask"], 'keeps "this" }')
      }),
    120_000
  )

  it.live("L03: a lock that is held is waited for, and no longer than that: no processor time, others go on", () =>
    Effect.gen(function* () {
      const it = yield* legacy
      const { files, impatient, status } = it
      yield* files.update("a", () => [["status", "idle"]])
      yield* hold(it, "a")
      const waiting = yield* Effect.forkScoped(Effect.flip(impatient.update("a", () => [["status", "active"]])))
      const before = process.cpuUsage()
      const beginning = yield* Clock.currentTimeMillis
      yield* files.update("b", () => [["status", "idle"]])
      const error = yield* Fiber.join(waiting)
      const took = (yield* Clock.currentTimeMillis) - beginning
      const { system, user } = process.cpuUsage(before)
      assert.strictEqual(error._tag, "LockTimeout")
      assert.include(error.message, `${status("a")}.lock is locked, and was not released within 0.3 s`)
      assert.isAtLeast(took, 200)
      assert.isBelow((system + user) / 1000, took)
      assert.strictEqual(parse(it.read("a"))["status"], "idle")
      assert.strictEqual(parse(it.read("b"))["status"], "idle")
    })
  )

  it.live("L03: waiting can be given up, and leaves nobody behind who takes the lock", () =>
    Effect.gen(function* () {
      const it = yield* legacy
      yield* it.files.update("a", () => [])
      yield* hold(it, "a")
      const waiting = yield* Effect.forkScoped(it.files.update("a", () => [["status", "late"]]))
      yield* Effect.sleep("100 millis")
      const [took] = yield* Effect.timed(Fiber.interrupt(waiting))
      assert.isBelow(Duration.toMillis(took), 2000)
      assert.strictEqual(parse(it.read("a"))["status"], "active")
    })
  )

  it.live("L04: a lock file that is missing is made", () =>
    Effect.gen(function* () {
      const { files, status } = yield* legacy
      yield* files.update("a", () => [])
      assert.isTrue(fs.statSync(`${status("a")}.lock`).isFile())
    })
  )

  it.live("L04: a lock file that is a directory or a link is refused, and left as it is", () =>
    Effect.gen(function* () {
      const { directory, files, status, write } = yield* legacy
      write("a", '{"status": "idle"}')
      write("b", '{"status": "idle"}')
      fs.mkdirSync(`${status("a")}.lock`)
      fs.symlinkSync(`${directory}/elsewhere`, `${status("b")}.lock`)
      const a = yield* Effect.flip(files.update("a", () => [["status", "active"]]))
      const b = yield* Effect.flip(files.update("b", () => [["status", "active"]]))
      assert.match(a.message, /a\.json\.lock.*is not a file/)
      assert.match(b.message, /b\.json\.lock was left as it is: it is a symbolic link/)
      assert.isTrue(fs.statSync(`${status("a")}.lock`).isDirectory())
      assert.isFalse(fs.existsSync(`${directory}/elsewhere`))
      assert.strictEqual(fs.readFileSync(status("a"), "utf8"), '{"status": "idle"}')
    })
  )

  it.live("L04: a lock file that may only be read locks all the same", () =>
    Effect.gen(function* () {
      const it = yield* legacy
      yield* it.files.update("a", () => [])
      fs.chmodSync(`${it.status("a")}.lock`, 0o444)
      yield* it.files.update("a", () => [["status", "idle"]])
      assert.strictEqual(parse(it.read("a"))["status"], "idle")
      assert.strictEqual(isRoot || fs.statSync(`${it.status("a")}.lock`).mode & 0o777, isRoot || 0o444)
    })
  )

  it.live("L04: a lock file that was deleted while it was waited for is not what is locked", () =>
    Effect.gen(function* () {
      const it = yield* legacy
      const lock = `${it.directory}/x.lock`
      const held = `${it.directory}/held`
      yield* Effect.forkScoped(
        it.bash(`exec 9>"${lock}"; flock -x 9; touch "${held}"; sleep 0.5; rm "${lock}"; exec 9>&-; sleep 60`)
      )
      while (!fs.existsSync(held)) yield* Effect.sleep("10 millis")
      yield* LegacyLock.withLock(
        lock,
        Effect.gen(function* () {
          const second = yield* Effect.flip(LegacyLock.withLock(lock, Effect.void, { wait: "100 millis" }))
          assert.strictEqual(second._tag, "LockTimeout")
        })
      )
    })
  )
})
