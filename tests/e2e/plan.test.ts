/** The plan's integration scenarios, its patterns of two, three and five agents, and what its manual checklist asks for. */
import { assert, describe, it } from "@effect/vitest"
import { type FunctionRunner, Handoffs, Orchestrator, Pattern, Resumption, Sessions, Wakes } from "@sartor/core"
import { Effect, Fiber, Stream } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inCode, onFiles, shell } from "../support/onFiles.ts"
import { json, run, start, within } from "../support/sartor.ts"

const example = join(import.meta.dirname, "..", "..", "examples", "06-full-workflow")
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sartor-plan-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)
const names = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`)
const orchestrated = (options: Orchestrator.Options = {}) => Orchestrator.layer(options)

interface Agent {
  readonly name: string
  readonly status: string
  readonly session_id: string
  readonly attempts: number
  readonly result?: { readonly summary: string }
}

describe("End-to-End Parallel Workflow", () => {
  it.live(
    "PLANNER, 3 IMPLEMENTERs at once, AUDITOR of their synthesis, CLEANER: faster than one by one, the same results, all wakes, conflicts kept, never blocked for 5 s",
    () =>
      Effect.scoped(
        Effect.flatMap(temporary, (folder) =>
          Effect.promise(async () => {
            const file = join(example, "workflow.yaml")
            const runIt = async (id: string, ...more: ReadonlyArray<string>) => {
              const data = ["--data-dir", join(folder, id)]
              const vars = ["--var", `out=${join(folder, "out")}`, "--var", "work=600"]
              const ended = await run(["run", file, "--run-id", id, ...data, ...vars, "--json", "--quiet", ...more])
              assert.strictEqual(ended.code, 0, ended.stderr)
              const document = JSON.parse(ended.stdout)
              const audit = await json(["wake", "audit", ...data])
              const inbox = await json(["wake", "list", ...data])
              return { document, audit, inbox, data }
            }
            const parallel = await runIt("parallel-1")
            const sequential = await runIt("sequential-1", "--sequential")
            const essence = ({ agents, synthesis }: { agents: ReadonlyArray<Agent>; synthesis: unknown }) => ({
              agents: agents.map(({ name, result, status }) => ({ name, status, result })),
              synthesis
            })
            assert.deepStrictEqual(essence(parallel.document), essence(sequential.document))
            const wall = ({ finished_at, started_at }: { finished_at: string; started_at: string }) =>
              Date.parse(finished_at) - Date.parse(started_at)
            assert.isBelow(wall(parallel.document), wall(sequential.document))
            for (const { audit, inbox } of [parallel, sequential]) {
              assert.deepInclude(audit, { committed: 6, acknowledged: 6, pending: 0, dead: 0, balanced: true })
              assert.deepStrictEqual(inbox, [])
            }
            const { census, conflicts } = parallel.document.synthesis.audit
            assert.strictEqual(census.reported, 3)
            assert.deepStrictEqual(
              conflicts.map(({ topic, type }: { topic: string; type: string }) => [topic, type]),
              [["unicode", "contradiction"]]
            )
            assert.deepStrictEqual(readdirSync(join(folder, "out")).toSorted(), [
              "initials.mjs",
              "slug.mjs",
              "words.mjs"
            ])
            // Between the end of an agent and the start of the next that waited for it, the orchestrator had to act.
            const at = (name: string) => parallel.document.agents.find((agent: Agent) => agent.name === name)
            for (const [before, next] of [
              ["plan", "build-slug"],
              ["audit", "clean"]
            ] as const) {
              assert.isBelow(Date.parse(at(next).started_at) - Date.parse(at(before).finished_at), 5_000)
            }
          })
        )
      ),
    60_000
  )
})

describe("Session Interruption and Resume", () => {
  it.live(
    "an agent that is killed in mid-work goes on from its checkpoint, with its context, and does not begin anew",
    () =>
      Effect.scoped(
        Effect.flatMap(temporary, (folder) =>
          Effect.promise(async () => {
            const agent = join(folder, "agent.mjs")
            writeFileSync(
              agent,
              `import { appendFileSync } from "node:fs"
             let text = ""
             for await (const chunk of process.stdin) text += chunk
             const { checkpoints } = JSON.parse(text)
             const done = checkpoints.map(({ milestone }) => milestone)
             appendFileSync(${JSON.stringify(join(folder, "pids"))}, process.pid + "\\n")
             for (const step of ["one", "two", "three", "four"]) {
               if (done.includes(step)) continue
               // Half-way it hangs, until it is killed.
               await new Promise((resolve) => setTimeout(resolve, step === "three" && checkpoints.length === 0 ? 600_000 : 100))
               done.push(step)
               console.log(JSON.stringify({ type: "checkpoint", phase: "work", milestone: step }))
             }
             console.log(JSON.stringify({ type: "result", summary: done.join(" ") + ", found on resume: " + checkpoints.length }))`
            )
            const command = [process.execPath, agent]
            const agents = [{ name: "impl", role: "IMPLEMENTER", task_type: "x", command, retries: 1 }]
            const file = join(folder, "one.json")
            writeFileSync(file, JSON.stringify({ name: "one", agents }))
            const data = ["--data-dir", join(folder, "data")]
            const running = start(["run", file, "--run-id", "one-1", ...data, "--json", "--quiet"])
            const shown = async () => {
              const list = await json(["session", "list", ...data])
              return list.length === 0 ? [] : (await json(["session", "show", list[0].session_id, ...data])).checkpoints
            }
            assert.isTrue(await within(20_000, async () => (await shown()).length >= 2))
            const pid = Number(readFileSync(join(folder, "pids"), "utf8").trim())
            process.kill(pid, "SIGKILL")
            const { code, stderr, stdout } = await running.ended
            assert.strictEqual(code, 0, stderr)
            const [{ attempts, result }] = JSON.parse(stdout).agents
            assert.strictEqual(attempts, 2)
            const [, found] = /^one two three four, found on resume: (\d)$/.exec(result.summary) ?? []
            assert.isAtLeast(Number(found), 2)
            // No step was done twice.
            assert.strictEqual((await shown()).length, 4)
          })
        )
      ),
    60_000
  )
})

describe("Wake Message Queue Under Load", () => {
  it.live("10 agents complete within one second: all 10 wakes are received, none twice, each within a second", () =>
    onFiles({ work: () => Effect.succeed("done") }, () =>
      Effect.gen(function* () {
        const received: Array<{ readonly id: string; readonly after: number }> = []
        const orchestrator = yield* Orchestrator.make({
          maxParallel: 10,
          onWake: ({ timestamp, wake_id }) =>
            Effect.sync(() => received.push({ id: wake_id, after: Date.now() - Date.parse(timestamp) }))
        })
        const handles = yield* Effect.forEach(names(10), (name) => orchestrator.spawn(inCode(name)), {
          concurrency: "unbounded"
        })
        yield* orchestrator.collect(handles)
        const sessions = yield* (yield* Sessions.Sessions).list()
        const sent = sessions.flatMap(({ wakes }) => wakes).toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1))
        assert.lengthOf(received, 10)
        assert.sameMembers(
          received.map(({ id }) => id),
          sent.map(({ wake_id }) => wake_id)
        )
        for (const { after } of received) assert.isBelow(after, 1_000)
        const audit = yield* (yield* Wakes.Wakes).audit()
        assert.deepInclude(audit, { committed: 10, acknowledged: 10, balanced: true })
      })
    )
  )
})

describe("Parallel execution patterns", () => {
  const teams = {
    "2 agents: security and performance audit": ["security", "performance"],
    "3 agents: frontend, backend and database review": ["frontend", "backend", "database"],
    "5 agents: max parallel capacity": ["one", "two", "three", "four", "five"]
  }
  for (const [name, team] of Object.entries(teams)) {
    it.live(`${name}, all at the same time, into one synthesis`, () =>
      Effect.gen(function* () {
        let now = 0
        let most = 0
        const work = ({ sessionId }: FunctionRunner.Task) =>
          Effect.gen(function* () {
            most = Math.max(most, ++now)
            yield* Effect.sleep("500 millis")
            now -= 1
            return {
              summary: `Looked at ${sessionId}`,
              claims: [{ topic: sessionId, claim: `${sessionId} is sound.` }]
            }
          })
        const synthesis = yield* onFiles({ work }, () =>
          Effect.provide(Pattern.fanOut(team.map((name) => inCode(name, "AUDITOR"))), orchestrated())
        )
        assert.deepInclude(synthesis.census, { expected: team.length, reported: team.length })
        assert.deepStrictEqual([synthesis.status, most], ["complete", team.length])
      })
    )
  }
})

describe("Manual Testing Checklist", () => {
  for (const count of [2, 5]) {
    it.live(`spawns ${count} background agents, and the orchestrator goes on meanwhile; all complete`, () =>
      onFiles({}, () =>
        Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make()
          const began = performance.now()
          const handles = yield* Effect.forEach(names(count), (name) =>
            orchestrator.spawn(shell(name, "sleep 1; echo ok"))
          )
          assert.isBelow(performance.now() - began, 1_000 * count)
          const reports = yield* orchestrator.collect(handles)
          assert.deepStrictEqual(
            reports.map(({ outcome }) => outcome),
            Array(count).fill("complete")
          )
        })
      )
    )
  }

  it.live("triggers an agent's failure: it is tried again, then escalated to a human, who unblocks it", () =>
    onFiles({}, (folder) =>
      Effect.gen(function* () {
        const orchestrator = yield* Orchestrator.make()
        const script = `[ -e ${folder}/ok ] && echo "went well" || exit 3`
        const handle = yield* orchestrator.spawn(shell("flaky", script, { retries: 1, exhausted: "blocked" }))
        const blocked = yield* handle.await
        assert.deepStrictEqual([blocked.status, blocked.failures, blocked.error?.code], ["blocked", 1, "exit_3"])
        writeFileSync(join(folder, "ok"), "")
        yield* Resumption.resume("impl-flaky", { prompt: "It is there now" })
        const again = yield* orchestrator.adopt("impl-flaky")
        assert.strictEqual((yield* again.await).result?.summary, "went well")
      })
    )
  )

  it.live("creates a handoff with session context, and the receiving agent resumes it", () =>
    onFiles(
      {
        work: ({ checkpoints, emit }) =>
          Effect.gen(function* () {
            if (checkpoints.length > 0) return `resumed after ${checkpoints.map(({ milestone }) => milestone).join()}`
            yield* emit({ type: "checkpoint", phase: "planning", milestone: "drafted", details: "" })
            return "planned"
          })
      },
      () =>
        Effect.gen(function* () {
          const orchestrator = yield* Orchestrator.make()
          const planner = yield* (yield* orchestrator.spawn(inCode("planner", "PLANNER"))).await
          const handoff = yield* Handoffs.create({
            from: "PLANNER",
            to: "IMPLEMENTER",
            type: "ready_for_implementation",
            sessionId: planner.session_id
          })
          const { handoff: accepted } = yield* Handoffs.accept(handoff.document.handoff.handoffId)
          const task = { ...inCode("receiver"), ...Handoffs.taskOf(accepted) }
          const receiver = yield* (yield* orchestrator.spawn(task)).await
          assert.strictEqual(receiver.result?.summary, "resumed after drafted")
        })
    )
  )

  it.live(
    "sends 10 and more wake messages, findings and endings, and all are received, oldest first for each session",
    () =>
      onFiles(
        {
          work: ({ emit }) =>
            Effect.gen(function* () {
              for (const summary of ["first", "second", "third"]) yield* emit({ type: "finding", summary })
              return "done"
            })
        },
        () =>
          Effect.gen(function* () {
            const orchestrator = yield* Orchestrator.make()
            const heard = yield* Effect.forkChild(Stream.runCollect(Stream.take(orchestrator.wakes, 20)), {
              startImmediately: true
            })
            const handles = yield* Effect.forEach(names(5), (name) => orchestrator.spawn(inCode(name)))
            yield* orchestrator.collect(handles)
            const bySession = Map.groupBy(yield* Fiber.join(heard), ({ session_id }) => session_id)
            for (const [, wakes] of bySession) {
              assert.deepStrictEqual(
                wakes.map(({ summary }) => summary),
                ["first", "second", "third", "done"]
              )
            }
            assert.strictEqual(bySession.size, 5)
          })
      )
  )

  it.live("measures the orchestrator's idle time: wakes wait for it for less than a fifth of the run", () =>
    onFiles({ work: () => Effect.delay(Effect.succeed("done"), "2 seconds") }, () =>
      Effect.gen(function* () {
        let longest = 0
        const orchestrator = yield* Orchestrator.make({
          onWake: ({ timestamp }) =>
            Effect.sync(() => {
              longest = Math.max(longest, Date.now() - Date.parse(timestamp))
            })
        })
        const began = performance.now()
        const handles = yield* Effect.forEach(names(5), (name) => orchestrator.spawn(inCode(name)))
        yield* orchestrator.collect(handles)
        // All five end together: while the last one waits, the others do.
        assert.isBelow(longest, 0.2 * (performance.now() - began))
      })
    )
  )
})
