/** Runs the site audit and executes none of its agents: workers do, in other processes. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { AgentRunner, Transport, Workflow, WorkflowFile } from "@sartor/core"
import { Console, Effect, FileSystem } from "effect"
import { dirname, resolve } from "node:path"
import { identity, transport } from "./fleet.ts"

const file = resolve(process.argv[2] ?? "examples/01-site-audit/workflow.yaml")

const audit = Effect.gen(function* () {
  const text = yield* FileSystem.FileSystem.use((fs) => fs.readFileString(file))
  const workflow = yield* WorkflowFile.parse(text, { file })
  const run = yield* Workflow.run({ ...identity, workflow, folder: dirname(file), elsewhere: true })
  const { census, conflicts } = run.synthesis["report"] ?? {}
  yield* Console.log(`${run.status}: ${census?.reported} audits, ${conflicts?.length} conflicts kept`)
})

audit.pipe(
  Effect.provide(AgentRunner.layer({})),
  Effect.provide(Transport.services(transport)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
