/** Back to the legacy files while an agent works, and forward again: what runs ends the way it began, and nothing is lost. */
import { AgentRunner, FunctionRunner, Orchestrator, Rollback, Sessions, Wakes } from "@sartor/core"
import { FileTransport } from "@sartor/transport-file"
import { LegacyMirror } from "@sartor/transport-file/legacy"
import { Console, Deferred, Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"

const directory = process.argv[2] ?? "data"

const program = Effect.gen(function* () {
  const gate = yield* Deferred.make<void>()
  const runner = AgentRunner.layer({
    function: FunctionRunner.make({
      patient: () => Effect.as(Deferred.await(gate), "began with sessions"),
      quick: () => Effect.succeed("spawned after the rollback")
    })
  })
  const orchestrator = yield* Effect.provide(Orchestrator.make(), runner)
  const mirror = yield* LegacyMirror.LegacyMirror
  const task = (name: string) => ({
    id: `impl-${name}`,
    role: "IMPLEMENTER",
    taskType: "demo",
    runner: { type: "function" as const, name }
  })

  const patient = yield* orchestrator.spawn(task("patient"))
  const back = yield* Rollback.execute({ to: "files", mirror, reason: "to show it" })
  yield* Console.log(`to files: ${back.ok ? "nothing is missing" : back.problems.join()}`)
  // Returns when it has ended: that is the legacy way.
  const quick = yield* orchestrator.spawn(task("quick"))
  yield* Deferred.succeed(gate, undefined)

  const forward = yield* Effect.andThen(
    orchestrator.collect([patient, quick]),
    Rollback.execute({ to: "sessions", mirror, reason: "to show that too" })
  )
  yield* Console.log(`to sessions: ${forward.ok ? "nothing is missing" : forward.problems.join()}`)
  for (const { result, session_id } of yield* (yield* Sessions.Sessions).list()) {
    const kept = existsSync(join(directory, "sartor/default/journals/session", `${session_id}.log`))
    const file = existsSync(join(directory, "agent-status", `${session_id}.json`))
    yield* Console.log(
      `${session_id} ${result?.summary}: ${kept ? "a journal and " : ""}${file ? "a status file" : ""}`
    )
  }
  const { acknowledged, balanced, committed } = yield* (yield* Wakes.Wakes).audit()
  yield* Console.log(`${acknowledged} of ${committed} wakes acknowledged, ${balanced ? "balanced" : "NOT balanced"}`)
})

const fleet = LegacyMirror.services(FileTransport.layer({ directory }), { directory })
await Effect.runPromise(Effect.provide(Effect.scoped(program), Layer.fresh(fleet)))
