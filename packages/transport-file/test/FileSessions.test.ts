import { assert, it } from "@effect/vitest"
import { Branch, Deletion, Outbox, Resumption, Sessions, Wakes } from "@sartor/core"
import { Driver } from "@sartor/core/testing"
import { Effect } from "effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { create, inside } from "./sessions.ts"
import { child, isRoot, skip, temporary } from "./support.ts"

const get = (id: string) => Sessions.Sessions.use((sessions) => sessions.get(id))

const ids = Effect.map(
  Sessions.Sessions.use((sessions) => sessions.list()),
  (sessions) => sessions.map(({ session_id }) => session_id)
)

const checkpoint = (id: string, milestone: string, details = "") =>
  Sessions.Sessions.use((sessions) => sessions.checkpoint(id, { phase: "testing", milestone, details }))

it.live(
  "S01: has every checkpoint that ten processes saved in one session at once, each at a version of its own",
  () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      yield* inside(directory, create("shared-1"))
      const writers = yield* Effect.all(
        Array.from({ length: 10 }, () => child("checkpoints", directory, "shared-1", "20"))
      )
      for (const writer of writers) {
        yield* Driver.eventually(Effect.sync(writer.reports), (reports) => reports.length > 0)
      }
      fs.writeFileSync(path.join(directory, "go"), "")
      for (const writer of writers) assert.strictEqual(yield* writer.ended, 0)
      const session = yield* inside(directory, get("shared-1"))
      assert.deepStrictEqual(
        session.checkpoints.map(({ version }) => version),
        Array.from({ length: 200 }, (_, index) => index + 2)
      )
      assert.deepStrictEqual(
        session.checkpoints.map(({ milestone }) => milestone).sort(),
        writers.flatMap((writer) => writer.reports().slice(1)).sort()
      )
    }),
  60_000
)

it.live("S06: takes keys and ids that objects have of themselves for what they are", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const metadata: Record<string, string> = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}')
    yield* inside(
      directory,
      Effect.gen(function* () {
        for (const id of ["constructor", "tostring", "valueof", "hasownproperty"]) yield* create(id, { metadata })
        const error = yield* Effect.flip(create("__proto__"))
        assert.strictEqual(error._tag, "InvalidSessionId")
        assert.deepStrictEqual(
          yield* Effect.flip(get("prototype")),
          new Sessions.SessionNotFound({ session_id: "prototype" })
        )
      })
    )
    yield* inside(
      directory,
      Effect.gen(function* () {
        const session = yield* get("constructor")
        assert.deepStrictEqual(Object.entries(session.metadata), Object.entries(metadata))
        assert.deepStrictEqual((yield* ids).toSorted(), ["constructor", "hasownproperty", "tostring", "valueof"])
        assert.isUndefined(({} as Record<string, unknown>)["a"])
      })
    )
  })
)

const refusedIds = [
  "..",
  ".",
  "/abs",
  "a/b",
  "a/../../b",
  "",
  "\0",
  "a\0",
  "a\n",
  "-rf",
  "--",
  "%2e%2e",
  "a..b",
  "x".repeat(129),
  "x".repeat(255),
  "x".repeat(256),
  "ab",
  "Ünï",
  "a b",
  "a.log",
  "~root",
  "$HOME",
  "CON ",
  "a\\b"
]

it.live(
  "S07: refuses ids that are no names, and writes nothing outside; lists those that it took as they were given",
  () =>
    Effect.gen(function* () {
      const parent = yield* temporary
      const directory = path.join(parent, "data")
      const taken = ["abc", "impl-001", "x".repeat(128), "0-0", "aux", "con", "log"]
      yield* inside(
        directory,
        Effect.gen(function* () {
          for (const id of refusedIds) {
            assert.strictEqual((yield* Effect.flip(create(id)))._tag, "InvalidSessionId", JSON.stringify(id))
            assert.strictEqual((yield* Effect.flip(get(id)))._tag, "SessionNotFound", JSON.stringify(id))
            assert.strictEqual((yield* Effect.flip(Deletion.remove(id)))._tag, "SessionNotFound", JSON.stringify(id))
          }
          for (const id of taken) assert.strictEqual((yield* create(id)).session_id, id)
        })
      )
      assert.deepStrictEqual((yield* inside(directory, ids)).toSorted(), taken.toSorted())
      assert.deepStrictEqual(fs.readdirSync(parent), ["data"])
      assert.deepStrictEqual(fs.readdirSync(directory), ["sartor"])
      const files = fs.readdirSync(path.join(directory, "sartor/default/journals/session"))
      assert.deepStrictEqual(files.sort(), taken.map((id) => `${id}.log`).sort())
    })
)

it.live("S11: shows a whole session or none to who resumes it while another process deletes it", () =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const names = Array.from({ length: 30 }, (_, index) => `gone-${index}`)
    yield* inside(
      directory,
      Effect.forEach(names, (id) => Effect.andThen(create(id), checkpoint(id, "axe", "the token")))
    )
    const remover = yield* child("remove", directory, "gone", "30")
    yield* Driver.eventually(Effect.sync(remover.reports), (reports) => reports.length > 0)
    let resumed = 0
    yield* inside(
      directory,
      Effect.gen(function* () {
        for (const id of names.toReversed()) {
          const result = yield* Effect.result(Resumption.resume(id))
          if (result._tag === "Success") {
            resumed += 1
            const { run, session_id, status } = result.success
            assert.deepStrictEqual([session_id, status, run], [id, "running", 1])
            assert.strictEqual(result.success.checkpoints[0]?.details, "the token")
          } else {
            assert.strictEqual(result.failure._tag, "SessionNotFound")
          }
        }
      })
    )
    assert.strictEqual(yield* remover.ended, 0)
    const removed = remover.reports().filter((report) => report.startsWith("removed "))
    yield* inside(
      directory,
      Effect.gen(function* () {
        for (const id of names) {
          const found = yield* Effect.option(get(id))
          assert.strictEqual(found._tag === "None", removed.includes(`removed ${id}`), id)
          if (found._tag === "None")
            assert.strictEqual((yield* Effect.flip(Resumption.resume(id)))._tag, "SessionNotFound")
        }
      })
    )
    assert.isAbove(resumed + removed.length, 29)
  })
)

it.live("S12: keeps every version when the device is full, and saves again when there is room", (context) =>
  Effect.gen(function* () {
    const directory = yield* temporary
    const mounted = childProcess.spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory])
    if (!isRoot || mounted.status !== 0) return skip(context, "needs root, to mount a small tmpfs")
    yield* Effect.addFinalizer(() => Effect.sync(() => childProcess.spawnSync("umount", ["-l", directory])))
    const ballast = path.join(directory, "ballast")
    yield* inside(
      directory,
      Effect.gen(function* () {
        yield* create("full-1")
        fs.writeFileSync(ballast, Buffer.alloc(600_000))
        let saved = 0
        const error = yield* Effect.suspend(() => checkpoint("full-1", `m${saved}`, "x".repeat(50_000))).pipe(
          Effect.tap(() => Effect.sync(() => (saved += 1))),
          Effect.forever,
          Effect.flip
        )
        assert.deepInclude(error, { _tag: "TransportError", reason: "storage_full" })
        assert.isAbove(saved, 1)
        const wake = Outbox.send({ sessionId: "full-1", status: "complete", summary: "y".repeat(100_000) })
        const fork = Branch.fork("full-1", { id: "fork-1", at: "testing/m0" })
        assert.strictEqual((yield* Effect.exit(wake))._tag, "Failure")
        const forked = Effect.andThen(fork, checkpoint("fork-1", "m", "x".repeat(90_000)))
        assert.strictEqual((yield* Effect.exit(forked))._tag, "Failure")
        assert.strictEqual((yield* get("full-1")).checkpoints.length, saved)
        fs.rmSync(ballast)
        const after = yield* checkpoint("full-1", "room again")
        assert.deepStrictEqual(
          after.checkpoints.map(({ milestone }) => milestone),
          [...Array.from({ length: saved }, (_, index) => `m${index}`), "room again"]
        )
      })
    )
    const { checkpoints } = yield* inside(directory, get("full-1"))
    assert.strictEqual(checkpoints.at(-1)?.milestone, "room again")
    assert.isTrue(
      (yield* inside(
        directory,
        Wakes.Wakes.use((wakes) => wakes.audit())
      )).balanced
    )
  })
)
