/** What must hold when agents misbehave, row by row: real programs, real processes, plain files. */
import { assert, describe, it } from "@effect/vitest"
import { type FunctionRunner, Orchestrator, Outbox, Permits, Queue, Sessions, Synthesis, Wakes } from "@sartor/core"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { folder, inCode, onFiles, shell } from "../support/onFiles.ts"
import { isAlive, json, start, within } from "../support/sartor.ts"

const names = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`)

describe("the parallel executor", () => {
  it.live("X01: five agents that finish in the same millisecond give five results, in a stable order", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let arrived = 0
      const work = (task: FunctionRunner.Task) =>
        Effect.gen(function* () {
          if (++arrived === 5) yield* Deferred.succeed(gate, undefined)
          yield* Deferred.await(gate)
          return task.sessionId
        })
      const reports = yield* onFiles({ work }, () =>
        Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make()
          const handles = yield* Effect.forEach(names(5), (name) => orchestrator.spawn(inCode(name)))
          return yield* orchestrator.collect(handles)
        })
      )
      assert.deepStrictEqual(
        reports.map(({ agent, result }) => [agent, result?.summary]),
        names(5).map((name) => [name, `impl-${name}`])
      )
    })
  )

  it.live(
    "X02: an agent that hangs and ignores SIGTERM is timed out and killed with its group; others are unaffected",
    () =>
      onFiles({}, (folder) =>
        Effect.gen(function* () {
          const pids = join(folder, "pids")
          const orchestrator = yield* Orchestrator.make()
          const hung = `trap '' TERM; sleep 600 & echo $! > ${pids}.child; echo $$ > ${pids}.agent; while :; do sleep 600; done`
          const handles = yield* Effect.forEach(
            [shell("hung", hung, { retries: 0, timeout: 1000 }), shell("one", "echo one"), shell("two", "echo two")],
            orchestrator.spawn
          )
          const reports = yield* orchestrator.collect(handles)
          assert.deepStrictEqual(
            reports.map(({ outcome, problem }) => [outcome, problem?.code]),
            [
              ["failed", "timeout"],
              ["complete", undefined],
              ["complete", undefined]
            ]
          )
          for (const file of [`${pids}.agent`, `${pids}.child`]) assert.isFalse(isAlive(pidIn(file) ?? 0), file)
        })
      )
  )

  it.live(
    "X03: an orchestrator that is killed with five children leaves no orphan after 10 s, and runs no task twice that had ended",
    () =>
      Effect.scoped(
        Effect.flatMap(folder, (folder) =>
          Effect.promise(async () => {
            const script = `echo $$ >> ${folder}/$SARTOR_SESSION_ID; [ "$0" = quick ] || sleep 2; echo done`
            const agents = ["quick", "b", "c", "d", "e"].map((name) => ({
              name,
              role: "AUDITOR",
              task_type: "row",
              command: ["/bin/sh", "-c", script, name]
            }))
            const file = join(folder, "five.json")
            writeFileSync(file, JSON.stringify({ name: "five", agents }))
            const args = ["run", file, "--run-id", "five-1", "--data-dir", join(folder, "data"), "--json", "--quiet"]
            const first = start(args)
            const traces = () => readdirSync(folder).filter((name) => name.startsWith("auditor-row-"))
            const show = () => json(["runs", "show", "five-1", "--data-dir", join(folder, "data")])
            assert.isTrue(await within(20_000, () => traces().length === 5))
            const isQuick = ({ name, status }: { name: string; status: string }) =>
              name === "quick" && status === "complete"
            assert.isTrue(await within(20_000, async () => (await show()).agents?.some(isQuick) === true))
            process.kill(first.pid, "SIGKILL")
            await first.ended
            const pids = () =>
              traces().flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n").map(Number))
            assert.isTrue(await within(10_000, () => pids().every((pid) => !isAlive(pid))))
            const { code, stderr, stdout } = await start(args).ended
            assert.strictEqual(code, 0, stderr)
            const document = JSON.parse(stdout)
            const quick = document.agents.find(({ name }: { name: string }) => name === "quick")
            assert.strictEqual(readFileSync(join(folder, quick.session_id), "utf8").trim().split("\n").length, 1)
          })
        )
      ),
    60_000
  )

  it.live("X04: an agent that dies without a wake has failed at once, and nobody waits for its time-out", () =>
    onFiles({}, () =>
      Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        const handle = yield* orchestrator.spawn(shell("dies", "kill -9 $$", { retries: 0, timeout: 600_000 }))
        const session = yield* Effect.timeout(handle.await, "15 seconds")
        assert.deepStrictEqual([session.status, session.error?.code], ["failed", "signal_9"])
      })
    )
  )

  it.live(
    "X05: a wake that comes before anybody waits, twice, or after the time-out counts once; a late one is kept",
    () =>
      onFiles({}, () =>
        Effect.gen(function* () {
          const seen: Array<string> = []
          const orchestrator = yield* Orchestrator.make({
            onWake: ({ wake_id }) => Effect.sync(() => seen.push(wake_id))
          })
          const early = yield* orchestrator.spawn(shell("early", "echo early"))
          const slow = yield* orchestrator.spawn(shell("slow", "sleep 600", { retries: 0, timeout: 300 }))
          const { wakes } = yield* slow.await
          // Long done, before anybody has asked for it.
          const first = yield* early.await
          const [wake] = first.wakes
          if (wake !== undefined) yield* (yield* Wakes.Wakes).relay(first, wake)
          const late = yield* Effect.flip(
            Outbox.send({ sessionId: "impl-slow", status: "complete", summary: "done after all", run: 1 })
          )
          assert.strictEqual(late._tag, "WakeConflict")
          yield* Effect.sleep("300 millis")
          assert.sameMembers(
            seen,
            [...first.wakes, ...wakes].map(({ wake_id }) => wake_id)
          )
          const sessions = yield* Sessions.Sessions
          const entries = yield* Stream.runCollect(sessions.history("impl-slow"))
          const history = entries.map(({ record }) => Object(record).type)
          assert.include(history, "late")
          const audit = yield* (yield* Wakes.Wakes).audit()
          assert.deepStrictEqual([audit.balanced, audit.committed, audit.repeated], [true, 2, []])
        })
      )
  )

  it.live(
    "X06: of 50 tasks never more than 5 run at once, and an interruption frees fibers, processes, files and permits",
    () =>
      Effect.gen(function* () {
        const before = descriptors()
        yield* onFiles({}, (folder) =>
          Effect.gen(function* () {
            const now = join(folder, "now")
            mkdirSync(now)
            const scope = yield* Scope.make()
            const orchestrator = yield* Scope.provide(Orchestrator.make(), scope)
            const script = `echo $$ > ${now}/$SARTOR_SESSION_ID; sleep 0.3; rm ${now}/$SARTOR_SESSION_ID; echo done`
            yield* Effect.forEach(names(50), (name) => orchestrator.spawn(shell(name, script)))
            let most = 0
            const look = Effect.sync(() => {
              most = Math.max(most, readdirSync(now).length)
            })
            yield* Effect.repeat(Effect.delay(look, "20 millis"), { times: 60 })
            const pids = readdirSync(now).flatMap((name) => pidIn(join(now, name)) ?? [])
            const began = performance.now()
            yield* Scope.close(scope, Exit.interrupt())
            assert.isBelow(performance.now() - began, 10_000, "shutting down has a deadline")
            assert.strictEqual(most, 5)
            assert.deepStrictEqual(pids.filter(isAlive), [])
            const queue = yield* Queue.Queue
            const { inFlight, ready } = yield* queue.statistics(Permits.queueOf("main"))
            assert.deepStrictEqual([ready, inFlight], [5, 0])
            assert.strictEqual((yield* queue.statistics("dispatch/main")).inFlight, 0)
            const sessions = yield* (yield* Sessions.Sessions).list()
            assert.isEmpty(sessions.filter(({ status }) => status === "running"))
          })
        )
        assert.deepStrictEqual(
          descriptors().filter((target) => !before.includes(target)),
          []
        )
      }),
    60_000
  )

  it.live(
    "X07: results that conflict, are missing, 10 MB or invalid: the conflict is kept, the missing named, nothing throws",
    () =>
      onFiles({}, () =>
        Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make()
          const claim = (stance: string) =>
            `echo '{"type":"result","summary":"I looked at the cache","claims":[{"topic":"cache","claim":"The cache helps.","stance":"${stance}"}]}'`
          const handles = yield* Effect.forEach(
            [
              shell("for", claim("support")),
              shell("against", claim("oppose")),
              shell("missing", "exit 1"),
              shell("huge", `head -c 10485760 /dev/zero | tr '\\0' x`),
              shell("invalid", `echo '{"type":"result","claims":[{"topic":1}]}'`)
            ],
            orchestrator.spawn
          )
          const reports = yield* orchestrator.collect(handles)
          assert.deepStrictEqual(
            reports.map(({ agent, outcome, problem }) => [agent, outcome, problem?.code]),
            [
              ["for", "complete", undefined],
              ["against", "complete", undefined],
              ["missing", "failed", "exit_1"],
              ["huge", "failed", "output_too_large"],
              ["invalid", "failed", "invalid_result"]
            ]
          )
          const { census, conflicts, status } = Synthesis.synthesize(reports)
          assert.deepStrictEqual([status, census.expected, census.reported], ["insufficient", 5, 2])
          assert.deepStrictEqual(
            conflicts.map(({ topic, type }) => [topic, type]),
            [["cache", "contradiction"]]
          )
        })
      )
  )

  it.live(
    "X08: a defect of one agent, thrown, rejected or out of memory, harms no other, and its reason is recorded",
    () =>
      Effect.gen(function* () {
        const work = (task: FunctionRunner.Task): Effect.Effect<string, unknown> => {
          if (task.sessionId === "impl-throws") throw new Error("thrown")
          if (task.sessionId === "impl-rejects") return Effect.tryPromise(() => Promise.reject(new Error("rejected")))
          return Effect.succeed("well")
        }
        const reports = yield* onFiles({ work }, () =>
          Effect.gen(function* () {
            const orchestrator = yield* Orchestrator.make()
            const handles = yield* Effect.forEach(
              [inCode("throws"), inCode("rejects"), shell("oom", "exit 137"), inCode("fine")],
              orchestrator.spawn
            )
            return yield* orchestrator.collect(handles)
          })
        )
        assert.deepStrictEqual(
          reports.map(({ agent, outcome, problem }) => [agent, outcome, problem?.code]),
          [
            ["throws", "failed", "defect"],
            ["rejects", "failed", "error"],
            ["oom", "failed", "signal_9"],
            ["fine", "complete", undefined]
          ]
        )
      })
  )
})

/** The number in a file, unless the file has gone meanwhile. */
function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8").trim())
  } catch {
    return undefined
  }
}

/** What this process has open: files, pipes and sockets. Node keeps one descriptor of its own for each kind of event. */
function descriptors(): ReadonlyArray<string> {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith("anon_inode:") || target.startsWith("/proc/") ? [] : [target]
    } catch {
      return []
    }
  })
}
