import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { isRoot, skip } from "../support.ts"
import { legacy, parse } from "./support.ts"

describe("the files that scripts write too", () => {
  it.live("L02: a file whose script was killed while it wrote it is reported, kept, and hides no other", () =>
    Effect.gen(function* () {
      const { bash, directory, files, read, status } = yield* legacy
      yield* files.update("a", () => [["currentTask", "parsing"]])
      yield* files.update("b", () => [["currentTask", "waiting"]])
      yield* files.statuses
      // In place, as the scripts write: cut off, then a part of the text, then nothing more.
      const text = `{\\n  "agentId": "a",\\n  "curr`
      const dying = `exec 9>${status("a")}.lock; flock -x 9; printf '${text}' > ${status("a")}; kill -9 $$`
      assert.strictEqual((yield* bash(dying)).code, null)
      const { damaged, found } = yield* files.statuses
      assert.deepStrictEqual(
        damaged.map(({ message }) => message),
        [`${status("a")}, line 3 (byte 22): a string is not closed`]
      )
      // What was last read whole is still known, and says that it is of before.
      const a = found.find(({ agent }) => agent === "a")
      assert.strictEqual(a?.fields.get("currentTask"), "parsing")
      assert.strictEqual(a?.damaged?.line, 3)
      assert.strictEqual(found.find(({ agent }) => agent === "b")?.damaged, undefined)
      const refused = yield* Effect.flip(files.update("a", () => [["status", "idle"]]))
      assert.strictEqual(refused._tag, "LegacyFileDamaged")
      assert.strictEqual(read("a"), '{\n  "agentId": "a",\n  "curr')
      assert.deepStrictEqual(
        fs.readdirSync(path.join(directory, "agent-status")).filter((name) => name.startsWith(".")),
        []
      )
    })
  )

  it.live("L02: a file that is only just being written is waited for", () =>
    Effect.gen(function* () {
      const { files, status, write } = yield* legacy
      write("a", "")
      yield* Effect.forkScoped(
        Effect.andThen(
          Effect.sleep("60 millis"),
          Effect.sync(() => fs.writeFileSync(status("a"), '{"status": "idle"}'))
        )
      )
      const read = yield* Effect.flatMap(files.status("a"), Effect.fromOption)
      assert.deepStrictEqual([...read.fields], [["status", "idle"]])
    })
  )

  const malformed: { readonly [what: string]: readonly [text: string | Uint8Array, where: RegExp] } = {
    "is empty": ["", /line 1 \(byte 0\): it is empty/],
    "has a trailing comma": ['{\n  "a": "b",\n}\n', /line 3 \(byte 14\)/],
    "has a comment": ['{\n  // c\n  "a": "b"\n}\n', /line 2 \(byte 4\)/],
    "holds two objects": ["{}\n{}\n", /line 2 \(byte 3\)/],
    "holds NaN": ['{"a": NaN}', /line 1 \(byte 6\)/],
    "is no UTF-8": [
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      /line 1 \(byte 2\): it is not valid UTF-8/
    ],
    "has a key behind a closing brace": ['{"meta": {"a": "1"}\n, "x": "y"}}', /line 2 \(byte 31\)/]
  }
  for (const [what, [text, where]] of Object.entries(malformed)) {
    it.live(`L05: a file that ${what} is reported with its path, line and byte, and left as it is`, () =>
      Effect.gen(function* () {
        const { files, status, write } = yield* legacy
        write("a", text)
        const before = fs.readFileSync(status("a"))
        const error = yield* Effect.flip(files.update("a", () => [["status", "idle"]]))
        assert.strictEqual(error._tag, "LegacyFileDamaged")
        assert.match(error.message, where)
        assert.include(error.message, status("a"))
        assert.deepStrictEqual(fs.readFileSync(status("a")), before)
      })
    )
  }

  const usable: { readonly [what: string]: readonly [before: string, after: RegExp] } = {
    "begins with a byte order mark": [
      '\uFEFF{\n  "status": "a"\n}\n',
      /^\uFEFF\{\n {2}"status": "idle",\n {2}"lastUpdate"/
    ],
    "has CRLF": [
      '{\r\n  "status": "a"\r\n}\r\n',
      /^\{\r\n {2}"status": "idle",\r\n {2}"lastUpdate": "[^"]*"\r\n\}\r\n$/
    ],
    "has a key twice": [
      '{\n  "status": "a",\n  "status": "b"\n}\n',
      /^\{\n {2}"status": "idle",\n {2}"status": "idle",\n/
    ],
    "holds a large integer": [
      '{\n  "n": 9007199254740993,\n  "status": "a"\n}\n',
      /"n": 9007199254740993,\n {2}"status": "idle"/
    ],
    "has values of other types": [
      '{\n  "progress": 0.40,\n  "status": 7\n}\n',
      /"progress": 0\.40,\n {2}"status": "idle"/
    ],
    "has no newline at its end": ['{\n  "status": "a"\n}', /\n\}$/],
    "has a comma at the start of a line": [
      '{\n  "status": "a"\n,\n  "x": true\n}\n',
      /"status": "idle"\n,\n {2}"x": true,\n/
    ]
  }
  for (const [what, [before, after]] of Object.entries(usable)) {
    it.live(`L05: a file that ${what} is taken as the scripts take it, and stays so`, () =>
      Effect.gen(function* () {
        const { files, read, write } = yield* legacy
        write("a", before)
        yield* files.update("a", () => [["status", "idle"]])
        assert.match(read("a"), after)
      })
    )
  }

  it.live("L07: a file keeps its mode, its order of keys, its indentation, and its lock file", () =>
    Effect.gen(function* () {
      const { files, read, script, status, write } = yield* legacy
      write("a", '{\n\t"z": "1",\n\t"status" : "a",\n\t"b": [1,  2]\n}')
      fs.chmodSync(status("a"), 0o640)
      yield* script("status-update.sh", "other", "status", "idle")
      fs.writeFileSync(`${status("a")}.lock`, "")
      const lock = fs.statSync(`${status("a")}.lock`).ino
      yield* files.update("a", () => [["status", "idle"]])
      assert.match(
        read("a"),
        /^\{\n\t"z": "1",\n\t"status" : "idle",\n\t"b": \[1, {2}2\],\n\t"lastUpdate": "[^"]*"\n\}$/
      )
      assert.strictEqual(fs.statSync(status("a")).mode & 0o7777, 0o640)
      assert.strictEqual(fs.statSync(`${status("a")}.lock`).ino, lock)
    })
  )

  it.live("L07: a file keeps its owner", (context) =>
    Effect.gen(function* () {
      if (!isRoot) return skip(context, "L07 needs root to give a file to somebody else")
      const { files, status } = yield* legacy
      yield* files.update("a", () => [])
      fs.chownSync(status("a"), 65534, 65534)
      yield* files.update("a", () => [["status", "idle"]])
      const { gid, uid } = fs.statSync(status("a"))
      assert.deepStrictEqual([uid, gid], [65534, 65534])
    })
  )

  it.live("L07: a link, a file with two names and a pipe are refused with the reason, and left as they are", () =>
    Effect.gen(function* () {
      const { bash, directory, files, status, write } = yield* legacy
      write("two", '{"status": "a"}')
      fs.linkSync(status("two"), path.join(directory, "second"))
      fs.writeFileSync(path.join(directory, "target"), '{"status": "a"}')
      fs.symlinkSync(path.join(directory, "target"), status("link"))
      yield* bash(`mkfifo ${status("pipe")}`)
      const refused = (agent: string) => Effect.flip(files.update(agent, () => [["status", "idle"]]))
      assert.match((yield* refused("two")).message, /two\.json was left as it is: it has 2 names/)
      assert.match((yield* refused("link")).message, /link\.json was left as it is: it is a symbolic link/)
      assert.match((yield* refused("pipe")).message, /pipe\.json was left as it is: it is not a file/)
      assert.strictEqual(fs.readFileSync(path.join(directory, "target"), "utf8"), '{"status": "a"}')
      assert.strictEqual(fs.statSync(status("two")).nlink, 2)
      assert.isTrue(fs.lstatSync(status("link")).isSymbolicLink())
    })
  )

  it.live("what a draft's dead writer has left behind is in nobody's way, and no script takes it for a status", () =>
    Effect.gen(function* () {
      const { directory, files, read } = yield* legacy
      yield* files.update("a", () => [])
      fs.writeFileSync(path.join(directory, "agent-status", ".a.json.sartor-draft"), "half")
      yield* files.update("a", () => [["status", "idle"]])
      assert.strictEqual(parse(read("a"))["status"], "idle")
      assert.deepStrictEqual(fs.readdirSync(path.join(directory, "agent-status")), ["a.json", "a.json.lock"])
      assert.strictEqual((yield* files.statuses).found.length, 1)
    })
  )

  it.live("a key that is given twice is set once, to the last", () =>
    Effect.gen(function* () {
      const { files, read, write } = yield* legacy
      write("a", '{\n  "agentId": "a",\n  "lastUpdate": "long ago"\n}\n')
      yield* files.update("a", () => [
        ["lastUpdate", "by a script"],
        ["x", "1"],
        ["x", "2"]
      ])
      assert.match(read("a"), /^\{\n {2}"agentId": "a",\n {2}"lastUpdate": "\d{4}-[^"]*Z",\n {2}"x": "2"\n\}\n$/)
    })
  )

  it.live("an agent id that would be a path is refused", () =>
    Effect.gen(function* () {
      const { directory, files } = yield* legacy
      for (const id of ["../x", "", ".hidden", "a/b", "a".repeat(129), "-x"]) {
        assert.strictEqual((yield* Effect.flip(files.update(id, () => [])))._tag, "InvalidAgentId")
      }
      assert.deepStrictEqual(fs.readdirSync(directory), [])
    })
  )

  it.live("scripts go on editing what we have written, and we what they have", () =>
    Effect.gen(function* () {
      const { files, read, script } = yield* legacy
      yield* files.update("a", () => [["currentTask", 'a "quoted" } { / & \\ task']])
      yield* files.checkpoint("a", { phase: "planning", milestone: 'half/way "there"', details: "x|y\nz }" })
      yield* script("status-update.sh", "a", "status", "blocked")
      yield* script("status-update.sh", "a", "findings", "one")
      yield* script("status-update.sh", "a", "findings", "two")
      yield* script("status-update.sh", "a", "custom", "kept")
      yield* script("checkpoint.sh", "a", "testing", "done", "7 pages")
      yield* files.update("a", () => [["nextRole", "AUDITOR"]])
      const { lastCheckpoint: _, lastUpdate: __, ...rest } = parse(read("a"))
      assert.deepStrictEqual(rest, {
        agentId: "a",
        currentTask: 'a "quoted" } { / & \\ task',
        status: "blocked",
        findings: ["two", "one"],
        phase: "testing",
        milestone: "done",
        progress: "0.8",
        checkpointDetails: "7 pages",
        milestoneHistory: ["half_way _there_"],
        custom: "kept",
        nextRole: "AUDITOR"
      })
      const log = yield* files.checkpoints("a")
      assert.deepStrictEqual(
        log.map(({ details, milestone, phase }) => [phase, milestone, details]),
        [
          ["planning", 'half/way "there"', "x|y\nz }"],
          ["testing", "done", "7 pages"]
        ]
      )
    })
  )

  it.live("tells which agents' files have changed, by whomever", () =>
    Effect.gen(function* () {
      const { files, script } = yield* legacy
      yield* files.update("a", () => [])
      yield* files.update("b", () => [])
      // A script that writes in several steps may be seen more than once.
      const seen = new Set<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(files.changes, (agent) => Effect.sync(() => seen.add(agent))),
        { startImmediately: true }
      )
      const until = (agent: string) =>
        Effect.gen(function* () {
          while (!seen.has(agent)) yield* Effect.sleep("10 millis")
        })
      yield* Effect.sleep("300 millis")
      yield* script("status-update.sh", "b", "status", "idle")
      yield* until("b")
      yield* files.update("c", () => [])
      yield* until("c")
      yield* script("checkpoint.sh", "a", "testing", "m")
      yield* until("a")
      assert.deepStrictEqual([...seen], ["b", "c", "a"])
    })
  )

  it.live("two wakes of one agent in one second are two files, and an acknowledgement reaches both copies", () =>
    Effect.gen(function* () {
      const { directory, files, read, script } = yield* legacy
      yield* files.update("a", () => [])
      const wakes = yield* Effect.all([
        files.wake("a", { type: "BLOCKED", message: "one", priority: "critical" }),
        files.wake("a", { type: "FINDING", message: "two" })
      ])
      assert.strictEqual(
        fs.readdirSync(path.join(directory, "wake")).filter((name) => name.endsWith(".json")).length,
        2
      )
      assert.strictEqual(parse(read("a"))["wakeMessageSent"], true)
      const [first, second] = wakes
      yield* files.acknowledge(first.wakeId)
      assert.strictEqual(parse(read("a"))["wakeMessageSent"], true)
      const urgent = fs.readdirSync(path.join(directory, "wake/URGENT"))
      assert.lengthOf(urgent, 1)
      const copy = parse(fs.readFileSync(path.join(directory, "wake/URGENT", urgent[0] ?? ""), "utf8"))
      assert.strictEqual(copy["acknowledged"], true)
      const { code } = yield* script("wake-ack.sh", second.wakeId)
      assert.strictEqual(code, 0)
      assert.isTrue((yield* files.wakes).found.every(({ acknowledged }) => acknowledged))
      assert.strictEqual(parse(read("a"))["wakeMessageSent"], false)
    })
  )
})
