import { assert, describe, it } from "@effect/vitest"
import { Handoffs, Outbox, Sessions, Transport, Wake } from "@sartor/core"
import { DateTime, Effect, type Layer, Schema } from "effect"
import * as fc from "fast-check"
import * as fs from "node:fs"
import * as path from "node:path"
import { FileTransport } from "../../src/index.ts"
import { CheckpointLog, LegacyMirror, Projection, StatusFile } from "../../src/legacy/index.ts"
import { legacy, parse } from "./support.ts"

type Services = Layer.Success<ReturnType<typeof LegacyMirror.services>>

/** One process with a mirror, on a data directory. */
const mirrored = <A, E>(directory: string, body: Effect.Effect<A, E, Services>, namespace = "default") =>
  Effect.provide(body, LegacyMirror.services(FileTransport.layer({ directory, namespace }), { directory, namespace }), {
    local: true
  })

const mirror = LegacyMirror.LegacyMirror

const create = (id: string) =>
  Sessions.Sessions.use((sessions) => sessions.create({ id, role: "IMPLEMENTER", taskType: "x", prompt: "Go" }))

describe("LegacyMirror", () => {
  it.live("what is written again says the same, byte by byte, in the same file", () =>
    Effect.gen(function* () {
      const { directory, read, status } = yield* legacy
      yield* mirrored(
        directory,
        Effect.gen(function* () {
          const { project, rebuild } = yield* mirror
          yield* create("impl-001")
          yield* Outbox.send({ sessionId: "impl-001", status: "complete", summary: "done" })
          yield* project
          const [text, { ino }] = [read("impl-001"), fs.statSync(status("impl-001"))]
          assert.deepStrictEqual(yield* rebuild, [])
          assert.deepStrictEqual(yield* rebuild, [])
          assert.deepStrictEqual([read("impl-001"), fs.statSync(status("impl-001")).ino], [text, ino])
          assert.lengthOf(fs.readdirSync(path.join(directory, "wake")), 1)
        })
      )
    })
  )

  it.live("a mirror never goes back: a file of a newer state stays", () =>
    Effect.gen(function* () {
      const { directory, read, write } = yield* legacy
      yield* mirrored(
        directory,
        Effect.gen(function* () {
          const { project, rebuild } = yield* mirror
          yield* create("impl-001")
          yield* project
          const newer = read("impl-001")
            .replace('"sartorVersion": "1"', '"sartorVersion": "7"')
            .replace("idle", "active")
          write("impl-001", newer)
          yield* rebuild
          assert.strictEqual(read("impl-001"), newer)
        })
      )
    })
  )

  it.live("what somebody has written without a mirror, or died before he came to it, is caught up with", () =>
    Effect.gen(function* () {
      const { directory, read, status } = yield* legacy
      const bare = Transport.services(FileTransport.layer({ directory }))
      yield* Effect.provide(create("impl-001"), bare)
      yield* Effect.sleep("2100 millis")
      assert.isFalse(fs.existsSync(status("impl-001")))
      yield* mirrored(directory, Effect.void)
      assert.deepInclude(parse(read("impl-001")), { agentId: "impl-001", sartorVersion: "1" })
    })
  )

  it("wakes of one second each have a file, even if their names would be the same", () => {
    const wake = { session_id: "a-1", agent_role: "AUDITOR", status: "finding", timestamp: "2026-01-31T12:00:00Z" }
    const wakes = [1, 1, 1].map(() => Schema.decodeUnknownSync(Wake.Wake)({ ...wake, wake_id: "a-1/1/X" }))
    const names = Projection.wakes(Object.assign(Object.create(null), { wakes }), new Set()).map(({ name }) => name)
    assert.lengthOf(names, 3)
    assert.strictEqual(new Set(names).size, 3)
  })

  it.live("a file that is missing or empty is written again, one that is damaged is not", () =>
    Effect.gen(function* () {
      const { directory, read, status, write } = yield* legacy
      yield* mirrored(
        directory,
        Effect.gen(function* () {
          const { project, rebuild, repair } = yield* mirror
          yield* Effect.forEach(["a-1", "b-1", "c-1"], create)
          yield* project
          const whole = read("a-1")
          fs.rmSync(status("a-1"))
          write("b-1", "")
          write("c-1", '{"agentId": "c-1", "sta')
          const problems = yield* rebuild
          assert.deepStrictEqual(
            problems.map((problem) => "file" in problem && path.basename(problem.file)),
            ["c-1.json"]
          )
          assert.strictEqual(read("a-1"), whole)
          assert.strictEqual(parse(read("b-1"))["agentId"], "b-1")
          assert.strictEqual(read("c-1"), '{"agentId": "c-1", "sta')
          assert.deepStrictEqual(yield* repair, [])
          assert.strictEqual(parse(read("c-1"))["agentId"], "c-1")
        })
      )
    })
  )

  it.live("a status file that is gone is a fault, but where the scripts clean up what is an hour old", () =>
    Effect.gen(function* () {
      const { directory, status } = yield* legacy
      const at = (hours: number) => DateTime.formatIso(DateTime.makeUnsafe(Date.now() - hours * 3_600_000))
      yield* mirrored(
        directory,
        Effect.gen(function* () {
          const { project, verify } = yield* mirror
          const sessions = yield* Sessions.Sessions
          for (const [id, hours] of [
            ["new-1", 0.5],
            ["old-1", 2]
          ] as const) {
            yield* create(id)
            const open = yield* sessions.open(id)
            const point = { type: "checkpoint" as const, phase: "testing", milestone: "m", details: "" }
            yield* open.update(({ run }) => Effect.succeed([{ ...point, at: at(hours), run }]))
          }
          yield* project
          fs.rmSync(status("new-1"))
          fs.rmSync(status("old-1"))
          const faults = yield* verify
          assert.deepStrictEqual(
            faults.map(({ file, message }) => [path.basename(file), message]),
            [["new-1.json", "it is missing"]]
          )
        })
      )
    })
  )

  it.live("a session of another namespace with the same id does not take the file", () =>
    Effect.gen(function* () {
      const { directory, read } = yield* legacy
      yield* mirrored(directory, create("impl-001"))
      const text = read("impl-001")
      const problems = yield* mirrored(
        directory,
        Effect.gen(function* () {
          yield* create("impl-001")
          yield* create("impl-002")
          return yield* (yield* mirror).project
        }),
        "other"
      )
      assert.match(problems.map(({ message }) => message).join(), /mirrors a session of another namespace/)
      assert.strictEqual(read("impl-001"), text)
      assert.strictEqual(parse(read("impl-002"))["sartorNamespace"], "other")
    })
  )

  it.live("a checkpoint that was rolled back stays in the log, and comes into the session no second time", () =>
    Effect.gen(function* () {
      const { directory, script } = yield* legacy
      yield* mirrored(
        directory,
        Effect.gen(function* () {
          const { project, takeOver } = yield* mirror
          const sessions = yield* Sessions.Sessions
          yield* create("impl-001")
          yield* sessions.checkpoint("impl-001", { phase: "testing", milestone: "one" })
          yield* project
          yield* script("checkpoint.sh", "impl-001", "cleanup", "two")
          yield* takeOver
          const open = yield* sessions.open("impl-001")
          yield* open.update(({ run }, at) => Effect.succeed([{ type: "rolled_back", at, run, to: 1 }]))
          yield* project
          yield* takeOver
          const session = yield* sessions.get("impl-001")
          assert.deepStrictEqual(session.checkpoints, [])
          const lines = fs.readFileSync(path.join(directory, "checkpoints/impl-001.log"), "utf8").trimEnd().split("\n")
          assert.deepStrictEqual(lines, Projection.log(session))
          assert.lengthOf(lines, 2)
        })
      )
    })
  )

  it.live("a handoff that is moved on keeps every byte that somebody else has put into its file", () =>
    Effect.gen(function* () {
      const { directory } = yield* legacy
      const file = path.join(directory, "handoffs/handoff_1_0a1b2c3d.json")
      const text = `{
    "handoff": {"from": "PLANNER", "to": "IMPLEMENTER", "timestamp": "2026-01-31T12:00:00Z",
      "type": "ready_for_implementation", "status" : "pending", "handoffId": "handoff_1_0a1b2c3d"},
    "context": {"taskId": "T1", "big": 12345678901234567890}
}`
      fs.mkdirSync(path.dirname(file))
      fs.writeFileSync(file, text)
      yield* mirrored(
        directory,
        Effect.gen(function* () {
          yield* Handoffs.accept("handoff_1_0a1b2c3d")
          yield* (yield* mirror).project
        })
      )
      assert.strictEqual(fs.readFileSync(file, "utf8"), text.replace('"pending"', '"accepted"'))
    })
  )

  it("every line of a log can be read again, whatever is in it", () => {
    const text = fc.string({ unit: "binary" })
    fc.assert(
      fc.property(text, text, text, (phase, milestone, details) => {
        const line = { timestamp: "2026-01-31T12:00:00Z", phase, milestone, details }
        const rendered = CheckpointLog.render(line)
        assert.notInclude(rendered, "\n")
        const read = [...CheckpointLog.lines(`${rendered}\n`)].map(CheckpointLog.parse)
        assert.deepStrictEqual(
          read.map((one) => (one._tag === "Some" ? one.value : undefined)),
          [line]
        )
      }),
      { numRuns: 1000 }
    )
  })

  it("what is left of some lines without others counts those that are there twice", () => {
    const lines = fc.array(fc.constantFrom("a", "b", "c"))
    fc.assert(
      fc.property(lines, lines, (all, others) => {
        const left = Projection.without(all, others)
        for (const one of ["a", "b", "c"]) {
          const count = (list: ReadonlyArray<string>) => list.filter((item) => item === one).length
          assert.strictEqual(count(left), Math.max(0, count(all) - count(others)))
        }
      })
    )
  })

  it("a status of a script is what is in the table, and anything else is at work", () => {
    const of = { active: "running", "": "running", odd: "running", idle: "suspended", blocked: "blocked" } as const
    const ended = { completed: "complete", complete: "complete", ready_for_audit: "complete", error: "failed" } as const
    for (const [status, meaning] of Object.entries({ ...of, ...ended, failed: "failed" as const })) {
      assert.strictEqual(Projection.meaningOf(status), meaning, status)
    }
  })

  it("a new file is as the scripts make one, with each key once", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (key, value) => {
        const text = StatusFile.begin("a", [[key, value]], "2026-01-31T12:00:00Z")
        const keys = [...text.matchAll(/^ {2}("(?:[^"\\]|\\.)*"): /gm)].map(([, key = ""]) => JSON.parse(key))
        assert.deepStrictEqual(keys, [...new Set(["agentId", key, "lastUpdate", "status", "findings"])])
      })
    )
  })
})
