/**
 * Starts a run in the background, in a process session of its own.
 *
 * @since 0.1.0
 */
import { Lease, type WorkflowFile, WorkflowRuns } from "@sartor/core"
import { Effect, FileSystem, Option, Path } from "effect"
import * as Failure from "./Failure.ts"
import * as Process from "./Process.ts"
import { Settings } from "./Settings.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly runId: string | undefined
  readonly fresh: boolean
  /** What follows `sartor run --run-id ID`. */
  readonly args: ReadonlyArray<string>
}

/**
 * Answers once the run has begun, or has ended already; fails if its process ended before that.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = Effect.fnUntraced(function* (workflow: WorkflowFile.Workflow, options: Options) {
  const { dataDir, namespace, natsUrl, transport } = yield* Settings
  const path = yield* Path.Path
  const run_id = yield* WorkflowRuns.choose({ workflow, runId: options.runId, fresh: options.fresh })
  const owner = yield* Lease.holder(run_id)
  if (Option.isSome(owner)) return yield* new Lease.Owned({ name: run_id, owner: owner.value })
  const log = path.join(dataDir, "logs", `${run_id}.log`)
  const where = ["--transport", transport, "--data-dir", dataDir, "--namespace", namespace, "--nats-url", natsUrl]
  const child = yield* Process.startDetached(["run", "--run-id", run_id, ...where, ...options.args], log)

  const begun = Effect.gen(function* () {
    const journal = yield* WorkflowRuns.open(run_id)
    while (true) {
      if (Option.isSome(yield* Lease.holder(run_id)) && (yield* journal.refresh).begun !== undefined) return
      yield* Effect.sleep("50 millis")
    }
  })
  const ended = Effect.flatMap(child.ended, (code) => (code === 2 || code >= 4 ? failed(log) : Effect.void))
  yield* Effect.raceFirst(begun, ended).pipe(Effect.timeoutOption("10 seconds"))
  return { run_id, pid: child.pid, log }
})

const failed = Effect.fnUntraced(function* (log: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(log), () => "")
  const last = text.trim().split("\n").at(-1) ?? ""
  return yield* new Failure.Failure({
    code: "internal",
    message: `it ended at once: ${last === "" ? "its log is empty" : last.replace(/^sartor: /, "")}`,
    file: log
  })
})
