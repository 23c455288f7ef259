import { assert, describe, it } from "@effect/vitest"
import { Journal, Sessions, Transport } from "@sartor/core"
import { Effect, Layer, Logger } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { FileTransport } from "../src/index.ts"
import { journalFile, temporary } from "./support.ts"

const many = 120

const secret = "what only the deleted session knew"

/** A process that counts the journals that it reads, and hears its warnings. */
const process = Effect.fnUntraced(function* <A, E>(
  directory: string,
  body: Effect.Effect<A, E, Journal.Journal | Sessions.Sessions>
) {
  const read: Array<string> = []
  const warnings: Array<string> = []
  const counting = Layer.effect(
    Journal.Journal,
    Effect.map(Journal.Journal, (journal) =>
      Journal.Journal.of({
        ...journal,
        read: (key, after) => {
          read.push(key)
          return journal.read(key, after)
        }
      })
    )
  )
  const transport = Layer.provideMerge(counting, Layer.fresh(FileTransport.layer({ directory })))
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") warnings.push(String(message))
  })
  const answer = yield* body.pipe(
    Effect.provide(Transport.services(transport)),
    Effect.provide(Logger.layer([logger])),
    Effect.scoped
  )
  return { answer, read: read.filter((key) => key.startsWith("session/")), warnings }
})

const list = Sessions.Sessions.use((sessions) => sessions.list())

const create = Sessions.Sessions.use((sessions) =>
  Effect.forEach(Array.from({ length: many }), (_, index) =>
    sessions.create({ id: `audit-${index}`, role: "auditor", taskType: "a11y", prompt: index === 7 ? secret : "Look" })
  )
)

/** A directory with sessions that one process has made and another has listed, and so noted. */
const noted = Effect.gen(function* () {
  const directory = yield* temporary
  yield* process(directory, create)
  const first = yield* process(directory, list)
  assert.deepStrictEqual([first.answer.length, first.read.length], [many, many])
  const file = path.join(directory, "sartor/default/notes.log")
  assert.isTrue(fs.existsSync(file))
  return { directory, file, sessions: first.answer.map(withoutPast) }
})

const withoutPast = (session: object) => ({ ...session, past: undefined })

describe("what was noted of sessions", () => {
  it.effect("lets the next process list them without reading one", () =>
    Effect.gen(function* () {
      const { directory, sessions } = yield* noted
      const next = yield* process(directory, list)
      assert.deepStrictEqual([next.answer.map(withoutPast), next.read], [sessions, []])
    }).pipe(Effect.scoped)
  )

  it.effect("counts no more for a session that has changed, whoever has changed it", () =>
    Effect.gen(function* () {
      const { directory } = yield* noted
      const checkpoint = { phase: "testing", milestone: "axe" }
      yield* process(
        directory,
        Sessions.Sessions.use((sessions) => sessions.checkpoint("audit-3", checkpoint))
      )
      // By hand, to a text of the same length; a frame that does not check itself any more is damaged.
      const edited = journalFile(directory, "session/audit-5")
      fs.writeFileSync(edited, fs.readFileSync(edited, "utf8").replace('"Look"', '"Took"'))
      const next = yield* process(directory, list)
      assert.deepStrictEqual(next.read, ["session/audit-3"])
      // Of the other nothing is left that could be read.
      assert.strictEqual(next.answer.length, many - 1)
      assert.deepStrictEqual(
        next.answer.find(({ session_id }) => session_id === "audit-3")?.checkpoints.map(({ milestone }) => milestone),
        ["axe"]
      )
      assert.match(next.warnings.join("\n"), /audit-5\.log: .*damaged/)
    }).pipe(Effect.scoped)
  )

  it.effect("is never made of a journal with a damaged line: each process is to hear of it", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      yield* process(directory, create)
      fs.appendFileSync(journalFile(directory, "session/audit-5"), "\ntorn\n")
      for (const _ of [1, 2, 3]) {
        const next = yield* process(directory, list)
        assert.strictEqual(next.answer.length, many)
        assert.match(next.warnings.join("\n"), /audit-5\.log: .*damaged/)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("leaves nothing of a deleted session on the disk", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* noted
      assert.include(fs.readFileSync(file, "utf8"), secret)
      // Of a process that was killed while it wrote the file anew.
      fs.copyFileSync(file, `${file}.tmp`)
      yield* process(
        directory,
        Journal.Journal.use((journal) => journal.delete("session/audit-7"))
      )
      for (const left of [file, `${file}.tmp`]) assert.isFalse(fs.existsSync(left))
      const next = yield* process(directory, list)
      assert.strictEqual(next.answer.length, many - 1)
      assert.notInclude(fs.readFileSync(file, "utf8"), secret)
    }).pipe(Effect.scoped)
  )

  it.effect("is written anew when most of it is out of date", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* noted
      const before = fs.statSync(file).size
      fs.writeFileSync(`${file}.tmp`, "of a process that was killed")
      const change = Sessions.Sessions.use((sessions) =>
        Effect.forEach(Array.from({ length: many }), (_, index) =>
          sessions.checkpoint(`audit-${index}`, { phase: "testing", milestone: "axe" })
        )
      )
      for (const _ of [1, 2, 3, 4, 5]) {
        yield* process(directory, change)
        yield* process(directory, list)
      }
      assert.isBelow(fs.statSync(file).size, 8 * before)
      assert.deepStrictEqual((yield* process(directory, list)).read, [])
      assert.deepStrictEqual(
        fs.readdirSync(path.dirname(file)).filter((name) => name.endsWith(".tmp")),
        []
      )
    }).pipe(Effect.scoped)
  )

  const damages: ReadonlyArray<readonly [what: string, inflict: (file: string) => void]> = [
    ["is cut", (file) => fs.truncateSync(file, fs.statSync(file).size - 100)],
    ["is garbage", (file) => fs.writeFileSync(file, Buffer.alloc(10_000, 7))],
    ["is empty", (file) => fs.writeFileSync(file, "")],
    ["has a bit flipped", (file) => fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("Look", "Took"))],
    [
      "is a directory",
      (file) => {
        fs.rmSync(file)
        fs.mkdirSync(file)
      }
    ],
    [
      "is a link to another file",
      (file) => {
        fs.rmSync(file)
        fs.symlinkSync("/etc/hostname", file)
      }
    ]
  ]
  for (const [what, inflict] of damages) {
    it.effect(`is not missed where its file ${what}`, () =>
      Effect.gen(function* () {
        const { directory, file, sessions } = yield* noted
        inflict(file)
        for (const _ of [1, 2]) {
          const next = yield* process(directory, list)
          assert.deepStrictEqual([next.answer.map(withoutPast), next.warnings], [sessions, []])
        }
      }).pipe(Effect.scoped)
    )
  }

  it.effect("of a copy of the directory counts for nothing", () =>
    Effect.gen(function* () {
      const { directory } = yield* noted
      const copy = yield* temporary
      fs.cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
      assert.strictEqual((yield* process(copy, list)).read.length, many)
    }).pipe(Effect.scoped)
  )
})
