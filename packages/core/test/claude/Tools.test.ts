import { assert, layer } from "@effect/vitest"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Logger, Layer, Path, Schema } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as CommandTool from "../../src/claude/CommandTool.ts"
import * as FetchTool from "../../src/claude/FetchTool.ts"
import * as FileTools from "../../src/claude/FileTools.ts"
import * as Tool from "../../src/claude/Tool.ts"
import * as Toolbox from "../../src/claude/Toolbox.ts"
import * as ToolNames from "../../src/claude/ToolNames.ts"
import * as Workspace from "../../src/claude/Workspace.ts"
import * as Session from "../../src/Session.ts"
import * as Sessions from "../../src/Sessions.ts"
import { goOn, done, services, talk, work } from "../support/claude.ts"
import * as FakeClaude from "../../src/testing/FakeClaude.ts"

/** A workspace with a file, beside a secret that it must not reach. */
const workspace = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const outside = yield* fs.makeTempDirectoryScoped()
  const root = path.join(outside, "work")
  yield* fs.makeDirectory(path.join(root, "src"), { recursive: true })
  yield* fs.writeFileString(path.join(outside, "secret.txt"), "canary")
  yield* fs.writeFileString(path.join(root, "src", "a.txt"), "one\ntwo\nthree\n")
  const opened = yield* Workspace.open(root)
  const tools = new Map((yield* FileTools.make(opened)).map((tool) => [tool.name, tool]))
  const use = (name: string, input: Schema.Json, again = false) => call(tools.get(name), input, again)
  const read = (name: string) => fs.readFileString(path.join(root, name))
  return { fs, path, outside, root, use, read, opened }
})

const session: Session.Session = (() => {
  const created = Session.apply(
    undefined,
    Schema.decodeUnknownSync(Session.Record)({
      type: "created",
      at: "2026-01-01T00:00:00Z",
      run: 0,
      session_id: "impl-tools",
      role: "IMPLEMENTER",
      task_type: "x",
      prompt: "",
      metadata: {},
      orchestrator: "main",
      runner: { type: "claude" },
      limits: { timeout: 1000, retries: 0 },
      inputs: {}
    }),
    1
  )
  if (created._tag === "Failure" || created.success === undefined) throw new Error("no session")
  return created.success
})()

/** What a call answers, or why it failed. */
const call = (tool: Tool.Tool | undefined, input: Schema.Json, again = false) =>
  tool === undefined
    ? Effect.die(new Error("no such tool"))
    : tool
        .call(input, { session, callId: "toolu_1", again, emit: () => Effect.void, found: new Set() })
        .pipe(Effect.catch((error) => Effect.succeed(`failed: ${error.message}`)))

layer(Layer.merge(NodeServices.layer, Logger.layer([])), { excludeTestServices: true })("the file tools", (it) => {
  for (const way of ["../secret.txt", "src/../../secret.txt", "link.txt", "folder/secret.txt", "ABSOLUTE"]) {
    it.effect(`reach nothing outside of the workspace: ${way}`, () =>
      Effect.gen(function* () {
        const { fs, outside, path, root, use } = yield* workspace
        yield* fs.symlink(path.join(outside, "secret.txt"), path.join(root, "link.txt"))
        yield* fs.symlink(outside, path.join(root, "folder"))
        const given = way === "ABSOLUTE" ? path.join(outside, "secret.txt") : way
        const answers = [
          yield* use("read_file", { path: given }),
          yield* use("search_files", { path: given, text: "canary" }),
          yield* use("list_files", { path: given }),
          yield* use("write_file", { path: given, content: "gone", mode: "replace" }),
          yield* use("write_file", { path: `${given}.new`, content: "new", mode: "create" }),
          yield* use("edit_file", { path: given, old_text: "canary", new_text: "gone" })
        ]
        for (const [index, answer] of answers.entries()) {
          if (way === "link.txt" && index === 4) continue
          assert.match(answer, /^failed: .*outside of the workspace/)
          assert.notInclude(answer, "canary")
        }
        assert.strictEqual(yield* fs.readFileString(path.join(outside, "secret.txt")), "canary")
        assert.deepStrictEqual((yield* fs.readDirectory(outside)).toSorted(), ["secret.txt", "work"])
      })
    )
  }

  it.effect("list, search and follow no links, and skip what nobody means", () =>
    Effect.gen(function* () {
      const { fs, outside, path, root, use } = yield* workspace
      yield* fs.symlink(outside, path.join(root, "folder"))
      yield* fs.makeDirectory(path.join(root, ".git"))
      yield* fs.writeFileString(path.join(root, ".git", "config"), "two")
      assert.strictEqual(yield* use("list_files", {}), path.join("src", "a.txt"))
      assert.strictEqual(yield* use("search_files", { text: "two" }), "src/a.txt:2: two")
      assert.strictEqual(yield* use("search_files", { text: "TWO" }), "(It is nowhere.)")
      assert.include(yield* use("search_files", { text: "TWO", ignore_case: true }), "src/a.txt:2")
      assert.include(yield* use("read_file", { path: "folder" }), "outside")
    })
  )

  it.effect("read lines with their numbers, a part at a time, and refuse what is no text or too large", () =>
    Effect.gen(function* () {
      const { fs, path, root, use } = yield* workspace
      assert.strictEqual(yield* use("read_file", { path: "src/a.txt" }), "1\tone\n2\ttwo\n3\tthree")
      assert.strictEqual(yield* use("read_file", { path: "src/a.txt", from: 2, lines: 1 }), "2\ttwo\n(1 more lines)")
      yield* fs.writeFile(path.join(root, "binary"), new Uint8Array([0, 1, 2]))
      assert.include(yield* use("read_file", { path: "binary" }), "not a text file")
      yield* fs.writeFileString(path.join(root, "large"), "x".repeat(FileTools.maxFileBytes + 1))
      assert.include(yield* use("read_file", { path: "large" }), "are not read")
      assert.include(yield* use("read_file", { path: "none" }), `There is no "none"`)
      assert.include(yield* use("read_file", { path: 7 }), "/path")
    })
  )

  it.effect("write whole files, and destroy nothing by mistake", () =>
    Effect.gen(function* () {
      const { fs, path, read, root, use } = yield* workspace
      yield* use("write_file", { path: "new/deep/b.txt", content: "b", mode: "create" })
      assert.strictEqual(yield* read("new/deep/b.txt"), "b")
      assert.include(yield* use("write_file", { path: "src/a.txt", content: "x", mode: "create" }), "is there already")
      assert.include(yield* use("write_file", { path: "none", content: "x", mode: "replace" }), "There is no")
      assert.strictEqual(yield* read("src/a.txt"), "one\ntwo\nthree\n")
      yield* fs.chmod(path.join(root, "src", "a.txt"), 0o755)
      yield* use("write_file", { path: "src/a.txt", content: "x", mode: "replace" })
      assert.strictEqual((yield* fs.stat(path.join(root, "src", "a.txt"))).mode & 0o777, 0o755)
      // Again is the same, and says so.
      assert.include(yield* use("write_file", { path: "new/deep/b.txt", content: "b", mode: "create" }), "already")
      assert.deepStrictEqual(yield* fs.readDirectory(path.join(root, "src")), ["a.txt"])
    })
  )

  it.effect("edit what stands there once, and do it once however often it is done", () =>
    Effect.gen(function* () {
      const { read, use } = yield* workspace
      const edit = { path: "src/a.txt", old_text: "two", new_text: "two and more" }
      assert.include(yield* use("edit_file", { ...edit, old_text: "four" }), "is not in")
      assert.include(yield* use("edit_file", { ...edit, old_text: "o" }), "stands 2 times")
      yield* use("edit_file", edit)
      yield* use("edit_file", edit, true)
      assert.strictEqual(yield* read("src/a.txt"), "one\ntwo and more\nthree\n")
      // Not done before, though what it leaves is part of what it takes away.
      yield* use("edit_file", { path: "src/a.txt", old_text: "two and more", new_text: "more" }, true)
      assert.strictEqual(yield* read("src/a.txt"), "one\nmore\nthree\n")
      yield* use("edit_file", { path: "src/a.txt", old_text: "two and more", new_text: "more" }, true)
      assert.strictEqual(yield* read("src/a.txt"), "one\nmore\nthree\n")
      const dollars = { path: "src/a.txt", old_text: "three", new_text: "$& $1" }
      yield* use("edit_file", dollars)
      assert.include(yield* read("src/a.txt"), "$& $1")
    })
  )
})

layer(Layer.merge(NodeServices.layer, Logger.layer([])), { excludeTestServices: true })("run_command", (it) => {
  const tool = (allowed: ReadonlyArray<ReadonlyArray<string>>, options: Partial<CommandTool.Options> = {}) =>
    Effect.flatMap(workspace, ({ opened }) => CommandTool.make(opened, { allowed, ...options }))

  it.effect("runs what is allowed, in the workspace, without a shell, and nothing else", () =>
    Effect.gen(function* () {
      const run = yield* tool([["echo"], ["cat", "src/a.txt"], ["sh", "-c", "exit 3"], ["pwd"]])
      assert.strictEqual(yield* call(run, { command: ["echo", "$HOME", "*"] }), "Exit code 0\n$HOME *\n")
      assert.include(yield* call(run, { command: ["cat", "src/a.txt"] }), "two")
      assert.match(yield* call(run, { command: ["pwd"] }), /\/work\n$/)
      assert.include(yield* call(run, { command: ["sh", "-c", "exit 3"] }), "Exit code 3")
      for (const command of [["cat"], ["cat", "../secret.txt"], ["sh", "-c", "echo hi"], ["/bin/echo"]]) {
        assert.include(yield* call(run, { command }), "not allowed", command.join(" "))
      }
      assert.strictEqual(run.effects, "unsafe")
    })
  )

  it.effect("gives a program nothing of the environment that it has no use for", () =>
    Effect.gen(function* () {
      const run = yield* tool([["env"]], { env: { MINE: "yes" } })
      const names = (yield* call(run, { command: ["env"] })).split("\n").map((line) => line.split("=")[0])
      // Where coverage is measured, Node itself hands that on.
      const known = [
        "Exit code 0",
        "PATH",
        "HOME",
        "LANG",
        "MINE",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "",
        "NODE_V8_COVERAGE"
      ]
      for (const name of names) assert.include(known, name)
    })
  )

  it.effect("keeps both ends of what is printed, and ends with all it has started", () =>
    Effect.gen(function* () {
      const script = "echo first; yes middle | head -c 300000; echo last; sleep 60 & echo $!"
      const run = yield* tool([["sh", "-c", script]])
      const answer = yield* call(run, { command: ["sh", "-c", script] })
      assert.isBelow(answer.length, CommandTool.maxOutput + 200)
      assert.include(answer, "first")
      assert.include(answer, "last")
      assert.include(answer, "are left out")
      const pid = answer.trim().split("\n").at(-1)
      const { fs } = yield* workspace
      yield* Effect.sleep("200 millis")
      const state = yield* Effect.option(fs.readFileString(`/proc/${pid}/stat`))
      assert.isTrue(state._tag === "None" || / Z /.test(state.value))
    })
  )
})

layer(services, { excludeTestServices: true })("the tools of an agent", (it) => {
  it.effect("that are not named are those that look and tell", () =>
    Effect.gen(function* () {
      const { root } = yield* workspace
      const tools = yield* Toolbox.open({ workspace: root })
      assert.deepStrictEqual(
        tools.map(({ name }) => name),
        ToolNames.harmless
      )
      assert.notInclude(
        tools.map(({ effects }) => effects),
        "unsafe"
      )
    })
  )

  for (const [names, problem] of [
    [["raed_file"], "did you mean read_file?"],
    [["constructor"], "there is no tool"],
    [["run_command"], "is allowed nothing"],
    [["fetch()"], "is allowed nothing"],
    [["read_file(x)"], "takes nothing in brackets"]
  ] as const) {
    it.effect(`are refused where they are wrong: ${names.join()}`, () =>
      Effect.gen(function* () {
        assert.include(ToolNames.problemIn(names), problem)
        const fake = yield* talk([done])
        const id = `impl-tools-${names[0].replace(/\W|_/g, "")}`
        const session = yield* work(fake, { id, runner: { tools: [...names] } })
        assert.deepStrictEqual([session.status, session.error?.code], ["failed", "bad_tools"])
        assert.lengthOf(fake.requests, 0)
      })
    )
  }

  it.effect("tie it to its fleet: a finding, a checkpoint, a role to go on, a question", () =>
    Effect.gen(function* () {
      const { call, think } = FakeClaude
      const fake = yield* talk([
        {
          content: [
            think("Tell them"),
            call("report_finding", { summary: "The lock is open", priority: "critical" }),
            call("checkpoint", { phase: "audit", milestone: "half" }),
            call("hand_off", { next_role: "CLEANER", summary: "Close it", files: ["lock.md"] })
          ]
        },
        { content: [call("ask_human", { question: "Which lock?" })] },
        done
      ])
      const setup = { id: "impl-fleet", runner: { tools: ["report_finding", "checkpoint", "hand_off", "ask_human"] } }
      const blocked = yield* work(fake, setup)
      assert.strictEqual(blocked.status, "blocked")
      assert.strictEqual(blocked.wakes[0]?.summary, "The lock is open")
      assert.strictEqual(blocked.wakes[0]?.priority, "critical")
      assert.strictEqual(blocked.checkpoints[0]?.milestone, "half")
      const session = yield* goOn(fake, "The front one", setup)
      assert.strictEqual(session.status, "complete")
      const first = blocked.wakes.at(-1)
      assert.strictEqual(first?.next_role, "CLEANER")
      assert.include(first?.deliverables?.files ?? [], "lock.md")
    })
  )

  it.effect("read the web only where it is allowed, redirects included", () =>
    Effect.gen(function* () {
      const server = createServer((request, response) => {
        if (request.url === "/away") return response.writeHead(302, { location: "https://example.com/" }).end()
        if (request.url === "/near") return response.writeHead(302, { location: "/page" }).end()
        return response
          .writeHead(200, { "content-type": "text/plain" })
          .end("the page".padEnd(FetchTool.maxBytes * 2, "."))
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => server.closeAllConnections())
      )
      const address: AddressInfo | string | null = server.address()
      const host = `127.0.0.1:${typeof address === "object" ? address?.port : 0}`
      const fetch = FetchTool.make({ hosts: [host], insecure: true })
      const page = yield* call(fetch, { url: `http://${host}/near` })
      assert.include(page, "the page")
      assert.isBelow(page.length, FetchTool.maxBytes + 200)
      for (const url of [
        `http://${host}/away`,
        "http://localhost/",
        "https://example.com",
        "file:///etc/passwd",
        `http://me:pw@${host}/`
      ]) {
        assert.match(yield* call(fetch, { url }), /^failed: /, url)
      }
      assert.include(yield* call(FetchTool.make({ hosts: [host] }), { url: `http://${host}/` }), "Only https:")
    })
  )

  it.effect("stay within what can be sent: results share the room, and both ends of each are kept", () =>
    Effect.gen(function* () {
      const long = Tool.of("long", {
        description: "Long",
        input: Schema.Struct({}),
        effects: "pure",
        run: () => Effect.succeed(`begin${"\0".repeat(200_000)}end`)
      })
      const { call } = FakeClaude
      const fake = yield* talk([{ content: [call("long", {}), call("long", {}), call("long", {})] }, done])
      const session = yield* work(fake, { id: "impl-long", tools: [long] })
      assert.strictEqual(session.status, "complete")
      const last = JSON.stringify(fake.requests[1]?.body.messages)
      assert.isBelow(last.length, 100 * 1024)
      for (const end of ["begin", "end"]) assert.lengthOf(last.match(new RegExp(end, "g")) ?? [], 3)
    })
  )

  it.effect("find what is no longer sent, and what other agents know whose results they got", () =>
    Effect.gen(function* () {
      const { call } = FakeClaude
      const sessions = yield* Sessions.Sessions
      const other = yield* sessions.create({ id: "plan-known", role: "PLANNER", taskType: "x", prompt: "Plan" })
      yield* sessions.checkpoint("plan-known", { phase: "plan", milestone: "drawn", details: "The bridge is first" })
      const fake = yield* talk([
        {
          content: [
            call("recall", { text: "do it" }),
            call("recall", { agent: "plan", text: "BRIDGE" }),
            call("recall", { agent: "x" })
          ]
        },
        done
      ])
      const session = yield* work(fake, { id: "impl-recall", inputs: { plan: other.session_id } })
      assert.strictEqual(session.status, "complete")
      const results = JSON.stringify(fake.requests[1]?.body.messages.at(-1))
      for (const words of ["Do it", "The bridge is first", "only of: plan"]) assert.include(results, words)
    })
  )

  it.effect("are sessions' business too: what an agent was told and did can be recalled", () =>
    Effect.gen(function* () {
      const found = yield* Sessions.recall("impl-fleet", { grep: "close it" })
      assert.isNotEmpty(found)
    })
  )
})
