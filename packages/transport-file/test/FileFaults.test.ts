import { assert, it } from "@effect/vitest"
import { Journal, Queue } from "@sartor/core"
import { Driver } from "@sartor/core/testing"
import { Effect, Option } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import {
  append,
  canTrace,
  child,
  childUnder,
  isRoot,
  journalFile,
  offer,
  open,
  queueFile,
  records,
  skip,
  temporary
} from "./support.ts"

const mounted = (directory: string, ...options: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => childProcess.spawnSync("mount", [...options, directory]).status === 0),
    (mounted) => Effect.sync(() => mounted && childProcess.spawnSync("umount", ["-l", directory]))
  )

const reasonOf = (error: { readonly _tag: string }) =>
  "reason" in error && typeof error.reason === "string" ? error.reason : error._tag

it.live(
  "F06: fails as storage_full when the device is, keeps what it has, and works again when there is room",
  (context) =>
    Effect.gen(function* () {
      const directory = yield* temporary
      if (!isRoot || !(yield* mounted(directory, "-t", "tmpfs", "-o", "size=1m", "tmpfs"))) {
        return skip(context, "needs root, to mount a small tmpfs")
      }
      const large = "x".repeat(100_000)
      yield* open(
        directory,
        Effect.gen(function* () {
          const journal = yield* Journal.Journal
          const queue = yield* Queue.Queue
          yield* append("log", 0, "kept")
          yield* offer("queue", "kept")
          fs.writeFileSync(path.join(directory, "ballast"), Buffer.alloc(600_000))
          let version = 1
          const fill = Effect.suspend(() => append("log", version, large)).pipe(
            Effect.tap(() => Effect.sync(() => (version += 1))),
            Effect.forever,
            Effect.flip
          )
          const error = yield* fill
          assert.strictEqual(reasonOf(error), "storage_full")
          assert.include(error.message, journalFile(directory, "log"))
          const refused = yield* Effect.flip(queue.offer("queue", { id: "large", payload: "y".repeat(300_000) }))
          assert.strictEqual(reasonOf(refused), "storage_full")
          assert.strictEqual(reasonOf(yield* Effect.flip(append("new/key", 0, large))), "storage_full")

          assert.strictEqual((yield* records("log")).length, version)
          assert.strictEqual((yield* queue.inspect("queue")).length, 1)
          fs.rmSync(path.join(directory, "ballast"))
          assert.strictEqual(yield* append("log", version, "room again"), version + 1)
          assert.strictEqual(yield* offer("queue", "room again"), "added")
          assert.strictEqual(yield* append("new/key", 0, "room again"), 1)
          assert.deepStrictEqual(
            (yield* journal.heads()).map(({ key, version }) => [key, version]),
            [
              ["log", version + 1],
              ["new/key", 1]
            ]
          )
        })
      )
      yield* open(
        directory,
        Effect.gen(function* () {
          const queue = yield* Queue.Queue
          const found = yield* records("log")
          assert.strictEqual(found[0], "1 kept")
          assert.strictEqual(found.at(-1), `${found.length} room again`)
          assert.deepStrictEqual(
            (yield* queue.inspect("queue")).map(({ id }) => id),
            ["kept", "room again"]
          )
        })
      )
    })
)

it.live("F07: fails as storage_full when there is no inode left, and works again when there is", (context) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    if (!isRoot || !(yield* mounted(directory, "-t", "tmpfs", "-o", "nr_inodes=12", "tmpfs"))) {
      return skip(context, "needs root, to mount a small tmpfs")
    }
    yield* open(
      directory,
      Effect.gen(function* () {
        const create = (index: number) => append(`k${index}`, 0, "x")
        const error = yield* Effect.flip(Effect.forEach(Array.from({ length: 20 }), (_, index) => create(index)))
        assert.strictEqual(reasonOf(error), "storage_full")
        assert.deepStrictEqual(yield* records("k0"), ["1 x"])
        fs.rmSync(journalFile(directory, "k1"))
        yield* Driver.eventually(Effect.option(append("again", 0, "x")), Option.isSome)
      })
    )
  })
)

it.live("F06: fails as storage_full at the limit of a file's size", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    // What it reports must not meet the limit too.
    const limited = ["sh", "-c", '(ulimit -f 4; exec "$@") | cat', "sh"]
    const process = yield* childUnder(limited, "stubborn", directory, "log", "60")
    assert.strictEqual(yield* process.ended, 0)
    const reports = process.reports()
    const refused = reports.slice(0, 60).filter((report) => report.includes("storage_full"))
    assert.isAbove(refused.length, 0)
    assert.include(refused[0] ?? "", journalFile(directory, "log"))
    assert.strictEqual(reports.at(-1), `ok ${60 - refused.length}`)
    yield* open(directory, append("log", 60 - refused.length, "goes on without the limit"))
  })
)

it.live("F09: keeps within the process's limit of open files", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const process = yield* childUnder(["sh", "-c", 'ulimit -n 48; exec "$@"', "sh"], "many", directory, "keys", "120")
    assert.strictEqual(yield* process.ended, 0)
    assert.deepStrictEqual(process.reports(), ["120"])
  })
)

it.live("F08: fails when it is opened on a directory that it may not write, not later", (context) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, append("log", 0, "kept"))
    const isReadOnly =
      isRoot &&
      (yield* mounted(directory, "--bind", directory)) &&
      childProcess.spawnSync("mount", ["-o", "remount,bind,ro", directory]).status === 0
    if (!isReadOnly) return skip(context, "needs root, to mount a read-only directory")
    const error = yield* Effect.flip(open(directory, Effect.void))
    assert.deepStrictEqual([error._tag, reasonOf(error)], ["TransportError", "unavailable"])
    assert.include(error.message, "FileTransport.layer")
    assert.include(error.message, "EROFS")
  })
)

it.live("F08: fails as unavailable when the directory becomes read-only, and still reads", (context) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    if (!isRoot || !(yield* mounted(directory, "--bind", directory))) {
      return skip(context, "needs root, to mount a read-only directory")
    }
    yield* open(directory, append("log", 0, "kept"))
    yield* open(
      directory,
      Effect.gen(function* () {
        childProcess.spawnSync("mount", ["-o", "remount,bind,ro", directory])
        assert.deepStrictEqual(yield* records("log"), ["1 kept"])
        const error = yield* Effect.flip(append("log", 1, "refused"))
        assert.strictEqual(reasonOf(error), "unavailable")
        assert.include(error.message, "EROFS")
        assert.strictEqual(reasonOf(yield* Effect.flip(append("new", 0, "refused"))), "unavailable")
        childProcess.spawnSync("mount", ["-o", "remount,bind,rw", directory])
        assert.strictEqual(yield* append("log", 1, "accepted"), 2)
      })
    )
  })
)

it.live("F08: fails when it is opened on a directory that is immutable, and names what is", (context) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, append("log", 0, "kept"))
    const journals = path.dirname(journalFile(directory, "log"))
    const isImmutable = yield* Effect.acquireRelease(
      Effect.sync(() => childProcess.spawnSync("chattr", ["+i", journals]).status === 0),
      () => Effect.sync(() => childProcess.spawnSync("chattr", ["-i", journals]))
    )
    if (!isImmutable) return skip(context, "needs root, to make a directory immutable")
    const error = yield* Effect.flip(open(directory, Effect.void))
    assert.deepStrictEqual([error._tag, reasonOf(error)], ["TransportError", "unavailable"])
    assert.include(error.message, journals)
  })
)

it.live("F09: names the limit where there is no descriptor left, loses nothing, and works again", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const limited = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
    const process = yield* childUnder(limited, "exhausted", directory, "log")
    assert.strictEqual(yield* process.ended, 0)
    const [refused, ...others] = process.reports()
    assert.match(refused ?? "", /\(unavailable\).*too many files open.*ulimit -n.*EMFILE/)
    assert.deepStrictEqual(others, ["ok 1", "ok 2"])
    yield* open(
      directory,
      Effect.map(records("log"), (found) => assert.strictEqual(found.length, 2))
    )
  })
)

it.live("F18: works where queues lie on another file system than journals, and moves nothing between them", (context) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    yield* open(directory, append("log", 0, "kept"))
    const queues = path.dirname(queueFile(directory, "jobs"))
    if (!isRoot || !(yield* mounted(queues, "-t", "tmpfs", "tmpfs"))) {
      return skip(context, "needs root, to mount a file system")
    }
    for (const round of [1, 2]) {
      yield* open(directory, Effect.andThen(append("log", round, "more"), offer("jobs", `m${round}`)))
      const compactor = yield* child("compact", directory, "jobs", "1")
      assert.strictEqual(yield* compactor.ended, 0)
    }
    yield* open(
      directory,
      Effect.gen(function* () {
        const queue = yield* Queue.Queue
        assert.deepStrictEqual(
          (yield* queue.inspect("jobs")).map(({ id }) => id),
          ["m1", "m2"]
        )
        yield* queue.delete("jobs")
        assert.deepStrictEqual(yield* queue.names(), [])
      })
    )
  })
)

it.live("F19: names a file that belongs to another user, and goes on with the others", (context) =>
  Effect.gen(function* () {
    if (!isRoot) return skip(context, "needs root, to be another user")
    const directory = yield* temporary
    yield* open(directory, Effect.andThen(append("log", 0, "secret"), append("other", 0, "kept")))
    yield* open(directory, offer("log", "secret"))
    childProcess.execFileSync("chown", ["-R", "65534:65534", directory])
    for (const file of [journalFile(directory, "log"), queueFile(directory, "log")]) {
      fs.chownSync(file, 0, 0)
      fs.chmodSync(file, 0o600)
    }
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    const process = yield* childUnder(nobody, "stubborn", directory, "log", "2")
    assert.strictEqual(yield* process.ended, 0)
    const reports = process.reports()
    assert.strictEqual(reports.length, 4)
    for (const report of reports) assert.match(report, /(journals|queues)\/log\.log.*EACCES/)
    const others = yield* childUnder(nobody, "stubborn", directory, "mine", "2")
    assert.strictEqual(yield* others.ended, 0)
    assert.deepStrictEqual(others.reports(), ["ok 1", "ok 2", "ok added", "ok 2"])
    assert.deepStrictEqual(yield* open(directory, records("log")), ["1 secret"])
  })
)

it.live("fails when it is opened where a file is in the way", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    fs.writeFileSync(path.join(directory, "sartor"), "in the way")
    const error = yield* Effect.flip(open(directory, Effect.void))
    assert.deepStrictEqual([error._tag, reasonOf(error)], ["TransportError", "corrupt"])
    assert.strictEqual(fs.readFileSync(path.join(directory, "sartor"), "utf8"), "in the way")
  })
)

it.live("F13: delivers within the scan interval where the system watches nothing", (context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "doing without fs.watch needs strace, and the right to trace")
    const directory = yield* temporary
    yield* open(directory, offer("jobs", "first"))
    const strace = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "inject=inotify_add_watch:error=ENOSPC"]
    const taker = yield* childUnder(strace, "drain", directory, "jobs")
    const reports = Effect.sync(taker.reports)
    yield* Driver.eventually(reports, (ids) => ids.length === 1)
    yield* open(directory, offer("jobs", "stop"))
    assert.deepStrictEqual(yield* Driver.eventually(reports, (ids) => ids.length === 2), ["first", "stop"])
    assert.strictEqual(yield* taker.ended, 0)
  })
)

it.live("F05: takes a flush that failed as final for its file, and acknowledges nothing after it", (context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "a failing fdatasync needs strace, and the right to trace")
    const directory = yield* temporary
    const log = path.join(directory, "strace.txt")
    // The main thread and one more, because strace counts the calls of each: one of them comes to its third.
    const inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=3"]
    const strace = ["env", "UV_THREADPOOL_SIZE=1", "strace", "-f", "-q", "-o", log, ...inject]
    const process = yield* childUnder(strace, "stubborn", directory, "log", "8")
    assert.strictEqual(yield* process.ended, 0)
    const calls = fs
      .readFileSync(log, "utf8")
      .split("\n")
      .filter((line) => line.includes("fdatasync") && line.includes(" = "))
    const good = calls.findIndex((call) => call.includes("(INJECTED)"))
    assert.isAtLeast(good, 2)
    const reports = process.reports()
    assert.deepStrictEqual(
      reports.slice(0, good),
      Array.from({ length: good }, (_, index) => `ok ${index + 1}`)
    )
    for (const report of reports.slice(good, 8))
      assert.match(report, /Journal\.append failed \((unavailable)\).*log\.log.*EIO/)
    assert.deepStrictEqual(
      reports.slice(8),
      ["ok added", `ok ${good}`],
      "another file goes on, and the old state is read"
    )
    assert.strictEqual(calls.length, good + 2, "those of the journal, one of the queue, and none was repeated")
    assert.isAtLeast((yield* open(directory, records("log"))).length, good)
  })
)

it.live("F04: syncs a new file's directories before it writes, and flushes once an append", (context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "counting flushes needs strace, and the right to trace")
    const directory = yield* temporary
    const log = path.join(directory, "strace.txt")
    const strace = ["strace", "-f", "-q", "-y", "-o", log, "-e", "trace=fsync,fdatasync,write,openat"]
    const process = yield* childUnder(strace, "stubborn", directory, "a/b", "3")
    assert.strictEqual(yield* process.ended, 0)
    const calls = fs.readFileSync(log, "utf8").split("\n")
    for (const [file, flushes] of [
      [journalFile(directory, "a/b"), 3],
      [queueFile(directory, "a/b"), 1]
    ] as const) {
      const written = calls.findIndex((call) => call.includes(`<${file}>, "\\n{`))
      for (let place = path.dirname(file); place.startsWith(directory); place = path.dirname(place)) {
        const synced = calls.findIndex((call) => / fsync\(/.test(call) && call.includes(`<${place}>`))
        assert.isTrue(synced >= 0 && synced < written, place)
      }
      assert.strictEqual(
        calls.filter((call) => call.includes("fdatasync(") && call.includes(`<${file}>`)).length,
        flushes
      )
      assert.strictEqual(calls.filter((call) => / write\(/.test(call) && call.includes(`<${file}>`)).length, flushes)
    }
  })
)

/** A process whose flushes and reports are written down, in their order. */
const traced = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const log = path.join(yield* temporary, "strace.txt")
  const strace = ["strace", "-f", "-q", "-o", log, "-e", "trace=fdatasync,write"]
  const process = yield* childUnder(strace, ...args)
  return { process, calls: () => fs.readFileSync(log, "utf8").split("\n") }
})

const isFlush = (call: string) => /fdatasync.*= 0$/.test(call)

it.live("F04: has flushed before it acknowledges an append, an offer or a settlement by id", (context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "watching flushes needs strace, and the right to trace")
    const directory = yield* temporary
    const { calls, process } = yield* traced("roundtrip", directory, "jobs", "5")
    assert.strictEqual(yield* process.ended, 0)
    const reports = process.reports()
    assert.strictEqual(reports.length, 15)
    let flushed = 0
    let acknowledged = 0
    for (const call of calls()) {
      if (isFlush(call)) flushed += 1
      if (!call.includes(`write(1, "${reports[acknowledged] ?? "nothing"}\\n"`)) continue
      acknowledged += 1
      assert.isAtLeast(flushed, acknowledged, call)
    }
    assert.strictEqual(acknowledged, 15)
  })
)

it.live("F04: does not wait for the device where that is not asked for, but for who reads", (context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "watching flushes needs strace, and the right to trace")
    const directory = yield* temporary
    const { calls, process } = yield* traced("unwaited", directory, "log")
    assert.strictEqual(yield* process.ended, 0)
    assert.deepStrictEqual(process.reports(), ["1", "2", "3", "4", "read 4"])
    const reported = process
      .reports()
      .map((text) => calls().findIndex((call) => call.includes(`write(1, "${text}\\n"`)))
    const flushed = reported.map((end) => calls().slice(0, end).filter(isFlush).length)
    assert.deepStrictEqual(flushed, [0, 0, 1, 1, 2])
  })
)

/** What a process does that takes from a queue, up to where it has reported its first message. */
const untilTaken = Effect.fnUntraced(function* (directory: string, queue: string) {
  const { calls, process: taker } = yield* traced("drain", directory, queue)
  const [first = ""] = yield* Driver.eventually(Effect.sync(taker.reports), (reports) => reports.length > 0)
  yield* open(directory, offer(queue, "stop"))
  assert.strictEqual(yield* taker.ended, 0)
  const all = calls()
  return all.slice(
    0,
    all.findIndex((call) => call.includes(`write(1, "${first}`))
  )
})

it.live(
  "F04: hands out a message whose sender was killed before its flush once it has flushed the offer itself",
  (context) =>
    Effect.gen(function* () {
      if (!canTrace) return skip(context, "watching flushes needs strace, and the right to trace")
      const directory = yield* temporary
      const kill = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "inject=fdatasync:signal=KILL:when=1"]
      const sender = yield* childUnder(kill, "offer", directory, "jobs", "1")
      yield* sender.ended
      assert.deepStrictEqual(sender.reports(), [])
      assert.isTrue((yield* untilTaken(directory, "jobs")).some(isFlush))
    })
)

it.live("does not flush again what another process has flushed", (context) =>
  Effect.gen(function* () {
    if (!canTrace) return skip(context, "watching flushes needs strace, and the right to trace")
    const directory = yield* temporary
    yield* open(directory, offer("jobs", "stop"))
    assert.isFalse((yield* untilTaken(directory, "jobs")).some(isFlush))
    // Where nothing is known of that, it does.
    fs.rmSync(path.join(directory, "sartor/default/synced.table"))
    yield* open(directory, offer("more", "stop"))
    fs.rmSync(path.join(directory, "sartor/default/synced.table"))
    assert.isTrue((yield* untilTaken(directory, "more")).some(isFlush))
  })
)
